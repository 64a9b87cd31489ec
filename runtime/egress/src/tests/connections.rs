//! Connections: kept, shared, many.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Request, Response, Version};
use tokio::io::AsyncWriteExt;
use tokio::sync::{Barrier, Notify};

use super::*;
use crate::tests::servers::{echoing, raw, read_head, tls};

#[tokio::test]
async fn a_connection_is_kept_for_the_next_request() {
    let server = echoing().await;
    let url = format!("http://{server}");
    let client = Setup::granting(json!([{"url": url}])).client();
    for _ in 0..20 {
        let answer = text(get(&client, &url).await).await;
        assert!(answer.starts_with("0\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_is_made_anew_and_a_sent_request_never_sent_again() {
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    let closed = Arc::new(Notify::new());
    let at_closed = Arc::clone(&closed);
    let server = raw(move |number, mut stream| {
        let (counted, closed) = (Arc::clone(&counted), Arc::clone(&at_closed));
        async move {
            read_head(&mut stream).await;
            counted.fetch_add(1, Ordering::SeqCst);
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            stream.write_all(answer).await.unwrap();
            if number == 0 {
                // Closed, and the client has noticed: it has closed its side too.
                stream.shutdown().await.unwrap();
                read_head(&mut stream).await;
            } else {
                // Closed when there is another request.
                read_head(&mut stream).await;
                counted.fetch_add(1, Ordering::SeqCst);
            }
            drop(stream);
            closed.notify_one();
        }
    })
    .await;
    let url = format!("http://{server}");
    let client = Setup::granting(json!([{"url": url}])).client();
    assert_eq!(text(get(&client, &url).await).await, "ok");
    closed.notified().await;
    assert_eq!(text(get(&client, &url).await).await, "ok");
    assert_eq!(error(get(&client, &url).await).code(), "broken");
    assert_eq!(requests.load(Ordering::SeqCst), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn requests_can_be_made_from_where_there_is_no_network_and_no_clock() {
    let server = echoing().await;
    let url = format!("http://{server}");
    let client = Setup::granting(json!([{"url": url}])).client();
    let other = std::thread::spawn(move || {
        let bare = tokio::runtime::Builder::new_current_thread().build().unwrap();
        bare.block_on(async { text(get(&client, &url).await).await })
    });
    let answer = tokio::task::spawn_blocking(move || other.join().unwrap()).await.unwrap();
    assert!(answer.starts_with("0\r\n"), "{answer}");
}

fn versioned(request: Request<Bytes>) -> Response<Bytes> {
    let is_http2 = request.version() == Version::HTTP_2;
    Response::new(Bytes::from(format!("{} {}", if is_http2 { 2 } else { 1 }, request.uri().path())))
}

#[tokio::test]
async fn http_2_is_spoken_where_it_can_be_over_one_connection() {
    for (protocols, version) in
        [(&["h2", "http/1.1"][..], "2 /x"), (&["http/1.1"][..], "1 /x"), (&[], "1 /x")]
    {
        let server = tls(&[], protocols, versioned).await;
        let url = format!("https://localhost:{}", server.address.port());
        let mut setup = Setup::granting(json!([{"url": url}]));
        setup.roots = server.root_pem.clone().into_bytes();
        let client = setup.client();
        for _ in 0..5 {
            assert_eq!(text(get(&client, &format!("{url}/x")).await).await, version);
        }
        assert_eq!(server.connections.load(Ordering::Relaxed), 1);
    }
}

#[tokio::test]
async fn who_can_not_be_trusted_is_sent_nothing() {
    let server = tls(&["other.example"], &["h2"], |_| panic!("it was sent something")).await;
    let port = server.address.port();
    let grants = json!([{"url": "https://127.0.0.1:*"}, {"url": "https://localhost:*"}]);
    // An authority that nobody knows, and a certificate for another name.
    let stranger = Setup::granting(grants.clone()).client();
    let mut known = Setup::granting(grants);
    known.roots = server.root_pem.clone().into_bytes();
    let known = known.client();
    for (client, host) in [(&stranger, "localhost"), (&known, "127.0.0.1")] {
        let error = error(get(client, &format!("https://{host}:{port}/?KEY")).await);
        assert_eq!(error.code(), "tls", "{error}");
        assert!(!error.to_string().contains("KEY"), "{error}");
    }
    // No TLS at all.
    let server = raw(|_, mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    })
    .await;
    let error = error(get(&known, &format!("https://localhost:{}/", server.port())).await);
    assert_eq!(error.code(), "tls", "{error}");
}

#[tokio::test]
async fn a_thousand_slow_requests_wait_side_by_side_in_bounded_memory() {
    const REQUESTS: usize = 1_000;
    let all = Arc::new(Barrier::new(REQUESTS));
    let server = raw(move |_, mut stream| {
        let all = Arc::clone(&all);
        async move {
            read_head(&mut stream).await;
            all.wait().await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        }
    })
    .await;
    let url = format!("http://{server}");
    let client = Setup::granting(json!([{"url": url}])).client();
    let _ = rustix::process::setrlimit(rustix::process::Resource::Nofile, {
        let mut limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        limit.current = limit.maximum;
        limit
    });
    let before = resident_bytes();
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..REQUESTS {
        let (client, url) = (client.clone(), url.clone());
        waiting.spawn(async move { text(get(&client, &url).await).await });
    }
    let mut peak = 0;
    while let Some(answer) = waiting.join_next().await {
        assert_eq!(answer.unwrap(), "ok");
        peak = peak.max(resident_bytes());
    }
    // Server and client together, in a debug build: a tenth of a megabyte each.
    assert!(peak - before.min(peak) < 100 << 20, "{} bytes", peak - before);
}

/// Returns what the process holds; nothing where that can't be told.
fn resident_bytes() -> usize {
    #[expect(clippy::disallowed_methods, reason = "a test asks the system about itself")]
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<usize>().ok()).unwrap_or(0) << 10
}
