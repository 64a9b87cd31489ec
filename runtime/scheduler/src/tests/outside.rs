//! Runs that wait for answers which come to their process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use errand_core::{
    Answer, Answered, BoxFuture, EventBody, InterruptReason, Job, JournalEntry, LogOffsets,
    Outcome, Outside, Record, RunHost, Status, Stopped, Store, TaskId, UnderWay, UnixMillis,
    WaitingFor,
};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::faults::store::{FaultyStore, Plan};
use super::harness::{Harness, Running, soon};
use crate::{Service, Settings};

/// When what the store refused is tried again.
const STORE_RETRY_MS: u64 = 1_000;

/// The world that the tasks of a test ask.
#[derive(Clone, Default)]
struct World(Arc<Mutex<HashMap<TaskId, Asked>>>);

struct Asked {
    times: usize,
    answered: watch::Sender<bool>,
    /// Falls when nobody waits for the answer any more.
    held: std::sync::Weak<()>,
}

/// A question under way.
struct Question {
    answered: watch::Receiver<bool>,
    _held: Arc<()>,
}

impl UnderWay for Question {
    fn until(&self) -> UnixMillis {
        UnixMillis(1_000_000 + 600_000)
    }

    fn answered(&self) -> BoxFuture<'_, Answered> {
        let mut answered = self.answered.clone();
        Box::pin(async move {
            answered.wait_for(|answered| *answered).await.expect("the world is there");
            Answered { events: vec![called()], entry: entry(Answer::Given(json!("42"))) }
        })
    }
}

fn called() -> EventBody {
    EventBody::HttpCalled {
        method: "GET".into(),
        host: "example.org".into(),
        status: Some(200),
        request_bytes: 0,
        response_bytes: 2,
        response: None,
        error: None,
        duration_ms: 1,
    }
}

fn entry(answer: Answer) -> JournalEntry {
    JournalEntry {
        ordinal: 1,
        call: "http".into(),
        arguments: "[]".into(),
        at: UnixMillis(1_000_000),
        answer,
        said: LogOffsets::default(),
    }
}

impl World {
    fn ask(&self, task: TaskId) -> Arc<dyn UnderWay> {
        let held = Arc::new(());
        let (sender, answered) = watch::channel(false);
        let mut all = self.0.lock().unwrap();
        let times = all.get(&task).map_or(0, |asked| asked.times) + 1;
        all.insert(task, Asked { times, answered: sender, held: Arc::downgrade(&held) });
        Arc::new(Question { answered, _held: held })
    }

    fn answer(&self, task: TaskId) {
        self.0.lock().unwrap()[&task].answered.send_replace(true);
    }

    fn times(&self, task: TaskId) -> usize {
        self.0.lock().unwrap().get(&task).map_or(0, |asked| asked.times)
    }

