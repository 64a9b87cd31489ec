//! One-time codes: what a person types to enter the console.
//!
//! A code stands for a caller and is good once, for a quarter of an hour. Only its hash is kept. Wrong
//! tries are counted for everybody together: a code has 60 random bits, so that nobody guesses one at
//! the allowed rate, and a person who is kept out by another's guessing waits for a minute at most.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use blake3::Hash;
use errand_core::{Clock, UnixMillis};
use errand_scheduler::{Caller, Random};

/// How long a code is good for.
pub(crate) const LIFE_MS: u64 = 15 * 60_000;
/// Codes that wait to be used; the oldest makes room. A person uses one at a time, and whoever may have
/// codes made must not fill the memory.
const MAX_OUTSTANDING: usize = 16;
/// Wrong tries within [`TRY_WINDOW_MS`] after which every further one is refused unseen.
const MAX_WRONG_TRIES: usize = 10;
/// The time over which wrong tries are counted.
const TRY_WINDOW_MS: u64 = 60_000;
/// Characters of a code, 5 bits each.
const CHARACTERS: usize = 12;
/// Characters between two hyphens.
const GROUP: usize = 4;
/// Crockford's base 32: no letter that looks like a digit.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The codes that were issued and not used yet.
pub(crate) struct Codes {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    outstanding: VecDeque<Issued>,
    wrong_tries: VecDeque<UnixMillis>,
}

struct Issued {
    hash: Hash,
    caller: Caller,
    expires_at: UnixMillis,
}

/// Why a code lets nobody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CodeError {
    /// It was never issued, was used already, or is too old.
    #[error("the code is not right, was used already, or is older than 15 minutes")]
    Unknown,
    /// It was not looked at.
    #[error("there were too many wrong codes; try again in {} s", retry_after_ms.div_ceil(1_000))]
    TooManyTries {
        /// When the next try is looked at.
        retry_after_ms: u64,
    },
}

