//! Questions that wait for a person, as the protocol puts them before the client's user.
//!
//! By default that is the address of this server's page: there a person answers as a person. Where the
//! operator gave the client's token the right to decide, and the question's form is one that the protocol
//! can show, it is the form itself; the decision is then recorded as the token's, with `via: "mcp"`.
//! To decline, to close the form and to let the time pass are all a no.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::time::Duration;

use errand_core::ApprovalId;
use errand_scheduler::{ApprovalState, Choice, DecisionRequest, ServiceError as Refusal};
use rmcp::model::{
    ElicitRequest, ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationSchema,
    InputRequest, InputRequests, ServerRequest,
};
use rmcp::service::PeerRequestOptions;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::asking::Asking;
use super::outcome::page_of;
use crate::problem::Problem;

/// Through which door a decision came.
const VIA: &str = "mcp";

/// How long a dialog of a client with a session may stay open.
const PATIENCE: Duration = Duration::from_secs(600);

/// Characters of a question's text that a dialog shows; the page shows all of it.
const MAX_DETAIL_CHARS: usize = 2_000;

/// Returns the questions that the client can put before its user, each under its own id.
pub(super) fn requests(asking: &Asking, questions: &[ApprovalState]) -> InputRequests {
    let of = |state| Some((key(state), InputRequest::Elicitation(request(params(asking, state)?))));
    questions.iter().filter_map(of).collect::<BTreeMap<_, _>>()
}

fn request(params: ElicitRequestParams) -> ElicitRequest {
    ElicitRequest::new(params)
}

/// Returns a question as the client can show it; nothing where it can show neither.
pub(super) fn params(asking: &Asking, state: &ApprovalState) -> Option<ElicitRequestParams> {
    let elicits = asking.elicits();
    let form = (elicits.forms && may_answer(asking, state)).then(|| form(state)).flatten();
    if let Some(requested_schema) = form {
        let message = message(state, None);
        return Some(ElicitRequestParams::FormElicitationParams {
            meta: None,
            message,
            requested_schema,
        });
    }
    let url = page_of(&asking.base, state);
    elicits.urls.then(|| ElicitRequestParams::UrlElicitationParams {
        meta: None,
        message: message(state, Some(&format!("errand approve {}", key(state)))),
        url,
        elicitation_id: match asking.is_self_contained() {
            true => String::new(),
            false => key(state),
        },
    })
}

/// Tells whether a yes of this client's user counts.
fn may_answer(asking: &Asking, state: &ApprovalState) -> bool {
    let approvers = &state.approval.approvers;
    let name = asking.caller.principal.as_str();
    asking.may_decide() && (approvers.is_empty() || approvers.iter().any(|one| one == name))
}

/// Returns the question's form, where the protocol can show it.
fn form(state: &ApprovalState) -> Option<ElicitationSchema> {
    let nothing = json!({"type": "object", "properties": {}});
    let schema = state.approval.schema.as_ref().unwrap_or(&nothing);
    serde_json::from_value(schema.clone()).ok()
}

/// Under which name a question is asked.
pub(super) fn key(state: &ApprovalState) -> String {
    state.approval.id.to_string()
}

fn message(state: &ApprovalState, command: Option<&str>) -> String {
    let approval = &state.approval;
    let mut text = approval.title.clone();
    if !approval.detail.trim().is_empty() {
        let detail: String = approval.detail.chars().take(MAX_DETAIL_CHARS).collect();
        let _ = write!(text, "\n\n{}", detail.trim());
        if detail.len() < approval.detail.len() {
            text.push('…');
        }
    }
    if let Some(command) = command {
        let _ = write!(text, "\n\nAnswer on the page, or with `{command}`.");
    }
    text
}

