//! What a run says, without the secrets of its executor: a server that was sent one may say it back in
//! some other form, and a guest may put it together.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use errand_core::{Failure, Outcome, Veil};
use serde_json::Value;

/// Covers the secrets of a run's executor; does nothing where it has none.
#[derive(Clone, Default)]
pub(crate) struct Veiled(Option<Arc<dyn Veil>>);

impl Veiled {
    pub(crate) fn new(veil: Option<Arc<dyn Veil>>) -> Self {
        Self(veil)
    }

    pub(crate) fn bytes(&self, bytes: Vec<u8>) -> Bytes {
        match self.0.as_ref().and_then(|veil| veil.cover(&bytes)) {
            Some(covered) => covered.into(),
            None => bytes.into(),
        }
    }

    pub(crate) fn text(&self, text: String) -> String {
        match self.0.as_ref().and_then(|veil| veil.cover(text.as_bytes())) {
            Some(covered) => match String::from_utf8_lossy(&covered) {
                Cow::Borrowed(text) => text.to_owned(),
                Cow::Owned(text) => text,
            },
            None => text,
        }
    }

    pub(crate) fn value(&self, value: Value) -> Value {
        let Some(veil) = &self.0 else { return value };
        // Where nothing is covered, nothing is changed, the order of keys included.
        match veil.cover(value.to_string().as_bytes()) {
            Some(covered) => serde_json::from_slice(&covered)
                .unwrap_or_else(|_| Value::String("a secret was in it".into())),
            None => value,
        }
    }

    pub(crate) fn outcome(&self, outcome: Outcome) -> Outcome {
        match outcome {
            _ if self.0.is_none() => outcome,
            Outcome::Completed(output) => Outcome::Completed(self.value(output)),
            Outcome::Failed(failure) => Outcome::Failed(Failure {
                message: self.text(failure.message),
                detail: failure.detail.map(|detail| self.value(detail)),
                ..failure
            }),
            Outcome::Saved(_) | Outcome::Interrupted(_) => outcome,
        }
    }
}
