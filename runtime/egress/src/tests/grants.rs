//! What is let through, and what refusals say.

use super::*;
use crate::tests::servers::{echoing, saying};

#[tokio::test]
async fn what_is_granted_is_sent_and_all_else_says_what_to_grant() {
    let server = echoing().await;
    let url = format!("http://{server}");
    let client = Setup::granting(json!([{"url": url, "methods": ["GET"]}])).client();
    let answer = text(get(&client, &format!("{url}/a?b=c#d")).await).await;
    assert!(answer.contains("GET /a?b=c HTTP/1.1\r\n"), "{answer}");
    assert!(answer.contains(&format!("host: {server}\r\n")), "{answer}");
    assert!(answer.contains("user-agent: errand/0."), "{answer}");
    assert!(answer.contains("accept-encoding: gzip, deflate\r\n"), "{answer}");
    assert_eq!(
        denied(client.send(request("POST", &url)).await),
        format!(
            "python may not send POST to {url}: \
             grant it with `errand grant add python '{url}' --method POST`"
        )
    );
    assert_eq!(
        denied(get(&client, "https://api.example.com/v1?key=x").await),
        "python may not send GET to https://api.example.com: \
         grant it with `errand grant add python 'https://api.example.com' --method GET`"
    );
}

#[tokio::test]
async fn a_written_address_is_granted_by_writing_it_and_by_nothing_wider() {
    let server = echoing().await;
    let port = server.port();
    let written = Setup::granting(json!([{"url": format!("http://127.0.0.1:{port}")}])).client();
    for host in ["127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "[::ffff:7f00:1]"] {
        let answer = text(get(&written, &format!("http://{host}:{port}/")).await).await;
        assert!(answer.contains(&format!("host: 127.0.0.1:{port}\r\n")), "{host}: {answer}");
    }
    for host in ["127.0.0.2", "[::1]", "localhost", "0.0.0.0", "[::127.0.0.1]", "[64:ff9b::7f00:1]"]
    {
        denied(get(&written, &format!("http://{host}:{port}/")).await);
    }
    let wide = Setup::granting(json!([{"url": "http://*:*"}])).client();
    for host in [
        "127.0.0.1",
        "[::1]",
        "10.1.2.3",
        "169.254.169.254",
        "0.0.0.0",
        "[::ffff:127.0.0.1]",
        "localhost",
    ] {
        let refusal = denied(get(&wide, &format!("http://{host}:{port}/")).await);
        assert!(refusal.contains("private or reserved address: grant it with"), "{refusal}");
        assert!(!refusal.contains("--private"), "{refusal}");
    }
    let refusal = denied(get(&wide, &format!("http://a.localhost:{port}/")).await);
    assert!(refusal.ends_with("--private`"), "{refusal}");
    let private = Setup::granting(json!([{"url": "http://*:*", "private": true}])).client();
    for host in ["127.0.0.1", "localhost", "a.localhost", "LOCALHOST."] {
        text(get(&private, &format!("http://{host}:{port}/")).await).await;
    }
    denied(get(&private, &format!("http://0.0.0.0:{port}/")).await);
}

#[tokio::test]
async fn headers_and_methods_that_are_the_hosts_own_are_refused() {
    let server = echoing().await;
    let url = format!("http://{server}");
    let client = Setup::granting(json!([{"url": url}])).client();
    for (name, value) in [
        ("host", "elsewhere"),
        ("connection", "close"),
        ("transfer-encoding", "chunked"),
        ("te", "trailers"),
        ("upgrade", "h2c"),
        ("keep-alive", "1"),
        ("proxy-authorization", "x"),
        ("expect", "100-continue"),
        ("content-length", "1"),
        ("content-length", "+0"),
        ("a b", "x"),
        ("x", "a\r\nb: c"),
        ("x", "a\0"),
    ] {
        let error = error(client.send(with_header(request("GET", &url), name, value)).await);
        assert_eq!(error.code(), "invalid", "{name}: {error}");
    }
    for method in ["CONNECT", "TRACE", "get", "G T", "A`B`", ""] {
        assert_eq!(error(client.send(request(method, &url)).await).code(), "invalid", "{method}");
    }
    let own = with_header(request("POST", &url), "host", &server.to_string());
    let mut own = with_header(with_header(own, "content-length", "2"), "user-agent", "mine");
    own.body = Bytes::from_static(b"{}");
    let answer = text(client.send(own).await).await;
    assert_eq!(answer.matches("content-length: 2\r\n").count(), 1, "{answer}");
    assert_eq!(answer.matches("host: ").count(), 1, "{answer}");
    assert!(answer.contains("user-agent: mine\r\n"), "{answer}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_like_others() {
    let server = saying(
        "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n",
    )
    .await;
    let url = format!("http://{server}");
    let client = Setup::granting(json!([{"url": url}])).client();
    let mut response = get(&client, &url).await.unwrap();
    assert_eq!(response.status, 302);
    assert_eq!(header(&response, "location"), Some("http://169.254.169.254/"));
    assert_eq!(body(&mut response).await.unwrap(), b"");
}

#[tokio::test]
async fn a_request_over_the_rate_that_would_wait_too_long_is_told_so() {
    let server = echoing().await;
    let url = format!("http://{server}");
    let client = Setup::granting(json!([{"url": url, "rate_per_minute": 2}])).client();
    for _ in 0..2 {
        text(get(&client, &url).await).await;
    }
    let mut third = request("GET", &url);
    third.timeouts.total_ms = 30_000;
    let OutgoingError::Timeout { what, after_ms: 30_000 } = error(client.send(third).await) else {
        panic!("it was not told so");
    };
    assert!(what.contains("rate"), "{what}");
}
