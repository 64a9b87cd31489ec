//! What the command line makes of a server that is not well, or not Errand's.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use crate::harness::{errand, shell};

/// Calls `errand list` on a server that answers this to its first request and then goes away.
fn list_from(answer: String) -> shell::Ran {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let url = format!("http://{}", listener.local_addr().expect("it has an address"));
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the command connects");
        let mut lines = BufReader::new(stream.try_clone().expect("it can be cloned")).lines();
        while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
        stream.write_all(answer.as_bytes()).expect("the command reads");
    });
    let ran = shell::run(errand(&["list", "--server", &url]).env("ERRAND_TOKEN", "some"));
    server.join().expect("it does not panic");
    ran
}

fn http(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}")
}

#[test]
fn what_is_wrong_on_the_servers_side_ends_with_70() {
    let problem = r#"{"status": 500, "title": "Internal Server Error", "code": "internal"}"#;
    let ran = list_from(http("500 Internal Server Error", "", problem));
    ran.fails(70, "Internal Server Error");
    list_from(http("200 OK", "", r#"{"items": 5}"#)).fails(70, "understand the server's answer");
    list_from(http("200 OK", "", "<html>")).fails(70, "understand the server's answer");
}

#[test]
fn a_server_that_is_stopping_or_hangs_up_ends_with_5() {
    let problem = r#"{"status": 503, "detail": "the server is stopping", "code": "unavailable"}"#;
    let ran = list_from(http("503 Service Unavailable", "retry-after: 7\r\n", problem));
    let ran = ran.fails(5, "the server is stopping");
    assert!(ran.stderr.contains("7 s"), "{}", ran.stderr);
    list_from(String::new()).fails(5, "no server answers");
    list_from("SSH-2.0-nonsense\r\n\r\n".to_owned()).fails(5, "no server answers");
    list_from("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_owned()).fails(5, "");
}

#[test]
fn too_many_requests_ends_with_4_and_says_when_to_come_back() {
    let problem = r#"{"status": 429, "detail": "the queue is full", "code": "queue_full"}"#;
    let ran = list_from(http("429 Too Many Requests", "retry-after: 3\r\n", problem));
    let ran = ran.fails(4, "the queue is full");
    assert!(ran.stderr.contains("try again in 3 s"), "{}", ran.stderr);
}

#[test]
fn a_redirect_is_not_followed_with_the_token() {
    let ran = list_from(http("302 Found", "location: http://127.0.0.1:1/\r\n", ""));
    assert_ne!(ran.code, 0);
    assert!(!ran.stderr.contains("127.0.0.1:1/"), "it went there: {}", ran.stderr);
}
