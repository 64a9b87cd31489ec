//! `core::Store` for a store of one process: one writer, any key-value store under it.

use std::sync::Arc;

use errand_core::{
    Answer, Append, Artifact, BoxFuture, Checkpoint, Claim, Claimed, Claims, CollectedBlobs,
    ContextEntry, ContextId, Digest, Doc, DocChange, DocKind, Due, Epoch, Event, ExpiredPage,
    ExpiredQuery, HeldLease, JournalEntry, ListQuery, Namespace, NewTask, Page, QueueDepth, Store,
    StoreError, Submitted, Task, TaskId, UnixMillis, WorkerId,
};
use serde_json::Value;

use crate::blobs::off_thread;
use crate::codec::keys;
use crate::read::View;
use crate::state::{Accepted, PreparedAppend, PreparedTask};
use crate::writer::Writer;

/// From this size on a request is encoded away from the threads that run tasks: it may write blobs.
const LARGE_BYTES: usize = 16 << 10;

/// How soon a worker is told to come back where the disk has no room for what a task may write.
const NO_ROOM_RETRY_MS: u64 = 1_000;

/// The store of one process.
pub(crate) struct Embedded {
    pub(crate) view: View,
    pub(crate) writer: Writer,
}

impl Embedded {
    /// Reads on this thread.
    fn read<T>(&self, read: impl FnOnce(&View) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.writer.shared.health.check()?;
        read(&self.view)
    }

    /// Reads on a thread that may block.
    async fn read_much<T: Send + 'static>(
        &self,
        read: impl FnOnce(&View) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.shared.health.check()?;
        let view = self.view.clone();
        off_thread(move || read(&view)).await
    }

    async fn task_now(&self, id: TaskId) -> Result<Option<Task>, StoreError> {
        if self.read(|view| view.task_is_large(id))? {
            return self.read_much(move |view| view.task(id)).await;
        }
        self.read(|view| view.task(id))
    }
}

