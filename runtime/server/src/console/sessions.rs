//! Sessions: a browser that has entered, and as whom.
//!
//! They live in memory and end with the process. Of the cookie only a hash is kept; the token of a
//! session's forms is derived from the cookie, which no other site can read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use blake3::Hash;
use errand_core::{Clock, UnixMillis};
use errand_scheduler::{Caller, Random};

/// A session that nobody used for so long is over.
const IDLE_MS: u64 = 12 * 3_600_000;
/// However much it is used, a session ends.
const LIFE_MS: u64 = 7 * 24 * 3_600_000;
/// Sessions at a time; the one that was used least recently makes room. Each came from a code that an
/// operator had made, so there are few, and they must not fill the memory.
const MAX_SESSIONS: usize = 256;
/// What separates the tokens of forms from every other use of the cookie.
const FORM_TOKEN_CONTEXT: &str = "errand 2026-11 the token of a console session's forms";

/// Who has entered.
pub(crate) struct Sessions {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    open: Mutex<HashMap<Hash, Entry>>,
}

struct Entry {
    caller: Caller,
    opened_at: UnixMillis,
    used_at: UnixMillis,
}

/// One browser's session.
#[derive(Clone)]
pub(crate) struct Session {
    /// As whom it acts.
    pub(crate) caller: Caller,
    id: Hash,
    form_token: Hash,
}

impl Sessions {
    pub(crate) fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { clock, random, open: Mutex::default() }
    }

    /// Opens a session and returns its cookie: 256 random bits.
    pub(crate) fn open(&self, caller: Caller) -> String {
        let mut secret = [0; 32];
        self.random.fill(&mut secret);
        let cookie = Hash::from(secret).to_hex().to_string();
        let now = self.clock.now();
        let mut open = self.lock();
        open.retain(|_, entry| entry.holds(now));
        if open.len() >= MAX_SESSIONS {
            let unused = open.iter().min_by_key(|(_, entry)| entry.used_at).map(|(id, _)| *id);
            unused.and_then(|id| open.remove(&id));
        }
        open.insert(
            blake3::hash(cookie.as_bytes()),
            Entry { caller, opened_at: now, used_at: now },
        );
        cookie
    }

    /// Finds the session of a cookie; using it keeps it open.
    pub(crate) fn find(&self, cookie: &str) -> Option<Session> {
        let id = blake3::hash(cookie.as_bytes());
        let now = self.clock.now();
        let mut open = self.lock();
        let entry = open.get_mut(&id)?;
        if !entry.holds(now) {
            open.remove(&id);
            return None;
        }
        entry.used_at = now;
        let form_token = blake3::derive_key(FORM_TOKEN_CONTEXT, cookie.as_bytes()).into();
        Some(Session { caller: entry.caller.clone(), id, form_token })
    }

    /// Ends a session.
    pub(crate) fn close(&self, session: &Session) {
        self.lock().remove(&session.id);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Hash, Entry>> {
        self.open.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

impl Session {
    /// Returns the token that its forms carry.
    pub(crate) fn form_token(&self) -> String {
        self.form_token.to_hex().to_string()
    }

    /// Tells whether a form was one of this session's, in constant time.
    pub(crate) fn wrote_form(&self, token: &str) -> bool {
        Hash::from_hex(token).is_ok_and(|token| token == self.form_token)
    }
}

impl Entry {
    fn holds(&self, now: UnixMillis) -> bool {
        now.since_ms(self.used_at) < IDLE_MS && now.since_ms(self.opened_at) < LIFE_MS
    }
}

#[cfg(test)]
mod tests {
    use errand_scheduler::SeededRandom;

    use super::super::testing::{TestClock, caller};
    use super::*;

    fn sessions() -> (Arc<TestClock>, Sessions) {
        let clock = Arc::new(TestClock::default());
        (Arc::clone(&clock), Sessions::new(clock, Arc::new(SeededRandom::new(1))))
    }

    #[test]
    fn a_cookie_leads_to_the_caller_that_it_was_made_for() {
        let (_, sessions) = sessions();
        let (ada, bob) = (sessions.open(caller("ada")), sessions.open(caller("bob")));
        assert_eq!(ada.len(), 64);
        assert_eq!(sessions.find(&ada).unwrap().caller, caller("ada"));
        assert_eq!(sessions.find(&bob).unwrap().caller, caller("bob"));
        assert!(sessions.find("").is_none());
        assert!(sessions.find(&ada.to_uppercase()).is_none());
    }

    #[test]
    fn a_session_that_is_left_is_over() {
        let (_, sessions) = sessions();
        let cookie = sessions.open(caller("ada"));
        let session = sessions.find(&cookie).unwrap();
        sessions.close(&session);
        assert!(sessions.find(&cookie).is_none());
    }

    #[test]
    fn a_session_ends_when_it_idles_and_after_a_week() {
        let (clock, sessions) = sessions();
        let (idle, used) = (sessions.open(caller("ada")), sessions.open(caller("bob")));
        for _ in 0..LIFE_MS / IDLE_MS {
            clock.pass_ms(IDLE_MS - 1);
            assert!(sessions.find(&used).is_some());
        }
        assert!(sessions.find(&idle).is_none());
        clock.pass_ms(LIFE_MS / IDLE_MS);
        assert!(sessions.find(&used).is_none());
    }

    #[test]
    fn the_session_that_was_used_least_recently_makes_room() {
        let (clock, sessions) = sessions();
        let first = sessions.open(caller("ada"));
        clock.pass_ms(1);
        let second = sessions.open(caller("ada"));
        clock.pass_ms(1);
        sessions.find(&first);
        for _ in 2..=MAX_SESSIONS {
            sessions.open(caller("ada"));
        }
        assert!(sessions.find(&first).is_some());
        assert!(sessions.find(&second).is_none());
        assert_eq!(sessions.lock().len(), MAX_SESSIONS);
    }

    #[test]
    fn a_form_belongs_to_the_session_that_wrote_it() {
        let (_, sessions) = sessions();
        let (ada, bob) = (sessions.open(caller("ada")), sessions.open(caller("ada")));
        let (one, other) = (sessions.find(&ada).unwrap(), sessions.find(&bob).unwrap());
        assert!(one.wrote_form(&one.form_token()));
        assert!(!one.wrote_form(&other.form_token()));
        assert!(!one.wrote_form(&ada));
        assert!(!one.wrote_form(""));
        assert_ne!(one.form_token(), ada);
    }
}
