//! One action for each of the host's calls, answering what the host answered: `{"ok": …}` or
//! `{"err": {"unsupported": …}}`.
//!
//! `approval_ask` `approval_request {title, detail?, schema?, timeout_ms?, show_diff?, attachments?}` ·
//! `approval_decision {id}` · `child_spawn {executor, function?, input?, workspace?, name?, max_attempts?}`
//! · `child_wait_all {ids, on_failure?}` · `child_wait_any {ids}` · `child_outcome {id}` · `child_cancel
//! {id}` · `signal_wait {name, timeout_ms?}` · `signal_poll {name}` · `wait_any {children?, signals?,
//! timer_ms?, approvals?}` · `checkpoint_save {state?, bytes?}` · `checkpoint_restored` · `publish {path,
//! media_type?, text?}` · `this_task` · `context_state` · `context_set {value, version}`.
//!
//! `fan_out {executor, children}` starts children, waits for all and counts those that completed.
//! `counting_checkpoint {until, each?}` counts up across checkpoints and answers how far it came.

use crate::bindings::Failure;
use crate::bindings::errand::task::types::Error;
use crate::bindings::errand::task::{
    approval, artifacts, checkpoint, children, context, signals, waiting,
};
use crate::{Arguments, Performed, wrong};
use serde_json::{Value, json};

pub(crate) fn perform(action: &str, arguments: &Arguments<'_>) -> Performed {
    let answer = match action {
        "approval_ask" => {
            answered(approval::ask(&question(arguments)?), |decision| decided(&decision))
        }
        "approval_request" => answered(approval::request(&question(arguments)?), |id| json!(id)),
        "approval_decision" => {
            answered(approval::decision_of(arguments.text("id")?), |decision| decided(&decision))
        }
        "child_spawn" => answered(children::spawn(&child(arguments)?), |id| json!(id)),
        "child_wait_all" => {
            let result = children::wait_all(&arguments.texts("ids"), on_failure(arguments)?);
            answered(result, |outcomes| outcomes.iter().map(ended).collect())
        }
        "child_wait_any" => {
            answered(children::wait_any(&arguments.texts("ids")), |outcome| ended(&outcome))
        }
        "child_outcome" => answered(children::outcome_of(arguments.text("id")?), |outcome| {
            outcome.as_ref().map_or(Value::Null, ended)
        }),
        "fan_out" => fan_out(arguments)?,
        "child_cancel" => answered(children::cancel(arguments.text("id")?), |()| json!(null)),
        "signal_wait" => {
            let timeout_ms = arguments.number_if_any("timeout_ms");
            answered(signals::wait(arguments.text("name")?, timeout_ms), parsed)
        }
        "signal_poll" => answered(signals::poll(arguments.text("name")?), parsed),
        "wait_any" => answered(waiting::wait_any(&awaitables(arguments)), |ready| json!(ready)),
        "checkpoint_save" => match arguments.number_if_any("bytes") {
            Some(bytes) => refused(&checkpoint::save(&vec![b'x'; bytes as usize])),
            None => refused(&checkpoint::save(arguments.text("state")?.as_bytes())),
        },
        "checkpoint_restored" => json!(checkpoint::restored().map(lossy)),
        "counting_checkpoint" => count(arguments)?,
        "publish" => {
            let description = artifacts::Description {
                media_type: arguments.text_if_any("media_type").map(str::to_owned),
                text: arguments.text_if_any("text").map(str::to_owned),
            };
            answered(artifacts::publish(arguments.text("path")?, &description), |()| json!(null))
        }
        "this_task" => identity(context::this_task()),
        "context_state" => answered(context::get_state(), state),
        "context_set" => answered(
            context::set_state(&arguments.json("value"), arguments.text("version")?),
            state,
        ),
        _ => return Ok(None),
    };
    Ok(Some(answer))
}

/// Says as JSON what the host answered.
pub(crate) fn answered<T>(result: Result<T, Error>, describe: impl FnOnce(T) -> Value) -> Value {
    match result {
        Ok(value) => json!({"ok": describe(value)}),
        Err(error) => refused(&error),
    }
}

pub(crate) fn refused(error: &Error) -> Value {
    json!({"err": match error {
        Error::Unsupported(text) => json!({"unsupported": text}),
        Error::Denied(text) => json!({"denied": text}),
        Error::Invalid(text) => json!({"invalid": text}),
        Error::Limit(bound) => json!({"limit": {"name": bound.name, "value": bound.value}}),
        Error::NotFound(text) => json!({"not_found": text}),
    }})
}

