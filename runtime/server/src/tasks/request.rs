//! What a task request looks like, for the description of the API. The service itself reads requests
//! ([`errand_scheduler::TaskRequest`]); a test holds the two together.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::ToSchema;

/// A request for a task. Only `executor` is needed; unknown fields are errors.
#[derive(ToSchema)]
#[schema(as = TaskRequest, example = json!({"executor": "python", "input": {"code": "print(1)"}}))]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes errand_scheduler::TaskRequest")]
pub(crate) struct TaskRequestBody {
    /// `name`, or `name@digest-prefix`. The task is pinned to the full digest.
    #[schema(example = "python")]
    executor: String,
    /// Which function, for executors of kind `functions` alone.
    #[schema(required = false)]
    function: Option<String>,
    /// What the executor is given; its input schema says what fits.
    #[schema(required = false, default = json!({}))]
    input: Value,
    /// What the workspace starts from.
    #[schema(required = false)]
    workspace: WorkspaceBody,
    /// Directories that the task can read besides, and never write. They are no part of the workspace:
    /// not counted there, not in what the task changed, and not in a fork.
    #[schema(required = false, max_items = 4)]
    mounts: Vec<MountBody>,
    /// The tenant; left out: the token's own.
    #[schema(required = false, pattern = "^[a-z0-9][a-z0-9._-]{0,63}$")]
    namespace: Option<String>,
    /// The caller's own marks, to filter by.
    #[schema(required = false, default = json!({}))]
    labels: BTreeMap<String, String>,
    /// Higher is claimed first.
    #[schema(required = false, default = 0)]
    priority: i32,
    /// The same key and request give the same task; the same key with another request is 409. The
    /// header `Idempotency-Key` is the same.
    #[schema(required = false, min_length = 1, max_length = 256)]
    idempotency_key: Option<String>,
    /// How long the task stays queued at least.
    #[schema(required = false, default = 0)]
    delay_ms: u64,
    /// The task that started this one.
    #[schema(required = false)]
    parent_id: Option<String>,
    /// The conversation that it belongs to.
    #[schema(required = false, min_length = 1, max_length = 128)]
    context_id: Option<String>,
    /// Its bounds.
    #[schema(required = false)]
    limits: LimitsBody,
    /// How often it is tried.
    #[schema(required = false)]
    retry: RetryBody,
    /// Globs of files in the workspace that are kept when it ends.
    #[schema(required = false, max_items = 64, example = json!(["report.md", "out/**"]))]
    artifacts: Vec<String>,
    /// Who is told. Not supported yet.
    #[schema(required = false)]
    notify: Vec<NotifyBody>,
}

/// What a workspace starts from.
#[derive(ToSchema)]
#[schema(as = Workspace)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes errand_scheduler::WorkspaceRequest")]
pub(crate) struct WorkspaceBody {
    /// What.
    #[schema(value_type = WorkspaceFrom)]
    from: String,
    /// With `dir`: a directory of the server's machine under one that the operator listed. `.git` and
    /// what its `.gitignore` files name are left out. Captured when the task first starts.
    #[schema(required = false)]
    path: Option<String>,
    /// With `tar`: the digest of an archive that was uploaded to the namespace, plain or with gzip.
    #[schema(required = false)]
    blob: Option<String>,
    /// With `git`: a repository of the server's machine under a directory that the operator listed.
    #[schema(required = false)]
    repo: Option<String>,
    /// With `git`: a branch, tag or commit; its commit is found when the task is submitted.
    #[serde(rename = "ref")]
    #[schema(required = false)]
    reference: Option<String>,
    /// With `task`: the task whose workspace is gone on from, as that left it. It must have ended.
    #[schema(required = false)]
    id: Option<String>,
    /// With `git`: the directories and files of it that are wanted; all without it.
    #[schema(required = false)]
    paths: Option<Vec<String>>,
}

/// A directory to mount.
#[derive(ToSchema)]
#[schema(as = Mount)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes errand_scheduler::MountRequest")]
pub(crate) struct MountBody {
    /// Where the task sees it: absolute, one or two names, outside `/workspace`.
    #[schema(example = "/packages", pattern = r"^/[A-Za-z0-9._-]{1,64}(/[A-Za-z0-9._-]{1,64})?$")]
    path: String,
    /// The BLAKE3 digest of an uploaded archive, a tar or a tar.gz, in hexadecimal.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    blob: String,
}

/// Where a workspace comes from.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes errand_core::WorkspaceSource")]
pub(crate) enum WorkspaceFrom {
    Empty,
    Dir,
    Tar,
    Git,
    Task,
}

/// The bounds of one task. Meeting one ends the attempt with the bound's name and value.
#[derive(ToSchema)]
#[schema(as = Limits)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes errand_core::Limits")]
pub(crate) struct LimitsBody {
    /// Fuel units, about one per executed wasm instruction.
    #[schema(required = false, minimum = 1, default = 10_000_000_000_000_u64)]
    fuel: u64,
    /// Linear memories and tables of the instance together.
    #[schema(required = false, minimum = 1, default = 268_435_456)]
    memory_bytes: u64,
    /// Wall time while running.
    #[schema(required = false, minimum = 1, default = 600_000)]
    timeout_ms: u64,
    /// Bytes of all files in the workspace.
    #[schema(required = false, minimum = 1, default = 1_073_741_824)]
    workspace_bytes: u64,
    /// Bytes of standard output and standard error together, and of the result by itself.
    #[schema(required = false, minimum = 1, default = 1_048_576)]
    output_bytes: u64,
}

/// When a failed attempt is followed by another.
#[derive(ToSchema)]
#[schema(as = Retry)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes errand_core::Retry")]
pub(crate) struct RetryBody {
    /// Attempts in all, the first included.
    #[schema(required = false, minimum = 1, maximum = 100, default = 3)]
    max_attempts: u32,
    /// Wait before the second attempt.
    #[schema(required = false, default = 1_000)]
    backoff_ms: u64,
    /// Factor from one wait to the next.
    #[schema(required = false, minimum = 1, maximum = 1_000, default = 2.0)]
    backoff_factor: f64,
    /// Longest wait.
    #[schema(required = false, default = 60_000)]
    backoff_max_ms: u64,
}

/// A web hook.
#[derive(ToSchema)]
#[schema(as = Notify)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes errand_core::Notify")]
pub(crate) struct NotifyBody {
    /// Where to post.
    url: String,
    /// Which kinds of event.
    events: Vec<String>,
}

/// Many requests at once.
#[derive(ToSchema)]
#[schema(as = BatchRequest)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes errand_scheduler::BatchRequest")]
pub(crate) struct BatchBody {
    /// The requests.
    #[schema(min_items = 1, max_items = 1_000)]
    tasks: Vec<TaskRequestBody>,
}
