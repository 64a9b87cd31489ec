//! Servers that lie, dawdle, or never end.

use std::io::Write;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::AsyncWriteExt;
use tokio::sync::Notify;

use super::*;
use crate::tests::servers::{raw, read_head, saying};

async fn answered(answer: impl Into<Vec<u8>>) -> (Client, String) {
    let url = format!("http://{}", saying(answer).await);
    (Setup::granting(json!([{"url": url, "max_response_bytes": 100_000}])).client(), url)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn with_body(head: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n").as_bytes(), body].concat()
}

#[tokio::test]
async fn a_body_that_is_shorter_than_it_says_broke_off_and_a_longer_one_is_cut() {
    let (client, url) = answered(with_body("content-length: 10", b"short")).await;
    let mut response = get(&client, &url).await.unwrap();
    assert_eq!(body(&mut response).await.unwrap_err().code(), "broken");
    let (client, url) = answered(with_body("content-length: 5", b"longer than that")).await;
    assert_eq!(text(get(&client, &url).await).await, "longe");
    let (client, url) = answered(with_body("transfer-encoding: chunked", b"5\r\nhello\r\n")).await;
    let mut response = get(&client, &url).await.unwrap();
    assert_eq!(body(&mut response).await.unwrap_err().code(), "broken");
}

#[tokio::test]
async fn a_body_that_never_ends_is_stopped_at_its_bound() {
    let server = raw(|_, mut stream| async move {
        read_head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(&[b'x'; 10_000]).await.is_ok() {}
    })
    .await;
    let url = format!("http://{server}");
    let client = Setup::granting(json!([{"url": url, "max_response_bytes": 1_000_000}])).client();
    let mut response = get(&client, &url).await.unwrap();
    let limit = OutgoingError::Limit { name: "max_response_bytes", value: 1_000_000 };
    assert_eq!(body(&mut response).await.unwrap_err(), limit);
    assert!(matches!(response.body.next().await, Ok(None)), "it is over");
    let (client, url) = answered(with_body("content-length: 100001", b"x")).await;
    let limit = OutgoingError::Limit { name: "max_response_bytes", value: 100_000 };
    assert_eq!(error(get(&client, &url).await), limit);
}

#[tokio::test]
async fn a_bomb_is_stopped_at_its_bound_and_one_that_unpacks_to_nothing_too() {
    let bomb = gzip(&vec![0; 4 << 20]);
    assert!(bomb.len() < 10_000);
    let (client, url) = answered(with_body("content-encoding: gzip", &bomb)).await;
    let mut response = get(&client, &url).await.unwrap();
    assert_eq!(body(&mut response).await.unwrap_err().code(), "limit");
    let nothing = gzip(b"").repeat(10_000);
    let (client, url) = answered(with_body("content-encoding: gzip", &nothing)).await;
    let mut response = get(&client, &url).await.unwrap();
    assert_eq!(body(&mut response).await.unwrap_err().code(), "limit");
}

#[tokio::test]
async fn what_is_packed_is_unpacked_and_no_longer_says_so() {
    let packed = gzip("hello ".repeat(10_000).as_bytes());
    let head = format!("content-encoding: GZip\r\ncontent-length: {}\r\netag: \"1\"", packed.len());
    let (client, url) = answered(with_body(&head, &packed)).await;
    let mut response = get(&client, &url).await.unwrap();
    assert_eq!(header(&response, "content-encoding"), None);
    assert_eq!(header(&response, "content-length"), None);
    assert_eq!(header(&response, "etag"), Some("\"1\""));
    assert_eq!(body(&mut response).await.unwrap(), "hello ".repeat(10_000).as_bytes());
    let (client, url) = answered(with_body("content-encoding: gzip", &packed[..100])).await;
    let mut response = get(&client, &url).await.unwrap();
    assert_eq!(body(&mut response).await.unwrap_err().code(), "broken");
    let (client, url) = answered(with_body("content-encoding: br", b"as it is")).await;
    let mut response = get(&client, &url).await.unwrap();
    assert_eq!(header(&response, "content-encoding"), Some("br"));
    assert_eq!(body(&mut response).await.unwrap(), b"as it is");
}

#[tokio::test]
async fn answers_without_a_body_have_none() {
    for (method, status) in
        [("HEAD", "200 OK"), ("GET", "204 No Content"), ("GET", "304 Not Modified")]
    {
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-length: 999999\r\ncontent-encoding: gzip\r\n\r\n"
        );
        let (client, url) = answered(head).await;
        let mut response = client.send(request(method, &url)).await.unwrap();
        assert_eq!(body(&mut response).await.unwrap(), b"", "{method} {status}");
    }
    let (client, url) = answered("HTTP/1.1 200 OK\r\ncontent-length: 999999\r\n\r\n").await;
    let response = client.send(request("HEAD", &url)).await.unwrap();
    assert_eq!(header(&response, "content-length"), Some("999999"));
    let mut ranged = request("GET", &url);
    ranged.headers.push(("range".to_owned(), Bytes::from_static(b"bytes=0-1")));
    ranged.headers.push(("accept-encoding".to_owned(), Bytes::from_static(b"br")));
    let head = crate::head::Head::read(&ranged).unwrap();
    assert_eq!(head.headers["accept-encoding"], "identity", "what is packed has no parts");
}

