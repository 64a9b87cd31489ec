//! Connections: half-sent requests, idle ones, floods, TLS, and the stop.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::harness::{PATIENCE, Server, Setup, working_server};
use crate::{ServeOptions, ServerConfig, Tls, serve};

struct Listening {
    address: std::net::SocketAddr,
    done: tokio::task::JoinHandle<std::io::Result<()>>,
    shutdown: CancellationToken,
}

async fn listen(server: &Server, options: ServeOptions) -> Listening {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = server.stopping.clone();
    let done = tokio::spawn(serve(listener, server.router.clone(), options, shutdown.clone()));
    Listening { address, done, shutdown }
}

impl Listening {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

/// Reads until the text is there, or the connection ends.
async fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let mut all = Vec::new();
    let reading = async {
        let mut piece = [0; 4_096];
        while !String::from_utf8_lossy(&all).contains(text) {
            match stream.read(&mut piece).await {
                Ok(0) | Err(_) => break,
                Ok(count) => all.extend_from_slice(&piece[..count]),
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("the server answers");
    String::from_utf8_lossy(&all).into_owned()
}

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";

#[tokio::test]
async fn a_connection_is_kept_for_the_next_request() {
    let server = working_server().await;
    let listening = listen(&server, ServeOptions::default()).await;
    let mut stream = listening.connect().await;
    for _ in 0..3 {
        stream.write_all(HEALTH.as_bytes()).await.unwrap();
        assert!(read_until(&mut stream, "ok\"}").await.starts_with("HTTP/1.1 200"));
    }
    listening.shutdown.cancel();
    let ended = tokio::time::timeout(PATIENCE, listening.done).await;
    ended.expect("the server stops").unwrap().unwrap();
}

#[tokio::test]
async fn slow_headers_and_half_bodies_end_and_leave_nothing() {
    let server = working_server().await;
    let options =
        ServeOptions { header_timeout: Duration::from_millis(50), ..ServeOptions::default() };
    let listening = listen(&server, options).await;
    let mut slow = listening.connect().await;
    slow.write_all(b"GET /healthz HTTP/1.1\r\nhost: lo").await.unwrap();
    let answer = read_until(&mut slow, "never").await;
    refused(&answer, 408, "request_timeout");
    // One that says nothing is closed without a word.
    let mut silent = listening.connect().await;
    assert_eq!(read_until(&mut silent, "never").await, "");

    let mut half = listening.connect().await;
    let head = format!(
        "POST /v1/tasks HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
         content-length: 100\r\n\r\n{{\"executor\": ",
        server.operator
    );
    half.write_all(head.as_bytes()).await.unwrap();
    half.shutdown().await.unwrap();
    drop(half);
    assert_eq!(server.get("/v1/tasks").await.json()["items"], json!([]));
}

#[tokio::test]
async fn a_client_that_falls_silent_in_its_body_is_told_that_it_took_too_long() {
    let config = ServerConfig {
        json_body_timeout: Duration::from_millis(50),
        upload_timeout: Duration::from_millis(50),
        ..ServerConfig::default()
    };
    let server = Server::new(Setup { config, ..Setup::default() }).await;
    let listening = listen(&server, ServeOptions::default()).await;
    for line in ["POST /v1/tasks", "POST /v1/executors?name=half"] {
        let mut half = listening.connect().await;
        let head = format!(
            "{line} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
             content-length: 100\r\n\r\n{{",
            server.operator
        );
        half.write_all(head.as_bytes()).await.unwrap();
        let answer = read_until(&mut half, "never").await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{line}: {answer}");
        assert!(answer.contains("\"code\":\"request_timeout\""), "{line}: {answer}");
    }
}

/// Checks that the last words of a connection are a problem document.
fn refused(answer: &str, status: u16, code: &str) {
    let (head, body) = answer.split_once("\r\n\r\n").expect("it has a head");
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    let headers = head.to_ascii_lowercase();
    for header in [
        "content-type: application/problem+json",
        "connection: close",
        &format!("content-length: {}", body.len()),
    ] {
        assert!(headers.contains(header), "{header} is not in {head}");
    }
    let problem: serde_json::Value = serde_json::from_str(body).expect("it is JSON");
    assert_eq!((&problem["status"], &problem["code"]), (&json!(status), &json!(code)));
    assert!(problem["detail"].is_string(), "{problem}");
}

#[tokio::test]
async fn what_is_no_request_is_refused_with_a_problem() {
    let server = working_server().await;
    let listening = listen(&server, ServeOptions::default()).await;
    let long = format!("{}x: {}\r\n\r\n", HEALTH.trim_end(), "x".repeat(40_000));
    let many = format!("GET /healthz HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(500));
    for (sent, status, code) in [
        (long.as_str(), 431, "too_large"),
        (&many, 431, "too_large"),
        ("nonsense\r\n\r\n", 400, "malformed"),
        ("GET / HTTP/9.9\r\n\r\n", 400, "malformed"),
        ("GET / HTTP/1.1\r\nhost localhost\r\n\r\n", 400, "malformed"),
    ] {
        let mut stream = listening.connect().await;
        stream.write_all(sent.as_bytes()).await.ok();
        refused(&read_until(&mut stream, "never").await, status, code);
    }
    // After an answer on the same connection too.
    let mut stream = listening.connect().await;
    stream.write_all(HEALTH.as_bytes()).await.unwrap();
    assert!(read_until(&mut stream, "ok\"}").await.starts_with("HTTP/1.1 200"));
    stream.write_all(b"nonsense\r\n\r\n").await.unwrap();
    refused(&read_until(&mut stream, "never").await, 400, "malformed");
}

#[tokio::test]
async fn a_client_that_sends_too_much_can_read_that_it_did() {
    let server = working_server().await;
    let listening = listen(&server, ServeOptions::default()).await;
    let mut stream = listening.connect().await;
    let body = vec![b' '; 12 << 20];
    let head = format!(
        "POST /v1/tasks HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
         content-length: {}\r\n\r\n",
        server.operator,
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body).await.expect("the server takes it all");
    let answer = read_until(&mut stream, "too_large").await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_for_a_place() {
    let server = working_server().await;
    let options = ServeOptions { max_connections: 2, ..ServeOptions::default() };
    let listening = listen(&server, options).await;
    let mut first = listening.connect().await;
    first.write_all(HEALTH.as_bytes()).await.unwrap();
    read_until(&mut first, "ok\"}").await;
    let second = listening.connect().await;
    let mut third = listening.connect().await;
    third.write_all(HEALTH.as_bytes()).await.unwrap();
    drop(second);
    assert!(read_until(&mut third, "ok\"}").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn an_event_stream_begins_at_once_and_ends_with_the_server() {
    let server = working_server().await;
    let listening = listen(&server, ServeOptions::default()).await;
    let id = server.submit(json!({"do": "hold"})).await;
    let mut stream = listening.connect().await;
    // After a number that is not there yet: the headers come all the same.
    let ask = format!(
        "GET /v1/tasks/{id}/events?after=99 HTTP/1.1\r\nhost: localhost\r\n\
         accept: text/event-stream\r\nauthorization: Bearer {}\r\n\r\n",
        server.operator
    );
    stream.write_all(ask.as_bytes()).await.unwrap();
    assert!(read_until(&mut stream, "\r\n\r\n").await.starts_with("HTTP/1.1 200"));
    listening.shutdown.cancel();
    let ended = tokio::time::timeout(PATIENCE, listening.done).await;
    ended.expect("the server stops").unwrap().unwrap();
}

#[tokio::test]
async fn a_stop_lets_a_request_under_way_end() {
    let server = working_server().await;
    let id = server.submit(json!({"do": "hold"})).await;
    let listening = listen(&server, ServeOptions::default()).await;
    let mut stream = listening.connect().await;
    let ask = format!(
        "GET /v1/tasks/{id}?wait_ms=20000 HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\r\n",
        server.operator
    );
    stream.write_all(ask.as_bytes()).await.unwrap();
    listening.shutdown.cancel();
    let status = StatusCode::OK.as_str();
    let answer = read_until(&mut stream, "\"links\"").await;
    assert!(answer.is_empty() || answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    let ended = tokio::time::timeout(PATIENCE, listening.done).await;
    ended.expect("the server stops").unwrap().unwrap();
}

#[tokio::test]
async fn tls_is_spoken_with_the_certificate_that_was_given() {
    use std::sync::Arc;
    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};

    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (own.cert.pem(), own.signing_key.serialize_pem());
    let tls = Tls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    let server = working_server().await;
    let options = ServeOptions { tls: Some(tls), ..ServeOptions::default() };
    let listening = listen(&server, options).await;

    let mut roots = RootCertStore::empty();
    roots.add(own.cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let name = "localhost".try_into().unwrap();
    let mut stream = connector.connect(name, listening.connect().await).await.unwrap();
    stream.write_all(HEALTH.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4_096];
    let length = stream.read(&mut answer).await.unwrap();
    assert!(answer[..length].starts_with(b"HTTP/1.1 200"));

    let mut plain = listening.connect().await;
    plain.write_all(HEALTH.as_bytes()).await.unwrap();
    assert!(!read_until(&mut plain, "200 OK").await.contains("200 OK"));
}

#[test]
fn certificates_that_are_none_are_refused() {
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (own.cert.pem(), own.signing_key.serialize_pem());
    let other_key = other.signing_key.serialize_pem();
    for (certificate, key) in
        [("", key.as_str()), (&certificate, ""), (&certificate, &other_key), ("x", "y")]
    {
        assert!(Tls::from_pem(certificate.as_bytes(), key.as_bytes()).is_err());
    }
}
