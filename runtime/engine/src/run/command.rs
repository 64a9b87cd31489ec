//! Running a program: arguments, environment and standard input in; exit code and output out.

use std::collections::BTreeMap;

use bytes::Bytes;
use errand_core::{ErrorCode, Failure, Job};
use serde::Deserialize;
use serde_json::{Value, json};
use wasmtime::Store;
use wasmtime_wasi::I32Exit;
use wasmtime_wasi::p2::bindings::CommandPre;

use super::Called;
use crate::host::stdio::Input;
use crate::state::{Invocation, RunState};

/// The input of a program's task.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct CommandInput {
    args: Vec<String>,
    stdin: Option<String>,
    env: BTreeMap<String, String>,
}

/// Reads a task's input as what a program is started with.
///
/// Without a `stdin` of its own it reads `otherwise`.
pub(super) fn invocation(job: &Job, otherwise: Input) -> Result<Invocation, Failure> {
    let input = match &*job.input {
        Value::Null => CommandInput::default(),
        given => CommandInput::deserialize(given).map_err(|error| Failure {
            code: ErrorCode::ExecutorFailed,
            message: format!("the input is not a program's: {error}"),
            detail: None,
            retryable: false,
        })?,
    };
    let program = job.executor.name.to_string();
    Ok(Invocation {
        args: std::iter::once(program).chain(input.args).collect(),
        env: input.env.into_iter().collect(),
        stdin: input.stdin.map_or(otherwise, |text| Input::Bytes(Bytes::from(text))),
    })
}

pub(super) async fn call(
    program: &CommandPre<RunState>,
    store: &mut Store<RunState>,
) -> wasmtime::Result<Called> {
    let command = program.instantiate_async(&mut *store).await?;
    let exit_code = match command.wasi_cli_run().call_run(&mut *store).await {
        Ok(Ok(())) => 0,
        Ok(Err(())) => 1,
        Err(error) => match error.downcast_ref::<I32Exit>() {
            Some(exit) => exit.0,
            None => return Err(error),
        },
    };
    let (stdout, stderr) = store.data().stdio.take_captured();
    let output = json!({
        "exit_code": exit_code,
        "stdout": String::from_utf8_lossy(&stdout),
        "stderr": String::from_utf8_lossy(&stderr),
    });
    Ok(match exit_code {
        0 => Ok(output),
        code => Err(Failure {
            code: ErrorCode::ExecutorFailed,
            message: format!("the program exited with code {code}"),
            detail: Some(output),
            retryable: false,
        }),
    })
}
