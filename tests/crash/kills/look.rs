//! What a killed server left in its store, held against what clients were told.
//!
//! Looks at a copy: the next server is to find what the killed one left, not what a look mended.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use errand_core::{DocKind, Event, ListFilter, ListQuery, Store, StoreError, Task, TaskId};
use errand_store::{SledOptions, SledStore, Syncing, Trust};

use super::ledger::{Book, Known};
use super::log;

/// Tasks that are read at once.
const PAGE: usize = 500;

/// What a look came to.
#[derive(Default)]
pub(super) struct Found {
    pub(super) tasks: usize,
    /// Tasks that have not ended.
    pub(super) open: usize,
    /// What was acknowledged and is not there.
    pub(super) lost: usize,
    /// What is there twice.
    pub(super) doubled: usize,
    /// Tasks that ended because their worker died too often.
    pub(super) given_up: usize,
    /// All that is wrong.
    pub(super) problems: Vec<String>,
}

/// Opens a copy of a store, believing its index or not, and looks through it.
pub(super) fn look(store: &Path, trust: Trust, book: &Book) -> Found {
    let copy = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let copy = copy.expect("a temporary directory");
    copy_all(store, copy.path());
    let options =
        SledOptions { reserve_bytes: 0, syncing: Syncing::Never, trust, ..SledOptions::default() };
    let store = SledStore::open(copy.path(), options).expect("what a killed server leaves opens");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(Found::of(&store, book)).expect("the store can be read")
}

impl Found {
    async fn of(store: &SledStore, book: &Book) -> Result<Self, StoreError> {
        let mut found = Self::default();
        let stored = all_tasks(store).await?;
        let mut by_key: HashMap<&str, Vec<&Task>> = HashMap::new();
        for task in &stored {
            match task.labels.get("key").filter(|key| book.tasks.contains_key(*key)) {
                Some(key) => by_key.entry(key).or_default().push(task),
                None => found.problem(format!("nobody asked for {}", task.id)),
            }
        }
        for (key, known) in &book.tasks {
            let tasks = by_key.get(key.as_str()).map_or(&[][..], Vec::as_slice);
            found.count(key, known, tasks);
            if let [task] = tasks {
                let events = store.events(task.id, 0, usize::MAX).await?;
                found.read(key, known, task, &events);
            }
        }
        for batch in &book.batches {
            let there = |key: &&String| {
                by_key.contains_key(key.as_str()) || book.tasks[*key].delete.sent > 0
            };
            let count = batch.iter().filter(there).count();
            if count != 0 && count != batch.len() {
                found.problem(format!("{count} of the batch {batch:?} are there"));
            }
        }
        found.documents(store, DocKind::Executor, &book.executors).await?;
        found.documents(store, DocKind::Blob, &book.blobs).await?;
        for finding in store.verify().await? {
            found.problem(format!("{}: {}", finding.what, finding.problem));
        }
        Ok(found)
    }

    /// Counts the tasks of one key.
    fn count(&mut self, key: &str, known: &Known, tasks: &[&Task]) {
        self.tasks += tasks.len();
        self.open += tasks.iter().filter(|task| !task.status.is_terminal()).count();
        if tasks.len() > 1 {
            self.doubled += 1;
            self.problem(format!("{key} is there {} times", tasks.len()));
        }
        let there = |id: TaskId| tasks.iter().any(|task| task.id == id);
        if known.delete.done > 0 && !tasks.is_empty() {
            self.problem(format!("{key} was deleted and is there"));
        }
        if known.id.is_some_and(|id| !there(id)) && known.delete.sent == 0 {
            self.lost += 1;
            self.problem(format!("{key} was acknowledged as {:?} and is not there", known.id));
        }
    }

    fn read(&mut self, key: &str, known: &Known, task: &Task, events: &[Event]) {
        if !events.iter().map(|event| event.seq).eq(1..=task.version) {
            self.problem(format!("the log of {key} has a hole"));
        }
        match log::check(task.id, known, task, events) {
            Ok(outcome) => {
                self.given_up += usize::from(outcome.given_up);
                if outcome.doubled {
                    self.doubled += 1;
                    self.problem(format!("{key} has two results"));
                }
            }
            Err(what) => {
                let log: Vec<_> = events.iter().map(|event| format!("\n  {event:?}")).collect();
                self.problem(format!("{key} ({}): {what}{}", task.id, log.concat()));
            }
        }
    }

    /// Looks for what was uploaded.
    async fn documents(
        &mut self,
        store: &SledStore,
        kind: DocKind,
        names: &[String],
    ) -> Result<(), StoreError> {
        let found = store.docs(kind, String::new()).await?;
        let there: BTreeSet<&str> =
            found.iter().filter_map(|(key, _)| key.rsplit('/').next()).collect();
        for name in names.iter().filter(|name| !there.contains(name.as_str())) {
            self.lost += 1;
            self.problem(format!("{} {name} was acknowledged and is not there", kind.as_str()));
        }
        Ok(())
    }

    fn problem(&mut self, what: String) {
        self.problems.push(what);
    }
}

async fn all_tasks(store: &SledStore) -> Result<Vec<Task>, StoreError> {
    let mut query =
        ListQuery { namespace: None, filter: ListFilter::default(), before: None, limit: PAGE };
    let mut tasks = Vec::new();
    loop {
        let page = store.list(query.clone()).await?;
        tasks.extend(page.items);
        match page.next {
            Some(next) => query.before = Some(next),
            None => return Ok(tasks),
        }
    }
}

fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory can be made");
    for entry in std::fs::read_dir(from).expect("it can be listed") {
        let entry = entry.expect("it can be listed");
        let target = to.join(entry.file_name());
        match entry.file_type().expect("it has a type").is_dir() {
            true => copy_all(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).expect("it can be copied")),
        }
    }
}
