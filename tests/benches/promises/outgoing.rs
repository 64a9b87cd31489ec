//! Requests of tasks: what they cost above the same from the host, and what many that wait take.

use serde_json::{Value, json};
use ureq::Agent;

use crate::harness::{Client, Peer, Reply, Server, plugin};
use crate::processes::resident_mib;
use crate::report::{Figure, percentile};

/// Requests of one measurement, one after the other on a connection that stays.
const CALLS: usize = 400;
/// Tasks that wait at once.
const WAITING: usize = 1_000;

fn granted(peer: &Peer, executor: &str, wasm: &str) -> Server {
    let server = Server::start_with(&["--slots", "2"]);
    server.operator().upload(executor, &plugin(wasm)).expect(201);
    let grants = json!({ "http": [{ "url": peer.url() }] }).to_string();
    let headers = [("content-type", "application/json")];
    let path = format!("/v1/grants/{executor}");
    server.operator().send_with("PUT", &path, &headers, grants.as_bytes()).expect(200);
    server
}

/// Milliseconds from one request's arrival at the peer to the next one's.
fn turns(peer: &Peer, from: usize) -> Vec<f64> {
    let seen = peer.seen();
    let pairs = seen[from..].windows(2);
    pairs.map(|pair| (pair[1].at - pair[0].at).as_secs_f64() * 1_000.0).collect()
}

/// From one call to the next: through the sandbox, and from the host.
pub(crate) fn calls() -> Vec<Figure> {
    let peer = Peer::saying("{\"answer\": 42}");
    let agent: Agent = Agent::config_builder().proxy(None).build().into();
    for _ in 0..CALLS {
        let mut answer = agent.get(peer.url()).call().expect("the peer answers");
        answer.body_mut().read_to_string().expect("the peer answers");
    }
    let host = percentile(&mut turns(&peer, 0), 50.0);

    let mut figures = Vec::new();
    let python = format!(
        "import errand\nfor _ in range({CALLS}):\n    errand.http('GET', {:?})",
        peer.url()
    );
    for (executor, wasm, input) in [
        ("probe", "test/probe", json!({"do": "http_get_often", "url": peer.url(), "times": CALLS})),
        ("python", "python", json!({ "code": python })),
    ] {
        let server = granted(&peer, executor, wasm);
        let before = peer.seen().len();
        let task = server.agent().run(executor, &input);
        assert_eq!(task["status"], "completed", "{task}");
        let sandboxed = percentile(&mut turns(&peer, before), 50.0);
        let name = match executor {
            "probe" => "HTTP call, sandbox above host, p50",
            _ => "HTTP call in python, above host, p50",
        };
        figures.push(Figure::new(name, sandboxed - host, "ms").at_most(1.5));
    }
    figures.push(Figure::new("HTTP call from the host, p50", host, "ms"));
    figures
}

/// Python tasks that wait for slow answers, all at once.
pub(crate) fn waiting() -> Vec<Figure> {
    let peer = Peer::start(|_| Reply::new(200, "at last").held());
    let server = granted(&peer, "python", "python");
    server.operator().upload("noop", &plugin("test/noop")).expect(201);
    let client = server.agent();
    let idle = resident_mib(&server);
    let code = format!("import errand\nresult = errand.http('POST', {:?}).status", peer.url());
    let task = json!({ "executor": "python", "input": { "code": code } });
    let tasks = vec![task; WAITING];
    let batch = client.post("/v1/tasks/batch", &json!({ "tasks": tasks })).expect(202);
    peer.wait_for(WAITING);
    let mut quick: Vec<f64> = (0..100).map(|_| noop(&client)).collect();
    let above = resident_mib(&server) - idle;
    let free = free(&server);
    peer.open();
    for task in batch["items"].as_array().expect("a batch answers a list") {
        let task = client.finish(task["id"].as_str().expect("a task has an id"));
        assert_eq!(task["output"]["result"], 200, "{task}");
    }
    assert_eq!(peer.seen().len(), WAITING, "each was asked once");
    vec![
        Figure::new("1,000 python tasks wait for HTTP, memory above idle", above, "MiB")
            .at_most(477.0),
        Figure::new("their worker's free slots, of 2", free as f64, "").at_least(2.0),
        Figure::new("a no-op task beside them, p50", percentile(&mut quick, 50.0), "ms"),
    ]
}

/// Milliseconds of a task that does nothing.
fn noop(client: &Client) -> f64 {
    let began = std::time::Instant::now();
    let task = client.run("noop", &Value::Null);
    assert_eq!(task["status"], "completed", "{task}");
    began.elapsed().as_secs_f64() * 1_000.0
}

/// Slots that are free, as the server says.
fn free(server: &Server) -> u64 {
    let workers = server.operator().get("/v1/workers").expect(200);
    workers["items"][0]["free_slots"].as_u64().expect("a worker has slots")
}
