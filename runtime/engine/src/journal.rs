//! The journal of an attempt, from the guest's side: which calls were answered before, and the one way in
//! which a call is answered once.
//!
//! A host call whose answer comes from outside is declared as a [`Call`] and made through [`journaled`].
//! All that a guest learns otherwise is fixed or derived, so a run that is given the same answers makes the
//! same calls: where it does not, it fails as `nondeterminism`.

use std::vec::IntoIter;

use errand_core::{
    Answer, DocChange, ErrorCode, EventBody, JournalEntry, LogOffsets, NewTask, Record, UnixMillis,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::ended::{Ended, Mismatch};
use crate::state::RunState;

/// What a call is charged for, in fuel: about what its entry costs the host.
const CALL_FUEL: u64 = 1_024;
/// Calls that one attempt may have answered. A checkpoint begins a new journal.
const MAX_CALLS: u64 = 250_000;
/// Bytes of answers that one attempt may be given.
const MAX_BYTES: u64 = 64 << 20;
/// Arguments longer than this are cut, and compared by their digest.
const ARGUMENT_BYTES: usize = 96;

/// A host call whose answer is kept.
pub(crate) trait Call: Send + Sync {
    /// What it is called in the journal, for ever.
    const NAME: &'static str;
    /// What the guest is told.
    type Answer: Serialize + DeserializeOwned + Send;

    /// Returns what a repeated call must be the same in.
    fn arguments(&self) -> Value;

    /// Makes the call. `begun` is its entry without an answer: as an earlier run recorded it, where one
    /// began the call and had no answer. Whether it is to be made again then is for the call to say.
    fn perform(
        &self,
        state: &mut RunState,
        begun: &JournalEntry,
    ) -> impl Future<Output = Result<Self::Answer, Ended>> + Send;

    /// Returns the events that say of the answer.
    fn events(&self, _answer: &Self::Answer) -> Vec<EventBody> {
        Vec::new()
    }

    /// Returns what is recorded together with the answer. Asked for once, when it was performed.
    fn beside(&self) -> Beside {
        Beside::default()
    }

    /// Tells whether another attempt may be answered better: a retry goes live at this call then.
    fn is_failed(_answer: &Self::Answer) -> bool {
        false
    }
}

/// What a call has recorded besides its answer.
#[derive(Default)]
pub(crate) struct Beside {
    pub(crate) tasks: Vec<NewTask>,
    pub(crate) docs: Vec<DocChange>,
}

/// What an attempt was answered, and where the present run is in it.
#[derive(Default)]
pub(crate) struct Journal {
    recorded: IntoIter<JournalEntry>,
    calls: u64,
    bytes: u64,
    /// The engine that the answers were given under, where it is another one.
    other_engine: Option<String>,
}

impl Journal {
    pub(crate) fn new(recorded: Vec<JournalEntry>, other_engine: Option<String>) -> Self {
        Self { recorded: recorded.into_iter(), calls: 0, bytes: 0, other_engine }
    }

    fn begin(&mut self, call: &str, arguments: &Value, now: UnixMillis) -> Result<Begun, Ended> {
        if self.calls >= MAX_CALLS {
            return Err(Ended::bound(ErrorCode::OutputLimit, "journal_calls", MAX_CALLS));
        }
        self.calls += 1;
        let entry = JournalEntry {
            ordinal: self.calls,
            call: call.to_owned(),
            arguments: shown(arguments),
            at: now,
            answer: Answer::Awaited { until: None },
            said: LogOffsets::default(),
        };
        let Some(recorded) = self.recorded.next() else {
            return Ok(Begun::Open(entry));
        };
        let same = recorded.ordinal == entry.ordinal
            && recorded.call == entry.call
            && recorded.arguments == entry.arguments;
        if !same {
            return Err(self.mismatch(&recorded, Some(&entry)));
        }
        match recorded.answer {
            Answer::Given(answer) | Answer::Failed(answer) => {
                Ok(Begun::Answered { answer, at: recorded.at })
            }
            Answer::Awaited { .. } => Ok(Begun::Open(recorded)),
        }
    }

    /// Returns how many calls were numbered so far.
    pub(crate) fn calls(&self) -> u64 {
        self.calls
    }

    fn count(&mut self, answer: &Value) -> Result<(), Ended> {
        self.bytes += answer.to_string().len() as u64;
        if self.bytes > MAX_BYTES {
            return Err(Ended::bound(ErrorCode::OutputLimit, "journal_bytes", MAX_BYTES));
        }
        Ok(())
    }

    /// Checks at a guest's end that it made all the calls that it made before.
    pub(crate) fn finish(&mut self) -> Result<(), Ended> {
        match self.recorded.next() {
            None => Ok(()),
            Some(left) => Err(self.mismatch(&left, None)),
        }
    }

    fn mismatch(&self, expected: &JournalEntry, got: Option<&JournalEntry>) -> Ended {
        let named = |entry: &JournalEntry| format!("{}({})", entry.call, entry.arguments);
        Ended::Nondeterminism(Box::new(Mismatch {
            ordinal: expected.ordinal,
            expected: named(expected),
            got: got.map(named),
            other_engine: self.other_engine.clone(),
        }))
    }
}

/// What is known of a call when a run comes to it.
pub(crate) enum Begun {
    /// It was answered before.
    Answered {
        /// What.
        answer: Value,
        /// When.
        at: UnixMillis,
    },
    /// It has no answer: its entry, as an earlier run recorded it where one began the call.
    Open(JournalEntry),
}

/// Numbers a call and compares it with the earlier run's.
pub(crate) fn begin(
    state: &mut RunState,
    name: &'static str,
    arguments: &Value,
) -> Result<Begun, Ended> {
    state.fuel.charge_bytes(CALL_FUEL)?;
    let now = state.host.now();
    let begun = state.journal.begin(name, arguments, now)?;
    if let Begun::Answered { answer, .. } = &begun {
        state.journal.count(answer)?;
    }
    Ok(begun)
}

/// Puts an answer into a call's entry.
pub(crate) fn answer(
    mut entry: JournalEntry,
    answer: &impl Serialize,
    failed: bool,
    at: UnixMillis,
) -> Result<JournalEntry, Ended> {
    let kept = serde_json::to_value(answer).map_err(|error| {
        Ended::Host(format!("the answer to {} can't be kept: {error}", entry.call))
    })?;
    entry.at = at;
    entry.answer = if failed { Answer::Failed(kept) } else { Answer::Given(kept) };
    Ok(entry)
}

/// Reads an answer as it was kept.
pub(crate) fn read<A: DeserializeOwned>(name: &str, answer: Value) -> Result<A, Ended> {
    serde_json::from_value(answer).map_err(|error| {
        Ended::Host(format!("the journal's answer to {name} can't be read: {error}"))
    })
}

/// Records an answered call, and what the log says of it.
pub(crate) async fn record(
    state: &mut RunState,
    events: Vec<EventBody>,
    entry: JournalEntry,
) -> Result<(), Ended> {
    record_with(state, events, entry, Beside::default()).await
}

async fn record_with(
    state: &mut RunState,
    events: Vec<EventBody>,
    entry: JournalEntry,
    Beside { tasks, docs }: Beside,
) -> Result<(), Ended> {
    if let Answer::Given(kept) | Answer::Failed(kept) = &entry.answer {
        state.journal.count(kept)?;
    }
    let _waiting = state.fuel.waiting();
    Ok(state.host.record(Record { events, call: Some(entry), tasks, docs }).await?)
}

/// Makes a call, or answers it as it was answered before. Tells when that was.
pub(crate) async fn journaled<C: Call>(
    state: &mut RunState,
    call: &C,
) -> Result<(C::Answer, UnixMillis), Ended> {
    let entry = match begin(state, C::NAME, &call.arguments())? {
        Begun::Open(entry) => entry,
        Begun::Answered { answer, at } => return Ok((read(C::NAME, answer)?, at)),
    };
    let answered = call.perform(state, &entry).await?;
    let failed = C::is_failed(&answered);
    let entry = answer(entry, &answered, failed, state.host.now())?;
    let at = entry.at;
    record_with(state, call.events(&answered), entry, call.beside()).await?;
    Ok((answered, at))
}

/// Writes arguments as they are compared and shown: cut, with a digest of all, where they are long.
fn shown(arguments: &Value) -> String {
    let text = arguments.to_string();
    if text.len() <= ARGUMENT_BYTES {
        return text;
    }
    let digest = blake3::hash(text.as_bytes()).to_hex();
    let cut = text.floor_char_boundary(ARGUMENT_BYTES - 20);
    format!("{}… {}", &text[..cut], &digest[..16])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answered(ordinal: u64, call: &str, arguments: &Value) -> JournalEntry {
        JournalEntry {
            ordinal,
            call: call.into(),
            arguments: shown(arguments),
            at: UnixMillis(ordinal),
            answer: Answer::Given(json!(ordinal)),
            said: LogOffsets::default(),
        }
    }

    fn begin(journal: &mut Journal, call: &str, arguments: &Value) -> Result<Begun, Ended> {
        journal.begin(call, arguments, UnixMillis(9))
    }

    #[test]
    fn answers_are_given_again_in_order_and_then_calls_are_open() {
        let recorded = vec![answered(1, "a", &json!([1])), answered(2, "b", &json!([]))];
        let mut journal = Journal::new(recorded, None);
        for (call, arguments) in [("a", json!([1])), ("b", json!([]))] {
            let turn = begin(&mut journal, call, &arguments).unwrap();
            assert!(matches!(turn, Begun::Answered { .. }));
        }
        let Begun::Open(entry) = begin(&mut journal, "c", &json!([])).unwrap() else {
            panic!("nothing is recorded of it");
        };
        assert_eq!(entry.ordinal, 3);
        assert!(journal.finish().is_ok());
    }

    #[test]
    fn another_call_other_arguments_or_a_call_left_out_are_named() {
        let recorded = || vec![answered(1, "a", &json!([1]))];
        let mut journal = Journal::new(recorded(), None);
        let other = begin(&mut journal, "b", &json!([1])).err().unwrap().to_string();
        assert!(other.contains("call 1") && other.contains("a([1])") && other.contains("b([1])"));
        let mut journal = Journal::new(recorded(), Some("old".into()));
        let other = begin(&mut journal, "a", &json!([2])).err().unwrap().to_string();
        assert!(other.contains("a([2])") && other.contains("old"), "{other}");
        let left = Journal::new(recorded(), None).finish().err().unwrap().to_string();
        assert!(left.contains("a([1])") && left.contains("ended"), "{left}");
    }

    #[test]
    fn long_arguments_are_told_apart_by_all_of_them() {
        let (one, other) = ("é".repeat(500) + "1", "é".repeat(500) + "2");
        assert_ne!(shown(&json!(one)), shown(&json!(other)));
        assert!(shown(&json!(one)).len() <= ARGUMENT_BYTES);
    }
}