impl Store for Embedded {
    fn submit(&self, tasks: Vec<NewTask>) -> BoxFuture<'_, Result<Vec<Submitted>, StoreError>> {
        Box::pin(async move {
            let blobs = self.view.blobs.clone();
            let small = tasks.len() <= 4 && tasks.iter().all(|task| is_small(&task.submitted));
            let prepare = move || -> Result<Vec<PreparedTask>, StoreError> {
                tasks.into_iter().map(|task| PreparedTask::new(task, &*blobs)).collect()
            };
            let prepared = if small {
                prepare()
            } else {
                // Encoding may write blobs, which would take room though the tasks are refused.
                self.check_room().await?;
                off_thread(prepare).await
            }?;
            let accepted = self.writer.execute(move |state, context| {
                context.check_room()?;
                state.submit(prepared)
            });
            let mut submitted = Vec::new();
            for accepted in accepted.await? {
                submitted.push(match accepted {
                    Accepted::Created(task) => Submitted::Created(*task),
                    Accepted::Existing(id) => Submitted::Existing(
                        // Deleted right after: as good as never there.
                        self.task_now(id).await?.ok_or(StoreError::NotFound(id))?,
                    ),
                });
            }
            Ok(submitted)
        })
    }

    fn append(&self, append: Append) -> BoxFuture<'_, Result<Task, StoreError>> {
        Box::pin(async move {
            let blobs = self.view.blobs.clone();
            let small = append.drafts.len() <= 16
                && append.entries.len() <= 16
                && append.entries.iter().all(entry_is_small)
                && append.tasks.len() <= 16
                && append.tasks.iter().all(|task| body_is_small(&task.submitted.body))
                && append.docs.iter().all(doc_is_small)
                && append.checkpoint.as_ref().is_none_or(checkpoint_is_small)
                && append.drafts.iter().all(|draft| body_is_small(&draft.body));
            let prepare = move || PreparedAppend::new(append, &*blobs);
            let prepared = if small { prepare() } else { off_thread(prepare).await }?;
            self.writer.execute(move |state, _| state.append(prepared)).await
        })
    }

    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Claims, StoreError>> {
        Box::pin(async move {
            let look_again = claim.now.plus_ms(NO_ROOM_RETRY_MS);
            let taken = self.writer.execute(move |state, context| {
                if context.check_room().is_err() {
                    context.claimed(false);
                    return Ok(None);
                }
                let taken = state.claim(&claim);
                context.claimed(state.has_ready());
                Ok(Some(taken))
            });
            let Some(taken) = taken.await? else {
                return Ok(Claims { items: Vec::new(), next_due: Some(look_again) });
            };
            let mut claims = Claims { items: Vec::new(), next_due: taken.next_due };
            for given in taken.items {
                let id = given.task.id;
                let input = match given.input {
                    Some(input) => input,
                    None => match self.read_much(move |view| view.input(id)).await {
                        Ok(input) => input,
                        Err(error) => {
                            tracing::error!(task = %id, %error, "the input of a task can't be read");
                            continue;
                        }
                    },
                };
                let (task, epoch, attempt_start) = (given.task, given.epoch, given.attempt_start);
                claims.items.push(Claimed { task, input, epoch, attempt_start });
            }
            Ok(claims)
        })
    }

    fn renew(
        &self,
        worker: WorkerId,
        held: Vec<(TaskId, Epoch)>,
        until: UnixMillis,
    ) -> BoxFuture<'_, Result<Vec<TaskId>, StoreError>> {
        Box::pin(self.writer.execute(move |state, _| Ok(state.renew(&worker, held, until))))
    }

    fn release(&self, task: TaskId, epoch: Epoch) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.writer.execute(move |state, _| state.release(task, epoch)))
    }

    fn leases(&self) -> BoxFuture<'_, Result<Vec<HeldLease>, StoreError>> {
        Box::pin(self.writer.execute(|state, _| Ok(state.leases())))
    }

    fn claimable(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.writer.shared.work.raised())
    }

    fn take_due(&self, now: UnixMillis, max: usize) -> BoxFuture<'_, Result<Due, StoreError>> {
        Box::pin(self.writer.execute(move |state, context| {
            context.looked_for_due();
            Ok(state.take_due(now, max))
        }))
    }

    fn due_changed(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.writer.shared.due.raised())
    }

    fn journal(&self, id: TaskId) -> BoxFuture<'_, Result<Vec<JournalEntry>, StoreError>> {
        Box::pin(
            self.read_much(move |view| crate::codec::journal::read(&*view.kv, &*view.blobs, id)),
        )
    }

    fn checkpoint(&self, id: TaskId) -> BoxFuture<'_, Result<Option<Checkpoint>, StoreError>> {
        Box::pin(
            self.read_much(move |view| crate::codec::checkpoint::read(&*view.kv, &*view.blobs, id)),
        )
    }

    fn task(&self, id: TaskId) -> BoxFuture<'_, Result<Option<Task>, StoreError>> {
        Box::pin(self.task_now(id))
    }

    fn events(
        &self,
        id: TaskId,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Event>, StoreError>> {
        Box::pin(self.read_much(move |view| view.events(id, after, limit)))
    }

    fn changed(&self, id: TaskId, after: u64) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let changed = || {
                let version = self.read(|view| view.version(id))?;
                Ok(version.is_none_or(|version| version > after))
            };
            self.writer.shared.watchers.until(id, changed).await
        })
    }

    fn context_log(
        &self,
        namespace: Namespace,
        context: ContextId,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<ContextEntry>, StoreError>> {
        Box::pin(self.read_much(move |view| view.context_log(&namespace, &context, after, limit)))
    }

    fn context_changed(
        &self,
        namespace: Namespace,
        context: ContextId,
        after: u64,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let watch = keys::context_watch(&keys::context_log(&namespace, &context));
            let changed = || {
                let next = self.read(|view| view.context_log(&namespace, &context, after, 1))?;
                Ok(!next.is_empty())
            };
            self.writer.shared.watchers.until(watch, changed).await
        })
    }

    fn artifacts(&self, id: TaskId) -> BoxFuture<'_, Result<Vec<Artifact>, StoreError>> {
        Box::pin(self.read_much(move |view| view.artifacts(id)))
    }

    fn list(&self, query: ListQuery) -> BoxFuture<'_, Result<Page, StoreError>> {
        Box::pin(self.read_much(move |view| view.list(&query)))
    }

    fn depth(&self, namespace: Option<Namespace>) -> BoxFuture<'_, Result<QueueDepth, StoreError>> {
        Box::pin(async move { self.read(|view| view.depth(namespace.as_ref())) })
    }

    fn delete(&self, id: TaskId, version: u64) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.writer.execute(move |state, _| state.delete(id, version)))
    }

    fn doc(&self, kind: DocKind, key: String) -> BoxFuture<'_, Result<Option<Doc>, StoreError>> {
        Box::pin(async move { self.read(|view| view.doc(kind, &key)) })
    }

    fn docs(
        &self,
        kind: DocKind,
        prefix: String,
    ) -> BoxFuture<'_, Result<Vec<(String, Doc)>, StoreError>> {
        Box::pin(self.read_much(move |view| view.docs(kind, &prefix, None, usize::MAX)))
    }

    fn docs_page(
        &self,
        kind: DocKind,
        prefix: String,
        after: Option<String>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<(String, Doc)>, StoreError>> {
        Box::pin(self.read_much(move |view| view.docs(kind, &prefix, after.as_deref(), limit)))
    }

    fn put_doc(
        &self,
        kind: DocKind,
        key: String,
        expected: Option<u64>,
        value: Option<Value>,
    ) -> BoxFuture<'_, Result<u64, StoreError>> {
        let change = DocChange { kind, key, expected, value };
        Box::pin(self.writer.execute(move |state, _| state.put_doc(change)))
    }

    fn check_room(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.writer.execute(|_, context| context.check_room()))
    }

    fn expired(&self, query: ExpiredQuery) -> BoxFuture<'_, Result<ExpiredPage, StoreError>> {
        Box::pin(self.read_much(move |view| view.expired(&query)))
    }

    fn without_task(&self, blobs: Vec<Digest>) -> BoxFuture<'_, Result<Vec<Digest>, StoreError>> {
        Box::pin(self.read_much(move |view| view.without_task(blobs)))
    }

    fn collect_blobs(
        &self,
        unused_since: UnixMillis,
    ) -> BoxFuture<'_, Result<CollectedBlobs, StoreError>> {
        Box::pin(self.read_much(move |view| view.collect_blobs(unused_since)))
    }
}

