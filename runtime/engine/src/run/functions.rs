//! Calling a typed function: JSON by the function's own types in and out.

use errand_core::{ErrorCode, Failure, InputFault, Job};
use serde_json::{Value, json};
use wasmtime::Store;
use wasmtime::component::Val;

use super::{Called, cut};
use crate::ended::Ended;
use crate::executors::Functions;
use crate::state::RunState;
use crate::typed::{self, Export, WriteError};

/// Finds the function that a job names, and reads its arguments.
///
/// Both were checked before the job was queued, so a failure here means that its executor has changed.
pub(super) fn arguments<'f>(
    functions: &'f Functions,
    job: &Job,
) -> Result<(&'f Export, Vec<Val>), Failure> {
    let name = job.function.as_deref().unwrap_or_default();
    let function = functions
        .get(name)
        .ok_or_else(|| failure(format!("there is no function `{name}`"), None))?;
    let arguments = typed::read(&function.signature, &job.input).map_err(|faults| {
        let faults: Vec<Value> = faults
            .into_iter()
            .map(|InputFault { pointer, message }| {
                json!({ "pointer": format!("/input{pointer}"), "message": message })
            })
            .collect();
        failure(format!("the input is not one of the function `{name}`"), Some(json!(faults)))
    })?;
    Ok((function, arguments))
}

pub(super) async fn call(
    functions: &Functions,
    function: &Export,
    arguments: Vec<Val>,
    store: &mut Store<RunState>,
) -> wasmtime::Result<Called> {
    let instance = functions.linked.instantiate_async(&mut *store).await?;
    let Some(entry) = instance.get_func(&mut *store, function.index) else {
        wasmtime::bail!("the instance has no function `{}`", function.name);
    };
    // What is put here before the call is replaced by it.
    let mut results = vec![Val::Bool(false); usize::from(function.signature.result().is_some())];
    entry.call_async(&mut *store, &arguments, &mut results).await?;
    let limit = store.data().job.limits.output_bytes;
    match typed::write(&function.signature, results.pop(), limit) {
        Ok(Ok(output)) => Ok(Ok(output)),
        Ok(Err(payload)) => {
            let name = &function.name;
            let message = match &payload {
                None => format!("the function `{name}` gave an error"),
                Some(Value::String(text)) => {
                    format!("the function `{name}` gave the error: {text}")
                }
                Some(value) => format!("the function `{name}` gave the error: {value}"),
            };
            Ok(Err(failure(cut(message, super::MESSAGE_BYTES), payload)))
        }
        Err(WriteError::TooLarge) => {
            Err(Ended::bound(ErrorCode::OutputLimit, "output_bytes", limit).into())
        }
        Err(error @ WriteError::OtherType) => {
            Err(Ended::Host(format!("the result of `{}` {error}", function.name)).into())
        }
    }
}

fn failure(message: String, detail: Option<Value>) -> Failure {
    Failure { code: ErrorCode::ExecutorFailed, message, detail, retryable: false }
}
