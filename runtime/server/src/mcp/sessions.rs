//! Whose a session of an old revision is. A session's id is no credential: who has learnt it and has
//! another token is told that there is no such session.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use errand_core::{Namespace, Principal};
use errand_scheduler::Caller;
use http::StatusCode;
use rmcp::transport::streamable_http_server::SessionManager;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;

use crate::problem::{Code, Problem};

/// Sessions that are noted before those that are over are looked for.
const LOOK_AT: usize = 1_024;
/// Sessions that are open at a time. One ends by itself when nothing was said in it for five minutes.
const MAX_OPEN: usize = 10_000;

pub(super) struct Sessions {
    manager: Arc<LocalSessionManager>,
    owners: Mutex<Owners>,
    max_open: usize,
}

struct Owners {
    of: HashMap<String, Owner>,
    /// How many there may be before the next look.
    look_at: usize,
}

type Owner = (Principal, Option<Namespace>);

impl Sessions {
    pub(super) fn new(manager: Arc<LocalSessionManager>) -> Self {
        Self::bounded(manager, MAX_OPEN)
    }

    fn bounded(manager: Arc<LocalSessionManager>, max_open: usize) -> Self {
        let owners = Owners { of: HashMap::new(), look_at: LOOK_AT.min(max_open + 1) };
        Self { manager, owners: Mutex::new(owners), max_open }
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
    ///
    /// # Errors
    /// 429 where too many are open; this one is closed then.
    pub(super) async fn open(&self, session: &str, caller: &Caller) -> Result<(), Problem> {
        self.note(session, caller).await;
        if self.lock().of.len() <= self.max_open {
            return Ok(());
        }
        self.lock().of.remove(session);
        let _ = self.manager.close_session(&session.into()).await;
        let detail = format!("{} sessions are open, which is as many as may be", self.max_open);
        Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, Code::Busy, detail))
    }

    async fn note(&self, session: &str, caller: &Caller) {
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
        owners.look_at = LOOK_AT.max(owners.of.len() * 2).min(self.max_open + 1);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Owners> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn owner_of(caller: &Caller) -> Owner {
    (caller.principal.clone(), caller.namespace.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_more_are_open_than_may_be_and_one_that_is_over_makes_room() {
        let manager = Arc::new(LocalSessionManager::default());
        let sessions = Sessions::bounded(Arc::clone(&manager), 2);
        let caller = Caller::system();
        let mut transports = Vec::new();
        let mut ids = Vec::new();
        for is_open in [true, true, false] {
            let (id, transport) = manager.create_session().await.unwrap();
            transports.push(transport);
            assert_eq!(sessions.open(&id, &caller).await.is_ok(), is_open);
            assert_eq!(sessions.check(&id, &caller).await.is_ok(), is_open);
            assert_eq!(manager.has_session(&id).await.unwrap(), is_open, "it is closed");
            ids.push(id);
        }
        manager.close_session(&ids[0]).await.unwrap();
        let (id, _transport) = manager.create_session().await.unwrap();
        assert!(sessions.open(&id, &caller).await.is_ok());
    }
}
