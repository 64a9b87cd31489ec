//! `/v1/console/codes`: a way into the pages for whoever has a token.

use axum::extract::Request;
use errand_scheduler::Right;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::body::read_nothing;
use crate::call::Call;
use crate::console::CODE_LIFE_MS;
use crate::openapi::RefusedState;
use crate::reply::{Answer, json};
use crate::time::Rfc3339;

/// A code that lets one browser act as its maker.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsoleCode)]
pub(crate) struct CodeView {
    /// To be typed in once.
    #[schema(example = "7K2M-Q9XD-04TB")]
    code: String,
    /// The page to type it into.
    url: String,
    /// Until when it is good.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Rfc3339,
}

/// Make a code for the pages
///
/// A browser that is given it may do on the pages what this token may.
#[utoipa::path(
    post, path = "/v1/console/codes", tag = "approvals", operation_id = "create_console_code",
    responses((status = 201, description = "The code, shown once", body = CodeView), RefusedState),
)]
pub(crate) async fn create(call: Call, request: Request) -> Answer {
    let Call { app, caller, base, .. } = call;
    caller.require(Right::Read)?;
    read_nothing(request, app.json_limits()).await?;
    let expires_at = Rfc3339(app.service.now().plus_ms(CODE_LIFE_MS));
    let code = app.console.issue_code(caller);
    json(StatusCode::CREATED, &CodeView { code, url: format!("{base}/approvals"), expires_at })
}
