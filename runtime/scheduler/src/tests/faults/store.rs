//! A store that fails at one write, alone or together with the process that uses it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use errand_core::{
    Append, Artifact, BoxFuture, Checkpoint, Claim, Claims, CollectedBlobs, ContextEntry,
    ContextId, Digest, Doc, DocKind, Due, Epoch, Event, ExpiredPage, ExpiredQuery, HeldLease,
    JournalEntry, ListFilter, ListQuery, Namespace, NewTask, Page, QueueDepth, Status, Store,
    StoreError, Submitted, Task, TaskId, UnixMillis, WorkerId,
};
use errand_store::MemoryStore;
use serde_json::Value;
use tokio::sync::watch;

/// What happens at the write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tests) enum Fault {
    /// It is not done, and answers so.
    Error,
    /// It is not done, and the process is gone.
    CrashBefore,
    /// It is done, nobody hears of it, and the process is gone.
    CrashAfter,
}

/// Which write fails, counted from 1 over all processes that use the store one after the other.
pub(in crate::tests) struct Plan {
    fault: Fault,
    at: u64,
    writes: AtomicU64,
    /// Changes that will find that somebody else came first.
    contended: AtomicU64,
}

impl Plan {
    pub(super) fn new(fault: Fault, at: u64) -> Arc<Self> {
        let (writes, contended) = (AtomicU64::new(0), AtomicU64::new(0));
        Arc::new(Self { fault, at, writes, contended })
    }

    /// One by which every write is done.
    pub(in crate::tests) fn without_faults() -> Arc<Self> {
        Self::new(Fault::Error, u64::MAX)
    }

    /// Lets the next changes of tasks and documents come second.
    pub(in crate::tests) fn contend(&self, changes: u64) {
        self.contended.store(changes, Ordering::SeqCst);
    }

    fn comes_second(&self) -> bool {
        let less = |left: u64| left.checked_sub(1);
        self.contended.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok()
    }

    /// Tells whether the write came to pass that is to fail.
    pub(super) fn came_to_pass(&self) -> bool {
        self.writes.load(Ordering::SeqCst) >= self.at
    }

    fn next(&self) -> Option<Fault> {
        let number = self.writes.fetch_add(1, Ordering::SeqCst) + 1;
        (number == self.at).then_some(self.fault)
    }
}

/// The store as one process sees it.
pub(in crate::tests) struct FaultyStore {
    inner: Arc<MemoryStore>,
    plan: Arc<Plan>,
    /// What waited when the process began, by when it is due: a store that is opened again hands it out,
    /// which the one in memory would not if an earlier process had taken it.
    waiting: Mutex<Vec<(UnixMillis, TaskId)>>,
    is_dead: watch::Sender<bool>,
}

impl FaultyStore {
    pub(in crate::tests) async fn open(inner: Arc<MemoryStore>, plan: Arc<Plan>) -> Self {
        let filter = ListFilter { status: Some(Status::Waiting), ..ListFilter::default() };
        let query = ListQuery { namespace: None, filter, before: None, limit: 100 };
        let waiting = inner.list(query).await.expect("it can be read").items;
        let waiting = waiting.iter().filter_map(|task| Some((task.wait_until?, task.id)));
        let waiting = Mutex::new(waiting.collect());
        Self { inner, plan, waiting, is_dead: watch::Sender::new(false) }
    }

    /// Answers when the process is gone.
    pub(super) async fn died(&self) {
        let mut is_dead = self.is_dead.subscribe();
        is_dead.wait_for(|dead| *dead).await.expect("the sender is there");
    }

    pub(super) fn is_dead(&self) -> bool {
        *self.is_dead.borrow()
    }

    /// Makes everything fail from now on.
    pub(super) fn die(&self) {
        self.is_dead.send_replace(true);
    }

    fn check(&self) -> Result<(), StoreError> {
        if self.is_dead() { Err(failure()) } else { Ok(()) }
    }

    fn write<'a, T: 'a>(
        &'a self,
        write: BoxFuture<'a, Result<T, StoreError>>,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        Box::pin(async move {
            self.check()?;
            let fault = self.plan.next();
            match fault {
                Some(Fault::Error) => return Err(failure()),
                Some(Fault::CrashBefore) => self.die(),
                Some(Fault::CrashAfter) => {
                    let _ = write.await;
                    self.die();
                }
                None => {
                    let done = write.await;
                    return self.check().and(done);
                }
            }
            Err(failure())
        })
    }

    fn change<'a, T: Send + 'a>(
        &'a self,
        change: BoxFuture<'a, Result<T, StoreError>>,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        match self.plan.comes_second() {
            true => Box::pin(std::future::ready(Err(StoreError::Conflict))),
            false => self.write(change),
        }
    }

    fn read<'a, T: 'a>(
        &'a self,
        read: BoxFuture<'a, Result<T, StoreError>>,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        Box::pin(async move {
            self.check()?;
            let answer = read.await;
            self.check().and(answer)
        })
    }
}

fn failure() -> StoreError {
    StoreError::Io("the test lets this fail".into())
}