fn is_small(event: &Event) -> bool {
    body_is_small(&event.body)
}

fn entry_is_small(entry: &JournalEntry) -> bool {
    match &entry.answer {
        Answer::Awaited { .. } => true,
        Answer::Given(value) | Answer::Failed(value) => json_at_most(value, &mut { LARGE_BYTES }),
    }
}

/// Tells whether a checkpoint is certainly small: none of its lists is long.
fn checkpoint_is_small(checkpoint: &Checkpoint) -> bool {
    const FEW: usize = 64;
    let blobs = checkpoint.workspace.as_ref().map_or(0, |workspace| workspace.contents.len());
    checkpoint.state.len() <= LARGE_BYTES && blobs + checkpoint.published.paths.len() <= FEW
}

/// Tells whether a body is certainly small.
fn doc_is_small(doc: &DocChange) -> bool {
    doc.value.as_ref().is_none_or(|value| json_at_most(value, &mut { LARGE_BYTES }))
}

fn body_is_small(body: &errand_core::EventBody) -> bool {
    use errand_core::EventBody as E;
    let error_is_small = |error: &errand_core::TaskError| {
        error.detail.as_ref().is_none_or(|detail| json_at_most(detail, &mut { LARGE_BYTES }))
    };
    match body {
        E::Submitted(submission) => json_at_most(&submission.input, &mut { LARGE_BYTES }),
        E::Completed { output, .. } => json_at_most(output, &mut { LARGE_BYTES }),
        E::SignalReceived { payload, .. } => json_at_most(payload, &mut { LARGE_BYTES }),
        E::Emitted { data, .. } => json_at_most(data, &mut { LARGE_BYTES }),
        E::Log(line) => line.text.len() <= LARGE_BYTES,
        E::Failed { error, .. } | E::Cancelled { error } | E::RetryScheduled { error, .. } => {
            error_is_small(error)
        }
        _ => true,
    }
}

/// Tells whether a value takes up at most so many bytes, without going through more of it than that.
fn json_at_most(value: &Value, left: &mut usize) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => take(left, 8),
        Value::String(text) => take(left, text.len() + 2),
        Value::Array(items) => take(left, 2) && items.iter().all(|item| json_at_most(item, left)),
        Value::Object(fields) => {
            let mut field_fits = |(name, field): (&String, &Value)| {
                take(left, name.len()) && json_at_most(field, left)
            };
            fields.iter().all(&mut field_fits)
        }
    }
}

fn take(left: &mut usize, bytes: usize) -> bool {
    let enough = *left >= bytes;
    *left = left.saturating_sub(bytes);
    enough
}

