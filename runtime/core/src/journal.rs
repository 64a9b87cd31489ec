//! The journal: what the outside world answered a task's host calls, kept so that a run can be repeated.
//!
//! Private and droppable, beside the log: the log says what happened, the journal what a guest was told.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Awaits, Stream, UnixMillis, WaitingFor};

/// One host call of an attempt, and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// The call's number in its attempt, from 1 without holes.
    pub ordinal: u64,
    /// Its name, such as `timers.sleep`.
    pub call: String,
    /// Its arguments as text, cut and with a digest where they are long: a repeated call is compared
    /// by it.
    pub arguments: String,
    /// When it was answered, or begun where it is not answered. The guest's clocks are moved forward to
    /// it.
    pub at: UnixMillis,
    /// What is known of the answer.
    pub answer: Answer,
    /// What the run had written by then; kept with a failed answer, where a retry goes live.
    #[serde(default, skip_serializing_if = "LogOffsets::is_zero")]
    pub said: LogOffsets,
}

/// What is known of a call's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The call was begun; whether it had an effect is not known, or the task waits for the answer.
    Awaited {
        /// When the wait ends at the latest.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<UnixMillis>,
    },
    /// The guest was told this.
    Given(Value),
    /// The guest was told this, and another attempt may be told better: a retry goes live here.
    Failed(Value),
}

/// Bytes of each stream that a guest writes to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct LogOffsets {
    pub stdout: u64,
    pub stderr: u64,
    pub log: u64,
}

impl LogOffsets {
    /// Returns the bytes of a stream.
    pub fn of(&self, stream: Stream) -> u64 {
        match stream {
            Stream::Stdout => self.stdout,
            Stream::Stderr => self.stderr,
            Stream::Log => self.log,
        }
    }

    /// Returns the bytes of a stream, to be changed.
    pub fn of_mut(&mut self, stream: Stream) -> &mut u64 {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
            Stream::Log => &mut self.log,
        }
    }

    /// Adds up two positions, stream by stream.
    pub fn plus(self, other: Self) -> Self {
        Self {
            stdout: self.stdout + other.stdout,
            stderr: self.stderr + other.stderr,
            log: self.log + other.log,
        }
    }

    /// Tells whether nothing was written.
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }
}

/// What of a journal the next attempt keeps: the answers before the first failed one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Entries with a lower ordinal are kept.
    pub before: u64,
    /// What the run had written by then.
    pub said: LogOffsets,
}

impl Kept {
    /// Returns what of these entries a retry keeps; nothing where no answer was a failed one: then
    /// all of them are dropped, and chance is new.
    pub fn of(entries: &[JournalEntry]) -> Option<Self> {
        let failed = entries.iter().find(|entry| matches!(entry.answer, Answer::Failed(_)))?;
        Some(Self { before: failed.ordinal, said: failed.said })
    }
}

/// A wait of a task for something outside.
#[derive(Debug, Clone, PartialEq)]
pub struct Wait {
    /// The call that waits, not answered.
    pub entry: JournalEntry,
    /// For what.
    pub waiting_for: WaitingFor,
    /// When it ends at the latest.
    pub until: Option<UnixMillis>,
    /// What of that which comes from around the task ends it earlier.
    pub awaits: Option<Awaits>,
    /// What the instance takes while it stays in memory.
    pub memory_bytes: u64,
}
