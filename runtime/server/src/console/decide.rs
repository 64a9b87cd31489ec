//! `/approvals` and `/approvals/{id}`: the pages over the service's approvals.

use std::io::Write;
use std::sync::{Arc, Mutex};

use axum::extract::Request;
use errand_core::ApprovalId;
use errand_scheduler::{
    ApprovalList, ApprovalState, ApprovalStatus as Status, Choice, DecisionRequest, Right,
    ServiceError,
};
use http::{Method, StatusCode, Uri};

use super::approvals::{
    ApprovalRow, ApprovalStatus, ApprovalView, AttachmentView, DecidedView, Decision,
    approval_page, approvals_list_page,
};
use super::form::{Draft, Form};
use super::page::see_other;
use super::refused::{PageAnswer, Refused};
use super::visit::Visit;
use crate::approvals::{ApprovalPath, AttachmentPath};
use crate::cursor;
use crate::problem::{Code, Problem};
use crate::tasks::artifacts;

/// What of a diff is shown. The whole of it is the API's to give.
const DIFF_BYTES: usize = 1 << 20;
/// Approvals on one page.
const PAGE: usize = 50;
/// How decisions made here are recorded.
const VIA: &str = "page";

/// Shows what waits for a decision.
pub(super) async fn list(visit: Visit, uri: Uri) -> PageAnswer {
    let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let given = query.into_iter().find(|(name, _)| name == "cursor").map(|(_, text)| text);
    let cursor = match given {
        None => None,
        Some(text) => {
            let key = cursor::key(&text).ok().and_then(|key| String::from_utf8(key).ok());
            let wrong = || Problem::malformed("the link is not one of this list");
            Some(key.ok_or_else(wrong)?)
        }
    };
    let request =
        ApprovalList { status: Some(Status::Pending), cursor, limit: PAGE, ..Default::default() };
    let (states, next) = visit.app.service.approvals(&visit.session.caller, request).await?;
    let rows: Vec<ApprovalRow> = states.iter().map(row).collect();
    let next = next.map(|key| cursor::of_key(key.as_bytes()));
    Ok(approvals_list_page(&visit.reader(), &rows, next.as_deref()))
}

/// Shows one, with the form to decide it where it is open.
pub(super) async fn show(visit: Visit, ApprovalPath(id): ApprovalPath) -> PageAnswer {
    let view = view(&visit, id).await?;
    Ok(approval_page(&visit.reader(), &view, &Draft::default()))
}

/// Decides one, and shows what came of it.
pub(super) async fn decide(
    visit: Visit,
    ApprovalPath(id): ApprovalPath,
    request: Request,
) -> PageAnswer {
    let posted = visit.read_form(request).await?;
    visit.session.caller.require(Right::Approve)?;
    let view = view(&visit, id).await?;
    let decision = Decision::of(&posted)
        .ok_or_else(|| Problem::malformed("the form says neither yes nor no"))?;
    let form = view.schema.as_ref().map(Form::of);
    let read = match (&form, decision) {
        (Some(form), Decision::Approve) => form.read(&posted).map(Some),
        // Who denies fills nothing in.
        _ => Ok(None),
    };
    let decided = match read {
        Ok(values) => {
            let request = DecisionRequest {
                decision: match decision {
                    Decision::Approve => Choice::Approve,
                    Decision::Deny => Choice::Deny,
                },
                digest: Some(posted.text("digest").to_owned()),
                comment: Some(posted.text("comment").to_owned()),
                values,
            };
            visit.app.service.decide(&visit.session.caller, id, request, VIA).await.map(drop)
        }
        Err(faults) => Err(ServiceError::Invalid { faults }),
    };
    match decided {
        Ok(()) => Ok(see_other(&format!("/approvals/{id}"))),
        Err(ServiceError::Invalid { mut faults }) => {
            for fault in &mut faults {
                // The form knows its fields without what the API calls all of them.
                if let Some(pointer) = fault.pointer.strip_prefix("/values") {
                    fault.pointer = pointer.to_owned();
                }
            }
            let draft = Draft { posted: Some(&posted), faults: &faults };
            Ok(approval_page(&visit.reader(), &view, &draft))
        }
        Err(error) => Err(error.into()),
    }
}

