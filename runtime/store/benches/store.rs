//! How fast the durable store is: `cargo bench -p errand-store`. Prints a table.
//!
//! `STORE_BENCH_TASKS` tasks are stored before the measured part, `STORE_BENCH_DIR` is where. With the
//! argument `memory` the store in memory is measured; `fill` stops after storing, and `open` and
//! `rebuild` measure how long a start on that takes.

#![expect(clippy::disallowed_methods, reason = "a benchmark makes its own directories")]
#![expect(clippy::print_stdout, reason = "a benchmark prints")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use errand_core::*;
use errand_store::{MemoryStore, SledOptions, SledStore, Trust};
use serde_json::json;

static NEXT: AtomicU64 = AtomicU64::new(0);

fn new() -> NewTask {
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let random = u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834) >> 48;
    let submission = Submission {
        namespace: Namespace::default(),
        executor: ExecutorRef {
            name: ExecutorName::new("python").expect("valid"),
            digest: Digest::of(b"python"),
        },
        function: None,
        input: Arc::new(json!({"code": "print(1)", "n": n})),
        workspace: WorkspaceSource::Empty,
        labels: Default::default(),
        priority: 0,
        idempotency_key: None,
        delay_ms: 0,
        parent_id: None,
        lineage: None,
        context_id: None,
        limits: Limits::default(),
        retry: Retry::default(),
        mounts: Vec::new(),
        artifacts: Vec::new(),
        notify: Vec::new(),
    };
    let submitted = Event {
        seq: 1,
        at: UnixMillis(1_700_000_000_000 + n / 16),
        by: Principal::new("agent").expect("valid"),
        attempt: 1,
        progress: None,
        body: EventBody::Submitted(Box::new(submission)),
    };
    let id = TaskId::from_parts(1_700_000_000_000 + n / 16, random);
    NewTask { id, submitted, idempotency: None }
}

fn draft(body: EventBody) -> Draft {
    let by = Principal::new("worker-1").expect("valid");
    Draft { at: UnixMillis(1_700_000_000_100), by, progress: None, body }
}

/// Runs `count` calls, so many in flight; returns how many a second.
async fn at_once<F, Fut>(in_flight: usize, count: usize, call: F) -> f64
where
    F: Fn() -> Fut + Clone + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    let left = Arc::new(AtomicU64::new(count as u64));
    let begun = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..in_flight {
        let (left, call) = (left.clone(), call.clone());
        tasks.push(tokio::spawn(async move {
            while left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
                .is_ok()
            {
                call().await;
            }
        }));
    }
    for task in tasks {
        task.await.expect("no call panics");
    }
    count as f64 / begun.elapsed().as_secs_f64()
}

/// Returns the CPU seconds of this process, and of its writer's thread.
fn cpu_seconds() -> (f64, f64) {
    let of = |path: &std::path::Path| {
        let stat = std::fs::read_to_string(path).unwrap_or_default();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
        let ticks =
            |n: usize| fields.get(n).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
        (ticks(11) + ticks(12)) / 100.0
    };
    let mut writer = 0.0;
    for thread in std::fs::read_dir("/proc/self/task").expect("procfs").flatten() {
        let name = std::fs::read_to_string(thread.path().join("comm")).unwrap_or_default();
        if name.trim() == "store-writer" {
            writer += of(&thread.path().join("stat"));
        }
    }
    (of("/proc/self/stat".as_ref()), writer)
}

fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or("0");
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) / 1024
}

async fn report(name: &str, per: f64, measured: impl Future<Output = f64>) {
    let before = cpu_seconds();
    let begun = Instant::now();
    let rate = measured.await;
    let count = rate * begun.elapsed().as_secs_f64() * per;
    let after = cpu_seconds();
    let us = |now: f64, then: f64| (now - then) * 1e6 / count;
    println!(
        "{name:<44} {:>9.0}/s   writer {:>5.1} us   all {:>5.1} us",
        rate * per,
        us(after.1, before.1),
        us(after.0, before.0)
    );
}

async fn measure(store: Arc<dyn Store>) {
    for (in_flight, count) in [(1, 3_000), (16, 40_000), (64, 80_000), (256, 100_000)] {
        let store = store.clone();
        let submit = move || {
            let store = store.clone();
            async move {
                store.submit(vec![new()]).await.expect("it is stored");
            }
        };
        report(&format!("submit, {in_flight} in flight"), 1.0, at_once(in_flight, count, submit))
            .await;
    }
    let batch_store = store.clone();
    let batch = move || {
        let store = batch_store.clone();
        async move {
            store.submit((0..100).map(|_| new()).collect()).await.expect("it is stored");
        }
    };
    report("submit, batches of 100, 8 in flight", 100.0, at_once(8, 1_000, batch)).await;
    println!("resident: {} MB", resident_mb());

    let fold_store = store.clone();
    let work = move || {
        let store = fold_store.clone();
        async move { run_folded(&*store, 32).await }
    };
    report("claim 32, started + completed in one append", 32.0, at_once(4, 2_000, work)).await;
    let two_store = store.clone();
    let work = move || {
        let store = two_store.clone();
        async move { run_apart(&*store, 32).await }
    };
    report("claim 32, started and completed apart", 32.0, at_once(4, 1_500, work)).await;

    let mixed_store = store.clone();
    let mixed = move || {
        let store = mixed_store.clone();
        async move {
            store.submit((0..32).map(|_| new()).collect()).await.expect("it is stored");
            run_folded(&*store, 32).await;
        }
    };
    report("submit 32, claim 32, complete 32", 32.0, at_once(4, 2_000, mixed)).await;
    let begun = Instant::now();
    let pages = 200;
    for _ in 0..pages {
        let filter = ListFilter { status: Some(Status::Completed), ..ListFilter::default() };
        let query = ListQuery { namespace: None, filter, before: None, limit: 50 };
        store.list(query).await.expect("a list");
    }
    println!("list of 50: {:.0} us", begun.elapsed().as_micros() as f64 / f64::from(pages));
    println!(
        "resident: {} MB; {:?}",
        resident_mb(),
        store.depth(None).await.expect("depth").by_status
    );
}

