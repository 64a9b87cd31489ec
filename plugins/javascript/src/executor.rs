//! The edge to the host: the world's interfaces as a [`Host`], and what the component exports.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use requests::bindings::errand::task::execution::{Descriptor, Failure as Told, Persistence};
use requests::bindings::errand::task::types::{Error, Level};
use requests::bindings::errand::task::{
    approval, artifacts, checkpoint, children, context, progress, signals, timers, waiting,
};
use requests::bindings::wasi::random::random::get_random_bytes;
use requests::bindings::{Guest, export};
use requests::{Fault, Reason, Request};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::failure::Failure;
use crate::host::{Host, HttpAnswer, HttpRequest, Refusal, Stream};

mod exported {
    use super::{Executor, export};
    export!(Executor with_types_in requests::bindings);
}

const DESCRIPTION: &str = "Runs JavaScript code: ES2023 in QuickJS, with much of what Node has, in the task's own workspace.";

struct Executor;

impl Guest for Executor {
    fn describe() -> Descriptor {
        Descriptor {
            description: DESCRIPTION.to_owned(),
            input_schema: include_str!("input.schema.json").to_owned(),
            output_schema: include_str!("output.schema.json").to_owned(),
        }
    }

    fn run(input: String) -> Result<String, Told> {
        crate::run(&input, Rc::new(World)).map_err(told)
    }
}

fn told(failure: Failure) -> Told {
    Told {
        code: failure.code.to_owned(),
        message: failure.message,
        detail: failure.detail.map(|detail| Value::Object(detail).to_string()),
        persistence: match failure.is_transient {
            true => Persistence::Transient,
            false => Persistence::Permanent,
        },
    }
}

/// The world `errand:task/executor`.
struct World;

impl Host for World {
    fn write(&self, stream: Stream, bytes: &[u8]) {
        // Nobody is left to tell where it can't be written.
        let _ = match stream {
            Stream::Stdout => {
                let mut stdout = std::io::stdout().lock();
                stdout.write_all(bytes).and_then(|()| stdout.flush())
            }
            Stream::Stderr => std::io::stderr().lock().write_all(bytes),
        };
    }

    fn read_stdin(&self, max_bytes: usize) -> Vec<u8> {
        let mut buffer = vec![0; max_bytes];
        let read = std::io::stdin().lock().read(&mut buffer).unwrap_or(0);
        buffer.truncate(read);
        buffer
    }

    fn path(&self, path: &str) -> PathBuf {
        PathBuf::from(path)
    }

    fn random(&self, length: usize) -> Vec<u8> {
        get_random_bytes(length as u64)
    }

    fn environment(&self) -> BTreeMap<String, String> {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    fn call(&self, name: &str, arguments: Value) -> Result<Value, Refusal> {
        call(name, arguments)
    }

    fn save(&self, state: &[u8]) -> Refusal {
        refusal(checkpoint::save(state))
    }

    fn restored(&self) -> Option<Vec<u8>> {
        checkpoint::restored()
    }

    fn http(&self, request: HttpRequest, body: Vec<u8>) -> Result<HttpAnswer, Refusal> {
        let invalid = |text: String| Refusal::Invalid { text };
        let url = Url::parse(&request.url).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.host_str().is_some_and(|host| !host.is_empty())
        });
        let url = url.ok_or_else(|| {
            invalid(format!(
                "url must start with http:// or https:// and a host: '{}'",
                request.url
            ))
        })?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("put credentials into a header, not into the url".to_owned()));
        }
        let mut sent = Request::new(&request.method, url).body(body);
        for (name, value) in &request.headers {
            sent = sent.header(name, value);
        }
        if let Some(each) = request.timeout_ms {
            sent = sent.timeout(Duration::from_millis(each));
        }
        let mut response = sent.send().map_err(unanswered)?;
        let headers = response
            .headers()
            .map(|(name, value)| {
                // Each byte is a character, as in Latin-1.
                (name.to_lowercase(), value.iter().map(|&byte| char::from(byte)).collect())
            })
            .collect();
        let body = response.rest(usize::MAX).map_err(unanswered)?;
        Ok(HttpAnswer { status: response.status(), headers, body })
    }
}

