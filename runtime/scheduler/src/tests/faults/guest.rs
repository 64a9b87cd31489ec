//! What the tasks of the scenario do, with each call answered from the journal where it has the answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use errand_core::{
    Answer, AttemptStart, Checkpoint, ErrorCode, EventBody, Failure, InterruptReason, Job,
    JournalEntry, Level, LogOffsets, Outcome, Record, RunHost, Saved, Seed, Stopped, Stream, Wait,
    WaitingFor,
};
use serde_json::{Value, json};

use crate::tests::harness::transient;

/// How often a task saves.
const SAVES: u64 = 3;

/// What the scenario expects of a task that has ended.
pub(super) struct Expected {
    /// What it wrote, all attempts together.
    pub(super) text: String,
    /// What it emitted, in order.
    pub(super) emitted: Vec<u64>,
}

/// Tells what a task says that does this, from what the outside answered it.
pub(super) fn expected(action: &str, output: &Value) -> Expected {
    let answer = |index: usize| &output["answers"][index];
    let (text, emitted) = match action {
        "talk" => (format!("one {} end", answer(0)), vec![1, 2]),
        "stumble" => (format!("first {} 503 {} ", answer(0), answer(1)), vec![1]),
        "save" => {
            let answers = output["answers"].as_array().expect("it answers all of them");
            assert_eq!(answers.len() as u64, SAVES + 1, "{output}");
            let legs = answers.iter().enumerate().map(|(leg, answer)| format!("{leg}: {answer} "));
            (legs.collect(), (0..=SAVES).collect())
        }
        "fail once" => ("try 1 try 2 ".into(), vec![1, 2]),
        "sleep" => ("before after".into(), vec![]),
        other => panic!("nothing is known of {other:?}"),
    };
    Expected { text, emitted }
}

/// Runs a task as its input says.
pub(super) async fn run(job: Job, host: Arc<dyn RunHost>, outside: Arc<AtomicU64>) -> Outcome {
    let attempt = job.attempt;
    let input = Arc::clone(&job.input);
    let guest = Guest { host, outside, journal: job.journal, ordinal: 0, answers: Vec::new() };
    let outcome = match input["do"].as_str() {
        Some("talk") => guest.talk().await,
        Some("stumble") => guest.stumble(attempt).await,
        Some("fail once") => guest.fail_once(attempt).await,
        Some("sleep") => guest.sleep_once(input["ms"].as_u64().expect("a time")).await,
        Some("hang") => guest.hang().await,
        Some("save") => guest.save(job.start, job.checkpoint).await,
        other => panic!("nothing is known of {other:?}"),
    };
    outcome.unwrap_or(Outcome::Interrupted(InterruptReason::Lease))
}

struct Guest {
    host: Arc<dyn RunHost>,
    /// What the outside answers: a number that is another each time it is asked.
    outside: Arc<AtomicU64>,
    journal: Vec<JournalEntry>,
    ordinal: u64,
    answers: Vec<Value>,
}

impl Guest {
    async fn talk(mut self) -> Result<Outcome, Stopped> {
        self.say("one ").await?;
        self.emit(1).await?;
        let answer = self.ask().await?;
        self.say(&format!("{answer} ")).await?;
        self.host.durable().await?;
        self.emit(2).await?;
        self.say("end").await?;
        Ok(self.done())
    }

    async fn stumble(mut self, attempt: u32) -> Result<Outcome, Stopped> {
        self.say("first ").await?;
        self.emit(1).await?;
        let answer = self.ask().await?;
        self.say(&format!("{answer} ")).await?;
        if attempt == 1 {
            self.answered(Answer::Failed(json!(503))).await?;
            self.say("503 ").await?;
            return Ok(transient("the other side failed"));
        }
        let answer = self.ask().await?;
        self.say(&format!("{answer} ")).await?;
        Ok(self.done())
    }

    async fn fail_once(mut self, attempt: u32) -> Result<Outcome, Stopped> {
        self.say(&format!("try {attempt} ")).await?;
        self.emit(attempt.into()).await?;
        if attempt > 1 {
            return Ok(self.done());
        }
        Ok(Outcome::Failed(Failure {
            code: ErrorCode::ExecutorFailed,
            message: "not without a person".into(),
            detail: None,
            retryable: false,
        }))
    }

