//! Who asks for something over MCP, in which revision, and what their client can do.

use errand_scheduler::{Caller, Right, Service};
use http::request::Parts;
use rmcp::model::{ClientCapabilities, ErrorData, Extensions, ProtocolVersion};
use rmcp::service::{Peer, RequestContext, RoleServer};

use crate::app::App;
use crate::hosts::Base;

/// What the door found out about a request.
#[derive(Clone)]
pub(super) struct From {
    pub(super) caller: Caller,
    pub(super) base: Base,
}

impl From {
    /// Takes what the door put beside a message.
    pub(super) fn of(extensions: &Extensions) -> Result<Self, ErrorData> {
        let parts = extensions.get::<Parts>();
        let found = parts.and_then(|parts| parts.extensions.get::<Self>()).cloned();
        found.ok_or_else(|| ErrorData::internal_error("the request came through no door", None))
    }
}

/// A request that is being answered.
pub(super) struct Asking {
    pub(super) app: App,
    pub(super) caller: Caller,
    pub(super) base: Base,
    pub(super) context: RequestContext<RoleServer>,
}

impl Asking {
    /// # Errors
    /// Where the request did not come through the door.
    pub(super) fn new(app: &App, context: RequestContext<RoleServer>) -> Result<Self, ErrorData> {
        let From { caller, base } = From::of(&context.extensions)?;
        Ok(Self { app: app.clone(), caller, base, context })
    }

    pub(super) fn service(&self) -> &Service {
        &self.app.service
    }

    pub(super) fn peer(&self) -> &Peer<RoleServer> {
        &self.context.peer
    }

    /// Tells whether the revision is one without sessions, where a request says all of itself and the
    /// server asks nothing by itself.
    pub(super) fn is_self_contained(&self) -> bool {
        let version = self.context.protocol_version();
        version.is_some_and(|version| version.as_str() >= ProtocolVersion::V_2026_07_28.as_str())
    }

    /// Tells whether a long call may be answered with a task.
    pub(super) fn takes_tasks(&self) -> bool {
        self.is_self_contained() && self.capabilities().supports_tasks()
    }

    /// Tells whether the client can show its user a page's address, and a form.
    pub(super) fn elicits(&self) -> Elicits {
        let Some(elicitation) = self.capabilities().elicitation else { return Elicits::default() };
        // One that names neither is of a revision that had forms alone.
        let forms_alone = elicitation.form.is_none() && elicitation.url.is_none();
        Elicits {
            urls: elicitation.url.is_some(),
            forms: elicitation.form.is_some() || forms_alone,
        }
    }

    /// Tells whether the operator lets answers of this client's user count: its token has the right to
    /// decide.
    pub(super) fn may_decide(&self) -> bool {
        self.caller.rights.contains(Right::Approve)
    }

    fn capabilities(&self) -> ClientCapabilities {
        self.context.client_capabilities().unwrap_or_default()
    }
}

/// What a client can put before its user.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Elicits {
    pub(super) urls: bool,
    pub(super) forms: bool,
}
