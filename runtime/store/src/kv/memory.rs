//! A key-value store that lives and dies with the process.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::{PoisonError, RwLock};

use errand_core::StoreError;

use super::{Batch, Kv, Pairs, Read, Slice};

/// How many pairs a range takes under one hold of the lock, so that writers get in between.
const RANGE_STEP: usize = 128;

#[derive(Default)]
pub(crate) struct MemoryKv {
    map: RwLock<BTreeMap<Slice, Slice>>,
}

impl Read for MemoryKv {
    fn get(&self, key: &[u8]) -> Result<Option<Slice>, StoreError> {
        Ok(self.map.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
    }

    fn range(&self, from: &[u8], to: &[u8]) -> Pairs<'_> {
        Box::new(Walk::new(self, from, to, Direction::Up))
    }
}

impl Kv for MemoryKv {
    fn range_back(&self, from: &[u8], to: &[u8]) -> Pairs<'_> {
        Box::new(Walk::new(self, from, to, Direction::Down))
    }

    fn apply(&self, batch: &Batch, _lsn: u64) -> Result<(), StoreError> {
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in batch.iter() {
            match value {
                Some(value) => map.insert(key.clone(), value.clone()),
                None => map.remove(key),
            };
        }
        Ok(())
    }
}

#[derive(PartialEq)]
enum Direction {
    Up,
    Down,
}

/// A walk through a range that holds no lock between its steps.
struct Walk<'a> {
    kv: &'a MemoryKv,
    from: Bound<Slice>,
    to: Slice,
    direction: Direction,
    taken: VecDeque<(Slice, Slice)>,
    at_end: bool,
}

impl<'a> Walk<'a> {
    fn new(kv: &'a MemoryKv, from: &[u8], to: &[u8], direction: Direction) -> Self {
        let at_end = from >= to;
        let (from, to) = (Bound::Included(from.into()), to.into());
        Self { kv, from, to, direction, taken: VecDeque::new(), at_end }
    }

    fn take_more(&mut self) {
        let map = self.kv.map.read().unwrap_or_else(PoisonError::into_inner);
        let range = map.range((self.from.clone(), Bound::Excluded(self.to.clone())));
        let pair = |(key, value): (&Slice, &Slice)| (key.clone(), value.clone());
        self.taken = match self.direction {
            Direction::Up => range.take(RANGE_STEP).map(pair).collect(),
            Direction::Down => range.rev().take(RANGE_STEP).map(pair).collect(),
        };
        self.at_end = self.taken.len() < RANGE_STEP;
        if let Some((last, _)) = self.taken.back() {
            match self.direction {
                Direction::Up => self.from = Bound::Excluded(last.clone()),
                Direction::Down => self.to = last.clone(),
            }
            if self.direction == Direction::Up && *last >= self.to {
                self.at_end = true;
            }
        }
    }
}

impl Iterator for Walk<'_> {
    type Item = Result<(Slice, Slice), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.taken.is_empty() && !self.at_end {
            self.take_more();
        }
        self.taken.pop_front().map(Ok)
    }
}
