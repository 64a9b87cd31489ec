//! Which queued tasks can be claimed, and in which order: resuming first, then by priority, then by age.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use errand_core::{Status, Task, TaskId, UnixMillis};

/// A queued task's place in the queue, as the index keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) resuming: bool,
    pub(crate) priority: i32,
    pub(crate) not_before: Option<UnixMillis>,
}

impl Place {
    /// Returns the place of a task, if it is queued.
    pub(crate) fn of(task: &Task) -> Option<Self> {
        (task.status == Status::Queued).then_some(Self {
            resuming: task.resuming,
            priority: task.priority,
            not_before: task.not_before,
        })
    }

    /// Returns what the index stores.
    pub(crate) fn to_bytes(self) -> [u8; 13] {
        let mut bytes = [0; 13];
        bytes[0] = self.resuming.into();
        bytes[1..5].copy_from_slice(&self.priority.to_be_bytes());
        bytes[5..].copy_from_slice(&self.not_before.map_or(0, |at| at.0).to_be_bytes());
        bytes
    }

    /// Reads what the index stores.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes = <[u8; 13]>::try_from(bytes).ok()?;
        let not_before = u64::from_be_bytes(bytes[5..].try_into().ok()?);
        Some(Self {
            resuming: bytes[0] != 0,
            priority: i32::from_be_bytes(bytes[1..5].try_into().ok()?),
            not_before: (not_before > 0).then_some(UnixMillis(not_before)),
        })
    }

    fn rank(self, id: TaskId) -> Rank {
        Rank { fresh: !self.resuming, priority: Reverse(self.priority), id: id.to_bytes() }
    }
}

/// The order of claims. 24 bytes, as there may be millions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    fresh: bool,
    priority: Reverse<i32>,
    id: [u8; 16],
}

/// The tasks that are queued and not leased.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    ready: BTreeSet<Rank>,
    delayed: BTreeSet<(UnixMillis, Rank)>,
}

impl Queue {
    /// Puts a task in. Tells whether whoever waits for work should look.
    pub(crate) fn insert(&mut self, id: TaskId, place: Place) -> bool {
        let rank = place.rank(id);
        match place.not_before {
            None => self.ready.insert(rank),
            Some(at) => {
                self.delayed.insert((at, rank));
                self.next_due() == Some(at)
            }
        }
    }

    /// Takes a task out, if it is there.
    pub(crate) fn remove(&mut self, id: TaskId, place: Place) {
        let rank = place.rank(id);
        let was_delayed = place.not_before.is_some_and(|at| self.delayed.remove(&(at, rank)));
        if !was_delayed {
            self.ready.remove(&rank);
        }
    }

    /// Makes claimable what is due.
    pub(crate) fn advance(&mut self, now: UnixMillis) {
        while let Some(&(at, rank)) = self.delayed.first()
            && at <= now
        {
            self.delayed.pop_first();
            self.ready.insert(rank);
        }
    }

    /// Takes out the next task.
    pub(crate) fn pop(&mut self) -> Option<TaskId> {
        self.ready.pop_first().map(|rank| TaskId::from_bytes(rank.id))
    }

    /// Tells whether a task can be claimed.
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Returns when the next delayed task becomes claimable.
    pub(crate) fn next_due(&self) -> Option<UnixMillis> {
        self.delayed.first().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u64) -> TaskId {
        TaskId::from_parts(n, 0)
    }

    #[test]
    fn resuming_goes_before_priority_and_priority_before_age() {
        let mut queue = Queue::default();
        let place = |resuming, priority| Place { resuming, priority, not_before: None };
        queue.insert(id(1), place(false, 0));
        queue.insert(id(2), place(false, 5));
        queue.insert(id(3), place(true, -5));
        queue.insert(id(0), place(false, 0));
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(order, [3, 2, 0, 1].map(id));
    }

    #[test]
    fn a_delayed_task_is_claimable_when_due_and_can_be_taken_out_before_and_after() {
        let mut queue = Queue::default();
        let place = |at| Place { resuming: false, priority: 0, not_before: Some(UnixMillis(at)) };
        assert!(queue.insert(id(1), place(20)));
        assert!(queue.insert(id(2), place(10)), "it is due before the others");
        assert!(!queue.insert(id(3), place(30)));
        assert_eq!(queue.next_due(), Some(UnixMillis(10)));
        queue.advance(UnixMillis(20));
        queue.remove(id(2), place(10));
        queue.remove(id(3), place(30));
        assert_eq!(queue.pop(), Some(id(1)));
        assert_eq!((queue.pop(), queue.next_due()), (None, None));
    }
}
