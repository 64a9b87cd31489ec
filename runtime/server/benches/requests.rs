//! What a request costs: CPU time of this process for each, over the service on a store in memory.
//!
//! `cargo bench -p errand-server` prints a table. The client is the cheapest that there is: raw sockets
//! that write the same bytes and count the answers, so most of what is measured is the server's. That
//! is why figures say *with client*.

#![expect(clippy::disallowed_methods, reason = "a benchmark starts what it measures")]
#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use errand_core::{
    AdmissionError, BoxFuture, Digest, ExecutorKind, ExecutorProfile, FunctionProfile, InputFault,
    Job, Outcome, Ran, RunHost, Runner, Signature,
};
use errand_scheduler::{Parts, Service, Settings};
use errand_server::{ServeOptions, ServerConfig, router, serve};
use errand_store::{MemoryBlobs, MemoryStore};
use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

const REQUESTS: usize = 60_000;
const CONNECTIONS: usize = 256;
const TASK: &str =
    r#"{"executor":"noop","input":{"code":"print(1)","args":["a","b"]},"labels":{"k":"v"}}"#;

struct Noop;

impl Runner for Noop {
    fn admit(&self, wasm: Bytes) -> BoxFuture<'_, Result<ExecutorProfile, AdmissionError>> {
        let run = FunctionProfile {
            name: "run".to_owned(),
            description: None,
            input_schema: serde_json::json!({"type": "object"}),
            output_schema: serde_json::json!({}),
            signature: None,
        };
        let profile = ExecutorProfile {
            digest: Digest::of(&wasm),
            kind: ExecutorKind::Command,
            size_bytes: wasm.len() as u64,
            description: None,
            functions: vec![run],
            imports: Vec::new(),
        };
        Box::pin(async { Ok(profile) })
    }

    fn check_input(&self, _: &Signature, _: &serde_json::Value) -> Vec<InputFault> {
        Vec::new()
    }

    fn run<'a>(&'a self, _: Job, _: Arc<dyn RunHost>) -> BoxFuture<'a, Ran> {
        Box::pin(async { Outcome::Completed(serde_json::Value::Null).into() })
    }

    fn compatibility(&self) -> &str {
        "noop"
    }
}

struct Bench {
    service: Service,
    router: Router,
    token: String,
}

impl Bench {
    async fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        let blobs = Arc::new(MemoryBlobs::default());
        let service =
            Service::new(Parts::on_this_machine(store, blobs, Arc::new(Noop)), Settings::default());
        let tokens = service.bootstrap_tokens().await.expect("tokens are made");
        let token = tokens.operator.token.expose().to_owned();
        let router = router(service.clone(), ServerConfig::default());
        let this = Self { service, router, token };
        let upload = this.request("POST", "/v1/executors?name=noop", "wasm");
        assert_eq!(this.router.clone().oneshot(upload).await.expect("answered").status(), 201);
        this
    }

    fn request(&self, method: &str, uri: &str, body: &'static str) -> Request<Body> {
        Request::builder()
            .method(method)
            .uri(uri)
            .header("host", "127.0.0.1:7420")
            .header("authorization", format!("Bearer {}", self.token))
            .body(Body::from(body))
            .expect("the request is one")
    }

    fn raw(&self, method: &str, path: &str, body: &str) -> Vec<u8> {
        let length = body.len();
        let token = &self.token;
        format!(
            "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    let bench = Bench::new().await;
    println!("| what | CPU µs each | /s |");
    println!("| --- | --- | --- |");
    service_alone(&bench).await;
    for (name, method, uri, body) in [
        ("router, GET /healthz", "GET", "/healthz", ""),
        ("router, GET /v1/tasks/… of nobody (404)", "GET", "/v1/tasks/x", ""),
        ("router, POST /v1/tasks", "POST", "/v1/tasks", TASK),
    ] {
        in_process(&bench, name, method, uri, body).await;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it has an address");
    let shutdown = CancellationToken::new();
    let options = ServeOptions::default();
    let serving = tokio::spawn(serve(listener, bench.router.clone(), options, shutdown.clone()));
    for (name, raw) in [
        ("256 connections, GET /healthz, with client", bench.raw("GET", "/healthz", "")),
        ("256 connections, POST /v1/tasks, with client", bench.raw("POST", "/v1/tasks", TASK)),
    ] {
        over_tcp(name, address, raw).await;
    }
    shutdown.cancel();
    serving.await.expect("it stops").expect("without an error");
}

async fn service_alone(bench: &Bench) {
    let caller = bench.service.authenticate(&bench.token).await.expect("the token holds");
    let measure = Measure::begin("service alone, submit");
    for _ in 0..REQUESTS {
        let wish = errand_scheduler::TaskRequest::from_slice(TASK.as_bytes()).expect("it is one");
        bench.service.submit(&caller, wish).await.expect("it is accepted");
    }
    measure.end(REQUESTS);
}

async fn in_process(bench: &Bench, name: &str, method: &str, uri: &str, body: &'static str) {
    let measure = Measure::begin(name);
    for _ in 0..REQUESTS {
        let request = bench.request(method, uri, body);
        let response = bench.router.clone().oneshot(request).await.expect("answered");
        to_bytes(response.into_body(), usize::MAX).await.expect("whole");
    }
    measure.end(REQUESTS);
}

async fn over_tcp(name: &str, address: std::net::SocketAddr, raw: Vec<u8>) {
    let raw: Arc<[u8]> = raw.into();
    let each = REQUESTS * 4 / CONNECTIONS;
    let measure = Measure::begin(name);
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let raw = Arc::clone(&raw);
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(address).await.expect("it listens");
                let mut answer = vec![0; 16 << 10];
                for _ in 0..each {
                    stream.write_all(&raw).await.expect("it is taken");
                    let length = stream.read(&mut answer).await.expect("it is answered");
                    assert!(answer[..length].starts_with(b"HTTP/1.1 20"));
                }
            })
        })
        .collect();
    for client in clients {
        client.await.expect("a client ends");
    }
    measure.end(each * CONNECTIONS);
}

struct Measure<'a> {
    name: &'a str,
    begun: Instant,
    cpu: Duration,
}

impl<'a> Measure<'a> {
    fn begin(name: &'a str) -> Self {
        Self { name, begun: Instant::now(), cpu: cpu_time() }
    }

    fn end(self, count: usize) {
        let cpu = (cpu_time() - self.cpu).as_secs_f64() * 1e6 / count as f64;
        let rate = count as f64 / self.begun.elapsed().as_secs_f64();
        println!("| {} | {cpu:.1} | {rate:.0} |", self.name);
    }
}

/// Returns the CPU time of this process so far, in the kernel's ticks of 10 ms.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("this is Linux");
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    let ticks: u64 =
        fields.split(' ').skip(11).take(2).map(|field| field.parse::<u64>().unwrap_or(0)).sum();
    Duration::from_millis(ticks * 10)
}
