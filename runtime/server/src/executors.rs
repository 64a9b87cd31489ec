//! `/v1/executors`: upload, list, show, remove.

use std::time::Duration;

use axum::extract::Request;
use errand_core::{
    Digest, ExecutorKind, ExecutorName, ExecutorRecord, ExecutorRef, ExecutorVersion,
    FunctionProfile, Grants, HttpGrant, Namespace, Principal, Raised,
};
use errand_scheduler::Right;
use http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::body::read_wasm;
use crate::call::{Call, Segment};
use crate::cursor;
use crate::grants::{HttpGrantBody, RaisedBody};
use crate::openapi::{RefusedBody, RefusedQuery, RefusedState};
use crate::problem::{Code, Problem, WireFault};
use crate::query::{Params, Query};
use crate::reply::{Answer, Items, json, json_at, no_content};
use crate::tasks::read::{DEFAULT_PAGE, MAX_PAGE};
use crate::time::Rfc3339;

/// How long an upload waits, unread, for others to be compiled.
const MAX_QUEUED: Duration = Duration::from_secs(120);
/// When a client that waited so long is told to come back.
const BUSY_RETRY_MS: u64 = 5_000;

/// What was uploaded under a name last.
#[derive(Serialize, ToSchema)]
#[schema(as = Executor)]
pub(crate) struct ExecutorView<'a> {
    /// Its name.
    #[schema(value_type = String, example = "python")]
    name: &'a ExecutorName,
    /// The tenant.
    #[schema(value_type = String, example = "default")]
    namespace: &'a Namespace,
    /// The BLAKE3 digest of the uploaded wasm.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    digest: Digest,
    /// How it runs tasks.
    #[schema(value_type = ExecutorKindName)]
    kind: ExecutorKind,
    /// The size of the uploaded wasm.
    size_bytes: u64,
    /// What it says of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    /// What can be called: one entry named `run`, or every typed function.
    functions: Vec<FunctionView<'a>>,
    /// When it was uploaded.
    #[schema(value_type = String, format = DateTime)]
    uploaded_at: Rfc3339,
    /// Who uploaded it.
    #[schema(value_type = String)]
    uploaded_by: &'a Principal,
    /// Everything that was uploaded under the name, newest last; where one executor is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    versions: Option<Vec<VersionView<'a>>>,
    /// The interfaces that it imports, by name; where one executor is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    imports: Option<&'a [String]>,
    /// What it is granted, by all entries that fit it; where one executor is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    granted: Option<GrantedView>,
}

/// What an executor is granted, without the values of its environment.
#[derive(Serialize, ToSchema)]
#[schema(as = Granted)]
pub(crate) struct GrantedView {
    /// Where it may send requests.
    #[schema(value_type = Vec<HttpGrantBody>)]
    http: Vec<HttpGrant>,
    /// The names of the variables of its environment.
    environment: Vec<String>,
    /// Bounds that its tasks may ask for beyond the server's own.
    #[schema(value_type = RaisedBody)]
    limits: Raised,
}

impl From<&Grants> for GrantedView {
    fn from(grants: &Grants) -> Self {
        Self {
            http: grants.http.clone(),
            environment: grants.environment.keys().cloned().collect(),
            limits: grants.limits,
        }
    }
}

/// One upload.
#[derive(Serialize, ToSchema)]
#[schema(as = ExecutorVersion)]
pub(crate) struct VersionView<'a> {
    /// The BLAKE3 digest of the uploaded wasm.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    digest: Digest,
    /// How it runs tasks.
    #[schema(value_type = ExecutorKindName)]
    kind: ExecutorKind,
    /// Its size.
    size_bytes: u64,
    /// When it was uploaded.
    #[schema(value_type = String, format = DateTime)]
    uploaded_at: Rfc3339,
    /// Who uploaded it.
    #[schema(value_type = String)]
    uploaded_by: &'a Principal,
}

/// A function that a task can call.
#[derive(Serialize, ToSchema)]
#[schema(as = Function)]
pub(crate) struct FunctionView<'a> {
    /// Its name, unique in the executor.
    name: &'a str,
    /// What it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    /// JSON Schema of the input.
    input_schema: &'a Value,
    /// JSON Schema of the output.
    output_schema: &'a Value,
}

impl<'a> From<&'a FunctionProfile> for FunctionView<'a> {
    fn from(function: &'a FunctionProfile) -> Self {
        let FunctionProfile { name, description, input_schema, output_schema, signature: _ } =
            function;
        Self { name, description: description.as_deref(), input_schema, output_schema }
    }
}

/// How an executor runs tasks.
#[derive(ToSchema)]
#[schema(as = ExecutorKind, rename_all = "snake_case")]
#[expect(dead_code, reason = "describes errand_core::ExecutorKind")]
pub(crate) enum ExecutorKindName {
    Native,
    Functions,
    Command,
}

impl<'a> ExecutorView<'a> {
    pub(crate) fn new(
        namespace: &'a Namespace,
        name: &'a ExecutorName,
        version: &'a ExecutorVersion,
    ) -> Self {
        let profile = &version.profile;
        Self {
            name,
            namespace,
            digest: profile.digest,
            kind: profile.kind,
            size_bytes: profile.size_bytes,
            description: profile.description.as_deref(),
            functions: profile.functions.iter().map(FunctionView::from).collect(),
            uploaded_at: Rfc3339(version.uploaded_at),
            uploaded_by: &version.uploaded_by,
            versions: None,
            imports: None,
            granted: None,
        }
    }

    fn latest(record: &'a ExecutorRecord) -> Option<Self> {
        let version = record.versions.last()?;
        Some(Self::new(&record.namespace, &record.name, version))
    }
}