/// Implements `core::Store` for a type that has one inside.
macro_rules! delegate_store {
    ($type:ty $(, $($more:tt)*)?) => {
        impl errand_core::Store for $type {
            delegate_store!(@ submit(tasks: Vec<errand_core::NewTask>) -> Vec<errand_core::Submitted>);
            delegate_store!(@ append(append: errand_core::Append) -> errand_core::Task);
            delegate_store!(@ claim(claim: errand_core::Claim) -> errand_core::Claims);
            delegate_store!(@ renew(
                worker: errand_core::WorkerId,
                held: Vec<(errand_core::TaskId, errand_core::Epoch)>,
                until: errand_core::UnixMillis
            ) -> Vec<errand_core::TaskId>);
            delegate_store!(@ release(task: errand_core::TaskId, epoch: errand_core::Epoch) -> ());
            delegate_store!(@ leases() -> Vec<errand_core::HeldLease>);
            fn claimable(&self) -> errand_core::BoxFuture<'_, ()> {
                self.embedded.claimable()
            }
            delegate_store!(@ take_due(
                now: errand_core::UnixMillis, max: usize
            ) -> errand_core::Due);
            fn due_changed(&self) -> errand_core::BoxFuture<'_, ()> {
                self.embedded.due_changed()
            }
            delegate_store!(@ journal(
                id: errand_core::TaskId
            ) -> Vec<errand_core::JournalEntry>);
            delegate_store!(@ checkpoint(
                id: errand_core::TaskId
            ) -> Option<errand_core::Checkpoint>);
            delegate_store!(@ task(id: errand_core::TaskId) -> Option<errand_core::Task>);
            delegate_store!(@ events(
                id: errand_core::TaskId, after: u64, limit: usize
            ) -> Vec<errand_core::Event>);
            delegate_store!(@ changed(id: errand_core::TaskId, after: u64) -> ());
            delegate_store!(@ artifacts(id: errand_core::TaskId) -> Vec<errand_core::Artifact>);
            delegate_store!(@ list(query: errand_core::ListQuery) -> errand_core::Page);
            delegate_store!(@ depth(
                namespace: Option<errand_core::Namespace>
            ) -> errand_core::QueueDepth);
            delegate_store!(@ delete(id: errand_core::TaskId, version: u64) -> ());
            delegate_store!(@ doc(
                kind: errand_core::DocKind, key: String
            ) -> Option<errand_core::Doc>);
            delegate_store!(@ docs(
                kind: errand_core::DocKind, prefix: String
            ) -> Vec<(String, errand_core::Doc)>);
            delegate_store!(@ context_log(
                namespace: errand_core::Namespace, context: errand_core::ContextId,
                after: u64, limit: usize
            ) -> Vec<errand_core::ContextEntry>);
            delegate_store!(@ context_changed(
                namespace: errand_core::Namespace, context: errand_core::ContextId, after: u64
            ) -> ());
            delegate_store!(@ docs_page(
                kind: errand_core::DocKind, prefix: String, after: Option<String>, limit: usize
            ) -> Vec<(String, errand_core::Doc)>);
            delegate_store!(@ put_doc(
                kind: errand_core::DocKind,
                key: String,
                expected: Option<u64>,
                value: Option<serde_json::Value>
            ) -> u64);
            delegate_store!(@ check_room() -> ());
            delegate_store!(@ expired(query: errand_core::ExpiredQuery) -> errand_core::ExpiredPage);
            delegate_store!(@ without_task(
                blobs: Vec<errand_core::Digest>
            ) -> Vec<errand_core::Digest>);
            delegate_store!(@ collect_blobs(
                unused_since: errand_core::UnixMillis
            ) -> errand_core::CollectedBlobs);
            $($($more)*)?
        }
    };
    (@ $name:ident($($argument:ident: $argument_type:ty),*) -> $answer:ty) => {
        fn $name(
            &self,
            $($argument: $argument_type),*
        ) -> errand_core::BoxFuture<'_, Result<$answer, errand_core::StoreError>> {
            self.embedded.$name($($argument),*)
        }
    };
}
pub(crate) use delegate_store;

/// Puts a store together.
pub(crate) fn assemble(
    state: crate::state::State,
    kv: Arc<dyn crate::kv::Kv>,
    blobs: Arc<dyn crate::blobs::BlobFiles>,
    log: Box<dyn crate::writer::Log>,
) -> Result<Embedded, StoreError> {
    let view = View { kv: kv.clone(), blobs, series: state.series() };
    Ok(Embedded { view, writer: Writer::start(state, kv, log)? })
}