#[tokio::test]
async fn heads_have_bounds() {
    let many = "x: y\r\n".repeat(129);
    let (client, url) = answered(format!("HTTP/1.1 200 OK\r\n{many}\r\n")).await;
    assert_eq!(error(get(&client, &url).await).code(), "limit");
    let (client, url) =
        answered(format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(70_000))).await;
    assert_eq!(error(get(&client, &url).await).code(), "limit");
    let enough = "x: y\r\n".repeat(127);
    let (client, url) =
        answered(format!("HTTP/1.1 200 OK\r\n{enough}content-length: 0\r\n\r\n")).await;
    assert_eq!(get(&client, &url).await.unwrap().headers.len(), 128);
}

#[tokio::test]
async fn what_is_no_http_is_broken() {
    for answer in [
        "",
        "SSH-2.0-x\r\n",
        "HTTP/1.1 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\na b: c\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx",
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
    ] {
        let (client, url) = answered(answer).await;
        let error = error(get(&client, &format!("{url}/?KEY")).await);
        assert_eq!(error.code(), "broken", "{answer:?}: {error}");
        assert!(!error.to_string().contains("KEY"), "{error}");
    }
}

#[tokio::test]
async fn each_wait_has_its_bound() {
    // Says nothing, then a head, then bytes that come ever again.
    let server = raw(|_, mut stream| async move {
        let head = read_head(&mut stream).await;
        if head.starts_with("GET /silent") {
            std::future::pending::<()>().await;
        }
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nx").await;
        if head.starts_with("GET /stalls") {
            std::future::pending::<()>().await;
        }
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    })
    .await;
    let url = format!("http://{server}");
    let client = Setup::granting(json!([{"url": url}])).client();
    let mut silent = request("GET", &format!("{url}/silent"));
    silent.timeouts.first_byte_ms = 50;
    let late = OutgoingError::Timeout { what: "the response", after_ms: 50 };
    assert_eq!(error(client.send(silent.clone()).await), late);
    silent.timeouts = Timeouts { first_byte_ms: 20_000, total_ms: 500, ..silent.timeouts };
    let late = OutgoingError::Timeout { what: "the whole response", after_ms: 500 };
    assert_eq!(error(client.send(silent).await), late);
    let mut stalls = request("GET", &format!("{url}/stalls"));
    stalls.timeouts.between_bytes_ms = 50;
    let mut response = client.send(stalls).await.unwrap();
    let late = OutgoingError::Timeout { what: "the next piece of the response", after_ms: 50 };
    assert_eq!(body(&mut response).await.unwrap_err(), late);
    let mut drips = request("GET", &format!("{url}/drips"));
    drips.timeouts.total_ms = 500;
    let mut response = client.send(drips).await.unwrap();
    let late = OutgoingError::Timeout { what: "the whole response", after_ms: 500 };
    assert_eq!(body(&mut response).await.unwrap_err(), late);
}

#[tokio::test]
async fn a_connection_that_takes_too_long_was_not_sent_anything() {
    // TLS that never answers.
    let server = raw(|_, stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let url = format!("https://{server}");
    let client = Setup::granting(json!([{"url": url}])).client();
    let mut late = request("GET", &url);
    late.timeouts.connect_ms = 50;
    assert_eq!(error(client.send(late).await).code(), "connect");
}

#[tokio::test]
async fn who_gives_up_hangs_up() {
    let (asked, ended) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (at_asked, at_ended) = (Arc::clone(&asked), Arc::clone(&ended));
    let server = raw(move |_, mut stream| {
        let (asked, ended) = (Arc::clone(&at_asked), Arc::clone(&at_ended));
        async move {
            let head = read_head(&mut stream).await;
            if head.starts_with("GET /body") {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx").await.unwrap();
            }
            asked.notify_one();
            read_head(&mut stream).await;
            ended.notify_one();
        }
    })
    .await;
    let url = format!("http://{server}");
    let client = Setup::granting(json!([{"url": url}])).client();
    {
        let mut waiting = client.send(request("GET", &url));
        tokio::select! {
            _ = &mut waiting => panic!("it was answered"),
            () = asked.notified() => {}
        }
    }
    ended.notified().await;
    let mut response = get(&client, &format!("{url}/body")).await.unwrap();
    assert_eq!(response.body.next().await.unwrap().unwrap(), "x");
    drop(response);
    ended.notified().await;
}
