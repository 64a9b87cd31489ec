//! `/v1/backup`: everything that is stored, sent while it is written.

use http::StatusCode;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};

use crate::call::Call;
use crate::openapi::RefusedQuery;
use crate::problem::{Code, Problem};
use crate::reply::Answer;
use crate::streamed::answer;

/// When a client is told to come back that asks while another backup is made.
const BUSY_RETRY_MS: u64 = 30_000;

/// Make a backup
///
/// Everything of every namespace, as it is at one moment after the request, as a tar archive that
/// `errand restore` reads. The server works on meanwhile. An archive whose transfer broke off lacks its
/// end, and is not restored. Needs the right `admin`, with a token for all namespaces.
#[utoipa::path(
    post, path = "/v1/backup", tag = "operations", operation_id = "backup",
    responses(
        (status = 200, description = "The backup", body = Vec<u8>, content_type = "application/x-tar"),
        (status = 429, description = "Another one is being made", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
        RefusedQuery,
    ),
)]
pub(crate) async fn make(call: Call) -> Answer {
    let Call { app, caller, .. } = call;
    app.service.may_back_up(&caller)?;
    let Ok(permit) = app.backups.clone().try_acquire_owned() else { return Err(busy()) };
    let (stopping, service) = (app.stopping.clone(), app.service.clone());
    let write = |out| async move { service.backup(&caller, out).await };
    let mut response = answer(permit, stopping, write).await?;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-tar"));
    let name = HeaderValue::from_static("attachment; filename=\"errand-backup.tar\"");
    headers.insert(CONTENT_DISPOSITION, name);
    Ok(response)
}

fn busy() -> Problem {
    let detail = "another backup is being made";
    Problem::new(StatusCode::TOO_MANY_REQUESTS, Code::Busy, detail).retry_after_ms(BUSY_RETRY_MS)
}
