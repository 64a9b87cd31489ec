//! Secrets: put in at the door, to granted hosts over TLS in granted headers, and taken out of what comes
//! back.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{calls, grant, id, result, run};
use crate::harness::{Peer, Reply, Server, plugin};

const KEY: &str = "sk-4f1e9b77aa0c";

/// A server that trusts the peer and knows the secret `key`.
fn server(directory: &TempDir) -> Server {
    let data = tempfile::tempdir().expect("a temporary directory can be made");
    std::fs::write(data.path().join("key"), format!("{KEY}\n")).expect("it can be written");
    let path = data.path().join("key").display().to_string();
    let config = format!("[secrets.key]\nfile = '{path}'\n[secrets.other]\nenvironment = 'NONE'\n");
    std::fs::write(data.path().join("errand.toml"), config).expect("it can be written");
    let certificate = directory.path().join("peer.pem");
    let log = std::fs::File::create(data.path().join("server.log")).expect("a log can be made");
    let server = Server::start_in(data, |server| {
        server.env("SSL_CERT_FILE", certificate).args(["--log", "debug"]).stderr(log);
    });
    server.operator().upload("python", &plugin("python")).expect(201);
    server
}

/// A peer over TLS that says back what it is told.
fn echo(directory: &TempDir) -> Peer {
    Peer::start_tls(&directory.path().join("peer.pem"), |request| {
        let said = request.header("authorization").unwrap_or_default().to_owned();
        let body = json!({ "you_said": said, "body": String::from_utf8_lossy(&request.body) });
        Reply::new(200, body.to_string()).with("x-echo", &said)
    })
}

fn allowed(peer: &Peer) -> Value {
    json!({
        "http": [{"url": peer.url(), "secrets": {"key": ["authorization"]}}],
        "environment": {"API_KEY": {"secret": "key"}},
    })
}

#[test]
fn a_secret_reaches_the_host_and_never_the_task() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let peer = echo(&directory);
    let server = server(&directory);
    grant(&server.operator(), "python", allowed(&peer));
    let code = "
import os, urllib.request
key = os.environ['API_KEY']
r = errand.http('GET', url, {'Authorization': f'Bearer {key}'})
print(r.text, r.headers['x-echo'])
print('sk-4f1e' + '9b77aa0c')
errand.log('sk-4f1e' + '9b77aa0c')
errand.emit('said', {'it': 'sk-4f1e' + '9b77aa0c'})
request = urllib.request.Request(url, headers={'Authorization': key})
result = [r.json()['you_said'], urllib.request.urlopen(request).read().decode(), 'sk-4f1e' + '9b77aa0c']
";
    let task = run(&server, &peer, code);
    let said: Vec<_> =
        peer.seen().iter().map(|one| one.header("authorization").map(str::to_owned)).collect();
    assert_eq!(said, [Some(format!("Bearer {KEY}")), Some(KEY.to_owned())], "{task:#}");
    let result = result(&task);
    assert_eq!(result[0], "Bearer <errand-secret:key>");
    assert_eq!(result[2], "<errand-secret:key>");
    let events = Value::from(server.agent().events(id(&task))).to_string();
    assert!(!events.contains(KEY) && !task.to_string().contains(KEY), "{events}");
    let log = std::fs::read(server.data().join("server.log")).expect("a log is there");
    assert!(!String::from_utf8_lossy(&log).contains(KEY));
    assert!(holds_nothing(&server.stop().1), "the key is in a file of the server");
}

/// Tells whether no file of a data directory but the key's own has the key in it.
fn holds_nothing(data: &TempDir) -> bool {
    let mut pending = vec![data.path().to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in std::fs::read_dir(directory).expect("it can be read") {
            let path = entry.expect("it can be read").path();
            if path.is_dir() {
                pending.push(path);
            } else if !path.ends_with("key") {
                let bytes = std::fs::read(&path).expect("it can be read");
                if bytes.windows(KEY.len()).any(|part| part == KEY.as_bytes()) {
                    return false;
                }
            }
        }
    }
    true
}

#[test]
fn a_secret_goes_nowhere_else() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let peer = echo(&directory);
    let plain = Peer::saying("plain");
    let server = server(&directory);
    let mut grants = allowed(&peer);
    let more = json!({"url": plain.url(), "secrets": {"key": ["authorization"]}});
    grants["http"].as_array_mut().expect("a list").push(more);
    grant(&server.operator(), "python", grants);
    let code = format!(
        "
key = '<errand-secret:key>'
result = []
for url, headers, body in [
    (url, {{'x-other': key}}, None),
    (url + '/?key=' + key, {{}}, None),
    (url, {{}}, key),
    (url, {{'authorization': '<errand-secret:other>'}}, None),
    ({:?}, {{'authorization': key}}, None),
]:
    try:
        errand.http('POST', url, headers, body)
    except errand.Denied as error:
        result.append(str(error))
",
        plain.url()
    );
    let task = run(&server, &peer, &code);
    assert_eq!(result(&task).as_array().map(Vec::len), Some(5), "{task:#}");
    assert!(peer.seen().is_empty() && plain.seen().is_empty(), "nothing was sent");
    assert_eq!(calls(&server.agent(), id(&task)).len(), 5);
}

#[test]
fn who_can_not_be_trusted_is_not_asked() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let peer = echo(&directory);
    let server = server(&directory);
    let stranger = Peer::start_tls(&directory.path().join("stranger.pem"), |_| Reply::new(200, ""));
    drop(peer);
    grant(&server.operator(), "python", allowed(&stranger));
    let code = "
try:
    errand.http('GET', url)
except errand.Error as error:
    result = str(error)
";
    let task = run(&server, &stranger, code);
    assert!(result(&task).as_str().is_some_and(|said| said.contains("tls")), "{task:#}");
    assert!(stranger.seen().is_empty());
}
