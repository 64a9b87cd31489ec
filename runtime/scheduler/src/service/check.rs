//! From a request to a submission: every rule for what a task may ask for, and all faults at once.

use std::sync::Arc;

use errand_core::{
    CallError, ContextId, Digest, ExecutorKind, ExecutorName, ExecutorProfile, ExecutorRef,
    FunctionProfile, Idempotency, Limits, Namespace, Raised, Retry, Submission, Task,
};
use globset::GlobBuilder;
use serde_json::Value;

use super::request::escaped;
use super::workspace::Starts;
use super::{Caller, Fault, Service, ServiceError, TaskRequest};

const MAX_LABELS: usize = 64;
const MAX_LABEL_KEY_CHARS: usize = 64;
const MAX_LABEL_VALUE_CHARS: usize = 256;
const MAX_GLOBS: usize = 64;
const MAX_GLOB_BYTES: usize = 512;
const MAX_KEY_CHARS: usize = 256;
const MAX_ATTEMPTS: u32 = 100;
const MAX_BACKOFF_FACTOR: f64 = 1_000.0;
/// A year: what is further away belongs into a schedule.
const MAX_DELAY_MS: u64 = 366 * 24 * 3_600_000;
/// How many executors a hint names.
const MAX_HINTS: usize = 10;

/// What no grant goes beyond: a memory has no more addresses, and fuel no higher number.
const HARD_LIMITS: Limits = Limits {
    fuel: i64::MAX as u64,
    memory_bytes: 4 << 30,
    timeout_ms: u64::MAX,
    workspace_bytes: u64::MAX,
    output_bytes: u64::MAX,
};

/// A request that passed.
pub(super) struct Passed {
    pub(super) submission: Submission,
    pub(super) idempotency: Option<Idempotency>,
}

/// What was found out about a list of requests so far.
pub(super) struct Findings<'a> {
    pub(super) faults: Vec<Fault>,
    /// The first thing that was asked for and is not there yet.
    pub(super) unsupported: Option<String>,
    /// Where the request at hand is: empty, or `/tasks/3`.
    pub(super) prefix: &'a str,
}

impl Findings<'_> {
    pub(super) fn fault(&mut self, pointer: &str, message: impl Into<String>) {
        if self.faults.len() < Fault::MOST {
            self.faults.push(Fault::new(format!("{}{pointer}", self.prefix), message));
        }
    }

    pub(super) fn unsupported(&mut self, what: impl Into<String>) {
        self.unsupported.get_or_insert_with(|| what.into());
    }
}

impl Service {
    /// Checks one request. Nothing is answered where a finding keeps it from passing.
    pub(super) async fn check(
        &self,
        caller: &Caller,
        request: TaskRequest,
        starts: &mut Starts,
        found: &mut Findings<'_>,
    ) -> Result<Option<Passed>, ServiceError> {
        let namespace = match request.namespace.as_deref().map(Namespace::new) {
            None => caller.home(),
            Some(Ok(namespace)) => caller.within(namespace)?.home(),
            Some(Err(error)) => {
                found.fault("/namespace", error.to_string());
                caller.home()
            }
        };
        let idempotency = idempotency(&request, found)?;
        let executor = self.check_executor(&namespace, &request, found).await?;
        let parent = self.check_parent(&namespace, request.parent_id.as_deref(), found).await?;
        let context_id = request.context_id.as_deref().and_then(|text| {
            ContextId::new(text).map_err(|error| found.fault("/context_id", error.to_string())).ok()
        });
        let raised = executor
            .as_ref()
            .map_or_else(Raised::default, |pinned| self.granted(&namespace, pinned).limits);
        let most = raised.over(self.0.settings.max_limits).within(&HARD_LIMITS);
        check_limits(&request.limits, &most, found);
        check_retry(&request.retry, found);
        check_labels(&request, found);
        check_globs(&request.artifacts, found);
        let workspace = self.check_workspace(caller, &namespace, &request, starts, found).await?;
        let mounts = self.check_mounts(&namespace, &request, starts, found).await?;
        if request.delay_ms > MAX_DELAY_MS {
            found.fault("/delay_ms", format!("must be at most {MAX_DELAY_MS}"));
        }
        if json_bytes(&request.input) > self.0.settings.max_input_bytes {
            let most = self.0.settings.max_input_bytes;
            found.fault("/input", format!("is larger than {most} bytes"));
        }
        if !request.notify.is_empty() {
            found.unsupported("`notify`");
        }
        if !found.faults.is_empty() || found.unsupported.is_some() {
            return Ok(None);
        }
        let Some(executor) = executor else { return Ok(None) };
        let (parent_id, lineage) = match &parent {
            None => (None, None),
            Some(parent) => match self.place_in_tree(parent, request.limits.fuel).await? {
                Ok(lineage) => (Some(parent.id), Some(lineage)),
                Err(refused) => {
                    found.fault("/parent_id", of_tree(&refused));
                    return Ok(None);
                }
            },
        };
        Ok(Some(Passed {
            submission: Submission {
                namespace,
                executor,
                function: request.function,
                input: Arc::new(request.input),
                workspace,
                labels: request.labels,
                priority: request.priority,
                idempotency_key: request.idempotency_key,
                delay_ms: request.delay_ms,
                parent_id,
                lineage,
                context_id,
                limits: request.limits,
                retry: request.retry,
                mounts,
                artifacts: request.artifacts,
                notify: request.notify,
            },
            idempotency,
        }))
    }

