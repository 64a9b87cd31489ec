//! `errand:task/approval`: questions to a person.

use std::sync::Mutex;

use errand_core::{
    ApprovalId, Around, Artifact, Asked, Awaits, CallError, Decision, EventBody, JournalEntry,
    NumberSet, Question, SnapshotRef, Verdict as Closed, WaitingFor,
};
use serde_json::{Value, json};
use wasmtime::StoreContextMut;
use wasmtime::component::Linker;

use super::artifacts::inside;
use super::world::{Awaited, Look, Told, ask, error, limit, of_world, wait_for};
use crate::bindings::errand::task::approval as wit;
use crate::bindings::errand::task::types::Error;
use crate::ended::Ended;
use crate::journal::{Beside, Call};
use crate::keep::{self, KeepError};
use crate::state::RunState;

/// Where files of children are shown.
const CHILDREN: &str = "/children/";
/// Bytes of the files that are shown with one question.
const ATTACHED_BYTES: u64 = 16 << 20;
/// What a question is charged for, in fuel: about what its documents cost the host.
const QUESTION_FUEL: u64 = 1_000_000;

pub(super) fn add_to_linker(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    type Requested = (Result<String, Error>,);
    type Decided = (Result<wit::Decision, Error>,);
    let mut approval = linker.instance("errand:task/approval@0.1.0")?;
    approval.func_wrap_async(
        "ask",
        |mut store: StoreContextMut<'_, RunState>, (question,): (wit::Question,)| {
            Box::new(async move {
                let answer: Decided = (match request(&mut store, question, Vec::new()).await? {
                    Ok(id) => decision(&mut store, id, true).await?,
                    Err(refused) => Err(error(refused)),
                },);
                Ok(answer)
            })
        },
    )?;
    approval.func_wrap_async(
        "request",
        |mut store: StoreContextMut<'_, RunState>, (question,): (wit::Question,)| {
            Box::new(async move {
                let asked = request(&mut store, question, Vec::new()).await?;
                let answer: Requested = (asked.map(|id| id.to_string()).map_err(error),);
                Ok(answer)
            })
        },
    )?;
    approval.func_wrap_async(
        "request-from",
        |mut store: StoreContextMut<'_, RunState>,
         (question, approvers): (wit::Question, Vec<String>)| {
            Box::new(async move {
                let asked = request(&mut store, question, approvers).await?;
                let answer: Requested = (asked.map(|id| id.to_string()).map_err(error),);
                Ok(answer)
            })
        },
    )?;
    approval.func_wrap_async(
        "decision-of",
        |mut store: StoreContextMut<'_, RunState>, (id,): (String,)| {
            Box::new(async move {
                let answer: Decided = (match read_id(&id) {
                    Ok(id) => decision(&mut store, id, false).await?,
                    Err(refused) => Err(error(refused)),
                },);
                Ok(answer)
            })
        },
    )
}

/// Reads the id of an approval as guests write it.
pub(super) fn read_id(id: &str) -> Told<ApprovalId> {
    let shown = |_| CallError::NotFound(format!("the task did not ask for approval `{id}`"));
    id.parse().map_err(shown)
}

async fn request(
    store: &mut StoreContextMut<'_, RunState>,
    question: wit::Question,
    approvers: Vec<String>,
) -> wasmtime::Result<Told<ApprovalId>> {
    let schema = match question.schema.as_deref().map(serde_json::from_str::<Value>).transpose() {
        Ok(schema) => schema,
        Err(error) => {
            return Ok(Err(CallError::Invalid(format!("schema is not JSON: {error}"))));
        }
    };
    store.data_mut().fuel.charge_bytes(QUESTION_FUEL)?;
    ask(store, &Request { question, schema, approvers, asked: Mutex::default() }).await
}

async fn decision(
    store: &mut StoreContextMut<'_, RunState>,
    id: ApprovalId,
    waits: bool,
) -> wasmtime::Result<Result<wit::Decision, Error>> {
    let decision = match ask(store, &Decide { id, waits }).await? {
        Ok(decision) => decision,
        Err(refused) => return Ok(Err(error(refused))),
    };
    Ok(Ok(wit::Decision {
        verdict: match decision.verdict {
            Closed::Approved => wit::Verdict::Approved,
            Closed::Denied => wit::Verdict::Denied,
            Closed::Expired => wit::Verdict::Expired,
            Closed::Cancelled => wit::Verdict::Cancelled,
        },
        by: decision.by,
        comment: decision.comment,
        values: decision.values.map(|values| values.to_string()),
    }))
}

/// Asks.
struct Request {
    question: wit::Question,
    schema: Option<Value>,
    approvers: Vec<String>,
    /// What is recorded with the answer.
    asked: Mutex<Option<Asked>>,
}

impl Call for Request {
    const NAME: &'static str = "approval.request";
    type Answer = Told<ApprovalId>;

    fn arguments(&self) -> Value {
        let wit::Question { title, detail, timeout_ms, show_diff, attachments, .. } =
            &self.question;
        json!([title, detail, self.schema, timeout_ms, show_diff, attachments, self.approvers])
    }

