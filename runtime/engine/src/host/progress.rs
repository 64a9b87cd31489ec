//! `errand:task/progress`: what a task tells those who watch it.

use errand_core::{EventBody, JournalEntry, Level, Stream};
use serde_json::{Value, json};

use crate::bindings::errand::task::progress::Host;
use crate::bindings::errand::task::types;
use crate::ended::Ended;
use crate::journal::{Call, journaled};
use crate::state::RunState;

/// A message longer than this is cut: it is one line for a person.
const MESSAGE_CHARS: usize = 512;
/// Data of one emitted event, in bytes.
const EMIT_BYTES: usize = 64 << 10;
/// What an event takes beside its kind and data.
const EVENT_BYTES: u64 = 64;

impl Host for RunState {
    async fn report(
        &mut self,
        done: u64,
        total: Option<u64>,
        message: Option<String>,
    ) -> wasmtime::Result<()> {
        let message = message.map(|text| text.chars().take(MESSAGE_CHARS).collect());
        let message = message.map(|text| self.veiled.text(text));
        // What it reported there was seen before.
        if !self.fuel.repeats() {
            self.host.meter().report(done, total, message);
        }
        Ok(())
    }

    async fn log(&mut self, level: types::Level, mut message: String) -> wasmtime::Result<()> {
        let level = match level {
            types::Level::Debug => Level::Debug,
            types::Level::Info => Level::Info,
            types::Level::Warn => Level::Warn,
            types::Level::Error => Level::Error,
        };
        message.push('\n');
        self.fuel.charge_bytes(message.len() as u64)?;
        self.stdio.count(message.len() as u64)?;
        let _waiting = self.fuel.waiting();
        self.host
            .write(Stream::Log, level, self.veiled.bytes(message.into_bytes()))
            .await
            .map_err(Ended::from)?;
        Ok(())
    }

    async fn emit(
        &mut self,
        kind: String,
        data: String,
    ) -> wasmtime::Result<Result<(), types::Error>> {
        let named = (1..=64).contains(&kind.len())
            && kind.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte)
            });
        if !named {
            let rule = "`kind` must be 1 to 64 characters of [a-z0-9._-]";
            return Ok(Err(types::Error::Invalid(rule.into())));
        }
        if data.len() > EMIT_BYTES {
            let bound = types::Bound { name: "emit_bytes".into(), value: EMIT_BYTES as u64 };
            return Ok(Err(types::Error::Limit(bound)));
        }
        let bytes = (kind.len() + data.len()) as u64;
        let data = match serde_json::from_str(&data) {
            Ok(data) => self.veiled.value(data),
            Err(error) => {
                return Ok(Err(types::Error::Invalid(format!("`data` is not JSON: {error}"))));
            }
        };
        // What it emits is kept as what it prints is, and bounded with it.
        self.stdio.count(EVENT_BYTES + bytes)?;
        journaled(self, &Emit { kind, data }).await?;
        Ok(Ok(()))
    }
}

/// An event of the guest's own. Journaled, so that it is said once.
struct Emit {
    kind: String,
    data: Value,
}

impl Call for Emit {
    const NAME: &'static str = "emit";
    type Answer = ();

    fn arguments(&self) -> Value {
        json!([self.kind, self.data])
    }

    async fn perform(&self, _: &mut RunState, _: &JournalEntry) -> Result<(), Ended> {
        Ok(())
    }

    fn events(&self, (): &()) -> Vec<EventBody> {
        vec![EventBody::Emitted { kind: self.kind.clone(), data: self.data.clone() }]
    }
}