    async fn check_executor(
        &self,
        namespace: &Namespace,
        request: &TaskRequest,
        found: &mut Findings<'_>,
    ) -> Result<Option<ExecutorRef>, ServiceError> {
        let (name, prefix) = match request.executor.split_once('@') {
            Some((name, prefix)) => (name, Some(prefix)),
            None => (request.executor.as_str(), None),
        };
        let name = match ExecutorName::new(name) {
            Ok(name) => name,
            Err(error) => {
                found.fault("/executor", error.to_string());
                return Ok(None);
            }
        };
        let Some(entry) = self.executor_entry(namespace, &name).await? else {
            let message = format!("there is no executor `{name}`{}", self.hint(namespace).await?);
            found.fault("/executor", message);
            return Ok(None);
        };
        let (pinned, checked) = match entry.pin(prefix) {
            Ok(pinned) => pinned,
            Err(reason) => {
                found.fault("/executor", format!("`{name}` {reason}"));
                return Ok(None);
            }
        };
        let pointer = format!("{}/input", found.prefix);
        if checked.profile.kind == ExecutorKind::Functions {
            let Some(function) = find_function(&checked.profile, request, found) else {
                return Ok(None);
            };
            if let Some(signature) = &function.signature {
                for fault in self.0.parts.runner.check_input(signature, &request.input) {
                    found.fault(&format!("/input{}", fault.pointer), fault.message);
                }
            }
            return Ok(Some(pinned));
        }
        if request.function.is_some() {
            found.fault("/function", "is for executors of kind `functions` alone");
        }
        checked.check(0, &request.input, &pointer, &mut found.faults);
        Ok(Some(pinned))
    }

    /// Names what executors there are, if they are few.
    async fn hint(&self, namespace: &Namespace) -> Result<String, ServiceError> {
        let prefix = format!("{namespace}/");
        let docs = self.store().docs(errand_core::DocKind::Executor, prefix.clone()).await?;
        let names: Vec<String> = docs
            .iter()
            .map(|(key, _)| format!("`{}`", key.strip_prefix(&prefix).unwrap_or(key)))
            .collect();
        Ok(match names.len() {
            0 => "; none is uploaded yet".into(),
            1..=MAX_HINTS => format!("; there are {}", names.join(", ")),
            _ => String::new(),
        })
    }

    async fn check_parent(
        &self,
        namespace: &Namespace,
        parent: Option<&str>,
        found: &mut Findings<'_>,
    ) -> Result<Option<Task>, ServiceError> {
        let Some(text) = parent else { return Ok(None) };
        if let Ok(id) = text.parse()
            && let Some(task) = self.store().task(id).await?
            && task.namespace == *namespace
        {
            return Ok(Some(task));
        }
        found.fault("/parent_id", format!("there is no task `{}`", text.escape_debug()));
        Ok(None)
    }
}

/// Says which bound of its tree a task would exceed.
fn of_tree(refused: &CallError) -> String {
    match refused {
        CallError::Limit { name, value } => {
            format!("is in a tree of tasks whose `{name}` of {value} would be exceeded")
        }
        other => format!("can't be the parent: {other:?}"),
    }
}

/// Finds the function that a request names, or tells which there are.
fn find_function<'p>(
    profile: &'p ExecutorProfile,
    request: &TaskRequest,
    found: &mut Findings<'_>,
) -> Option<&'p FunctionProfile> {
    let wrong = match &request.function {
        Some(name) => match profile.functions.iter().find(|function| function.name == *name) {
            Some(function) => return Some(function),
            None => format!("is not a function of `{}`", request.executor),
        },
        None => "is missing".to_owned(),
    };
    let names: Vec<String> = profile
        .functions
        .iter()
        .take(MAX_HINTS)
        .map(|function| format!("`{}`", function.name))
        .collect();
    let more = match profile.functions.len().saturating_sub(MAX_HINTS) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    found.fault("/function", format!("{wrong}; there are {}{more}", names.join(", ")));
    None
}

