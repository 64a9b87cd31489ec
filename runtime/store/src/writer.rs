//! The one writer: takes commands in groups, makes each group durable with one sync, then answers.
//!
//! Order within a group: every command is executed against the group's batch; the batch becomes one
//! frame of the write-ahead log, synced; then the key-value store has it, so that readers see it; then
//! everybody is answered. So an answer, and whatever a reader saw, is always on the disk.
//!
//! Any failure of the write-ahead log or the index ends the store: nothing that was not written is
//! acknowledged, everything from then on answers the failure, and [`Health::closed`] says so.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use errand_core::StoreError;
use tokio::sync::{mpsc, oneshot, watch};

use crate::kv::{Batch, Kv};
use crate::state::State;
use crate::wake::{Watchers, WorkSignal};

/// How many commands may wait for the writer. Each waiting submitter has one; more than this would wait
/// in their own futures, which is as good.
const COMMANDS_MAX: usize = 1_024;
/// How many commands share one sync at most, so that the first of them is not kept waiting.
const GROUP_MAX: usize = 1_024;
/// How many bytes share one sync at most, for the same reason.
const GROUP_BYTES_MAX: usize = 8 << 20;

/// Where a batch becomes durable.
pub(crate) trait Log: Send {
    /// Makes a batch durable and returns its number.
    fn append(&mut self, batch: &Batch) -> Result<u64, StoreError>;

    /// Tells whether there is room for new work.
    fn has_room(&mut self) -> bool;

    /// Hears that a batch can be read.
    fn applied(&mut self, lsn: u64);

    /// Ends in an orderly way.
    fn close(&mut self) -> Result<(), StoreError>;
}

/// A log for stores that live in memory.
pub(crate) struct NoLog;

impl Log for NoLog {
    fn append(&mut self, _batch: &Batch) -> Result<u64, StoreError> {
        Ok(0)
    }

    fn has_room(&mut self) -> bool {
        true
    }

    fn applied(&mut self, _lsn: u64) {}

    fn close(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Answers one command, unless the group failed.
type Answer = Box<dyn FnOnce(Option<&StoreError>) + Send>;
/// One command: executed by the writer, answered after the commit.
type Command = Box<dyn FnOnce(&mut State, &mut Context<'_>) -> Answer + Send>;

/// What a command may use besides the state.
pub(crate) struct Context<'a> {
    log: &'a mut dyn Log,
    work: &'a WorkSignal,
    due: &'a WorkSignal,
}

impl Context<'_> {
    /// Refuses new work where there is no room for it.
    pub(crate) fn check_room(&mut self) -> Result<(), StoreError> {
        if self.log.has_room() { Ok(()) } else { Err(StoreError::NoSpace) }
    }

    /// Says that whoever looks for due tasks has seen all that came.
    pub(crate) fn looked_for_due(&mut self) {
        self.due.lower();
    }

    /// Says that a claim has seen all that came, unless something is left.
    pub(crate) fn claimed(&mut self, left: bool) {
        self.work.lower();
        if left {
            self.work.raise();
        }
    }
}

/// Whoever closes the store is told how that went.
type Closing = oneshot::Sender<Result<(), StoreError>>;

enum Message {
    Execute(Command),
    Close(Closing),
}

/// Whether the store still works.
#[derive(Default)]
pub(crate) struct Health {
    ended: OnceLock<StoreError>,
    signal: watch::Sender<bool>,
}

impl Health {
    /// Returns the failure that ended the store, if one did.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        self.ended.get().map_or(Ok(()), |error| Err(error.clone()))
    }

    /// Waits until the store has ended, and says why.
    pub(crate) async fn closed(&self) -> StoreError {
        let mut signal = self.signal.subscribe();
        // The sender lives as long as this does.
        let _ = signal.wait_for(|ended| *ended).await;
        self.ended.get().cloned().unwrap_or_else(closed)
    }

    fn end(&self, error: StoreError) {
        if self.ended.set(error).is_ok() {
            self.signal.send_replace(true);
        }
    }
}

fn closed() -> StoreError {
    StoreError::Io("the store is closed".into())
}

/// The handle through which commands reach the writer.
#[derive(Clone)]
pub(crate) struct Writer {
    commands: mpsc::Sender<Message>,
    pub(crate) shared: Arc<Shared>,
}

/// What the writer and those around it share.
#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) health: Health,
    pub(crate) watchers: Watchers,
    pub(crate) work: WorkSignal,
    /// Whether a waiting task is due earlier than was said.
    pub(crate) due: WorkSignal,
}

impl Writer {
    /// Starts the writer's thread.
    pub(crate) fn start(
        state: State,
        kv: Arc<dyn Kv>,
        log: Box<dyn Log>,
    ) -> Result<Self, StoreError> {
        let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
        let shared = Arc::new(Shared::default());
        shared.work.raise();
        shared.due.raise();
        let thread = Thread { state, kv, log, inbox, shared: shared.clone() };
        std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || thread.run())
            .map_err(|error| crate::failure::io("start the writer's thread", &error))?;
        Ok(Self { commands, shared })
    }

    /// Has a command executed, and answers when what it did is durable.
    pub(crate) async fn execute<T: Send + 'static>(
        &self,
        command: impl FnOnce(&mut State, &mut Context<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = oneshot::channel();
        let command = Box::new(move |state: &mut State, context: &mut Context<'_>| {
            let result = command(state, context);
            Box::new(move |failed: Option<&StoreError>| {
                // Whoever does not wait any more needs no answer.
                let _ = sender.send(failed.map_or(result, |error| Err(error.clone())));
            }) as Answer
        });
        let sent = self.commands.send(Message::Execute(command)).await;
        let answer = match sent {
            Ok(()) => receiver.await.ok(),
            Err(_) => None,
        };
        answer.unwrap_or_else(|| Err(self.shared.health.check().err().unwrap_or_else(closed)))
    }

    /// Commits what has come so far, and ends the writer.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        let (sender, receiver) = oneshot::channel();
        if self.commands.send(Message::Close(sender)).await.is_err() {
            return Ok(());
        }
        receiver.await.unwrap_or_else(|_| self.shared.health.check())
    }
}

