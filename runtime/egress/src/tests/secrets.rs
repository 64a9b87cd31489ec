//! Secrets: where they go, where they don't, and that nobody says them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Request, Response};

use super::*;
use crate::tests::servers::{Seen, TlsServer, echoing, tls};

const SECRET: &str = "sk-Zx81/qq+end";
const PLACE: &str = "<errand-secret:openai>";

fn file(text: &str) -> (tempfile::NamedTempFile, SecretSource) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
    let source = SecretSource::File(file.path().to_owned());
    (file, source)
}

/// A server that notes what it is sent as authorization, and answers as the path asks.
async fn telling(seen: &Seen) -> TlsServer {
    let seen = seen.clone();
    tls(&[], &["h2", "http/1.1"], move |request: Request<Bytes>| {
        let sent = request.headers().get("authorization").map(|value| value.to_str().unwrap());
        let sent = sent.unwrap_or("nothing").to_owned();
        seen.add(sent.clone());
        let key = sent.rsplit(' ').next().unwrap().to_owned();
        let mut response = Response::new(Bytes::from(format!("you said {sent}, {key}!")));
        match request.uri().path() {
            "/header" => {
                response.headers_mut().insert("x-echo", sent.parse().unwrap());
                response.headers_mut().insert("set-cookie", format!("a={key}").parse().unwrap());
            }
            "/base64" => *response.body_mut() = STANDARD.encode(format!("user:{key}")).into(),
            path @ ("/gzip" | "/split") => {
                if path == "/split" {
                    // Pieces of 32 KiB are unpacked at once: the key lies across the end of one.
                    let before = "x".repeat(32 * 1024 - key.len() / 2);
                    *response.body_mut() = format!("{before}{key}").into();
                }
                let gzip = flate2::Compression::best();
                let mut packed = flate2::write::GzEncoder::new(Vec::new(), gzip);
                std::io::Write::write_all(&mut packed, response.body()).unwrap();
                response.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
                *response.body_mut() = packed.finish().unwrap().into();
            }
            "/brotli" => {
                response.headers_mut().insert("content-encoding", "br".parse().unwrap());
            }
            _ => {}
        }
        response
    })
    .await
}

struct Told {
    client: Client,
    url: String,
    seen: Seen,
    _file: tempfile::NamedTempFile,
}

async fn told() -> Told {
    let seen = Seen::default();
    let server = telling(&seen).await;
    let url = format!("https://localhost:{}", server.address.port());
    let (file, source) = file(&format!("{SECRET}\n"));
    let mut setup = Setup::granting(json!([
        {"url": url, "secrets": {"openai": ["authorization"]}},
        {"url": "https://localhost:*", "methods": ["PUT"]},
        {"url": "http://127.0.0.1:*", "secrets": {"openai": ["authorization"]}},
    ]));
    setup.roots = server.root_pem.clone().into_bytes();
    let client = setup.secret("openai", source).client();
    Told { client, url, seen, _file: file }
}

fn bearer(url: &str) -> OutgoingRequest {
    with_header(request("GET", url), "authorization", &format!("Bearer {PLACE}"))
}

#[tokio::test]
async fn a_secret_is_filled_in_where_it_is_granted_and_covered_in_what_comes_back() {
    let Told { client, url, seen, _file } = told().await;
    assert_eq!(
        text(client.send(bearer(&url)).await).await,
        format!("you said Bearer {PLACE}, {PLACE}!")
    );
    assert_eq!(seen.all(), [format!("Bearer {SECRET}")]);
    let response = client.send(bearer(&format!("{url}/header"))).await.unwrap();
    assert_eq!(header(&response, "x-echo"), Some(&*format!("Bearer {PLACE}")));
    assert_eq!(header(&response, "set-cookie"), Some(&*format!("a={PLACE}")));
    let said = text(client.send(bearer(&format!("{url}/base64"))).await).await;
    assert!(said.contains(PLACE), "{said}");
    let said = text(client.send(bearer(&format!("{url}/gzip"))).await).await;
    assert_eq!(said, format!("you said Bearer {PLACE}, {PLACE}!"));
    let said = text(client.send(bearer(&format!("{url}/split"))).await).await;
    assert_eq!(said.trim_start_matches('x'), PLACE);
    let error = error(client.send(bearer(&format!("{url}/brotli"))).await);
    assert_eq!(error.code(), "broken", "{error}");
    // A library's way to write a user and a password.
    let basic = format!("Basic {}", STANDARD.encode(format!("user:{PLACE}")));
    text(client.send(with_header(request("GET", &url), "authorization", &basic)).await).await;
    let packed = STANDARD.encode(format!("user:{SECRET}"));
    assert_eq!(seen.all().last().unwrap(), &format!("Basic {packed}"));
}

