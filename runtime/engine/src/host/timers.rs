//! `errand:task/timers`: sleeping, durably. WASI's waits for a moment come here too.
//!
//! Linked by hand: the clocks can be moved only where executed fuel can be read.

use errand_core::{Answer, JournalEntry, Wait, WaitingFor};
use serde_json::{Value, json};
use wasmtime::StoreContextMut;
use wasmtime::component::Linker;

use super::clocks::{executed, now};
use crate::bindings::errand::task::types::Error;
use crate::ended::Ended;
use crate::journal::{Call, journaled};
use crate::state::RunState;

const NS_PER_MS: u64 = 1_000_000;

pub(super) fn add_to_linker(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    linker.instance("errand:task/timers@0.1.0")?.func_wrap_async(
        "sleep",
        |store: StoreContextMut<'_, RunState>, (duration_ms,): (u64,)| {
            Box::new(async move {
                sleep(store, duration_ms.saturating_mul(NS_PER_MS)).await?;
                Ok((Ok::<(), Error>(()),))
            })
        },
    )
}

/// Sleeps, and moves the clocks to when it woke.
pub(super) async fn sleep(
    mut store: StoreContextMut<'_, RunState>,
    duration_ns: u64,
) -> wasmtime::Result<()> {
    let deadline_ns = now(&store)?.saturating_add(duration_ns);
    let ((), woke_at) = journaled(store.data_mut(), &Sleep { duration_ns }).await?;
    let executed = executed(&store)?;
    let clock = &store.data().clock;
    clock.advance_to_ns(deadline_ns, executed);
    clock.sync(woke_at, executed);
    Ok(())
}

/// A sleep. It ends at a moment that is fixed when it begins, whichever run is there then.
struct Sleep {
    duration_ns: u64,
}

impl Call for Sleep {
    const NAME: &'static str = "sleep";
    type Answer = ();

    fn arguments(&self) -> Value {
        json!([self.duration_ns])
    }

    async fn perform(&self, state: &mut RunState, begun: &JournalEntry) -> Result<(), Ended> {
        let _paused = state.fuel.pause();
        let _waiting = state.fuel.waiting();
        if self.duration_ns == 0 {
            // A guest that sleeps in a circle must let others run.
            tokio::task::yield_now().await;
            return Ok(());
        }
        let mut entry = begun.clone();
        let until = match entry.answer {
            Answer::Awaited { until: Some(until) } => until,
            _ => state.host.now().plus_ms(self.duration_ns.div_ceil(NS_PER_MS)),
        };
        entry.answer = Answer::Awaited { until: Some(until) };
        let wait = Wait {
            entry,
            waiting_for: WaitingFor::Timer,
            until: Some(until),
            awaits: None,
            memory_bytes: state.memory.used_bytes(),
        };
        Ok(state.host.wait(wait).await?)
    }
}
