//! `errand:task/signals`: messages from outside, taken in the order in which they came.
//!
//! Linked by hand: a wait moves the clocks, which can be done only where executed fuel can be read.

use errand_core::{Around, Awaits, CallError, JournalEntry, WaitingFor};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wasmtime::StoreContextMut;
use wasmtime::component::Linker;

use super::world::{Awaited, Look, Told, ask, error, of_world, wait_for};
use crate::bindings::errand::task::types::Error;
use crate::ended::Ended;
use crate::journal::Call;
use crate::state::RunState;

/// Bytes of a name.
const NAME_BYTES: usize = 64;

pub(super) fn add_to_linker(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    type Answer = (Result<Option<String>, Error>,);
    let mut signals = linker.instance("errand:task/signals@0.1.0")?;
    signals.func_wrap_async(
        "wait",
        |mut store: StoreContextMut<'_, RunState>, (name, timeout): (String, Option<u64>)| {
            Box::new(async move {
                let call = TakeSignal { name, waits: true, timeout_ms: timeout };
                let answer: Answer = (take(&mut store, &call).await?,);
                Ok(answer)
            })
        },
    )?;
    signals.func_wrap_async(
        "poll",
        |mut store: StoreContextMut<'_, RunState>, (name,): (String,)| {
            Box::new(async move {
                let call = TakeSignal { name, waits: false, timeout_ms: None };
                let answer: Answer = (take(&mut store, &call).await?,);
                Ok(answer)
            })
        },
    )
}

/// Takes a signal, and tells the guest its payload.
async fn take(
    store: &mut StoreContextMut<'_, RunState>,
    call: &TakeSignal,
) -> wasmtime::Result<Result<Option<String>, Error>> {
    if let Err(refused) = check_name(&call.name) {
        return Ok(Err(error(refused)));
    }
    let taken = match ask(store, call).await? {
        Ok(taken) => taken,
        Err(refused) => return Ok(Err(error(refused))),
    };
    let Some(Taken { seq, payload }) = taken else { return Ok(Ok(None)) };
    let state = store.data_mut();
    state.nearby.taken.insert(call.name.clone(), seq);
    let text = payload.to_string();
    state.fuel.charge_bytes(text.len() as u64)?;
    Ok(Ok(Some(text)))
}

/// Checks the name of a signal.
pub(super) fn check_name(name: &str) -> Told<()> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    match (1..=NAME_BYTES).contains(&name.len()) && name.bytes().all(plain) {
        true => Ok(()),
        false => Err(CallError::Invalid(format!(
            "a signal's name must be 1 to {NAME_BYTES} characters of [A-Za-z0-9._:-]"
        ))),
    }
}

/// Takes the first signal of a name that was not taken, now or when it comes.
struct TakeSignal {
    name: String,
    waits: bool,
    timeout_ms: Option<u64>,
}

/// A signal that was taken.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Taken {
    /// The number of its event.
    seq: u64,
    payload: Value,
}

impl Call for TakeSignal {
    const NAME: &'static str = "signal";
    type Answer = Told<Option<Taken>>;

    fn arguments(&self) -> Value {
        json!([self.name, self.waits, self.timeout_ms])
    }

    async fn perform(
        &self,
        state: &mut RunState,
        begun: &JournalEntry,
    ) -> Result<Self::Answer, Ended> {
        let mut awaited = OneOf { name: &self.name };
        if self.waits {
            let timeout_ms = self.timeout_ms;
            return wait_for(state, begun, WaitingFor::Signal, timeout_ms, &mut awaited).await;
        }
        let around = match of_world(&state.host, |world| world.around()).await? {
            Ok(around) => around,
            Err(refused) => return Ok(Err(refused)),
        };
        Ok(match awaited.look(state, &around).await? {
            Look::Found(taken) => Ok(Some(taken)),
            Look::NotYet(..) => Ok(None),
            Look::Refused(refused) => Err(refused),
        })
    }
}

struct OneOf<'a> {
    name: &'a str,
}

impl Awaited for OneOf<'_> {
    type Found = Taken;

    async fn look(&mut self, state: &mut RunState, around: &Around) -> Result<Look<Taken>, Ended> {
        Ok(match first(state, around, self.name).await? {
            Ok(Some(seq)) => match of_world(&state.host, |world| world.signal(seq)).await? {
                Ok(signal) => Look::Found(Taken { seq, payload: signal.payload }),
                Err(refused) => Look::Refused(refused),
            },
            Ok(None) => {
                let signals = vec![self.name.to_owned()];
                Look::NotYet(Awaits { signals, ..Awaits::default() }, None)
            }
            Err(refused) => Look::Refused(refused),
        })
    }
}

/// Finds the first signal of a name that was not taken: the number of its event.
pub(super) async fn first(
    state: &mut RunState,
    around: &Around,
    name: &str,
) -> Result<Told<Option<u64>>, Ended> {
    let taken = state.nearby.taken.get(name).copied().unwrap_or(0);
    for seq in around.signals.iter().copied().filter(|seq| *seq > taken) {
        if !state.nearby.signals.contains_key(&seq) {
            match of_world(&state.host, |world| world.signal(seq)).await? {
                Ok(signal) => state.nearby.signals.insert(seq, signal.name),
                Err(refused) => return Ok(Err(refused)),
            };
        }
        if state.nearby.signals.get(&seq).is_some_and(|one| one == name) {
            return Ok(Ok(Some(seq)));
        }
    }
    Ok(Ok(None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_signals_are_plain() {
        for name in ["go", "review:done", "a.b-c_D9"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in ["", "two words", "é", "a/b", &"x".repeat(65)] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
    }
}
