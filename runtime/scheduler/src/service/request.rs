//! A request for a task as callers write it, and reading it with every fault named.
//!
//! The quick path is one pass of serde. Only a request that fails it is read a second time, field by
//! field, to name all faults with their JSON pointers and not the first alone.

use std::collections::BTreeMap;

use errand_core::{Limits, Notify, Retry};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Fault, ServiceError};

/// A request for a task: the contract's fields with its defaults, not checked yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskRequest {
    /// `name` or `name@digest-prefix`.
    pub executor: String,
    /// Which function, for executors of kind `functions` alone.
    #[serde(default)]
    pub function: Option<String>,
    /// What the executor is given; an empty object where it is left out.
    #[serde(default = "empty_object")]
    pub input: Value,
    /// What the workspace starts from.
    #[serde(default)]
    pub workspace: WorkspaceRequest,
    /// Directories that it can read besides, and never write.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<MountRequest>,
    /// The tenant; left out: the caller's own.
    #[serde(default)]
    pub namespace: Option<String>,
    /// The caller's own marks.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Higher is claimed first.
    #[serde(default)]
    pub priority: i32,
    /// The caller's key against submitting twice. Not part of the request's fingerprint.
    #[serde(default, skip_serializing)]
    pub idempotency_key: Option<String>,
    /// How long the task stays queued at least.
    #[serde(default)]
    pub delay_ms: u64,
    /// The task that started this one.
    #[serde(default)]
    pub parent_id: Option<String>,
    /// The conversation that it belongs to.
    #[serde(default)]
    pub context_id: Option<String>,
    /// Its bounds.
    #[serde(default)]
    pub limits: Limits,
    /// How often it is tried.
    #[serde(default)]
    pub retry: Retry,
    /// Globs of files that are kept.
    #[serde(default)]
    pub artifacts: Vec<String>,
    /// Who is told.
    #[serde(default)]
    pub notify: Vec<Notify>,
}

/// What a workspace starts from, as callers write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "they are the fields of errand_core::WorkspaceSource")]
pub struct WorkspaceRequest {
    pub from: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blob: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repo: Option<String>,
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paths: Option<Vec<String>>,
}

impl Default for WorkspaceRequest {
    fn default() -> Self {
        Self {
            from: "empty".into(),
            path: None,
            blob: None,
            repo: None,
            reference: None,
            id: None,
            paths: None,
        }
    }
}

/// A directory to mount, as callers write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "they are the fields of errand_core::Mount")]
pub struct MountRequest {
    pub path: String,
    pub blob: String,
}

/// Many requests at once.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchRequest {
    /// The requests, at least one and at most [`BatchRequest::MAX_TASKS`].
    pub tasks: Vec<TaskRequest>,
}

impl TaskRequest {
    /// Builds a request with every default.
    pub fn new(executor: impl Into<String>, input: Value) -> Self {
        Self {
            executor: executor.into(),
            function: None,
            input,
            workspace: WorkspaceRequest::default(),
            mounts: Vec::new(),
            namespace: None,
            labels: BTreeMap::new(),
            priority: 0,
            idempotency_key: None,
            delay_ms: 0,
            parent_id: None,
            context_id: None,
            limits: Limits::default(),
            retry: Retry::default(),
            artifacts: Vec::new(),
            notify: Vec::new(),
        }
    }

    /// Reads a request from JSON text.
    ///
    /// # Errors
    /// [`ServiceError::Malformed`] when it is not JSON, [`ServiceError::Invalid`] with a fault for each
    /// unknown field and each value of the wrong type.
    pub fn from_slice(json: &[u8]) -> Result<Self, ServiceError> {
        read(json, |value, faults| find_faults(value, "", faults))
    }

    /// Reads a request from a JSON value.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] with a fault for each unknown field and each value of the wrong type.
    pub fn from_value(value: Value) -> Result<Self, ServiceError> {
        Self::deserialize(&value).map_err(|error| {
            let mut faults = Vec::new();
            find_faults(&value, "", &mut faults);
            refusal(faults, &error)
        })
    }
}