fn unanswered(fault: Fault) -> Refusal {
    let text = fault.message;
    match fault.reason {
        Reason::Denied => Refusal::Denied { text },
        Reason::Invalid => Refusal::Invalid { text },
        Reason::TimedOut => Refusal::TimedOut { text },
        Reason::Unknown => Refusal::Unknown { text },
        Reason::Unreachable | Reason::TooLarge => Refusal::Failed { text },
    }
}

fn refusal(error: Error) -> Refusal {
    match error {
        Error::Unsupported(text) => Refusal::Unsupported { text },
        Error::Denied(text) => Refusal::Denied { text },
        Error::Invalid(text) => Refusal::Invalid { text },
        Error::Limit(bound) => Refusal::Limit { name: bound.name, value: bound.value },
        Error::NotFound(text) => Refusal::NotFound { text },
    }
}

/// What a call is given: each takes its own of these.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Arguments {
    done: u64,
    total: Option<u64>,
    message: Option<String>,
    level: String,
    kind: String,
    data: String,
    path: String,
    media_type: Option<String>,
    text: Option<String>,
    title: String,
    detail: String,
    schema: Option<String>,
    timeout_ms: Option<u64>,
    show_diff: bool,
    attachments: Vec<String>,
    approvers: Vec<String>,
    executor: String,
    function: Option<String>,
    input: String,
    workspace: String,
    limits: Option<Limits>,
    name: Option<String>,
    max_attempts: Option<u32>,
    ids: Vec<String>,
    items: Vec<Item>,
    on_failure: String,
    ms: u64,
    value: String,
    version: String,
}

/// One of several things to wait for.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Item {
    Children { name: String },
    Signals { name: String },
    Approvals { name: String },
    Timer { ms: u64 },
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Limits {
    fuel: Option<u64>,
    memory_bytes: Option<u64>,
    timeout_ms: Option<u64>,
    workspace_bytes: Option<u64>,
    output_bytes: Option<u64>,
    fuel_from_parent: bool,
}

impl Arguments {
    fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }
}

/// Calls the function of the host that has this name.
fn call(name: &str, arguments: Value) -> Result<Value, Refusal> {
    let given: Arguments = serde_json::from_value(arguments)
        .map_err(|error| Refusal::Invalid { text: error.to_string() })?;
    let nothing = |()| Value::Null;
    match name {
        "progress" => {
            progress::report(given.done, given.total, given.message.as_deref());
            Ok(Value::Null)
        }
        "log" => {
            progress::log(level(&given.level), given.message.as_deref().unwrap_or_default());
            Ok(Value::Null)
        }
        "emit" => progress::emit(&given.kind, &given.data).map(nothing),
        "publish" => {
            let description =
                artifacts::Description { media_type: given.media_type, text: given.text };
            artifacts::publish(&given.path, &description).map(nothing)
        }
        "approve" => approve(given),
        "request_approval" => request(given).map(Value::String),
        "decision" => approval::decision_of(given.name()).map(decision),
        "spawn" => children::spawn(&child(given)).map(Value::String),
        "gather" => children::wait_all(&given.ids, on_failure(&given.on_failure))
            .map(|outcomes| outcomes.into_iter().map(outcome).collect()),
        "wait_any" => children::wait_any(&given.ids).map(outcome),
        "outcome" => {
            children::outcome_of(given.name()).map(|ended| ended.map_or(Value::Null, outcome))
        }
        "cancel" => children::cancel(given.name()).map(nothing),
        "sleep" => timers::sleep(given.ms).map(nothing),
        "wait_signal" => {
            signals::wait(given.name(), given.timeout_ms).map(|payload| json!(payload))
        }
        "poll_signal" => signals::poll(given.name()).map(|payload| json!(payload)),
        "wait_first" => {
            let items: Vec<_> = given.items.into_iter().map(awaitable).collect();
            waiting::wait_any(&items).map(|ready| json!(ready))
        }
        "this_task" => {
            let task = context::this_task();
            Ok(json!({
                "task_id": task.task_id, "attempt": task.attempt, "namespace": task.namespace,
                "context_id": task.context_id, "parent_id": task.parent_id,
            }))
        }
        "context_get" => context::get_state().map(state),
        "context_set" => context::set_state(&given.value, &given.version).map(state),
        other => Err(Error::Unsupported(format!("there is no call {other}"))),
    }
    .map_err(refusal)
}

