//! `/v1/tokens`: make, list, revoke.

use axum::extract::Request;
use errand_core::{Namespace, Principal};
use errand_scheduler::{Right, Rights, TokenInfo, TokenRequest};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::body::read_json;
use crate::call::{Call, Segment};
use crate::fault::parse;
use crate::openapi::{RefusedBody, RefusedQuery, RefusedState};
use crate::problem::{Problem, WireFault};
use crate::reply::{Answer, Items, json, no_content};
use crate::time::{self, Rfc3339};

/// A wish for a token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TokenRequest, example = json!({"name": "ci", "rights": ["read", "submit"]}))]
pub(crate) struct TokenBody {
    /// The principal that it stands for, as events record it.
    #[schema(value_type = String, min_length = 1, max_length = 128)]
    name: Principal,
    /// The tenant; left out: that of the token that makes it.
    #[schema(value_type = Option<String>, required = false, pattern = "^[a-z0-9][a-z0-9._-]{0,63}$")]
    namespace: Option<Namespace>,
    /// What it allows.
    #[schema(value_type = Vec<RightName>, min_items = 1)]
    rights: Vec<Right>,
    /// When it ends; left out: never.
    #[schema(value_type = Option<String>, format = DateTime, required = false)]
    expires_at: Option<String>,
}

/// One right.
#[derive(ToSchema)]
#[schema(as = Right, rename_all = "snake_case")]
#[expect(dead_code, reason = "describes errand_scheduler::Right")]
pub(crate) enum RightName {
    Read,
    Submit,
    Upload,
    Approve,
    Admin,
}

/// An access token.
#[derive(Serialize, ToSchema)]
#[schema(as = Token)]
pub(crate) struct TokenView<'a> {
    /// Its id.
    id: &'a str,
    /// The principal that it stands for.
    #[schema(value_type = String)]
    name: &'a Principal,
    /// The tenant; null: all.
    #[schema(value_type = Option<String>, required)]
    namespace: Option<&'a Namespace>,
    /// What it allows.
    #[schema(value_type = Vec<RightName>)]
    rights: Rights,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Rfc3339,
    /// When it ends; null: never.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    expires_at: Option<Rfc3339>,
    /// What the bearer sends. Shown once, when it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
}

impl<'a> From<&'a TokenInfo> for TokenView<'a> {
    fn from(info: &'a TokenInfo) -> Self {
        Self {
            id: &info.id,
            name: &info.name,
            namespace: info.namespace.as_ref(),
            rights: info.rights,
            created_at: Rfc3339(info.created_at),
            expires_at: info.expires_at.map(Rfc3339),
            token: None,
        }
    }
}

/// Make a token
///
/// It can't allow more than the one that makes it.
#[utoipa::path(
    post, path = "/v1/tokens", tag = "tokens", operation_id = "create_token",
    request_body = TokenBody,
    responses((status = 201, description = "The token, shown this once", body = TokenView), RefusedBody),
)]
pub(crate) async fn create(call: Call, request: Request) -> Answer {
    let Call { app, caller, .. } = call;
    caller.require(Right::Admin)?;
    let body: TokenBody = parse(&read_json(request, app.json_limits()).await?)?;
    let expires_at = body.expires_at.as_deref().map(time::parse).transpose();
    let expires_at = expires_at
        .map_err(|message| Problem::invalid(vec![WireFault::body("/expires_at", message)]))?;
    let TokenBody { name, namespace, rights, .. } = body;
    let rights = rights.into_iter().collect();
    let wish = TokenRequest { name, namespace, rights, expires_at };
    let made = app.service.create_token(&caller, wish).await?;
    let view = TokenView { token: Some(made.token.expose()), ..TokenView::from(&made.info) };
    json(StatusCode::CREATED, &view)
}

/// List tokens, without their secrets
#[utoipa::path(
    get, path = "/v1/tokens", tag = "tokens", operation_id = "list_tokens",
    responses((status = 200, description = "The tokens", body = Items<TokenView>), RefusedQuery),
)]
pub(crate) async fn list(call: Call) -> Answer {
    let tokens = call.app.service.tokens(&call.caller).await?;
    json(StatusCode::OK, &Items::all(tokens.iter().map(TokenView::from).collect()))
}

/// Revoke a token, from now on
#[utoipa::path(
    delete, path = "/v1/tokens/{id}", tag = "tokens", operation_id = "revoke_token",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 204, description = "It is revoked"), RefusedState),
)]
pub(crate) async fn revoke(call: Call, Segment(id): Segment) -> Answer {
    call.app.service.revoke_token(&call.caller, &id).await?;
    no_content()
}
