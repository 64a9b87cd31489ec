//! Which waiting tasks go on at which moment.

use std::collections::BTreeSet;

use errand_core::{Due, TaskId, UnixMillis};

use super::State;

/// The waiting tasks that wait until some moment at the latest, and were not handed out yet.
#[derive(Debug, Default)]
pub(crate) struct Waits(BTreeSet<(UnixMillis, [u8; 16])>);

impl Waits {
    /// Puts a task in. Tells whether it is the next one due.
    pub(crate) fn insert(&mut self, id: TaskId, until: UnixMillis) -> bool {
        self.0.insert((until, id.to_bytes()));
        self.0.first() == Some(&(until, id.to_bytes()))
    }

    /// Takes a task out, if it is there.
    pub(crate) fn remove(&mut self, id: TaskId, until: UnixMillis) {
        self.0.remove(&(until, id.to_bytes()));
    }

    /// Returns what the index stores of a task that is not queued.
    pub(crate) fn to_bytes(until: Option<UnixMillis>) -> Vec<u8> {
        until.map_or_else(Vec::new, |until| until.0.to_be_bytes().to_vec())
    }

    /// Reads what the index stores of a waiting task; nothing where that is something else.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Option<UnixMillis>> {
        if bytes.is_empty() {
            return Some(None);
        }
        let bytes = <[u8; 8]>::try_from(bytes).ok()?;
        Some(Some(UnixMillis(u64::from_be_bytes(bytes))))
    }
}

impl State {
    /// Takes out waiting tasks whose time is up.
    pub(crate) fn take_due(&mut self, now: UnixMillis, max: usize) -> Due {
        let mut items = Vec::new();
        while items.len() < max
            && let Some(&(until, id)) = self.waits.0.first()
            && until <= now
        {
            self.waits.0.pop_first();
            items.push(TaskId::from_bytes(id));
        }
        Due { items, next: self.waits.0.first().map(|(until, _)| *until) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_is_told_of_and_the_stored_form_comes_back() {
        let id = |n| TaskId::from_parts(n, 0);
        let mut waits = Waits::default();
        assert!(waits.insert(id(1), UnixMillis(20)));
        assert!(!waits.insert(id(2), UnixMillis(30)));
        assert!(waits.insert(id(3), UnixMillis(10)));
        for until in [None, Some(UnixMillis(7))] {
            assert_eq!(Waits::from_bytes(&Waits::to_bytes(until)), Some(until));
        }
        assert_eq!(Waits::from_bytes(b"odd"), None);
    }
}