impl Codes {
    pub(crate) fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { clock, random, state: Mutex::default() }
    }

    /// Makes a code that lets one browser act as this caller.
    pub(crate) fn issue(&self, caller: Caller) -> String {
        let mut bytes = [0; CHARACTERS];
        self.random.fill(&mut bytes);
        let code: String =
            bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect();
        let now = self.clock.now();
        let mut state = self.lock();
        state.forget_the_old(now);
        if state.outstanding.len() == MAX_OUTSTANDING {
            state.outstanding.pop_front();
        }
        let hash = blake3::hash(code.as_bytes());
        state.outstanding.push_back(Issued { hash, caller, expires_at: now.plus_ms(LIFE_MS) });
        [&code[..GROUP], &code[GROUP..2 * GROUP], &code[2 * GROUP..]].join("-")
    }

    /// Uses a code up, as a person typed it: small letters, blanks and look-alikes are forgiven.
    ///
    /// # Errors
    /// When it is good for nothing, or there were too many wrong ones.
    pub(crate) fn redeem(&self, typed: &str) -> Result<Caller, CodeError> {
        let now = self.clock.now();
        let mut state = self.lock();
        state.forget_the_old(now);
        if state.wrong_tries.len() >= MAX_WRONG_TRIES {
            let oldest = state.wrong_tries.front().copied().unwrap_or(now);
            let retry_after_ms = TRY_WINDOW_MS.saturating_sub(now.since_ms(oldest));
            return Err(CodeError::TooManyTries { retry_after_ms });
        }
        // All are compared, each in constant time.
        let hash = blake3::hash(plain(typed).as_bytes());
        let mut found = None;
        for (at, issued) in state.outstanding.iter().enumerate() {
            if issued.hash == hash {
                found = Some(at);
            }
        }
        if let Some(issued) = found.and_then(|at| state.outstanding.remove(at)) {
            return Ok(issued.caller);
        }
        state.wrong_tries.push_back(now);
        Err(CodeError::Unknown)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

impl State {
    fn forget_the_old(&mut self, now: UnixMillis) {
        self.outstanding.retain(|issued| issued.expires_at > now);
        self.wrong_tries.retain(|tried| now.since_ms(*tried) < TRY_WINDOW_MS);
    }
}

/// Returns what was typed in the letters that codes are made of. Longer texts are cut: no code is.
fn plain(typed: &str) -> String {
    typed
        .chars()
        .filter(|letter| !letter.is_whitespace() && !matches!(letter, '-' | '‐' | '–'))
        .take(CHARACTERS + 1)
        .map(|letter| match letter.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            letter => letter,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use errand_scheduler::SeededRandom;

    use super::super::testing::{TestClock, caller};
    use super::*;

    fn codes() -> (Arc<TestClock>, Codes) {
        let clock = Arc::new(TestClock::default());
        (Arc::clone(&clock), Codes::new(clock, Arc::new(SeededRandom::new(1))))
    }

    #[test]
    fn a_code_is_readable_and_good_once() {
        let (_, codes) = codes();
        let code = codes.issue(caller("ada"));
        let groups: Vec<&str> = code.split('-').collect();
        assert_eq!(groups.iter().map(|group| group.len()).collect::<Vec<_>>(), [4, 4, 4]);
        assert!(groups.concat().bytes().all(|byte| ALPHABET.contains(&byte)), "{code}");
        assert_eq!(codes.redeem(&code).unwrap().principal.as_str(), "ada");
        assert_eq!(codes.redeem(&code), Err(CodeError::Unknown));
    }

    #[test]
    fn what_a_person_makes_of_a_code_is_understood() {
        let (_, codes) = codes();
        for spelling in [
            |code: &str| code.to_lowercase(),
            |code: &str| code.replace('-', " "),
            |code: &str| format!("  {}\n", code.replace('-', "")),
            |code: &str| code.replace('0', "o").replace('1', "l"),
        ] {
            let code = codes.issue(caller("ada"));
            assert!(codes.redeem(&spelling(&code)).is_ok(), "{code}");
        }
    }

    #[test]
    fn a_code_ends_after_a_quarter_of_an_hour() {
        let (clock, codes) = codes();
        let (early, late) = (codes.issue(caller("a")), codes.issue(caller("b")));
        clock.pass_ms(LIFE_MS - 1);
        assert!(codes.redeem(&early).is_ok());
        clock.pass_ms(1);
        assert_eq!(codes.redeem(&late), Err(CodeError::Unknown));
    }

    #[test]
    fn the_oldest_code_makes_room() {
        let (_, codes) = codes();
        let issued: Vec<String> =
            (0..=MAX_OUTSTANDING).map(|_| codes.issue(caller("ada"))).collect();
        assert_eq!(codes.redeem(&issued[0]), Err(CodeError::Unknown));
        assert!(codes.redeem(&issued[1]).is_ok());
        assert!(codes.redeem(&issued[MAX_OUTSTANDING]).is_ok());
    }

    #[test]
    fn after_ten_wrong_tries_even_a_right_code_waits_for_the_minute_to_end() {
        let (clock, codes) = codes();
        let code = codes.issue(caller("ada"));
        for _ in 0..MAX_WRONG_TRIES {
            assert_eq!(codes.redeem("0000-0000-0000"), Err(CodeError::Unknown));
        }
        clock.pass_ms(TRY_WINDOW_MS - 1);
        let refused = codes.redeem(&code);
        assert_eq!(refused, Err(CodeError::TooManyTries { retry_after_ms: 1 }));
        clock.pass_ms(1);
        assert!(codes.redeem(&code).is_ok());
    }

    #[test]
    fn codes_differ_and_long_texts_are_none() {
        let (_, codes) = codes();
        let (one, two) = (codes.issue(caller("a")), codes.issue(caller("a")));
        assert_ne!(one, two);
        assert_eq!(codes.redeem(&format!("{one}X")), Err(CodeError::Unknown));
        assert_eq!(codes.redeem(&"0".repeat(1 << 20)), Err(CodeError::Unknown));
        assert_eq!(codes.redeem(""), Err(CodeError::Unknown));
    }
}