#[tokio::test]
async fn a_secret_goes_nowhere_else() {
    let Told { client, url, seen, _file } = told().await;
    let header = |name: &str| with_header(request("GET", &url), name, PLACE);
    assert_eq!(
        denied(client.send(header("x-key")).await),
        format!(
            "python may not send secret `openai` in header `x-key` to {url}: \
             grant it with `errand grant add python '{url}' --secret openai=x-key`"
        )
    );
    let other = with_header(request("GET", &url), "authorization", "<errand-secret:other>");
    assert!(denied(client.send(other).await).contains("--secret other=authorization"));
    let elsewhere = url.replace("localhost", "example.com");
    assert!(denied(client.send(bearer(&elsewhere)).await).contains("may not send GET"));
    for place in
        ["a?key=<errand-secret:openai>", "%3Cerrand-secret%3Aopenai%3E", "#<errand-secret:x>"]
    {
        let refusal = denied(get(&client, &format!("{url}/{place}")).await);
        assert!(refusal.contains("URLs are logged"), "{refusal}");
    }
    let mut in_body = request("POST", &url);
    in_body.body = Bytes::from(format!("{{\"key\": \"{PLACE}\"}}"));
    assert!(denied(client.send(in_body).await).contains("headers alone"));
    let mut no_text = request("GET", &url);
    let value = [PLACE.as_bytes(), b"\xff"].concat();
    no_text.headers.push(("authorization".to_owned(), value.into()));
    denied(client.send(no_text).await);
    let clear = echoing().await;
    let refusal = denied(client.send(bearer(&format!("http://{clear}"))).await);
    assert!(refusal.contains("https alone"), "{refusal}");
    assert_eq!(seen.all(), Vec::<String>::new());
}

#[tokio::test]
async fn the_grant_that_carries_a_request_is_the_one_that_has_its_secret() {
    let Told { client, url, seen, _file } = told().await;
    let mut put = bearer(&url);
    put.method = "PUT".to_owned();
    text(client.send(put).await).await;
    assert_eq!(seen.all().len(), 1);
    // The other grant carries the method alone.
    let elsewhere = format!("https://localhost:{}", 1);
    let mut put = bearer(&elsewhere);
    put.method = "PUT".to_owned();
    assert!(denied(client.send(put).await).contains("--secret openai=authorization"));
}

#[tokio::test]
async fn what_an_executor_says_is_covered_and_nothing_shows_a_secret() {
    let Told { client, url, _file, .. } = told().await;
    let veil = client.veil(&Namespace::default(), &executor()).unwrap();
    text(client.send(bearer(&url)).await).await;
    let said = veil.cover(format!("key is {SECRET}").as_bytes()).unwrap();
    assert_eq!(String::from_utf8(said).unwrap(), format!("key is {PLACE}"));
    assert_eq!(veil.cover(b"nothing"), None);
    let mut head = crate::head::Head::read(&bearer(&url)).unwrap();
    let value = Arc::new(zeroize::Zeroizing::new(SECRET.as_bytes().to_vec()));
    head.fill(&[(SecretName::new("openai").unwrap(), value)].into()).unwrap();
    assert_eq!(head.headers["authorization"], format!("Bearer {SECRET}"));
    let command = SecretSource::Command(vec!["op".to_owned(), SECRET.to_owned()]);
    let shown = format!("{client:?} {head:?} {:?} {command:?} {command}", head.headers);
    assert!(!shown.contains(SECRET), "{shown}");
    assert!(shown.contains("openai"), "{shown}");
    assert!(Setup::granting(json!([])).client().veil(&Namespace::default(), &executor()).is_none());
}