struct Thread {
    state: State,
    kv: Arc<dyn Kv>,
    log: Box<dyn Log>,
    inbox: mpsc::Receiver<Message>,
    shared: Arc<Shared>,
}

impl Thread {
    fn run(mut self) {
        while let Some(first) = self.inbox.blocking_recv() {
            let mut answers = Vec::new();
            let done = catch_unwind(AssertUnwindSafe(|| self.group(first, &mut answers)));
            let (committed, closing) =
                done.unwrap_or_else(|panic| (Err(from_panic(&*panic)), None));
            for answer in answers {
                answer(committed.as_ref().err());
            }
            if let Some(closing) = closing {
                let ended = committed.and_then(|()| self.log.close());
                self.end(ended.clone().err().unwrap_or_else(closed));
                let _ = closing.send(ended);
                return;
            }
            if let Err(error) = committed {
                tracing::error!(%error, "the store has ended");
                return self.end(error);
            }
        }
        // Everybody has let go of the store.
        if let Err(error) = self.log.close() {
            tracing::error!(%error, "the store could not be closed in an orderly way");
        }
    }

    /// Executes the commands that are waiting, and commits what they did.
    fn group(
        &mut self,
        first: Message,
        answers: &mut Vec<Answer>,
    ) -> (Result<(), StoreError>, Option<Closing>) {
        let mut next = Some(first);
        let mut closing = None;
        while let Some(message) = next {
            match message {
                Message::Execute(command) => {
                    let mut context = Context {
                        log: &mut *self.log,
                        work: &self.shared.work,
                        due: &self.shared.due,
                    };
                    answers.push(command(&mut self.state, &mut context));
                }
                Message::Close(sender) => {
                    closing = Some(sender);
                    break;
                }
            }
            let full = answers.len() >= GROUP_MAX || self.state.group_bytes() >= GROUP_BYTES_MAX;
            next = if full { None } else { self.inbox.try_recv().ok() };
        }
        (self.commit(), closing)
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        let group = self.state.take_group();
        if !group.batch.is_empty() {
            let lsn = self.log.append(&group.batch)?;
            self.kv.apply(&group.batch, lsn)?;
            self.log.applied(lsn);
        }
        self.shared.watchers.changed(&group.changed);
        if group.work_came {
            self.shared.work.raise();
        }
        if group.due_changed {
            self.shared.due.raise();
        }
        Ok(())
    }

    fn end(mut self, error: StoreError) {
        self.shared.health.end(error);
        self.shared.watchers.all_changed();
        self.shared.work.release();
        self.shared.due.release();
        // Whoever is still in line is answered by the senders' being dropped.
        self.inbox.close();
        while self.inbox.try_recv().is_ok() {}
    }
}

fn from_panic(panic: &(dyn Any + Send)) -> StoreError {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    StoreError::Io(format!("the storage panicked: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blobs::MemoryBlobs;
    use crate::kv::MemoryKv;
    use crate::state::load::Miscount;
    use errand_core::{DocChange, DocKind};
    use serde_json::json;

    /// A disk that fails at the third write.
    struct Failing {
        writes: u32,
        error: StoreError,
    }

    impl Log for Failing {
        fn append(&mut self, _batch: &Batch) -> Result<u64, StoreError> {
            self.writes += 1;
            if self.writes < 3 { Ok(self.writes.into()) } else { Err(self.error.clone()) }
        }

        fn has_room(&mut self) -> bool {
            true
        }

        fn applied(&mut self, _lsn: u64) {}

        fn close(&mut self) -> Result<(), StoreError> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_failed_write_is_not_acknowledged_and_ends_the_store() {
        for error in [StoreError::Io("the disk is on fire".into()), StoreError::NoSpace] {
            let kv = Arc::new(MemoryKv::default());
            let blobs = Arc::new(MemoryBlobs::default());
            let state = State::load(kv.clone(), blobs, 10, Miscount::Refuse).unwrap();
            let log = Failing { writes: 0, error: error.clone() };
            let writer = Writer::start(state, kv.clone(), Box::new(log)).unwrap();
            let put = |n: u32| {
                let writer = writer.clone();
                async move {
                    let key = n.to_string();
                    let command = move |state: &mut State, _: &mut Context<'_>| {
                        state.put_doc(DocChange {
                            kind: DocKind::Queue,
                            key,
                            expected: None,
                            value: Some(json!(n)),
                        })
                    };
                    writer.execute(command).await
                }
            };
            put(1).await.unwrap();
            put(2).await.unwrap();
            for n in 3..6 {
                let failed = put(n).await.unwrap_err();
                assert_eq!(failed.to_string(), error.to_string());
            }
            assert_eq!(writer.shared.health.closed().await.to_string(), error.to_string());
            assert!(writer.shared.health.check().is_err());
            writer.shared.work.raised().await;
            let key = crate::codec::keys::doc(DocKind::Queue, "3");
            let stored = crate::kv::Read::get(&*kv, &key).unwrap();
            assert!(stored.is_none(), "readers never see what is not durable");
        }
    }
}
