//! `/v1/grants`: what executors may do beyond their workspace.

use std::collections::BTreeMap;

use axum::extract::Request;
use errand_core::{Grants, HttpGrant, Namespace, Raised, Variable};
use errand_scheduler::{GrantsView as View, Right};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::body::read_json;
use crate::call::{Call, Segment};
use crate::fault::parse;
use crate::openapi::{RefusedBody, RefusedQuery};
use crate::query::{Params, Query};
use crate::reply::{Answer, json};

/// What an executor is granted.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = Grants, example = json!({"http": [{"url": "https://api.example.com", "methods": ["GET"]}]}))]
#[derive(Default)]
pub(crate) struct GrantsBody {
    /// Where it may send requests.
    #[schema(value_type = Vec<HttpGrantBody>, required = false)]
    http: Vec<HttpGrant>,
    /// Variables of its environment: a text, or `{"secret": NAME}` for a placeholder of a secret.
    #[schema(value_type = BTreeMap<String, serde_json::Value>, required = false)]
    environment: BTreeMap<String, Variable>,
    /// Bounds that its tasks may ask for beyond the server's own.
    #[schema(value_type = RaisedBody, required = false)]
    limits: Raised,
}

/// Where requests may be sent, and how.
#[derive(ToSchema)]
#[schema(as = HttpGrant)]
#[expect(dead_code, reason = "describes errand_core::HttpGrant")]
pub(crate) struct HttpGrantBody {
    /// `SCHEME://HOST[:PORT]`; the host a name, an address, `*.NAME` or `*`, the port a number or `*`.
    url: String,
    /// The methods, in capitals; any where there are none.
    #[schema(required = false)]
    methods: Vec<String>,
    /// Whether a name may lead to an address of a private network or of this machine.
    #[schema(required = false)]
    private: bool,
    /// Requests a minute at most, of all tasks of the executor together.
    #[schema(required = false, minimum = 1)]
    rate_per_minute: Option<u32>,
    /// Bytes of an answer's body at most, unpacked.
    #[schema(required = false, minimum = 1)]
    max_response_bytes: Option<u64>,
    /// Secrets that may be put into requests to there, each with the headers that it may be in.
    #[schema(required = false)]
    secrets: BTreeMap<String, Vec<String>>,
}

/// Bounds beyond the server's own.
#[derive(ToSchema)]
#[schema(as = RaisedLimits)]
#[expect(dead_code, reason = "describes errand_core::Raised")]
pub(crate) struct RaisedBody {
    /// Linear memories and tables of an instance together.
    #[schema(required = false, minimum = 1)]
    memory_bytes: Option<u64>,
    /// Fuel units.
    #[schema(required = false, minimum = 1)]
    fuel: Option<u64>,
}

impl From<GrantsBody> for Grants {
    fn from(GrantsBody { http, environment, limits }: GrantsBody) -> Self {
        Self { http, environment, limits }
    }
}

impl From<Grants> for GrantsBody {
    fn from(Grants { http, environment, limits }: Grants) -> Self {
        Self { http, environment, limits }
    }
}

/// Grants, and whom they are for.
#[derive(Serialize, ToSchema)]
#[schema(as = ExecutorGrants)]
pub(crate) struct GrantsView {
    /// `NAME`, `NAME@DIGEST-PREFIX`, or `*` for every executor.
    executor: String,
    /// The tenant.
    #[schema(value_type = String, example = "default")]
    namespace: Namespace,
    #[serde(flatten)]
    written: GrantsBody,
    /// What the operator's errand.toml grants besides. It can't be changed here.
    configured: GrantsBody,
}

impl From<View> for GrantsView {
    fn from(View { grantee, configured, written }: View) -> Self {
        Self {
            executor: grantee.selector(),
            namespace: grantee.namespace,
            written: written.into(),
            configured: configured.into(),
        }
    }
}

/// Whose executor.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct GrantsParams {
    /// The tenant; left out: the token's own.
    #[param(value_type = Option<String>, pattern = "^[a-z0-9][a-z0-9._-]{0,63}$")]
    namespace: Option<Namespace>,
}

impl Params for GrantsParams {
    fn read(query: &mut Query<'_>) -> Self {
        Self { namespace: query.optional("namespace") }
    }
}

/// Show what an executor is granted
///
/// By this entry alone; an executor has what all entries grant that fit it.
#[utoipa::path(
    get, path = "/v1/grants/{executor}", tag = "grants", operation_id = "get_grants",
    params(("executor" = String, Path, description = "`NAME`, `NAME@DIGEST-PREFIX` or `*`"), GrantsParams),
    responses((status = 200, description = "The grants", body = GrantsView), RefusedQuery),
)]
pub(crate) async fn get(call: Call<GrantsParams>, Segment(executor): Segment) -> Answer {
    let Call { app, caller, params, .. } = call;
    let view = app.service.grants(&caller, params.namespace, &executor).await?;
    json(StatusCode::OK, &GrantsView::from(view))
}

/// Set what an executor is granted
///
/// Replaces the entry; an empty one takes everything back. It holds from the next request of a task on.
#[utoipa::path(
    put, path = "/v1/grants/{executor}", tag = "grants", operation_id = "put_grants",
    params(("executor" = String, Path, description = "`NAME`, `NAME@DIGEST-PREFIX` or `*`"), GrantsParams),
    request_body = GrantsBody,
    responses((status = 200, description = "The grants", body = GrantsView), RefusedBody),
)]
pub(crate) async fn put(
    call: Call<GrantsParams>,
    Segment(executor): Segment,
    request: Request,
) -> Answer {
    let Call { app, caller, params, .. } = call;
    caller.require(Right::Admin)?;
    let body: GrantsBody = parse(&read_json(request, app.json_limits()).await?)?;
    let view = app.service.put_grants(&caller, params.namespace, &executor, body.into()).await?;
    json(StatusCode::OK, &GrantsView::from(view))
}
