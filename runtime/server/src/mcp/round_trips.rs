//! What a call carries from one round to the next, where the client has to ask its user in between: which
//! task it was for. The client keeps it and can't make it: it is signed, bound to who called what, expires,
//! and is good once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use errand_core::{TaskId, UnixMillis};
use errand_scheduler::Random;
use rmcp::model::{ErrorData, RequestStateCodec, SealOptions};
use serde::{Deserialize, Serialize};

use super::asking::Asking;

/// How long a user may take to answer a dialog. The question itself stays open for longer.
const TTL: Duration = Duration::from_secs(3_600);

/// Bytes of the key.
const KEY_BYTES: usize = 32;

/// Signs and opens the states of this process. A restart makes a new key: the client is then told that the
/// state is not good, and asks for the task by its id.
pub(super) struct RoundTrips {
    codec: RequestStateCodec,
    /// Those that were used, until they would have expired.
    used: Mutex<HashMap<u64, UnixMillis>>,
}

#[derive(Serialize, Deserialize)]
struct State {
    task: TaskId,
    nonce: u64,
}

impl RoundTrips {
    pub(super) fn new(random: &dyn Random) -> Self {
        let mut key = vec![0; KEY_BYTES];
        random.fill(&mut key);
        let codec = RequestStateCodec::new_unchecked(key);
        Self { codec, used: Mutex::default() }
    }

    /// Makes the state of a call of a tool that waits for a task.
    pub(super) fn seal(&self, asking: &Asking, tool: &str, task: TaskId) -> String {
        let nonce = asking.service().random().next_u64();
        let bound = bound_to(asking, tool);
        let options = SealOptions::new().associated_data(bound.as_bytes()).ttl(TTL);
        self.codec.seal_json_with(&State { task, nonce }, &options).unwrap_or_default()
    }

    /// Opens a state, once.
    ///
    /// # Errors
    /// Where it was not made here for this caller and tool, is too old, or was used.
    pub(super) fn redeem(
        &self,
        asking: &Asking,
        tool: &str,
        state: &str,
    ) -> Result<TaskId, ErrorData> {
        let refused = |why: String| ErrorData::invalid_params(format!("requestState: {why}"), None);
        let bound = bound_to(asking, tool);
        let opened = self.codec.open_json_with::<State>(state, bound.as_bytes());
        let State { task, nonce } = opened.map_err(|error| refused(error.to_string()))?;
        let now = asking.service().now();
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.retain(|_, until| *until > now);
        match used.insert(nonce, now.plus_ms(TTL.as_millis() as u64)) {
            None => Ok(task),
            Some(_) => Err(refused("it was used before".to_owned())),
        }
    }
}

fn bound_to(asking: &Asking, tool: &str) -> String {
    let caller = &asking.caller;
    let namespace = caller.namespace.as_ref().map(|own| own.as_str()).unwrap_or_default();
    format!("{}\0{namespace}\0{tool}", caller.principal)
}