/// Says why a secret of a source can't be used.
async fn unreadable(source: SecretSource) -> String {
    let secrets = [(SecretName::new("openai").unwrap(), source)].into();
    Secrets::new(secrets).value(&SecretName::new("openai").unwrap()).await.unwrap_err()
}

fn shell(script: &str) -> SecretSource {
    SecretSource::Command(["sh", "-c", script].map(str::to_owned).to_vec())
}

#[tokio::test]
async fn values_are_read_from_files_variables_and_commands() {
    let name = SecretName::new("a").unwrap();
    let (_file, from_file) = file("secret value\r\n");
    for (source, value) in [
        (from_file, "secret value"),
        (shell("echo two-words; exit 0"), "two-words"),
        (SecretSource::Environment("PATH".to_owned()), &std::env::var("PATH").unwrap()),
    ] {
        let secrets = Secrets::new([(name.clone(), source)].into());
        assert_eq!(**secrets.value(&name).await.unwrap(), value.as_bytes());
    }
}

#[tokio::test]
async fn what_is_no_secret_says_which_and_from_where_and_not_what() {
    let missing = SecretSource::Environment("ERRAND_NO_SUCH".to_owned());
    assert_eq!(
        unreadable(missing).await,
        "secret `openai` can't be read: environment variable `ERRAND_NO_SUCH` is not set"
    );
    for (content, why) in [
        ("\n", "has nothing in it"),
        ("abc\n", "fewer than 6 bytes"),
        ("first-line\nsecond-line", "no header can have"),
        (&"x".repeat(70_000), "more than 65536 bytes"),
    ] {
        let (file, source) = file(content);
        let error = unreadable(source).await;
        assert!(error.contains(why) && error.contains("secret `openai`"), "{error}");
        assert!(error.contains(&*file.path().to_string_lossy()), "{error}");
        assert!(!error.contains("first") && !error.contains("abc"), "{error}");
    }
    for (source, why) in [
        (SecretSource::File("/nowhere/at/all".into()), "No such file"),
        (SecretSource::File("/".into()), "is no file"),
        (SecretSource::File("/dev/zero".into()), "is no file"),
        (shell("echo sk-secret; exit 3"), "ended with exit status: 3"),
        (shell("yes"), "more than 65536 bytes"),
        (SecretSource::Command(vec!["/nowhere/at/all".to_owned()]), "could not be started"),
        (SecretSource::Command(vec![]), "is empty"),
    ] {
        let error = unreadable(source).await;
        assert!(error.contains(why) && !error.contains("sk-secret"), "{error}");
    }
}

#[tokio::test]
async fn a_file_that_changes_is_read_again_and_its_old_value_is_still_covered() {
    let name = SecretName::new("openai").unwrap();
    let (mut written, source) = file("first-value");
    let secrets = Secrets::new([(name.clone(), source)].into());
    assert_eq!(**secrets.value(&name).await.unwrap(), b"first-value");
    std::io::Write::write_all(&mut written, b", and a second").unwrap();
    assert_eq!(**secrets.value(&name).await.unwrap(), b"first-value, and a second");
    let (mut written, source) = file("old-value");
    let secrets = Secrets::new([(name.clone(), source)].into());
    secrets.value(&name).await.unwrap();
    written.as_file().set_len(0).unwrap();
    std::io::Seek::rewind(&mut written).unwrap();
    std::io::Write::write_all(&mut written, b"another-one").unwrap();
    secrets.value(&name).await.unwrap();
    let cover = secrets.cover(&[name].into()).unwrap();
    let said = cover.cover(b"old-value another-one").unwrap();
    assert_eq!(String::from_utf8(said).unwrap(), format!("{PLACE} {PLACE}"));
}
