//! What clients asked for, and what they were told: the servers' promises, kept outside of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use errand_core::{Status, TaskId};

use super::plan::Plan;

/// All that was asked for.
#[derive(Default)]
pub(super) struct Ledger(Mutex<Book>);

/// Its pages.
#[derive(Default, Clone)]
pub(super) struct Book {
    /// By idempotency key, which each task has as a label too.
    pub(super) tasks: BTreeMap<String, Known>,
    /// Keys that were submitted together.
    pub(super) batches: Vec<Vec<String>>,
    /// Executors that were acknowledged.
    pub(super) executors: Vec<String>,
    /// Blobs that were acknowledged.
    pub(super) blobs: Vec<String>,
    /// How many tasks had not ended when somebody last looked.
    pub(super) open: usize,
}

/// What is known of one task.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) plan: Arc<Plan>,
    /// Its id, once it is acknowledged.
    pub(super) id: Option<TaskId>,
    /// The last event that a client saw.
    pub(super) version: u64,
    /// The last attempt and status that a client saw.
    pub(super) seen: Option<(u64, Status)>,
    pub(super) retries: Asked,
    pub(super) cancels: Asked,
    pub(super) delete: Asked,
}

/// How often something was asked for, and how often that is known to have been done.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Asked {
    pub(super) sent: usize,
    pub(super) done: usize,
}

impl Known {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            plan: Arc::new(plan),
            id: None,
            version: 0,
            seen: None,
            retries: Asked::default(),
            cancels: Asked::default(),
            delete: Asked::default(),
        }
    }
}

impl Ledger {
    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().expect("nobody panics with it")
    }

    /// Changes what is known of a task.
    pub(super) fn note<T>(&self, key: &str, change: impl FnOnce(&mut Known) -> T) -> T {
        change(self.book().tasks.get_mut(key).expect("a key of ours"))
    }
}
