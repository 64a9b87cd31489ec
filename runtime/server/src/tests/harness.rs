//! A server to ask, with a runner that does what a task's input says.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use errand_core::{
    AdmissionError, Artifact, BlobError, Blobs, BoxFuture, Digest, ErrorCode, EventBody,
    ExecutorKind, ExecutorProfile, Failure, FunctionProfile, InputFault, Job, Level, Outcome, Ran,
    RunHost, Runner, Signature, Stream, WorkerId,
};
use errand_scheduler::{Caller, Parts, Scheduler, SchedulerConfig, Service, Settings};
use errand_store::{MemoryBlobs, MemoryStore};
use futures_util::StreamExt;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap};
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::{Console, ServerConfig, router_with_console};

/// No test waits longer for anything.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

pub(super) const WASM: &[u8] = b"\0asm a program";
pub(super) const FILE: &[u8] = b"0123456789";

pub(super) struct Server {
    pub(super) router: Router,
    pub(super) agent: String,
    pub(super) operator: String,
    pub(super) stopping: CancellationToken,
    /// Lets tasks with `{"do": "hold"}` go on, one for each permit.
    pub(super) gate: Arc<Semaphore>,
    service: Service,
    console: Console,
}

/// What a test changes about a server.
pub(super) struct Setup {
    pub(super) config: ServerConfig,
    pub(super) queue_bound: u64,
    pub(super) disk_full: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self { config: ServerConfig::default(), queue_bound: 1_000, disk_full: false }
    }
}

pub(super) async fn server() -> Server {
    Server::new(Setup::default()).await
}

/// A server with a worker, and an executor named `prog`.
pub(super) async fn working_server() -> Server {
    let server = server().await;
    server.upload("prog").await;
    server.work().await;
    server
}

impl Server {
    pub(super) async fn new(setup: Setup) -> Self {
        let store = Arc::new(MemoryStore::with_queue_bound(setup.queue_bound));
        let blobs: Arc<dyn Blobs> =
            if setup.disk_full { Arc::new(FullDisk) } else { Arc::new(MemoryBlobs::default()) };
        blobs.put(Bytes::from_static(FILE)).await.ok();
        let gate = Arc::new(Semaphore::new(0));
        let runner = Arc::new(Puppet { gate: Arc::clone(&gate) });
        let parts = Parts::on_this_machine(store, blobs, runner);
        let service = Service::new(parts, Settings::default());
        let tokens = service.bootstrap_tokens().await.unwrap();
        let stopping = setup.config.stopping.clone();
        let console = Console::new(&service);
        Self {
            router: router_with_console(service.clone(), setup.config, console.clone()),
            agent: tokens.agent.token.expose().to_owned(),
            operator: tokens.operator.token.expose().to_owned(),
            stopping,
            gate,
            service,
            console,
        }
    }

    /// Returns a code that lets a browser in, with every right.
    pub(super) fn code(&self) -> String {
        self.console.issue_code(Caller::system())
    }

    /// Returns what a session's forms carry, by the value of its cookie.
    pub(super) fn form_token(&self, cookie: &str) -> String {
        self.console.sessions().find(cookie).expect("the session is open").form_token()
    }

    pub(super) async fn work(&self) {
        let config = SchedulerConfig::new(WorkerId::new("worker-1").unwrap());
        let guests = tokio::runtime::Handle::current();
        let stopping = self.stopping.clone();
        Scheduler::start(self.service.clone(), config, guests, stopping).await.unwrap();
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = tokio::time::timeout(PATIENCE, to_bytes(body, usize::MAX)).await;
        let body = body.expect("the answer ends").expect("the answer is whole");
        Reply { status: parts.status, headers: parts.headers, body }
    }