fn level(name: &str) -> Level {
    match name {
        "debug" => Level::Debug,
        "warn" => Level::Warn,
        "error" => Level::Error,
        _ => Level::Info,
    }
}

fn approve(mut given: Arguments) -> Result<Value, Error> {
    if given.approvers.is_empty() {
        return approval::ask(&question(&mut given)).map(decision);
    }
    let id = request(given)?;
    waiting::wait_any(&[waiting::Awaitable::Approval(id.clone())])?;
    approval::decision_of(&id).map(decision)
}

fn request(mut given: Arguments) -> Result<String, Error> {
    let question = question(&mut given);
    match given.approvers.is_empty() {
        true => approval::request(&question),
        false => approval::request_from(&question, &given.approvers),
    }
}

fn question(given: &mut Arguments) -> approval::Question {
    approval::Question {
        title: std::mem::take(&mut given.title),
        detail: std::mem::take(&mut given.detail),
        schema: given.schema.take(),
        timeout_ms: given.timeout_ms,
        show_diff: given.show_diff,
        attachments: std::mem::take(&mut given.attachments),
    }
}

fn decision(decision: approval::Decision) -> Value {
    let verdict = match decision.verdict {
        approval::Verdict::Approved => "approved",
        approval::Verdict::Denied => "denied",
        approval::Verdict::Expired => "expired",
        approval::Verdict::Cancelled => "cancelled",
    };
    json!({
        "verdict": verdict, "by": decision.by, "comment": decision.comment, "values": decision.values,
    })
}

fn awaitable(item: Item) -> waiting::Awaitable {
    match item {
        Item::Children { name } => waiting::Awaitable::Child(name),
        Item::Signals { name } => waiting::Awaitable::Signal(name),
        Item::Approvals { name } => waiting::Awaitable::Approval(name),
        Item::Timer { ms } => waiting::Awaitable::Timer(ms),
    }
}

fn child(given: Arguments) -> children::Child {
    children::Child {
        executor: given.executor,
        function: given.function,
        input: given.input,
        workspace: match given.workspace.as_str() {
            "start" => children::Workspace::Start,
            "fork" => children::Workspace::Fork,
            _ => children::Workspace::Empty,
        },
        limits: given.limits.map(|limits| children::Limits {
            fuel: limits.fuel,
            memory_bytes: limits.memory_bytes,
            timeout_ms: limits.timeout_ms,
            workspace_bytes: limits.workspace_bytes,
            output_bytes: limits.output_bytes,
            fuel_from_parent: limits.fuel_from_parent,
        }),
        name: given.name,
        max_attempts: given.max_attempts,
    }
}

fn on_failure(name: &str) -> children::OnFailure {
    match name {
        "collect" => children::OnFailure::Collect,
        "ignore" => children::OnFailure::Ignore,
        _ => children::OnFailure::FailFast,
    }
}

fn outcome(outcome: children::Outcome) -> Value {
    let (output, failure) = match outcome.output {
        Ok(output) => (Some(output), None),
        Err(error) => {
            let detail = error.detail;
            (None, Some(json!({ "code": error.code, "message": error.message, "detail": detail })))
        }
    };
    json!({ "id": outcome.id, "output": output, "failure": failure })
}

fn state(state: context::State) -> Value {
    json!({ "value": state.value, "version": state.version })
}