    async fn perform(&self, state: &mut RunState, _: &JournalEntry) -> Result<Self::Answer, Ended> {
        let _waiting = state.fuel.waiting();
        let wit::Question { title, detail, timeout_ms, show_diff, attachments, .. } =
            self.question.clone();
        let attachments = match attach(state, attachments).await? {
            Ok(attachments) => attachments,
            Err(refused) => return Ok(Err(refused)),
        };
        let workspace: Option<Option<SnapshotRef>> = match show_diff {
            true => Some(state.snapshot_now().await?),
            false => None,
        };
        let (schema, approvers) = (self.schema.clone(), self.approvers.clone());
        let question =
            Question { title, detail, schema, timeout_ms, workspace, attachments, approvers };
        let asked = of_world(&state.host, |world| world.ask(question)).await?;
        Ok(asked.map(|asked| {
            let id = asked.id;
            *self.asked.lock().unwrap_or_else(|poison| poison.into_inner()) = Some(asked);
            id
        }))
    }

    fn events(&self, _: &Self::Answer) -> Vec<EventBody> {
        let asked = self.asked.lock().unwrap_or_else(|poison| poison.into_inner());
        asked.iter().map(|asked| asked.event.clone()).collect()
    }

    fn beside(&self) -> Beside {
        let asked = self.asked.lock().unwrap_or_else(|poison| poison.into_inner()).take();
        Beside { docs: asked.map(|asked| asked.docs).unwrap_or_default(), ..Beside::default() }
    }
}

/// Keeps the files that are shown with a question.
async fn attach(state: &mut RunState, paths: Vec<String>) -> Result<Told<Vec<Artifact>>, Ended> {
    let missing = |path: &str| CallError::NotFound(format!("there is no file {path}"));
    let (mut attached, mut bytes) = (Vec::with_capacity(paths.len()), 0);
    for path in paths {
        let found = match path.strip_prefix(CHILDREN) {
            Some(inner) => inside(inner).map(|inner| (state.files.shown_children(), inner)),
            None => inside(&path).map(|inner| (state.files.workspace(), inner)),
        };
        let Some((directory, inner)) = found else {
            let text = format!("{path:?} is not a path in the workspace or of a child's files");
            return Ok(Err(CallError::Invalid(text)));
        };
        let Some(directory) = directory else { return Ok(Err(missing(&path))) };
        let Ok((_, size_bytes)) = directory.open_file(inner) else {
            return Ok(Err(missing(&path)));
        };
        bytes += size_bytes;
        if bytes > ATTACHED_BYTES {
            return Ok(Err(limit("attachment_bytes", ATTACHED_BYTES)));
        }
        state.fuel.charge_bytes(size_bytes)?;
        match keep::keep(&state.blobs, directory, inner, None, None).await {
            // Of a child's file the name says that it is one.
            Ok(file) if path.starts_with(CHILDREN) => {
                attached.push(Artifact { path: path[1..].to_owned(), ..file });
            }
            Ok(file) => attached.push(file),
            Err(KeepError::NotFound) => return Ok(Err(missing(&path))),
            Err(KeepError::Host(message)) => return Err(Ended::Host(message)),
        }
    }
    Ok(Ok(attached))
}

/// Answers how a question ended, or waits for that.
struct Decide {
    id: ApprovalId,
    waits: bool,
}

impl Call for Decide {
    const NAME: &'static str = "approval.decision";
    type Answer = Told<Decision>;

    fn arguments(&self) -> Value {
        json!([self.id, self.waits])
    }

    async fn perform(
        &self,
        state: &mut RunState,
        begun: &JournalEntry,
    ) -> Result<Self::Answer, Ended> {
        let mut awaited = Decided { id: self.id };
        if self.waits {
            let waited = wait_for(state, begun, WaitingFor::Approval, None, &mut awaited).await?;
            let Some(decision) = waited.transpose() else {
                return Err(Ended::Host("a wait without a deadline came to its end".into()));
            };
            return Ok(decision);
        }
        Ok(match of_world(&state.host, |world| world.question(self.id)).await? {
            Ok(question) => question.decision.ok_or_else(|| {
                let text = format!("approval `{}` is not decided; wait for it first", self.id);
                CallError::Invalid(text)
            }),
            Err(refused) => Err(refused),
        })
    }
}

struct Decided {
    id: ApprovalId,
}

impl Awaited for Decided {
    type Found = Decision;

    async fn look(&mut self, state: &mut RunState, _: &Around) -> Result<Look<Decision>, Ended> {
        Ok(match of_world(&state.host, |world| world.question(self.id)).await? {
            Ok(question) => match question.decision {
                Some(decision) => Look::Found(decision),
                None => {
                    let approvals: NumberSet = [self.id.number].into_iter().collect();
                    let awaits = Awaits { approvals, ..Awaits::default() };
                    Look::NotYet(awaits, question.expires_at)
                }
            },
            Err(refused) => Look::Refused(refused),
        })
    }
}
