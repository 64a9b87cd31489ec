//! Checkpoints: what a task saved for its own next run, and where that run goes on.
//!
//! A checkpoint takes the place of all that led to it: the journal before it is dropped in the write that
//! keeps it, and every later run of the attempt starts from it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{AttemptStart, NumberSet, SnapshotRef, TaskId};

/// What a task saved, and how far it had come. Private: never shown.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Its state, as the guest gave it. Stored beside the rest.
    #[serde(skip)]
    pub state: Bytes,
    /// How its workspace differed from what its source gives; nothing where it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<SnapshotRef>,
    /// Which one of its attempt it is, from 1.
    pub number: u32,
    /// Fuel of the instructions that were executed by then. The clocks follow it.
    pub executed_fuel: u64,
    /// Fuel charged by then for what host calls moved.
    pub charged_fuel: u64,
    /// Nanoseconds by which answers had moved the clocks forward.
    pub waited_ns: u64,
    /// Bytes of output that were written by then.
    pub output_bytes: u64,
    /// Bytes that answers to its requests had in their bodies by then.
    #[serde(default)]
    pub received_bytes: u64,
    /// The artifacts that were published by then.
    #[serde(default)]
    pub published: Published,
    /// What it had to do with those around it by then.
    #[serde(default)]
    pub around: AroundThen,
}

impl std::fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checkpoint").field("number", &self.number).finish_non_exhaustive()
    }
}

/// What an attempt had to do with those around it by a checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AroundThen {
    /// The last signal of each name that it took, by the number of its event.
    pub taken: BTreeMap<String, u64>,
    /// Names of children that it spawned.
    pub names: BTreeSet<String>,
    /// Fuel that is set aside for children which have not ended.
    pub reserved_fuel: u64,
    /// Children whose fuel is settled.
    pub settled: NumberSet,
    /// Children of which it was told how they ended.
    pub shown: Vec<TaskId>,
}

/// What an attempt has published, against its bounds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Under which paths, sorted.
    pub paths: Vec<String>,
    /// How many files, those included whose path was published again.
    pub count: usize,
    /// How many bytes.
    pub bytes: u64,
}

/// A checkpoint, and what its attempt starts from with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// What takes the place of what the attempt started from: chance goes on from another seed.
    pub start: AttemptStart,
    /// What is restored.
    pub checkpoint: Checkpoint,
}
