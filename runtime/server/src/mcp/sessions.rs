//! Whose a session of an old revision is. A session's id is no credential: who has learnt it and has
//! another token is told that there is no such session.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use errand_core::{Namespace, Principal};
use errand_scheduler::Caller;
use rmcp::transport::streamable_http_server::SessionManager;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;

use crate::problem::Problem;

/// Sessions that are noted before those that are over are looked for.
const LOOK_AT: usize = 1_024;

pub(super) struct Sessions {
    manager: Arc<LocalSessionManager>,
    owners: Mutex<Owners>,
}

struct Owners {
    of: HashMap<String, Owner>,
    /// How many there may be before the next look.
    look_at: usize,
}

type Owner = (Principal, Option<Namespace>);

impl Sessions {
    pub(super) fn new(manager: Arc<LocalSessionManager>) -> Self {
        Self { manager, owners: Mutex::new(Owners { of: HashMap::new(), look_at: LOOK_AT }) }
    }

    /// Checks that a session is the caller's.
    ///
    /// # Errors
    /// 404, as for one that is over: the client begins anew.
    pub(super) async fn check(&self, session: &str, caller: &Caller) -> Result<(), Problem> {
        if self.lock().of.get(session).is_some_and(|owner| *owner == owner_of(caller)) {
            return Ok(());
        }
        Err(Problem::not_found("there is no such session; send `initialize` without its id"))
    }

    /// Notes whose a session is that was just opened.
    pub(super) async fn open(&self, session: &str, caller: &Caller) {
        let mut known = Vec::new();
        {
            let mut owners = self.lock();
            owners.of.insert(session.to_owned(), owner_of(caller));
            if owners.of.len() >= owners.look_at {
                known = owners.of.keys().cloned().collect();
            }
        }
        if known.is_empty() {
            return;
        }
        let mut over = Vec::new();
        for session in known {
            if !self.manager.has_session(&session.as_str().into()).await.unwrap_or(false) {
                over.push(session);
            }
        }
        let mut owners = self.lock();
        over.iter().for_each(|session| drop(owners.of.remove(session)));
        owners.look_at = LOOK_AT.max(owners.of.len() * 2);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Owners> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn owner_of(caller: &Caller) -> Owner {
    (caller.principal.clone(), caller.namespace.clone())
}