fn question(arguments: &Arguments<'_>) -> Result<approval::Question, Failure> {
    Ok(approval::Question {
        title: arguments.text("title")?.to_owned(),
        detail: arguments.text_if_any("detail").unwrap_or_default().to_owned(),
        schema: arguments.all().get("schema").map(Value::to_string),
        timeout_ms: arguments.number_if_any("timeout_ms"),
        show_diff: arguments.flag("show_diff"),
        attachments: arguments.texts("attachments"),
    })
}

fn decided(decision: &approval::Decision) -> Value {
    json!({
        "verdict": match decision.verdict {
            approval::Verdict::Approved => "approved",
            approval::Verdict::Denied => "denied",
            approval::Verdict::Expired => "expired",
            approval::Verdict::Cancelled => "cancelled",
        },
        "by": decision.by,
        "comment": decision.comment,
        "values": parsed(decision.values.clone()),
    })
}

fn child(arguments: &Arguments<'_>) -> Result<children::Child, Failure> {
    let workspace = match arguments.text_if_any("workspace") {
        None | Some("empty") => children::Workspace::Empty,
        Some("start") => children::Workspace::Start,
        Some("fork") => children::Workspace::Fork,
        Some(other) => return Err(wrong(format!("{other:?} is no workspace"))),
    };
    Ok(children::Child {
        executor: arguments.text("executor")?.to_owned(),
        function: arguments.text_if_any("function").map(str::to_owned),
        input: arguments.json("input"),
        workspace,
        limits: None,
        name: arguments.text_if_any("name").map(str::to_owned),
        max_attempts: arguments
            .number_if_any("max_attempts")
            .and_then(|count| u32::try_from(count).ok()),
    })
}

/// Starts many children that are given nothing, waits for all, and counts those that completed.
fn fan_out(arguments: &Arguments<'_>) -> Result<Value, Failure> {
    let mut ids = Vec::new();
    for _ in 0..arguments.number("children")? {
        let spawned =
            children::spawn(&children::Child { input: "null".to_owned(), ..child(arguments)? });
        match spawned {
            Ok(id) => ids.push(id),
            Err(error) => return Ok(refused(&error)),
        }
    }
    Ok(match children::wait_all(&ids, children::OnFailure::Collect) {
        Ok(ended) => json!({"ended": ended.iter().filter(|end| end.output.is_ok()).count()}),
        Err(error) => refused(&error),
    })
}

fn on_failure(arguments: &Arguments<'_>) -> Result<children::OnFailure, Failure> {
    match arguments.text_if_any("on_failure") {
        None | Some("collect") => Ok(children::OnFailure::Collect),
        Some("fail_fast") => Ok(children::OnFailure::FailFast),
        Some("ignore") => Ok(children::OnFailure::Ignore),
        Some(other) => Err(wrong(format!("{other:?} is no policy"))),
    }
}

fn ended(outcome: &children::Outcome) -> Value {
    let output = match &outcome.output {
        Ok(output) => json!({"ok": parsed(Some(output.clone()))}),
        Err(error) => json!({"err": {
            "code": error.code,
            "message": error.message,
            "detail": parsed(error.detail.clone()),
        }}),
    };
    json!({"id": outcome.id, "output": output})
}

fn awaitables(arguments: &Arguments<'_>) -> Vec<waiting::Awaitable> {
    let mut items: Vec<_> =
        arguments.texts("children").into_iter().map(waiting::Awaitable::Child).collect();
    items.extend(arguments.texts("signals").into_iter().map(waiting::Awaitable::Signal));
    items.extend(arguments.number_if_any("timer_ms").map(waiting::Awaitable::Timer));
    items.extend(arguments.texts("approvals").into_iter().map(waiting::Awaitable::Approval));
    items
}

fn count(arguments: &Arguments<'_>) -> Result<Value, Failure> {
    let until = arguments.number("until")?;
    let restored = checkpoint::restored().map(lossy);
    let came_to = restored.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    if came_to >= until {
        return Ok(json!({"came_to": came_to}));
    }
    let next = came_to + arguments.number_if_any("each").unwrap_or(1);
    Ok(refused(&checkpoint::save(next.to_string().as_bytes())))
}

fn identity(identity: context::Identity) -> Value {
    json!({
        "task_id": identity.task_id,
        "attempt": identity.attempt,
        "namespace": identity.namespace,
        "context_id": identity.context_id,
        "parent_id": identity.parent_id,
    })
}

fn state(state: context::State) -> Value {
    json!({"value": parsed(Some(state.value)), "version": state.version})
}

/// Reads JSON that the host handed over; text that is none shows as what it is.
fn parsed(text: Option<String>) -> Value {
    text.map_or(Value::Null, |text| {
        serde_json::from_str(&text).unwrap_or_else(|_| json!({"not_json": text}))
    })
}

fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}
