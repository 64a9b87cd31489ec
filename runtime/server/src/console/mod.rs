//! The pages that a person decides on: pure HTML forms, no script, served by the server itself.
//!
//! A browser enters with a one-time code ([`Console::issue_code`]), which is exchanged for a cookie
//! that no script can read and no other site makes a browser send. Pages are written by templates that
//! escape whatever is put in; what an agent wrote passes through [`markdown`], [`form`] or
//! [`html::visible`], and a content policy forbids everything but the server's own stylesheet. Rules
//! about approvals are the service's: this module shows them, and reads what a person typed.
//!
//! A handler takes a [`Visit`] where one of the API takes a `Call`, and answers a [`PageAnswer`]:
//!
//! ```ignore
//! async fn show(visit: Visit, Segment(id): Segment) -> PageAnswer {
//!     let approval = visit.app.service.approval(&visit.session.caller, &id).await?;
//!     let view = ApprovalView { may_decide: visit.may_decide(), ..view_of(approval) };
//!     Ok(approval_page(&visit.reader(), &view, &Draft::default()))
//! }
//!
//! async fn decide(visit: Visit, Segment(id): Segment, request: Request) -> PageAnswer {
//!     let posted = visit.read_form(request).await?; // its token is checked here
//!     let view = …;
//!     let Some(decision) = Decision::of(&posted) else { return Err(Problem::malformed("…").into()) };
//!     let form = view.schema.as_ref().map(Form::of);
//!     let read = match (&form, decision) {
//!         (Some(form), Decision::Approve) => form.read(&posted).map(Some),
//!         _ => Ok(None), // who denies fills nothing in
//!     };
//!     let decided = match read {
//!         Ok(values) => visit.app.service.decide(&visit.session.caller, …).await,
//!         Err(faults) => Err(ServiceError::Invalid { faults }),
//!     };
//!     match decided {
//!         Ok(_) => Ok(see_other(&format!("/approvals/{id}"))),
//!         // Beside each field what is wrong with it, and what was typed so far.
//!         Err(ServiceError::Invalid { faults }) => {
//!             Ok(approval_page(&visit.reader(), &view, &Draft { posted: Some(&posted), faults: &faults }))
//!         }
//!         Err(error) => Err(error.into()), // 403, 404 and 409 become pages
//!     }
//! }
//! ```

mod approvals;
mod codes;
#[cfg_attr(test, expect(dead_code, reason = "the pages' own tests have approvals of their own"))]
mod decide;
mod enter;
mod form;
mod html;
mod markdown;
mod next;
mod page;
mod posted;
mod refused;
mod sessions;
mod stylesheet;
mod visit;

#[cfg(test)]
mod testing;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use errand_scheduler::{Caller, Service};

use crate::app::App;
use codes::Codes;
pub(crate) use codes::LIFE_MS as CODE_LIFE_MS;
use sessions::Sessions;

/// Who may enter the pages, and who has. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Console(Arc<Doors>);

struct Doors {
    codes: Codes,
    sessions: Sessions,
}

impl Console {
    /// Builds a console that nobody has entered, over a service's clock and randomness.
    pub fn new(service: &Service) -> Self {
        let codes = Codes::new(service.clock(), service.random());
        let sessions = Sessions::new(service.clock(), service.random());
        Self(Arc::new(Doors { codes, sessions }))
    }

    /// Makes a code that lets one browser act as this caller. It is good once, for 15 minutes.
    pub fn issue_code(&self, caller: Caller) -> String {
        self.0.codes.issue(caller)
    }

    pub(crate) fn codes(&self) -> &Codes {
        &self.0.codes
    }

    pub(crate) fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }
}

/// The paths of [`routes`], to be counted under their names.
pub(crate) const PATHS: [&str; 6] = [
    "/enter",
    "/leave",
    "/approvals",
    "/approvals/{id}",
    "/approvals/{id}/attachments/{*path}",
    stylesheet::PATH,
];

/// Returns the routes of the pages.
pub(crate) fn routes() -> Router<App> {
    #[cfg(test)]
    let routes = testing::routes();
    #[cfg(not(test))]
    let routes = Router::new()
        .route("/approvals", get(decide::list))
        .route("/approvals/{id}", get(decide::show).post(decide::decide))
        .route("/approvals/{id}/attachments/{*path}", get(decide::attachment));
    routes
        .route("/enter", get(enter::show).post(enter::enter))
        .route("/leave", post(enter::leave))
        .route(stylesheet::PATH, get(stylesheet::get))
}