impl<'a> From<&'a ExecutorVersion> for VersionView<'a> {
    fn from(version: &'a ExecutorVersion) -> Self {
        Self {
            digest: version.profile.digest,
            kind: version.profile.kind,
            size_bytes: version.profile.size_bytes,
            uploaded_at: Rfc3339(version.uploaded_at),
            uploaded_by: &version.uploaded_by,
        }
    }
}

/// Under which name.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct UploadParams {
    /// The name that tasks ask for.
    #[param(value_type = String, pattern = "^[a-z0-9][a-z0-9._-]{0,63}$")]
    name: Option<ExecutorName>,
}

impl Params for UploadParams {
    fn read(query: &mut Query<'_>) -> Self {
        Self { name: query.required("name") }
    }
}

/// Upload an executor
///
/// A WASI component or a WASI preview 1 core module. It is checked and compiled before this answers.
#[utoipa::path(
    post, path = "/v1/executors", tag = "executors", operation_id = "upload_executor",
    params(UploadParams),
    request_body(content = Vec<u8>, content_type = "application/wasm"),
    responses(
        (status = 201, description = "It is there", body = ExecutorView, headers(("Location" = String))),
        (status = 200, description = "The same bytes were there already", body = ExecutorView),
        RefusedBody,
    ),
)]
pub(crate) async fn upload(call: Call<UploadParams>, request: Request) -> Answer {
    let Call { app, caller, params, base } = call;
    // Before megabytes are read. The service checks again, with everything else.
    caller.require(Right::Upload)?;
    let Some(name) = params.name else {
        let rule = "must be 1 to 64 characters of [a-z0-9._-], the first a letter or digit";
        return Err(Problem::invalid(vec![WireFault::parameter("name", rule)]));
    };
    let waited = tokio::time::timeout(MAX_QUEUED, app.uploads.acquire()).await;
    let _permit = waited.map_err(|_| busy())?.map_err(Problem::internal)?;
    let wasm = read_wasm(request, app.upload_limits()).await?;
    let uploaded = app.service.upload(&caller, name.as_str(), wasm).await?;
    let namespace = caller.home();
    let view = ExecutorView::new(&namespace, &uploaded.name, &uploaded.version);
    let status = if uploaded.created { StatusCode::CREATED } else { StatusCode::OK };
    json_at(status, format!("{base}/v1/executors/{name}"), &view)
}

fn busy() -> Problem {
    let detail = "too many uploads are being compiled";
    Problem::new(StatusCode::TOO_MANY_REQUESTS, Code::Busy, detail).retry_after_ms(BUSY_RETRY_MS)
}

/// A part of the list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageParams {
    /// `next_cursor` of the part before.
    #[param(value_type = Option<String>)]
    cursor: Option<Vec<u8>>,
    /// How many at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u64>,
}

impl Params for PageParams {
    fn read(query: &mut Query<'_>) -> Self {
        Self {
            cursor: query.with("cursor", cursor::key),
            limit: query.number("limit", 1, MAX_PAGE),
        }
    }
}

/// List executors
///
/// By name, each as it was uploaded last.
#[utoipa::path(
    get, path = "/v1/executors", tag = "executors", operation_id = "list_executors",
    params(PageParams),
    responses((status = 200, description = "A page of executors", body = Items<ExecutorView>), RefusedQuery),
)]
pub(crate) async fn list(call: Call<PageParams>) -> Answer {
    let Call { app, caller, params, .. } = call;
    let records = app.service.executors(&caller).await?;
    let limit = params.limit.map_or(DEFAULT_PAGE, |limit| limit as usize);
    let key = |record: &ExecutorRecord| format!("{}/{}", record.namespace, record.name);
    let after = params.cursor.unwrap_or_default();
    let mut rest = records.iter().filter(|record| key(record).as_bytes() > after.as_slice());
    let page: Vec<&ExecutorRecord> = rest.by_ref().take(limit).collect();
    let more = rest.next().and(page.last());
    let next_cursor = more.map(|last| cursor::of_key(key(last).as_bytes()));
    let items = page.into_iter().filter_map(ExecutorView::latest).collect();
    json(StatusCode::OK, &Items { items, next_cursor })
}

/// Show an executor with all its digests
#[utoipa::path(
    get, path = "/v1/executors/{name}", tag = "executors", operation_id = "get_executor",
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, description = "The executor", body = ExecutorView), RefusedQuery),
)]
pub(crate) async fn get(call: Call, Segment(name): Segment) -> Answer {
    let record = call.app.service.executor(&call.caller, &name).await?;
    let mut view = ExecutorView::latest(&record)
        .ok_or_else(|| Problem::internal(format!("executor `{name}` has no version")))?;
    view.versions = Some(record.versions.iter().map(VersionView::from).collect());
    if let Some(latest) = record.versions.last() {
        let pinned = ExecutorRef { name: record.name.clone(), digest: latest.profile.digest };
        let granted = call.app.service.granted(&record.namespace, &pinned);
        view.granted = Some(GrantedView::from(&*granted));
        view.imports = Some(&latest.profile.imports);
    }
    json(StatusCode::OK, &view)
}

/// Remove an executor
///
/// With all that was uploaded under its name. Refused while a task is pinned to it.
#[utoipa::path(
    delete, path = "/v1/executors/{name}", tag = "executors", operation_id = "remove_executor",
    params(("name" = String, Path, description = "Its name")),
    responses((status = 204, description = "It is gone"), RefusedState),
)]
pub(crate) async fn remove(call: Call, Segment(name): Segment) -> Answer {
    call.app.service.remove_executor(&call.caller, &name).await?;
    no_content()
}