    /// Sends a request whose answer breaks off; returns its status and how many bytes came.
    pub(super) async fn broken_off(&self, request: Request<Body>) -> (StatusCode, usize) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let (mut pieces, mut sent) = (body.into_data_stream(), 0);
        while let Some(piece) = pieces.next().await {
            match piece {
                Ok(piece) => sent += piece.len(),
                Err(_) => return (parts.status, sent),
            }
        }
        panic!("the answer is whole: {sent} bytes");
    }

    pub(super) fn request(
        &self,
        method: Method,
        uri: &str,
        body: impl Into<Body>,
    ) -> Request<Body> {
        let operator = format!("Bearer {}", self.operator);
        Request::builder()
            .method(method)
            .uri(uri)
            .header(HOST, "127.0.0.1:7420")
            .header(AUTHORIZATION, operator)
            .body(body.into())
            .unwrap()
    }

    pub(super) async fn get(&self, uri: &str) -> Reply {
        self.send(self.request(Method::GET, uri, Body::empty())).await
    }

    pub(super) async fn get_with(&self, uri: &str, headers: &[(&'static str, &str)]) -> Reply {
        self.send(with(self.request(Method::GET, uri, Body::empty()), headers)).await
    }

    pub(super) async fn delete(&self, uri: &str) -> Reply {
        self.send(self.request(Method::DELETE, uri, Body::empty())).await
    }

    pub(super) async fn post(&self, uri: &str, body: Value) -> Reply {
        let mut request = self.request(Method::POST, uri, body.to_string());
        request.headers_mut().insert(CONTENT_TYPE, "application/json".parse().unwrap());
        self.send(request).await
    }

    pub(super) async fn upload(&self, name: &str) -> Reply {
        let uri = format!("/v1/executors?name={name}");
        self.send(self.request(Method::POST, &uri, WASM)).await
    }

    /// Submits a task that does something, and returns its id.
    pub(super) async fn submit(&self, input: Value) -> String {
        let reply = self.post("/v1/tasks", json!({"executor": "prog", "input": input})).await;
        assert_eq!(reply.status, StatusCode::ACCEPTED, "{reply:?}");
        reply.json()["id"].as_str().unwrap().to_owned()
    }

    /// Submits such a task, and waits for its end.
    pub(super) async fn run(&self, input: Value) -> String {
        let id = self.submit(input).await;
        let task = self.get(&format!("/v1/tasks/{id}?wait_ms=20000")).await.json();
        assert!(task["finished_at"].is_string(), "{task}");
        id
    }
}

pub(super) fn with(mut request: Request<Body>, headers: &[(&'static str, &str)]) -> Request<Body> {
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    request
}

#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Reply {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(super) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).unwrap_or_else(|| panic!("no {name}: {self:?}"));
        value.to_str().unwrap()
    }

    /// Checks that this is a problem of a status and code, and returns it.
    #[track_caller]
    pub(super) fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status);
        assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
        problem
    }

    /// Checks that this is a 422, and returns where its faults are.
    #[track_caller]
    pub(super) fn faults(&self) -> Vec<String> {
        let problem = self.problem(422, "invalid");
        let place = |fault: &Value| {
            let place = fault["pointer"].as_str().or(fault["parameter"].as_str());
            place.expect("a fault has a place").to_owned()
        };
        let mut places: Vec<String> =
            problem["errors"].as_array().unwrap().iter().map(place).collect();
        places.sort();
        places
    }
}

/// A runner that does what a task's input says in `do`.
struct Puppet {
    gate: Arc<Semaphore>,
}