impl Store for FaultyStore {
    fn submit(&self, tasks: Vec<NewTask>) -> BoxFuture<'_, Result<Vec<Submitted>, StoreError>> {
        self.write(self.inner.submit(tasks))
    }

    fn append(&self, append: Append) -> BoxFuture<'_, Result<Task, StoreError>> {
        self.change(self.inner.append(append))
    }

    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Claims, StoreError>> {
        self.write(self.inner.claim(claim))
    }

    fn renew(
        &self,
        worker: WorkerId,
        held: Vec<(TaskId, Epoch)>,
        until: UnixMillis,
    ) -> BoxFuture<'_, Result<Vec<TaskId>, StoreError>> {
        self.write(self.inner.renew(worker, held, until))
    }

    fn release(&self, task: TaskId, epoch: Epoch) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(self.inner.release(task, epoch))
    }

    fn delete(&self, id: TaskId, version: u64) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(self.inner.delete(id, version))
    }

    fn put_doc(
        &self,
        kind: DocKind,
        key: String,
        expected: Option<u64>,
        value: Option<Value>,
    ) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.change(self.inner.put_doc(kind, key, expected, value))
    }

    fn take_due(&self, now: UnixMillis, max: usize) -> BoxFuture<'_, Result<Due, StoreError>> {
        Box::pin(async move {
            let mut due = self.read(self.inner.take_due(now, max)).await?;
            let mut waiting = self.waiting.lock().unwrap();
            for (_, id) in waiting.extract_if(.., |(until, _)| *until <= now) {
                if !due.items.contains(&id) {
                    due.items.push(id);
                }
            }
            due.next = due.next.into_iter().chain(waiting.iter().map(|(until, _)| *until)).min();
            Ok(due)
        })
    }

    fn leases(&self) -> BoxFuture<'_, Result<Vec<HeldLease>, StoreError>> {
        self.read(self.inner.leases())
    }

    fn claimable(&self) -> BoxFuture<'_, ()> {
        self.inner.claimable()
    }

    fn due_changed(&self) -> BoxFuture<'_, ()> {
        self.inner.due_changed()
    }

    fn journal(&self, id: TaskId) -> BoxFuture<'_, Result<Vec<JournalEntry>, StoreError>> {
        self.read(self.inner.journal(id))
    }

    fn checkpoint(&self, id: TaskId) -> BoxFuture<'_, Result<Option<Checkpoint>, StoreError>> {
        self.read(self.inner.checkpoint(id))
    }

    fn task(&self, id: TaskId) -> BoxFuture<'_, Result<Option<Task>, StoreError>> {
        self.read(self.inner.task(id))
    }

    fn events(
        &self,
        id: TaskId,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Event>, StoreError>> {
        self.read(self.inner.events(id, after, limit))
    }

    fn changed(&self, id: TaskId, after: u64) -> BoxFuture<'_, Result<(), StoreError>> {
        self.read(self.inner.changed(id, after))
    }

    fn artifacts(&self, id: TaskId) -> BoxFuture<'_, Result<Vec<Artifact>, StoreError>> {
        self.read(self.inner.artifacts(id))
    }

    fn list(&self, query: ListQuery) -> BoxFuture<'_, Result<Page, StoreError>> {
        self.read(self.inner.list(query))
    }

    fn depth(&self, namespace: Option<Namespace>) -> BoxFuture<'_, Result<QueueDepth, StoreError>> {
        self.read(self.inner.depth(namespace))
    }

    fn doc(&self, kind: DocKind, key: String) -> BoxFuture<'_, Result<Option<Doc>, StoreError>> {
        self.read(self.inner.doc(kind, key))
    }

    fn docs(
        &self,
        kind: DocKind,
        prefix: String,
    ) -> BoxFuture<'_, Result<Vec<(String, Doc)>, StoreError>> {
        self.read(self.inner.docs(kind, prefix))
    }

    fn context_log(
        &self,
        namespace: Namespace,
        context: ContextId,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<ContextEntry>, StoreError>> {
        self.read(self.inner.context_log(namespace, context, after, limit))
    }

    fn context_changed(
        &self,
        namespace: Namespace,
        context: ContextId,
        after: u64,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        self.read(self.inner.context_changed(namespace, context, after))
    }

    fn docs_page(
        &self,
        kind: DocKind,
        prefix: String,
        after: Option<String>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<(String, Doc)>, StoreError>> {
        self.read(self.inner.docs_page(kind, prefix, after, limit))
    }

    fn check_room(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.read(self.inner.check_room())
    }

    fn expired(&self, query: ExpiredQuery) -> BoxFuture<'_, Result<ExpiredPage, StoreError>> {
        self.read(self.inner.expired(query))
    }

    fn without_task(&self, blobs: Vec<Digest>) -> BoxFuture<'_, Result<Vec<Digest>, StoreError>> {
        self.read(self.inner.without_task(blobs))
    }

    fn collect_blobs(
        &self,
        unused_since: UnixMillis,
    ) -> BoxFuture<'_, Result<CollectedBlobs, StoreError>> {
        self.read(self.inner.collect_blobs(unused_since))
    }
}