/// Asks the user of a client of a revision with sessions, and does what they answered. The dialog closes
/// when the question is settled elsewhere, or the call is given up. Tells whether they were asked.
///
/// # Errors
/// Where the answer could not be recorded.
pub(super) async fn ask(asking: &Asking, state: &ApprovalState) -> Result<bool, Problem> {
    let Some(params) = params(asking, state) else { return Ok(false) };
    let is_form = matches!(params, ElicitRequestParams::FormElicitationParams { .. });
    let left = state.approval.expires_at.map(|at| at.since_ms(asking.service().now()));
    let at_most = left.map_or(PATIENCE, |left| PATIENCE.min(Duration::from_millis(left)));
    // The client can't show it after all, or is gone: the page is still there.
    let not_shown = |error: &dyn Display| {
        tracing::debug!(%error, "a client did not put a question before its user");
        Ok(false)
    };
    let request = ServerRequest::ElicitRequest(request(params));
    let options = PeerRequestOptions::no_options();
    let mut dialog = match asking.peer().send_cancellable_request(request, options).await {
        Ok(dialog) => dialog,
        Err(error) => return not_shown(&error),
    };
    let why = tokio::select! {
        said = &mut dialog.rx => match said {
            Ok(Ok(result)) => {
                let result = serde_json::to_value(result).map_err(Problem::internal)?;
                answer(asking, state, &result).await?;
                return Ok(true);
            }
            Ok(Err(error)) => return not_shown(&error),
            Err(gone) => return not_shown(&gone),
        },
        closed = closed(asking, state) => {
            closed?;
            "it is settled"
        }
        () = sleep(at_most) => {
            let why = "nobody answered in time";
            if is_form {
                decline(asking, state.approval.id, why).await?;
            }
            why
        }
        () = asking.context.ct.cancelled() => "the call was given up",
    };
    // Whether the client hears of it changes nothing.
    let _ = dialog.cancel(Some(why.to_owned())).await;
    Ok(true)
}

/// Answers when a question is closed, whoever closed it.
async fn closed(asking: &Asking, state: &ApprovalState) -> Result<(), Problem> {
    let (service, id) = (asking.service(), state.approval.id);
    let task = service.task(&asking.caller, id.task).await?;
    let mut news = service.follow(&asking.caller, id.task, task.version).await?;
    while service.approval(&asking.caller, id).await?.verdict.is_none() {
        if news.next().await?.is_none() {
            break;
        }
    }
    Ok(())
}

/// Does what the user answered. Nothing changes by an answer to what is closed by now.
///
/// # Errors
/// Where the answer is none, or its values don't fit the form.
pub(super) async fn answer(
    asking: &Asking,
    state: &ApprovalState,
    answer: &Value,
) -> Result<(), Problem> {
    let result: ElicitResult = serde_json::from_value(answer.clone())
        .map_err(|error| Problem::malformed(format!("the answer is no ElicitResult: {error}")))?;
    let id = state.approval.id;
    let shown_as_form =
        matches!(params(asking, state), Some(ElicitRequestParams::FormElicitationParams { .. }));
    match result.action {
        // That the user went to the page says nothing of what they do there.
        ElicitationAction::Accept if !shown_as_form => Ok(()),
        ElicitationAction::Accept => {
            let values =
                state.approval.schema.as_ref().map(|_| {
                    result.content.unwrap_or_else(|| Value::Object(serde_json::Map::new()))
                });
            let decision = DecisionRequest {
                decision: Choice::Approve,
                digest: Some(state.approval.digest.to_string()),
                comment: None,
                values,
            };
            settled(asking.service().decide(&asking.caller, id, decision, VIA).await)
        }
        ElicitationAction::Decline => decline(asking, id, "declined").await,
        // To close it, and whatever later revisions add: no yes.
        _ => decline(asking, id, "the question was closed").await,
    }
}

/// Says no to a question.
pub(super) async fn decline(asking: &Asking, id: ApprovalId, why: &str) -> Result<(), Problem> {
    let declined = asking.service().decline(&asking.caller, id, Some(why.to_owned()), VIA).await;
    settled(declined)
}

fn settled<T>(decided: Result<T, Refusal>) -> Result<(), Problem> {
    match decided {
        // Somebody was quicker.
        Ok(_) | Err(Refusal::Conflict { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