fn claim(max: usize) -> Claim {
    Claim {
        worker: WorkerId::new("worker-1").expect("valid"),
        max,
        now: UnixMillis(1_700_000_000_000),
        lease_until: UnixMillis(1_800_000_000_000),
    }
}

fn started() -> EventBody {
    let worker = WorkerId::new("worker-1").expect("valid");
    EventBody::Started {
        run: 1,
        worker,
        engine: "0123456789abcdef".into(),
        workspace: None,
        placed: None,
    }
}

fn completed() -> EventBody {
    EventBody::Completed {
        output: Arc::new(json!({"exit_code": 0, "stdout": "1\n", "stderr": ""})),
        left: None,
    }
}

async fn append(store: &dyn Store, claimed: &Claimed, bodies: Vec<EventBody>) {
    let drafts = bodies.into_iter().map(draft).collect();
    let guard = Guard::Lease(claimed.epoch);
    let append = Append::new(claimed.task.id, guard, drafts);
    store.append(append).await.expect("it is appended");
}

async fn run_folded(store: &dyn Store, max: usize) {
    let claims = store.claim(claim(max)).await.expect("a claim");
    let all =
        claims.items.iter().map(|claimed| append(store, claimed, vec![started(), completed()]));
    join_all(all).await;
}

async fn run_apart(store: &dyn Store, max: usize) {
    let claims = store.claim(claim(max)).await.expect("a claim");
    join_all(claims.items.iter().map(|claimed| append(store, claimed, vec![started()]))).await;
    join_all(claims.items.iter().map(|claimed| append(store, claimed, vec![completed()]))).await;
}

async fn join_all<F: Future<Output = ()>>(futures: impl Iterator<Item = F>) {
    let mut all: Vec<_> = futures.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        all.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if all.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build();
    runtime.expect("a runtime").block_on(async {
        if std::env::args().any(|argument| argument == "memory") {
            println!("# in memory");
            measure(Arc::new(MemoryStore::new())).await;
            return;
        }
        let given = std::env::var_os("STORE_BENCH_DIR").map(std::path::PathBuf::from);
        let dir = given.unwrap_or_else(|| std::env::temp_dir().join("errand-store-bench"));
        if let Some(trust) = std::env::args().find_map(|argument| match argument.as_str() {
            "open" => Some(Trust::WhileUp),
            "rebuild" => Some(Trust::Never),
            _ => None,
        }) {
            return open(&dir, trust).await;
        }
        let _ = std::fs::remove_dir_all(&dir);
        let store = Arc::new(SledStore::open(&dir, SledOptions::default()).expect("a store"));
        let stored =
            std::env::var("STORE_BENCH_TASKS").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
        println!("# durable, with {stored} queued tasks; resident at start {} MB", resident_mb());
        let begun = Instant::now();
        for _ in 0..stored / 1_000 {
            store.submit((0..1_000).map(|_| new()).collect()).await.expect("it is stored");
        }
        if stored > 0 {
            println!(
                "stored after {:.1} s; resident {} MB",
                begun.elapsed().as_secs_f64(),
                resident_mb()
            );
        }
        let keep = std::env::args().any(|argument| argument == "fill");
        if !keep {
            measure(store.clone()).await;
        }
        let begun = Instant::now();
        store.close().await.expect("it closes");
        drop(store);
        println!("closed in {:.2} s", begun.elapsed().as_secs_f64());
        if !keep {
            let _ = std::fs::remove_dir_all(&dir);
        }
    });
}

/// Opens what `fill` left.
async fn open(dir: &std::path::Path, trust: Trust) {
    let begun = Instant::now();
    let options = SledOptions { trust, ..SledOptions::default() };
    let store = SledStore::open(dir, options).expect("a store");
    let seconds = begun.elapsed().as_secs_f64();
    let depth = store.depth(None).await.expect("depth").by_status;
    println!("opened ({trust:?}) in {seconds:.2} s; resident {} MB; {depth:?}", resident_mb());
    if trust == Trust::Never {
        store.close().await.expect("it closes");
    }
    // Else as a crash leaves it.
    std::process::exit(0);
}
