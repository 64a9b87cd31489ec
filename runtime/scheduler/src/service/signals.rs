//! Signals: messages to a task from outside, kept in its log until it takes them.

use errand_core::{Append, Draft, EventBody, Guard, Signal, StoreError, Task, TaskId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::check::json_bytes;
use super::{Caller, Fault, Right, Service, ServiceError};

/// Signals that one task is sent in its life: each is a number in its record.
const MAX_SIGNALS: usize = 1_000;
/// What one says, in bytes of its JSON. More belongs into a blob or a context.
const MAX_PAYLOAD_BYTES: usize = 256 << 10;
/// Characters of a name.
const MAX_NAME_CHARS: usize = 64;

/// A signal to send.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignalRequest {
    /// What the task waits for it by.
    pub name: String,
    /// What it says; null where it says nothing.
    #[serde(default)]
    pub payload: Value,
}

impl Service {
    /// Sends a signal to a task, whether that waits for it already or not. It is durable when this
    /// answers.
    ///
    /// # Errors
    /// [`ServiceError::Conflict`] where the task has ended or was sent too many, [`ServiceError::Invalid`],
    /// [`ServiceError::NotFound`].
    pub async fn signal(
        &self,
        caller: &Caller,
        id: TaskId,
        request: SignalRequest,
    ) -> Result<Task, ServiceError> {
        caller.require(Right::Submit)?;
        let SignalRequest { name, payload } = request;
        let mut faults = Vec::new();
        if let Err(rule) = check_signal_name(&name) {
            faults.push(Fault::new("/name", rule));
        }
        if json_bytes(&payload) > MAX_PAYLOAD_BYTES {
            faults
                .push(Fault::new("/payload", format!("is larger than {MAX_PAYLOAD_BYTES} bytes")));
        }
        if !faults.is_empty() {
            return Err(ServiceError::Invalid { faults });
        }
        let task = self.visible(caller, id).await?;
        if task.around.signals.len() >= MAX_SIGNALS {
            let message = format!("task `{id}` was sent {MAX_SIGNALS} signals, which is the most");
            return Err(ServiceError::conflict(message));
        }
        let by = caller.principal.clone();
        let body = EventBody::SignalReceived { name, payload };
        let draft = Draft { at: self.now(), by, progress: None, body };
        match self.store().append(Append::new(id, Guard::Present, vec![draft])).await {
            Ok(task) => Ok(task),
            // Nothing but its end is in the way of a signal.
            Err(StoreError::Illegal(_)) => {
                let task = self.visible(caller, id).await?;
                let status = task.status.as_str();
                let message = format!("task `{id}` is {status}; it takes no signals any more");
                Err(ServiceError::conflict(message))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Reads the signal that an event brought.
    pub(crate) async fn signal_at(&self, id: TaskId, seq: u64) -> Result<Signal, ServiceError> {
        let events = self.store().events(id, seq.saturating_sub(1), 1).await?;
        match events.into_iter().next().map(|event| (event.seq, event.body)) {
            Some((at, EventBody::SignalReceived { name, payload })) if at == seq => {
                Ok(Signal { name, payload })
            }
            _ => Err(ServiceError::internal(format!("event {seq} of task {id} is no signal"))),
        }
    }
}

/// Checks the name of a signal.
///
/// # Errors
/// With the rule that it breaks, which fits after `name`.
pub fn check_signal_name(name: &str) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    match (1..=MAX_NAME_CHARS).contains(&name.len()) && name.bytes().all(plain) {
        true => Ok(()),
        false => Err(format!("must be 1 to {MAX_NAME_CHARS} characters of [A-Za-z0-9._:-]")),
    }
}
