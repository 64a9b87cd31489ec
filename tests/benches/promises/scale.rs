//! The same with a million tasks stored as with few: rates, lists and memory.

use std::time::Instant;

use crate::connection::{Connection, request};
use crate::harness::Server;
use crate::load::{self, Submission, client_runtime, noop_server, noop_task, set_paused};
use crate::processes::resident_mib;
use crate::report::{Figure, percentile};

/// Tasks of the large store.
const MANY: usize = 1_000_000;
/// Tasks of the small one.
const FEW: usize = 1_000;
/// The largest batch that is taken: filling a store is not what is measured.
const FILL_BATCH: usize = 1_000;
/// Submissions that are timed.
const SUBMITS: usize = 30_000;
/// Tasks that are claimed, run and completed for one figure.
const CLAIMS: usize = 20_000;
/// Lists of one measurement.
const LISTS: usize = 300;

/// Fills one server with a million queued tasks, and compares it with an empty one.
pub(crate) fn a_million_tasks() -> Vec<Figure> {
    let small = noop_server(true);
    let idle_mib = resident_mib(&small);
    let large = noop_server(true);
    let runtime = client_runtime();
    runtime.block_on(async {
        load::submit(&small, batch(&small), 1, FEW).await;
        load::submit(&large, batch(&large), 2, MANY).await;
    });
    let above_mib = resident_mib(&large) - idle_mib;
    let ([list_small, submit_small], [list_large, submit_large]) =
        (measure(&small), measure(&large));
    let claim_small = claims_per_s(&small, FEW + SUBMITS);
    let claim_large = claims_per_s(&large, CLAIMS);
    vec![
        Figure::new("list of 50, 1,000 tasks stored", list_small, "ms"),
        Figure::new("list of 50, 1,000,000 tasks stored", list_large, "ms"),
        Figure::new("list of 50, a million against a thousand", list_large / list_small, "×")
            .at_most(2.0),
        Figure::new("submits, 1,000 tasks stored", submit_small, "/s"),
        Figure::new("submits, 1,000,000 tasks stored", submit_large, "/s"),
        Figure::new("submits, a million against a thousand", submit_large / submit_small, "×")
            .at_least(0.7),
        Figure::new("claims to completed, few tasks stored", claim_small, "/s"),
        Figure::new("claims to completed, 1,000,000 tasks stored", claim_large, "/s"),
        Figure::new("claims, a million against few", claim_large / claim_small, "×").at_least(0.7),
        Figure::new("a million queued tasks, resident above idle", above_mib, "MiB")
            .at_most(1_024.0),
    ]
}

fn batch(server: &Server) -> Submission {
    Submission::batch(server, &noop_task(), FILL_BATCH)
}

/// How long a list of 50 takes (ms, median), and how many tasks a second are submitted.
fn measure(server: &Server) -> [f64; 2] {
    client_runtime().block_on(async {
        let list = request("GET", "/v1/tasks?limit=50", &server.agent_token(), "");
        let mut connection = Connection::open(server.url()).await;
        let mut times = Vec::new();
        for _ in 0..LISTS {
            let began = Instant::now();
            let (status, body) = connection.call(&list).await;
            assert_eq!(status, 200, "{}", String::from_utf8_lossy(body));
            times.push(began.elapsed().as_secs_f64() * 1_000.0);
        }
        let began = Instant::now();
        let single = Submission::single(server, &noop_task());
        load::submit(server, single, 64, SUBMITS).await;
        [percentile(&mut times, 50.0), SUBMITS as f64 / began.elapsed().as_secs_f64()]
    })
}

/// How many of the queued tasks are claimed, run and completed a second.
fn claims_per_s(server: &Server, tasks: usize) -> f64 {
    client_runtime().block_on(async {
        let began = Instant::now();
        set_paused(server, false);
        load::until_completed(server, tasks).await;
        let rate = tasks as f64 / began.elapsed().as_secs_f64();
        set_paused(server, true);
        rate
    })
}