impl Runner for Puppet {
    fn admit(&self, wasm: Bytes) -> BoxFuture<'_, Result<ExecutorProfile, AdmissionError>> {
        Box::pin(async move {
            if wasm.starts_with(b"broken compiler") {
                return Err(AdmissionError::Internal("secret path /srv/x".to_owned()));
            }
            if !wasm.starts_with(b"\0asm") {
                return Err(AdmissionError::Refused("it is not WebAssembly".to_owned()));
            }
            let run = FunctionProfile {
                name: "run".to_owned(),
                description: None,
                input_schema: json!({"type": "object", "properties": {"do": {"type": "string"}}}),
                output_schema: json!({}),
                signature: None,
            };
            Ok(ExecutorProfile {
                digest: Digest::of(&wasm),
                kind: ExecutorKind::Command,
                size_bytes: wasm.len() as u64,
                description: Some("A puppet".to_owned()),
                functions: vec![run],
                imports: Vec::new(),
            })
        })
    }

    fn check_input(&self, _: &Signature, _: &Value) -> Vec<InputFault> {
        Vec::new()
    }

    fn run<'a>(&'a self, job: Job, host: Arc<dyn RunHost>) -> BoxFuture<'a, Ran> {
        Box::pin(async move {
            match job.input["do"].as_str().unwrap_or_default() {
                "hold" => {
                    host.meter().set_fuel_used(77);
                    host.meter().report(3, Some(9), Some("holding".to_owned()));
                    if let Ok(permit) = self.gate.acquire().await {
                        permit.forget();
                    }
                }
                "fail" => {
                    let failure = Failure {
                        code: ErrorCode::ExecutorFailed,
                        message: "it said no".to_owned(),
                        detail: Some(json!({"why": "because"})),
                        retryable: false,
                    };
                    return Outcome::Failed(failure).into();
                }
                "log" => {
                    let count = job.input["count"].as_u64().unwrap_or(1);
                    for number in 0..count {
                        let body =
                            EventBody::Emitted { kind: "counted".to_owned(), data: json!(number) };
                        if host.record(vec![body].into()).await.is_err() {
                            return Outcome::Interrupted(errand_core::InterruptReason::Drain)
                                .into();
                        }
                    }
                    let text = Bytes::from_static(b"hello\n");
                    host.write(Stream::Stdout, Level::Info, text).await.ok();
                }
                "publish" => {
                    let texts = |key: &str| -> Vec<String> {
                        let list = job.input[key].as_array().cloned().unwrap_or_default();
                        list.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect()
                    };
                    let (mut paths, lost) = (texts("paths"), texts("lost"));
                    if paths.is_empty() {
                        paths.push(job.input["path"].as_str().unwrap_or("out/a b.html").to_owned());
                    }
                    for path in paths {
                        // Of what is lost, nothing is stored.
                        let content = if lost.contains(&path) { &b"lost files"[..] } else { FILE };
                        let artifact = Artifact {
                            path,
                            size_bytes: content.len() as u64,
                            blake3: Digest::of(content),
                            media_type: "text/html".to_owned(),
                            description: None,
                        };
                        host.record(vec![EventBody::ArtifactPublished(artifact)].into()).await.ok();
                    }
                }
                _ => {}
            }
            Outcome::Completed(json!({"echo": *job.input})).into()
        })
    }

    fn compatibility(&self) -> &str {
        "puppet"
    }
}

/// Blobs on a disk without room.
struct FullDisk;

impl Blobs for FullDisk {
    fn put(&self, _: Bytes) -> BoxFuture<'_, Result<Digest, BlobError>> {
        Box::pin(async { Err(BlobError::NoSpace) })
    }

    fn put_reader(
        &self,
        _: Box<dyn std::io::Read + Send>,
    ) -> BoxFuture<'_, Result<(Digest, u64), BlobError>> {
        Box::pin(async { Err(BlobError::NoSpace) })
    }

    fn size(&self, _: Digest) -> BoxFuture<'_, Result<Option<u64>, BlobError>> {
        Box::pin(async { Ok(None) })
    }

    fn touch(&self, _: Digest) -> BoxFuture<'_, Result<bool, BlobError>> {
        Box::pin(async { Ok(false) })
    }

    fn read(&self, digest: Digest, _: u64, _: usize) -> BoxFuture<'_, Result<Bytes, BlobError>> {
        Box::pin(async move { Err(BlobError::Missing(digest)) })
    }
}
