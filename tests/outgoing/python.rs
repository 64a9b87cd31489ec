//! `errand.http`, `urllib` and `http.client` in python.

use serde_json::json;

use super::{calls, granted, id, result, run};
use crate::harness::{Peer, Reply};

fn echo() -> Peer {
    Peer::start(|request| {
        let body = json!({
            "method": request.method,
            "path": request.path,
            "mine": request.header("x-mine"),
            "body": String::from_utf8_lossy(&request.body),
        });
        Reply::new(201, body.to_string()).with("x-yours", "a").with("x-yours", "b")
    })
}

#[test]
fn a_request_is_answered_and_on_the_log() {
    let peer = echo();
    let server = granted(&peer);
    let task = run(
        &server,
        &peer,
        "r = errand.http('post', url + '/é?a=b c', {'X-Mine': 'h'}, {'k': 1})\n\
         result = [r.status, r.headers['x-yours'], r.json()]",
    );
    let body = json!({
        "method": "POST", "path": "/%C3%A9?a=b%20c", "mine": "h", "body": "{\"k\":1}",
    });
    assert_eq!(*result(&task), json!([201, "a, b", body]));
    let calls = calls(&server.agent(), id(&task));
    assert_eq!(calls.len(), 1);
    let call = &calls[0];
    assert_eq!((&call["method"], &call["status"]), (&json!("POST"), &json!(201)));
    assert_eq!(call["host"], peer.url().trim_start_matches("http://"));
    assert_eq!(call["request_bytes"], 7);
    assert!(call["response_bytes"].as_u64() > Some(50) && call["duration_ms"].is_u64(), "{call}");
    assert!(call.get("error").is_none(), "{call}");
    let key = peer.seen()[0].header("idempotency-key").map(str::len);
    assert_eq!(key, Some(32), "a POST has a key of its own");
}

#[test]
fn urllib_and_http_client_speak_through_the_host() {
    let peer = echo();
    let server = granted(&peer);
    let task = run(
        &server,
        &peer,
        "
import http.client, io, json, urllib.request, urllib.parse
request = urllib.request.Request(url + '/u', data=b'x=1', headers={'X-Mine': 'u'}, method='PUT')
with urllib.request.urlopen(request, timeout=20) as answer:
    first = [answer.status, answer.headers.get_all('x-yours'), json.load(answer)['path']]
connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc)
connection.request('POST', '/c', body=iter([b'ab', b'cd']), headers={'X-Mine': 'c'}, encode_chunked=True)
second = json.loads(connection.getresponse().read())
connection.request('HEAD', '/h')
third = connection.getresponse()
third = [third.status, third.read().decode()]
result = [first, second['body'], second['mine'], third]
",
    );
    assert_eq!(*result(&task), json!([[201, ["a", "b"], "/u"], "abcd", "c", [201, ""]]));
    let methods: Vec<String> = peer.seen().into_iter().map(|request| request.method).collect();
    assert_eq!(methods, ["PUT", "POST", "HEAD"]);
}

#[test]
fn redirects_are_the_programs_to_follow_and_each_is_checked() {
    let other = Peer::saying("other");
    let elsewhere = other.url();
    let peer = Peer::start(move |request| match request.path.as_str() {
        "/ring" => Reply::new(302, "").with("location", "/ring"),
        "/away" => Reply::new(302, "").with("location", &elsewhere),
        "/once" => Reply::new(302, "").with("location", "/there"),
        _ => Reply::new(200, "there"),
    });
    let server = granted(&peer);
    let task = run(
        &server,
        &peer,
        "
import urllib.request, urllib.error
result = [errand.http('GET', url + '/once').status, urllib.request.urlopen(url + '/once').read().decode()]
for path in ('/ring', '/away'):
    try:
        urllib.request.urlopen(url + path)
    except (urllib.error.HTTPError, urllib.error.URLError) as error:
        result.append(str(error))
",
    );
    let result = result(&task);
    assert_eq!((&result[0], &result[1]), (&json!(302), &json!("there")));
    assert!(result[2].as_str().is_some_and(|text| text.contains("infinite loop")), "{result}");
    let denied = result[3].as_str().unwrap_or_default();
    assert!(denied.contains("errand grant add python"), "{result}");
    assert!(denied.contains(&other.url()), "{result}");
    assert!(other.seen().is_empty());
}

#[test]
fn what_fails_is_told_apart() {
    let peer = Peer::start(|request| match request.path.as_str() {
        "/short" => Reply::raw("HTTP/1.1 200 Ok\r\ncontent-length: 100\r\n", "short"),
        "/nothing" => Reply::raw("", ""),
        _ => Reply::new(200, "never").held(),
    });
    let server = granted(&peer);
    let task = run(
        &server,
        &peer,
        "
import urllib.request
def kind(call):
    try:
        call()
    except Exception as error:
        return type(error).__name__
result = [
    kind(lambda: errand.http('GET', url + '/short')),
    kind(lambda: errand.http('GET', url + '/nothing')),
    kind(lambda: errand.http('GET', url + '/slow', timeout_s=0.2)),
    kind(lambda: urllib.request.urlopen(url + '/slow', timeout=0.2)),
    kind(lambda: errand.http('GET', 'http://127.0.0.1:1/')),
    kind(lambda: errand.http('CONNECT', url)),
]
",
    );
    assert_eq!(
        *result(&task),
        json!(["Error", "Error", "TimedOut", "URLError", "Denied", "Invalid"])
    );
    let calls = calls(&server.agent(), id(&task));
    let codes: Vec<&str> =
        calls.iter().map(|call| call["error"]["code"].as_str().unwrap_or_default()).collect();
    assert_eq!(codes, ["broken", "broken", "timeout", "timeout", "denied", "invalid"]);
}
