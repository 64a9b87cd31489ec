//! What a request through the client takes above a request that is written by hand, over kept connections.
//!
//! `cargo bench -p errand-egress --profile release` prints a table: to a server in the same process, with
//! and without a secret that is looked for in the answer.

#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use errand_core::{
    Digest, Egress, ExecutorName, ExecutorRef, Granting, Grants, Namespace, OutgoingRequest,
    SecretName, Timeouts,
};
use errand_egress::{Client, EgressOptions, SecretSource, Secrets};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;

const REQUESTS: usize = 5_000;
const BODY_BYTES: usize = 4_096;

struct Fixed(Arc<Grants>);

impl Granting for Fixed {
    fn granted(&self, _: &Namespace, _: &ExecutorRef) -> Arc<Grants> {
        Arc::clone(&self.0)
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("no delay");
    let mut by_hand = Vec::new();
    for _ in 0..REQUESTS {
        let start = Instant::now();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("written");
        let mut answer = vec![0; head().len() + BODY_BYTES];
        stream.read_exact(&mut answer).await.expect("read");
        by_hand.push(start.elapsed());
    }
    print("by hand", by_hand);
    let name = SecretName::new("key").expect("a name");
    for (what, secrets) in [("client", json!({})), ("client, a secret", json!({"key": ["x-key"]}))]
    {
        let url = format!("http://{address}");
        let grants = json!({"http": [{"url": url, "secrets": secrets}]});
        let grants = serde_json::from_value(grants).expect("grants");
        let source = SecretSource::Environment("CARGO_MANIFEST_DIR".to_owned());
        let client = Client::new(EgressOptions {
            granting: Arc::new(Fixed(Arc::new(grants))),
            secrets: Secrets::new(BTreeMap::from([(name.clone(), source)])),
            nameserver: None,
            extra_roots_pem: Vec::new(),
            runtime: Handle::current(),
        });
        let mut times = Vec::new();
        for _ in 0..REQUESTS {
            let start = Instant::now();
            let mut response = client.send(request(&url)).await.expect("an answer");
            while response.body.next().await.expect("a body").is_some() {}
            times.push(start.elapsed());
        }
        print(what, times);
    }
}

fn request(url: &str) -> OutgoingRequest {
    let name = ExecutorName::new("python").expect("a name");
    OutgoingRequest {
        namespace: Namespace::default(),
        executor: ExecutorRef { name, digest: Digest::of(b"") },
        method: "GET".to_owned(),
        url: url.to_owned(),
        headers: Vec::new(),
        body: Bytes::new(),
        timeouts: Timeouts {
            connect_ms: 10_000,
            first_byte_ms: 10_000,
            between_bytes_ms: 10_000,
            total_ms: 10_000,
        },
    }
}

fn head() -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {BODY_BYTES}\r\n\r\n")
}

async fn answer(mut stream: TcpStream) {
    let whole = [head().into_bytes(), vec![b'x'; BODY_BYTES]].concat();
    let mut read = Vec::new();
    loop {
        match stream.read_buf(&mut read).await {
            Ok(0) | Err(_) => return,
            Ok(_) if read.ends_with(b"\r\n\r\n") => read.clear(),
            Ok(_) => continue,
        }
        if stream.write_all(&whole).await.is_err() {
            return;
        }
    }
}

fn print(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let (p50, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("{what:<18} p50 {p50:>10.1?}  p99 {p99:>10.1?}");
}
