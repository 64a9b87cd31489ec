//! Trees of tasks: how deep they may be, how many tasks may be in one, and how much fuel together.
//!
//! What a tree has used is counted in memory once somebody adds to it; a process that has not counted yet
//! walks the tree.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use errand_core::{CallError, Lineage, Task, TaskId};

use super::{Service, ServiceError};

/// What bounds the tree under a task that nobody started.
#[derive(Debug, Clone, Copy)]
pub struct TreeBounds {
    /// Tasks in it, those that have ended included.
    pub tasks: u64,
    /// How many tasks are above another at most.
    pub depth: u32,
    /// The fuel that all of them may use together.
    pub fuel: u64,
}

impl Default for TreeBounds {
    fn default() -> Self {
        Self { tasks: 10_000, depth: 16, fuel: 100_000_000_000_000_000 }
    }
}

/// Trees whose use is kept at most; that of others is counted again when it is asked for.
const MOST_KEPT: usize = 4_096;

/// What the trees that grow have used.
#[derive(Default)]
pub(crate) struct Trees(Mutex<HashMap<TaskId, TreeUse>>);

#[derive(Debug, Clone, Copy)]
struct TreeUse {
    tasks: u64,
    fuel: u64,
}

impl Trees {
    fn lock(&self) -> MutexGuard<'_, HashMap<TaskId, TreeUse>> {
        self.0.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

impl Service {
    /// Finds a place for a child in the tree of its parent, and takes the child's fuel out of what that
    /// may use. The inner error names the bound that would be exceeded.
    pub(super) async fn place_in_tree(
        &self,
        parent: &Task,
        fuel: u64,
    ) -> Result<Result<Lineage, CallError>, ServiceError> {
        let bounds = self.0.settings.tree;
        let limit = |name: &str, value| Ok(Err(CallError::Limit { name: name.into(), value }));
        let (root, depth) = match &parent.lineage {
            Some(lineage) => (lineage.root, lineage.depth + 1),
            None => (parent.id, 1),
        };
        if depth > bounds.depth {
            return limit("tree_depth", bounds.depth.into());
        }
        let known = self.0.trees.lock().contains_key(&root);
        let counted = if known { None } else { Some(self.count_tree(root).await?) };
        let mut trees = self.0.trees.lock();
        if let Some(counted) = counted {
            if trees.len() >= MOST_KEPT
                && let Some(oldest) = trees.keys().min().copied()
            {
                trees.remove(&oldest);
            }
            trees.entry(root).or_insert(counted);
        }
        let used = trees.entry(root).or_insert(TreeUse { tasks: 1, fuel: 0 });
        if used.tasks >= bounds.tasks {
            return limit("tree_tasks", bounds.tasks);
        }
        let together = used.fuel.saturating_add(fuel);
        if together > bounds.fuel {
            return limit("tree_fuel", bounds.fuel);
        }
        *used = TreeUse { tasks: used.tasks + 1, fuel: together };
        Ok(Ok(Lineage { root, depth, number: None, name: None, fuel_from_parent: false }))
    }

    async fn count_tree(&self, root: TaskId) -> Result<TreeUse, ServiceError> {
        let most = usize::try_from(self.0.settings.tree.tasks).unwrap_or(usize::MAX);
        let Some(root) = self.store().task(root).await? else {
            return Ok(TreeUse { tasks: 1, fuel: 0 });
        };
        let (tasks, _) = self.descend(root, most).await?;
        let fuel = tasks.iter().fold(0_u64, |sum, task| sum.saturating_add(task.limits.fuel));
        Ok(TreeUse { tasks: tasks.len() as u64, fuel })
    }
}