impl BatchRequest {
    /// The largest batch.
    pub const MAX_TASKS: usize = 1_000;

    /// Reads a batch from JSON text.
    ///
    /// # Errors
    /// As [`TaskRequest::from_slice`]; the pointers lead into the list, such as `/tasks/3/limits/fuel`.
    pub fn from_slice(json: &[u8]) -> Result<Self, ServiceError> {
        read(json, |value, faults| {
            let Some(fields) = object(value, "", faults) else { return };
            unknown(fields, &["tasks"], "", faults);
            let Some(Value::Array(tasks)) = fields.get("tasks") else {
                faults.push(Fault::new("/tasks", "must be a list of task requests"));
                return;
            };
            for (index, task) in tasks.iter().enumerate() {
                if faults.len() >= Fault::MOST {
                    break;
                }
                find_faults(task, &format!("/tasks/{index}"), faults);
            }
        })
    }
}

impl Fault {
    /// Most faults that one answer names. Past it, one more adds nothing for the reader.
    pub(crate) const MOST: usize = 100;
}

fn empty_object() -> Value {
    Value::Object(Map::new())
}

fn read<T: DeserializeOwned>(
    json: &[u8],
    explain: impl Fn(&Value, &mut Vec<Fault>),
) -> Result<T, ServiceError> {
    serde_json::from_slice(json).map_err(|error| {
        if !error.is_data() {
            return ServiceError::Malformed { message: error.to_string() };
        }
        match serde_json::from_slice::<Value>(json) {
            Ok(value) => {
                let mut faults = Vec::new();
                explain(&value, &mut faults);
                refusal(faults, &error)
            }
            Err(error) => ServiceError::Malformed { message: error.to_string() },
        }
    })
}

fn refusal(mut faults: Vec<Fault>, error: &serde_json::Error) -> ServiceError {
    if faults.is_empty() {
        faults.push(Fault::new("", error.to_string()));
    }
    faults.truncate(Fault::MOST);
    ServiceError::Invalid { faults }
}

const FIELDS: [&str; 16] = [
    "executor",
    "function",
    "input",
    "workspace",
    "mounts",
    "namespace",
    "labels",
    "priority",
    "idempotency_key",
    "delay_ms",
    "parent_id",
    "context_id",
    "limits",
    "retry",
    "artifacts",
    "notify",
];
const LIMITS: [&str; 5] = ["fuel", "memory_bytes", "timeout_ms", "workspace_bytes", "output_bytes"];

/// Names everything that keeps a value from being a [`TaskRequest`].
fn find_faults(value: &Value, prefix: &str, faults: &mut Vec<Fault>) {
    let Some(fields) = object(value, prefix, faults) else { return };
    unknown(fields, &FIELDS, prefix, faults);
    if !fields.contains_key("executor") {
        faults.push(Fault::new(format!("{prefix}/executor"), "is missing"));
    }
    let mut checked = Checked { fields, prefix, faults };
    checked.is::<String>("executor", "must be a text");
    for name in ["function", "namespace", "idempotency_key", "parent_id", "context_id"] {
        checked.is::<Option<String>>(name, "must be a text or null");
    }
    checked.is::<i32>("priority", "must be a whole number of 32 bits");
    checked.is::<u64>("delay_ms", "must be a whole number from 0 on");
    checked.each("labels", "must be an object of texts", |label| label.is_string());
    checked.each("artifacts", "must be a list of texts", |glob| glob.is_string());
    checked.is::<Vec<Notify>>("notify", "must be a list of {url, events}");
    checked.is::<WorkspaceRequest>("workspace", "must be an object such as {\"from\": \"empty\"}");
    if let Some(mounts) = fields.get("mounts") {
        find_faults_of_mounts(mounts, &format!("{prefix}/mounts"), faults);
    }
    if let Some(limits) = fields.get("limits") {
        let prefix = &format!("{prefix}/limits");
        if let Some(fields) = object(limits, prefix, faults) {
            unknown(fields, &LIMITS, prefix, faults);
            let mut checked = Checked { fields, prefix, faults };
            for name in LIMITS {
                checked.is::<u64>(name, "must be a whole number from 0 on");
            }
        }
    }
    if let Some(retry) = fields.get("retry") {
        let prefix = &format!("{prefix}/retry");
        if let Some(fields) = object(retry, prefix, faults) {
            let known = ["max_attempts", "backoff_ms", "backoff_factor", "backoff_max_ms"];
            unknown(fields, &known, prefix, faults);
            let mut checked = Checked { fields, prefix, faults };
            checked.is::<u32>("max_attempts", "must be a whole number of 32 bits from 0 on");
            checked.is::<u64>("backoff_ms", "must be a whole number from 0 on");
            checked.is::<f64>("backoff_factor", "must be a number");
            checked.is::<u64>("backoff_max_ms", "must be a whole number from 0 on");
        }
    }
}

