//! What the tests of the console share.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::Request;
use axum::routing::get;
use errand_core::{Clock, Principal, UnixMillis};
use errand_scheduler::{Caller, Rights, ServiceError, schema_faults};

use super::approvals::example::rich;
use super::approvals::{ApprovalView, Decision, approval_page, approvals_list_page};
use super::form::{Draft, Form};
use super::page::see_other;
use super::refused::PageAnswer;
use super::visit::Visit;
use crate::app::App;
use crate::call::Segment;
use crate::problem::Problem;

/// A clock that stands still until it is moved.
pub(super) struct TestClock(AtomicU64);

impl Default for TestClock {
    fn default() -> Self {
        Self(AtomicU64::new(1_700_000_000_000))
    }
}

impl TestClock {
    pub(super) fn pass_ms(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.0.load(Ordering::Relaxed))
    }
}

pub(super) fn caller(name: &str) -> Caller {
    let principal = Principal::new(name).expect("a principal's name");
    Caller { principal, namespace: None, rights: Rights::ALL }
}

/// Pages over an approval that is made up, to test what every page has.
pub(super) fn routes() -> Router<App> {
    Router::new().route("/approvals", get(list)).route("/approvals/{id}", get(show).post(decide))
}

async fn list(visit: Visit) -> PageAnswer {
    Ok(approvals_list_page(&visit.reader(), &[], None))
}

async fn show(visit: Visit, Segment(id): Segment) -> PageAnswer {
    Ok(approval_page(&visit.reader(), &found(&visit, &id)?, &Draft::default()))
}

async fn decide(visit: Visit, Segment(id): Segment, request: Request) -> PageAnswer {
    let view = found(&visit, &id)?;
    let posted = visit.read_form(request).await?;
    let decision =
        Decision::of(&posted).ok_or_else(|| Problem::malformed("there is no decision"))?;
    let (Decision::Approve, Some(schema)) = (decision, &view.schema) else {
        return Ok(see_other("/approvals"));
    };
    let read = Form::of(schema).read(&posted);
    let checked = read.and_then(|value| match schema_faults(schema, &value) {
        Ok(faults) if faults.is_empty() => Ok(()),
        Ok(faults) => Err(faults),
        Err(reason) => panic!("{reason}"),
    });
    match checked {
        Ok(()) => Ok(see_other("/approvals")),
        Err(faults) => {
            let draft = Draft { posted: Some(&posted), faults: &faults };
            Ok(approval_page(&visit.reader(), &view, &draft))
        }
    }
}

fn found(visit: &Visit, id: &str) -> Result<ApprovalView, ServiceError> {
    let view = ApprovalView { may_decide: visit.may_decide(), ..rich() };
    if view.id == id {
        Ok(view)
    } else {
        Err(ServiceError::NotFound { what: "approval".to_owned() })
    }
}