fn idempotency(
    request: &TaskRequest,
    found: &mut Findings<'_>,
) -> Result<Option<Idempotency>, ServiceError> {
    let Some(key) = &request.idempotency_key else { return Ok(None) };
    if !(1..=MAX_KEY_CHARS).contains(&key.chars().count()) || key.chars().any(char::is_control) {
        let rule = format!("must be 1 to {MAX_KEY_CHARS} printable characters");
        found.fault("/idempotency_key", rule);
        return Ok(None);
    }
    // What was asked for, not what it was pinned to: a newer upload does not make it another request.
    let mut hasher = blake3::Hasher::new();
    serde_json::to_writer(&mut hasher, request).map_err(ServiceError::internal)?;
    let fingerprint = Digest::from(hasher.finalize());
    Ok(Some(Idempotency { key: key.clone(), fingerprint }))
}

fn check_limits(asked: &Limits, most: &Limits, found: &mut Findings<'_>) {
    for (name, asked, most) in [
        ("fuel", asked.fuel, most.fuel),
        ("memory_bytes", asked.memory_bytes, most.memory_bytes),
        ("timeout_ms", asked.timeout_ms, most.timeout_ms),
        ("workspace_bytes", asked.workspace_bytes, most.workspace_bytes),
        ("output_bytes", asked.output_bytes, most.output_bytes),
    ] {
        if asked == 0 || asked > most {
            let more = match name {
                "fuel" | "memory_bytes" if asked > 0 => "; more of it can be granted",
                _ => "",
            };
            found.fault(&format!("/limits/{name}"), format!("must be from 1 to {most}{more}"));
        }
    }
}

fn check_retry(retry: &Retry, found: &mut Findings<'_>) {
    if !(1..=MAX_ATTEMPTS).contains(&retry.max_attempts) {
        found.fault("/retry/max_attempts", format!("must be from 1 to {MAX_ATTEMPTS}"));
    }
    if !(1.0..=MAX_BACKOFF_FACTOR).contains(&retry.backoff_factor) {
        found.fault("/retry/backoff_factor", format!("must be from 1 to {MAX_BACKOFF_FACTOR}"));
    }
    for (name, value) in
        [("backoff_ms", retry.backoff_ms), ("backoff_max_ms", retry.backoff_max_ms)]
    {
        if value > MAX_DELAY_MS {
            found.fault(&format!("/retry/{name}"), format!("must be at most {MAX_DELAY_MS}"));
        }
    }
}

fn check_labels(request: &TaskRequest, found: &mut Findings<'_>) {
    if request.labels.len() > MAX_LABELS {
        found.fault("/labels", format!("must be at most {MAX_LABELS}"));
        return;
    }
    for (key, value) in &request.labels {
        let chars = key.chars().count();
        let printable = !key.chars().any(|char| char.is_control() || char == ':');
        if !(1..=MAX_LABEL_KEY_CHARS).contains(&chars) || !printable {
            let rule = format!(
                "must have a key of 1 to {MAX_LABEL_KEY_CHARS} printable characters without `:`"
            );
            found.fault(&format!("/labels/{}", escaped(key)), rule);
        }
        if value.chars().count() > MAX_LABEL_VALUE_CHARS || value.chars().any(char::is_control) {
            let rule = format!("must be at most {MAX_LABEL_VALUE_CHARS} printable characters");
            found.fault(&format!("/labels/{}", escaped(key)), rule);
        }
    }
}

fn check_globs(globs: &[String], found: &mut Findings<'_>) {
    if globs.len() > MAX_GLOBS {
        found.fault("/artifacts", format!("must be at most {MAX_GLOBS}"));
        return;
    }
    for (index, glob) in globs.iter().enumerate() {
        let pointer = format!("/artifacts/{index}");
        if glob.is_empty() || glob.len() > MAX_GLOB_BYTES {
            found.fault(&pointer, format!("must be 1 to {MAX_GLOB_BYTES} bytes"));
        } else if glob.starts_with('/') || glob.split('/').any(|part| part == "..") {
            found.fault(&pointer, "must stay inside the workspace");
        } else if let Err(error) = GlobBuilder::new(glob).literal_separator(true).build() {
            found.fault(&pointer, error.kind().to_string());
        }
    }
}

/// Returns about how many bytes a value is as JSON; escapes are not counted.
pub(super) fn json_bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 4,
        Value::Number(_) => 8,
        Value::String(text) => text.len() + 2,
        Value::Array(items) => 2 + items.iter().map(|item| json_bytes(item) + 1).sum::<usize>(),
        Value::Object(fields) => {
            2 + fields.iter().map(|(key, value)| key.len() + 4 + json_bytes(value)).sum::<usize>()
        }
    }
}