    async fn is_asked(&self, task: TaskId) {
        soon(async {
            while self.times(task) == 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    async fn is_given_up(&self, task: TaskId) {
        soon(async {
            while self.0.lock().unwrap()[&task].held.strong_count() > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// Does what the engine does with a request.
    async fn run(self, job: Job, host: Arc<dyn RunHost>) -> Result<Value, Stopped> {
        host.meter().set_fuel_used(job.input["fuel"].as_u64().unwrap_or(1));
        let recorded = job.journal.first().map(|entry| entry.answer.clone());
        if let Some(Answer::Given(answer)) = recorded {
            return Ok(answer);
        }
        if recorded.is_some() {
            return Ok(json!("nobody knows"));
        }
        let until = Some(UnixMillis(0));
        host.record((entry(Answer::Awaited { until })).into()).await?;
        let question = self.ask(job.task);
        let arrival = Arc::clone(&question);
        let any = Box::pin(async move { drop(arrival.answered().await) });
        let memory_bytes = job.input["memory"].as_u64().unwrap_or_default();
        let under_way = vec![Arc::clone(&question)];
        host.outside(Outside { any, under_way, memory_bytes }).await?;
        let Answered { events, entry } = question.answered().await;
        host.record(Record { events, call: Some(entry), ..Record::default() }).await?;
        Ok(json!("42"))
    }
}

async fn harness() -> (Harness, World) {
    let h = Harness::new().await;
    let world = World::default();
    let asked = world.clone();
    h.script(move |job, host| {
        let world = asked.clone();
        Box::pin(async move {
            match world.run(job, host).await {
                Ok(answer) => Outcome::Completed(answer),
                Err(Stopped) => Outcome::Interrupted(InterruptReason::Lease),
            }
        })
    });
    (h, world)
}

/// Submits a task that asks, and lets the moment pass for which it keeps its slot.
async fn asks(h: &Harness, world: &World, input: Value) -> TaskId {
    let id = h.submit(input).await;
    world.is_asked(id).await;
    h.clock.pass(5, 1).await;
    id
}

/// The same, until it has left memory.
async fn asks_out_of_memory(h: &Harness, world: &World) -> TaskId {
    let id = asks(h, world, json!({})).await;
    h.clock.pass(5_000, 1).await;
    h.event(id, "waiting", 0).await;
    id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_an_answer_gives_its_slot_away_and_is_running() {
    let (h, world) = harness().await;
    let worker = h.worker(1).await;
    let (one, other) = (h.submit(json!({})).await, h.submit(json!({})).await);
    world.is_asked(one).await;
    h.clock.pass(5, 1).await;
    world.is_asked(other).await;
    assert_eq!(h.task(one).await.status, Status::Running);
    h.clock.pass(5, 1).await;
    for id in [other, one] {
        world.answer(id);
        h.completed(id).await;
        assert_eq!(h.kinds(id).await, ["submitted", "started", "http_called", "completed"]);
        assert_eq!(world.times(id), 1);
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn past_the_budget_the_cheapest_leaves_memory_and_its_call_goes_on() {
    let (h, world) = harness().await;
    let worker = h.worker(1).await;
    let mut ids = Vec::new();
    for fuel in [30, 10, 20] {
        let id = asks(&h, &world, json!({"memory": 400, "fuel": fuel})).await;
        ids.push(id);
    }
    h.event(ids[1], "waiting", 0).await;
    let waiting = h.task(ids[1]).await;
    assert_eq!(waiting.waiting_for, Some(WaitingFor::Http));
    for id in &ids {
        world.answer(*id);
        h.completed(*id).await;
        assert_eq!(h.task(*id).await.output.as_deref(), Some(&json!("42")));
        assert_eq!(world.times(*id), 1);
    }
    let cold =
        ["submitted", "started", "waiting", "http_called", "resumed", "started", "completed"];
    assert_eq!(h.kinds(ids[1]).await, cold);
    for id in [ids[0], ids[2]] {
        assert_eq!(h.kinds(id).await, ["submitted", "started", "http_called", "completed"]);
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_wait_is_not_spent_in_memory() {
    let (h, world) = harness().await;
    let worker = h.worker(1).await;
    let id = asks_out_of_memory(&h, &world).await;
    world.answer(id);
    h.completed(id).await;
    assert_eq!(world.times(id), 1);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_gives_the_call_up_in_memory_and_out_of_it() {
    let (h, world) = harness().await;
    let worker = h.worker(1).await;
    for cold in [false, true] {
        let id = match cold {
            true => asks_out_of_memory(&h, &world).await,
            false => asks(&h, &world, json!({})).await,
        };
        h.service.cancel(&h.caller, id, None).await.unwrap();
        assert_eq!(h.ended(id).await.status, Status::Cancelled);
        world.is_given_up(id).await;
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_waits_for_calls_out_of_memory() {
    let (h, world) = harness().await;
    let worker = h.worker(1).await;
    let id = asks_out_of_memory(&h, &world).await;
    worker.shut_down();
    world.answer(id);
    worker.stop().await;
    assert_eq!(h.task(id).await.status, Status::Queued);
    let answer = h.store.journal(id).await.unwrap().pop().unwrap().answer;
    assert_eq!(answer, Answer::Given(json!("42")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_whose_process_is_gone_is_the_next_runs_to_decide() {
    let (h, world) = harness().await;
    let worker = h.worker(1).await;
    let id = asks_out_of_memory(&h, &world).await;
    worker.shut_down();
    h.clock.pass(10_000, 1).await;
    worker.stop().await;
    world.is_given_up(id).await;
    assert_eq!(h.task(id).await.status, Status::Waiting);
    let worker = Running::start(&h.another_service(), "w2", 1).await;
    h.completed(id).await;
    assert_eq!(h.task(id).await.output.as_deref(), Some(&json!("nobody knows")));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_not_lost_where_others_change_the_task_meanwhile() {
    let (h, world) = harness().await;
    let plan = Plan::without_faults();
    let mut parts = h.service.0.parts.clone();
    parts.store = Arc::new(FaultyStore::open(Arc::clone(&h.store), Arc::clone(&plan)).await);
    let service = Service::new(parts, Settings::default());
    let worker = Running::start(&service, "w1", 1).await;
    let id = asks_out_of_memory(&h, &world).await;
    // As often as it is tried at once.
    plan.contend(8);
    world.answer(id);
    h.clock.pass(STORE_RETRY_MS, 1).await;
    h.completed(id).await;
    assert_eq!(h.task(id).await.output.as_deref(), Some(&json!("42")));
    assert_eq!(world.times(id), 1);
    worker.stop().await;
}
