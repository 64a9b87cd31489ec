//! Running an `errand:task/executor`: JSON in, JSON out.

use errand_core::{ErrorCode, Failure};
use serde_json::{Value, json};
use wasmtime::Store;

use super::{Called, MESSAGE_BYTES, cut};
use crate::bindings::ExecutorPre;
use crate::bindings::errand::task::execution::Persistence;
use crate::ended::{Ended, is_too_much_at_once};
use crate::state::RunState;

pub(super) async fn call(
    executor: &ExecutorPre<RunState>,
    store: &mut Store<RunState>,
    input: &str,
) -> wasmtime::Result<Called> {
    let instance = executor.instantiate_async(&mut *store).await?;
    let limit = store.data().job.limits.output_bytes;
    let answer = match instance.call_run(&mut *store, input).await {
        // Raised with no frame of the guest's: it has returned, and what it returned is too much.
        Err(error) if is_too_much_at_once(&error) && !error.is::<wasmtime::WasmBacktrace>() => {
            return Err(Ended::bound(ErrorCode::OutputLimit, "output_bytes", limit).into());
        }
        answer => answer?,
    };
    Ok(match answer {
        Ok(text) if text.len() as u64 > limit => {
            return Err(Ended::bound(ErrorCode::OutputLimit, "output_bytes", limit).into());
        }
        Ok(text) => serde_json::from_str(&text).map_err(|error| Failure {
            code: ErrorCode::ExecutorFailed,
            message: format!("the executor's result is not JSON: {error}"),
            detail: None,
            retryable: false,
        }),
        Err(failure) => Err(Failure {
            code: ErrorCode::ExecutorFailed,
            message: cut(failure.message, MESSAGE_BYTES),
            detail: Some(detail(failure.code, failure.detail, limit)),
            retryable: failure.persistence == Persistence::Transient,
        }),
    })
}

/// The executor's own code and detail. An object is kept as it is, with the code beside its fields.
fn detail(code: String, detail: Option<String>, limit_bytes: u64) -> Value {
    let code = cut(code, 64);
    let detail = match detail {
        Some(text) if text.len() as u64 > limit_bytes => {
            Value::String(cut(text, usize::try_from(limit_bytes).unwrap_or(usize::MAX)))
        }
        Some(text) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        None => return json!({ "code": code }),
    };
    match detail {
        Value::Object(mut fields) => {
            fields.entry("code").or_insert(Value::String(code));
            Value::Object(fields)
        }
        other => json!({ "code": code, "detail": other }),
    }
}