    async fn sleep_once(mut self, ms: u64) -> Result<Outcome, Stopped> {
        self.say("before ").await?;
        self.sleep(ms).await?;
        self.say("after").await?;
        Ok(self.done())
    }

    /// Asks and says in each of its legs, and saves what it was answered after each but the last.
    async fn save(
        mut self,
        start: AttemptStart,
        restored: Option<Checkpoint>,
    ) -> Result<Outcome, Stopped> {
        let number = restored.as_ref().map_or(0, |checkpoint| checkpoint.number);
        if let Some(checkpoint) = restored {
            assert_eq!(start.seed.0[0], number as u8, "seed and state go together");
            self.answers = serde_json::from_slice(&checkpoint.state).expect("its own state");
            assert_eq!(self.answers.len(), number as usize);
        }
        self.emit(number.into()).await?;
        let answer = self.ask().await?;
        self.say(&format!("{number}: {answer} ")).await?;
        if u64::from(number) == SAVES {
            return Ok(self.done());
        }
        let number = number + 1;
        let start = AttemptStart { seed: Seed([number as u8; 32]), ..start };
        let state = json!(self.answers).to_string().into_bytes().into();
        let checkpoint = Checkpoint { state, number, ..Checkpoint::default() };
        Ok(Outcome::Saved(Box::new(Saved { start, checkpoint })))
    }

    async fn hang(self) -> Result<Outcome, Stopped> {
        self.say("hanging").await?;
        std::future::pending().await
    }

    async fn say(&self, text: &str) -> Result<(), Stopped> {
        let text = Bytes::copy_from_slice(text.as_bytes());
        self.host.write(Stream::Stdout, Level::Info, text).await
    }

    async fn emit(&mut self, number: u64) -> Result<(), Stopped> {
        if self.next().is_none() {
            let body = EventBody::Emitted { kind: "number".into(), data: json!(number) };
            let entry = self.entry(Answer::Given(Value::Null));
            self.host
                .record(Record { events: vec![body], call: Some(entry), ..Record::default() })
                .await?;
        }
        Ok(())
    }

    async fn ask(&mut self) -> Result<Value, Stopped> {
        let number = self.outside.fetch_add(1, Ordering::SeqCst);
        self.answered(Answer::Given(json!(number))).await
    }

    /// Calls the outside, which answers this unless it has answered the call before.
    async fn answered(&mut self, live: Answer) -> Result<Value, Stopped> {
        let answer = match self.next() {
            Some(recorded) => recorded,
            None => {
                self.host.record((self.entry(live.clone())).into()).await?;
                live
            }
        };
        let (Answer::Given(value) | Answer::Failed(value)) = answer else {
            panic!("the call was never begun without an answer");
        };
        self.answers.push(value.clone());
        Ok(value)
    }

    async fn sleep(&mut self, ms: u64) -> Result<(), Stopped> {
        let until = match self.next() {
            Some(Answer::Awaited { until }) => until,
            Some(_) => return Ok(()),
            None => Some(self.host.now().plus_ms(ms)),
        };
        let entry = self.entry(Answer::Awaited { until });
        let waiting_for = WaitingFor::Timer;
        self.host.wait(Wait { entry, waiting_for, until, awaits: None, memory_bytes: 1 }).await?;
        let slept = self.entry(Answer::Given(Value::Null));
        self.host.record((slept).into()).await
    }

    /// Begins the next call, and returns what the journal has of it.
    fn next(&mut self) -> Option<Answer> {
        self.ordinal += 1;
        let entry = self.journal.iter().find(|entry| entry.ordinal == self.ordinal);
        entry.map(|entry| entry.answer.clone())
    }

    fn entry(&self, answer: Answer) -> JournalEntry {
        JournalEntry {
            ordinal: self.ordinal,
            call: "call".into(),
            arguments: "[]".into(),
            at: self.host.now(),
            answer,
            said: LogOffsets::default(),
        }
    }

    fn done(self) -> Outcome {
        Outcome::Completed(json!({"answers": self.answers}))
    }
}