fn find_faults_of_mounts(mounts: &Value, prefix: &str, faults: &mut Vec<Fault>) {
    let Some(mounts) = mounts.as_array() else {
        faults.push(Fault::new(prefix, "must be a list of {path, blob}"));
        return;
    };
    for (index, mount) in mounts.iter().enumerate().take(Fault::MOST) {
        let prefix = &format!("{prefix}/{index}");
        let Some(fields) = object(mount, prefix, faults) else { continue };
        unknown(fields, &["path", "blob"], prefix, faults);
        for name in ["path", "blob"] {
            match fields.get(name) {
                Some(Value::String(_)) => {}
                Some(_) => faults.push(Fault::new(format!("{prefix}/{name}"), "must be a text")),
                None => faults.push(Fault::new(format!("{prefix}/{name}"), "is missing")),
            }
        }
    }
}

struct Checked<'a> {
    fields: &'a Map<String, Value>,
    prefix: &'a str,
    faults: &'a mut Vec<Fault>,
}

impl Checked<'_> {
    fn is<T: DeserializeOwned>(&mut self, name: &str, rule: &str) {
        if self.fields.get(name).is_some_and(|value| T::deserialize(value).is_err()) {
            self.faults.push(Fault::new(format!("{}/{name}", self.prefix), rule));
        }
    }

    /// Checks a list or an object by its members.
    fn each(&mut self, name: &str, rule: &str, fits: impl Fn(&Value) -> bool) {
        let wrong = |member: &str| {
            Fault::new(format!("{}/{name}/{}", self.prefix, escaped(member)), "must be a text")
        };
        match (name, self.fields.get(name)) {
            (_, None) => {}
            ("labels", Some(Value::Object(members))) => self.faults.extend(
                members.iter().filter(|(_, value)| !fits(value)).map(|(key, _)| wrong(key)),
            ),
            ("artifacts", Some(Value::Array(members))) => self.faults.extend(
                members
                    .iter()
                    .enumerate()
                    .filter(|(_, value)| !fits(value))
                    .map(|(index, _)| wrong(&index.to_string())),
            ),
            _ => self.faults.push(Fault::new(format!("{}/{name}", self.prefix), rule)),
        }
    }
}

fn object<'a>(
    value: &'a Value,
    prefix: &str,
    faults: &mut Vec<Fault>,
) -> Option<&'a Map<String, Value>> {
    if !value.is_object() {
        faults.push(Fault::new(prefix, "must be an object"));
    }
    value.as_object()
}

fn unknown(fields: &Map<String, Value>, known: &[&str], prefix: &str, faults: &mut Vec<Fault>) {
    for name in fields.keys().filter(|name| !known.contains(&name.as_str())) {
        faults.push(Fault::new(format!("{prefix}/{}", escaped(name)), "is not a known field"));
    }
}

/// Writes a member's name as a part of a JSON pointer.
pub(super) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
