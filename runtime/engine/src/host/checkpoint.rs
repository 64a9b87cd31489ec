//! `errand:task/checkpoint`: state for the task's own next run.
//!
//! A successful `save` does not return: it ends the run. What is kept then is gathered when the guest is
//! gone ([`crate::run`]), and the attempt goes on from it in a fresh instance.

use bytes::Bytes;
use errand_core::{AttemptStart, Checkpoint, ExecutorKind, LogOffsets, Saved};

use crate::bindings::errand::task::checkpoint::Host;
use crate::bindings::errand::task::types::{Bound, Error};
use crate::ended::Ended;
use crate::host::http::settle_all;
use crate::host::world::Nearby;
use crate::state::RunState;

/// Bytes of state that a task may save.
const MAX_BYTES: u64 = 16 << 20;
/// Checkpoints of one attempt: each begins a journal of its own, so that bounds the journals.
const MAX_CHECKPOINTS: u32 = 10_000;
/// What a checkpoint is charged for beside its bytes, in fuel: about what writes and a start cost the
/// host.
const CHECKPOINT_FUEL: u64 = 1_000_000;

/// Whether a guest may save, and what it saved.
pub(crate) enum Saving {
    /// It may not, for this reason.
    Refused(&'static str),
    /// It may.
    Open,
    /// It did, and its run ends.
    Saved(Bytes),
}

impl Saving {
    /// Nothing is there yet that could be saved.
    pub(crate) const DESCRIBING: Self = Self::Refused("only a task that runs can save its state");

    /// Tells whether executors of a kind may save.
    pub(crate) fn of(kind: ExecutorKind) -> Self {
        match kind {
            ExecutorKind::Native | ExecutorKind::Functions => Self::Open,
            // What it printed before would be in no result.
            ExecutorKind::Command => {
                Self::Refused("a command can't save its state: what it prints is its result")
            }
        }
    }
}

impl Host for RunState {
    async fn save(&mut self, state: Vec<u8>) -> wasmtime::Result<Error> {
        if let Saving::Refused(why) = self.saving {
            return Ok(Error::Unsupported(why.into()));
        }
        let limit = |name: &str, value| Error::Limit(Bound { name: name.into(), value });
        let bytes = state.len() as u64;
        if bytes > MAX_BYTES {
            return Ok(limit("checkpoint_bytes", MAX_BYTES));
        }
        if self.saved_before() >= MAX_CHECKPOINTS {
            return Ok(limit("checkpoints", MAX_CHECKPOINTS.into()));
        }
        self.fuel.charge_bytes(CHECKPOINT_FUEL + bytes)?;
        // What is on its way is on record before the journal that would say so is dropped.
        settle_all(self).await?;
        self.saving = Saving::Saved(state.into());
        Err(Ended::Saved.into())
    }

    async fn restored(&mut self) -> wasmtime::Result<Option<Vec<u8>>> {
        let Some(checkpoint) = &self.job.checkpoint else { return Ok(None) };
        self.fuel.charge_bytes(checkpoint.state.len() as u64)?;
        Ok(Some(checkpoint.state.to_vec()))
    }
}

impl RunState {
    fn saved_before(&self) -> u32 {
        self.job.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.number)
    }

    /// Goes on where a checkpoint was taken.
    pub(crate) fn restoring(mut self) -> Self {
        self.saving = Saving::of(self.job.kind);
        if let Some(checkpoint) = &self.job.checkpoint {
            self.clock.restore(checkpoint.waited_ns);
            let reserved = checkpoint.around.reserved_fuel;
            self.fuel.restore(checkpoint.executed_fuel, checkpoint.charged_fuel, reserved);
            self.nearby = Nearby::restored(&checkpoint.around);
            self.stdio.restore(checkpoint.output_bytes);
            self.kept = (&checkpoint.published).into();
            self.outgoing.restore(checkpoint.received_bytes);
        }
        self
    }

    /// Gathers what the guest saved and where it came to, its workspace left out. Call it once all that it
    /// wrote is handed over and its fuel is known.
    pub(crate) fn saved(&mut self, engine: &str) -> Result<Saved, Ended> {
        let saving = std::mem::replace(&mut self.saving, Saving::DESCRIBING);
        let Saving::Saved(state) = saving else {
            return Err(Ended::Host("it ended as if it had saved its state".into()));
        };
        let start = AttemptStart {
            seed: self.chance.next_seed(),
            engine: engine.to_owned(),
            said: LogOffsets::default(),
            ..self.job.start.clone()
        };
        let checkpoint = Checkpoint {
            state,
            workspace: None,
            number: self.saved_before() + 1,
            executed_fuel: self.fuel.executed(),
            charged_fuel: self.fuel.charged(),
            waited_ns: self.clock.waited_ns(),
            output_bytes: self.stdio.written_bytes(),
            received_bytes: self.outgoing.received_bytes(),
            published: self.kept.published(),
            around: self.nearby.then(self.fuel.reserved()),
        };
        Ok(Saved { start, checkpoint })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_prints_its_result_and_what_only_describes_itself_saves_nothing() {
        for kind in [ExecutorKind::Native, ExecutorKind::Functions] {
            assert!(matches!(Saving::of(kind), Saving::Open));
        }
        assert!(matches!(Saving::of(ExecutorKind::Command), Saving::Refused(_)));
        assert!(matches!(Saving::DESCRIBING, Saving::Refused(_)));
    }
}