/// Gives a file that is shown with an approval.
pub(super) async fn attachment(
    visit: Visit,
    AttachmentPath(id, path): AttachmentPath,
    request: Request,
) -> PageAnswer {
    let file = visit.app.service.attachment(&visit.session.caller, id, &path).await?;
    let method = if request.method() == Method::HEAD { Method::HEAD } else { Method::GET };
    Ok(artifacts::send(file, &method, request.headers()).await?)
}

async fn view(visit: &Visit, id: ApprovalId) -> Result<ApprovalView, Refused> {
    let service = &visit.app.service;
    let state = service.approval(&visit.session.caller, id).await?;
    let diff = match state.approval.workspace {
        Some(_) => diff(visit, id).await?,
        None => None,
    };
    let status = status(state.status());
    let approval = state.approval;
    let attachments = approval.attachments.iter().map(|file| AttachmentView {
        path: file.path.clone(),
        size_bytes: file.size_bytes,
        href: format!("/approvals/{id}/attachments/{}", encoded(&file.path)),
    });
    let caller = &visit.session.caller;
    let is_named = approval.approvers.is_empty()
        || approval.approvers.iter().any(|name| name == caller.principal.as_str());
    Ok(ApprovalView {
        id: id.to_string(),
        task_id: id.task.to_string(),
        executor: approval.executor.name.to_string(),
        asked_at: approval.asked_at,
        title: approval.title,
        detail_markdown: approval.detail,
        schema: approval.schema,
        digest: approval.digest.to_string(),
        status,
        expires_at: approval.expires_at,
        decided: approval.closed.map(|closed| DecidedView {
            by: closed.by.to_string(),
            via: closed.via.unwrap_or_default(),
            at: closed.at,
            comment: closed.comment,
            values: closed.values,
        }),
        diff,
        attachments: attachments.collect(),
        may_decide: visit.may_decide() && is_named,
    })
}

/// Reads what the task had changed, as much of it as is shown; nothing where it is nothing.
async fn diff(visit: &Visit, id: ApprovalId) -> Result<Option<String>, Refused> {
    let busy = |_| {
        let detail = "too many diffs are being made at the moment";
        Problem::new(StatusCode::TOO_MANY_REQUESTS, Code::Busy, detail)
    };
    let _permit = visit.app.workspaces.clone().try_acquire_owned().map_err(busy)?;
    let kept = Arc::new(Mutex::new(Vec::new()));
    let out = Box::new(Kept(Arc::clone(&kept)));
    let service = &visit.app.service;
    service.write_approval_diff(&visit.session.caller, id, out).await?;
    let bytes = std::mem::take(&mut *kept.lock().unwrap_or_else(|poison| poison.into_inner()));
    Ok((!bytes.is_empty()).then(|| String::from_utf8_lossy(&bytes).into_owned()))
}

/// Keeps the beginning of what is written.
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut kept = self.0.lock().unwrap_or_else(|poison| poison.into_inner());
        let room = DIFF_BYTES.saturating_sub(kept.len()).min(bytes.len());
        kept.extend_from_slice(&bytes[..room]);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn row(state: &ApprovalState) -> ApprovalRow {
    let approval = &state.approval;
    ApprovalRow {
        id: approval.id.to_string(),
        executor: approval.executor.name.to_string(),
        asked_at: approval.asked_at,
        title: approval.title.clone(),
        status: status(state.status()),
        expires_at: approval.expires_at,
    }
}

fn status(status: Status) -> ApprovalStatus {
    match status {
        Status::Pending => ApprovalStatus::Pending,
        Status::Approved => ApprovalStatus::Approved,
        Status::Denied => ApprovalStatus::Denied,
        Status::Expired => ApprovalStatus::Expired,
        Status::Cancelled => ApprovalStatus::Cancelled,
    }
}

/// Writes a path as part of a link.
fn encoded(path: &str) -> String {
    let parts = path.split('/').map(|part| {
        let part: String = form_urlencoded::byte_serialize(part.as_bytes()).collect();
        // What a form writes as `+` is a space in a path.
        part.replace('+', "%20")
    });
    parts.collect::<Vec<_>>().join("/")
}
