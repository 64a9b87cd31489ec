//! Turns: how many requests a minute a grant lets through, in the order in which they came.
//!
//! Owns the times of the last requests of each grant. Turns are given out at once, for a time to come, so
//! that nobody overtakes; who would wait past its own bound is told so at once and takes no turn.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use errand_core::{ExecutorName, Namespace};

const MINUTE: Duration = Duration::from_secs(60);
/// Times that are kept for one grant. A higher rate is counted over a shorter while.
const MAX_TURNS: usize = 4_096;
/// Grants whose times are kept; when there are more, those without a request in the last minute go.
const MAX_GRANTS: usize = 4_096;

/// Whose requests are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Counted {
    pub(crate) namespace: Namespace,
    pub(crate) executor: ExecutorName,
    /// The grant's pattern and methods.
    pub(crate) grant: String,
}

/// Gives turns.
#[derive(Default)]
pub(crate) struct Rates {
    /// When requests were, or will be, sent.
    turns: Mutex<HashMap<Counted, VecDeque<Instant>>>,
}

impl Rates {
    /// Returns when a request that comes now may be sent; nothing when that is after its deadline.
    pub(crate) fn turn(
        &self,
        counted: Counted,
        per_minute: u32,
        now: Instant,
        deadline: Instant,
    ) -> Option<Instant> {
        let per_minute = usize::try_from(per_minute).unwrap_or(usize::MAX);
        let kept = per_minute.min(MAX_TURNS);
        let within = MINUTE.mul_f64(kept as f64 / per_minute as f64);
        let mut all = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_GRANTS && !all.contains_key(&counted) {
            all.retain(|_, turns| turns.back().is_some_and(|last| *last + MINUTE > now));
        }
        let turns = all.entry(counted).or_default();
        // A rate that was lowered forgets nothing that counts: the oldest go first.
        while turns.len() > kept {
            turns.pop_front();
        }
        let mut turn = turns.back().map_or(now, |last| now.max(*last));
        if turns.len() == kept {
            turn = turn.max(*turns.front()? + within);
        }
        if turn >= deadline {
            return None;
        }
        if turns.len() == kept {
            turns.pop_front();
        }
        turns.push_back(turn);
        Some(turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(name: &str) -> Counted {
        Counted {
            namespace: Namespace::default(),
            executor: ExecutorName::new(name).unwrap(),
            grant: String::new(),
        }
    }

    #[test]
    fn no_minute_has_more_turns_than_its_grant_says() {
        let rates = Rates::default();
        let start = Instant::now();
        let far = start + MINUTE * 10;
        let turns: Vec<u64> = (0..7)
            .map(|_| (rates.turn(counted("a"), 3, start, far).unwrap() - start).as_secs())
            .collect();
        assert_eq!(turns, [0, 0, 0, 60, 60, 60, 120]);
        assert_eq!(
            rates.turn(counted("b"), 3, start, far),
            Some(start),
            "another executor's are its own"
        );
    }

    #[test]
    fn who_would_wait_too_long_takes_no_turn() {
        let rates = Rates::default();
        let start = Instant::now();
        let soon = start + Duration::from_secs(30);
        assert!(rates.turn(counted("a"), 1, start, soon).is_some());
        assert!(rates.turn(counted("a"), 1, start, soon).is_none());
        let later = start + MINUTE;
        assert_eq!(rates.turn(counted("a"), 1, later, later + MINUTE), Some(later));
    }

    #[test]
    fn a_high_rate_is_counted_over_a_shorter_while_in_bounded_memory() {
        let rates = Rates::default();
        let start = Instant::now();
        let far = start + MINUTE * 10;
        let per_minute = u32::try_from(MAX_TURNS).unwrap() * 4;
        let mut last = start;
        for _ in 0..per_minute {
            last = rates.turn(counted("a"), per_minute, start, far).unwrap();
        }
        assert_eq!((last - start).as_secs(), 45);
        let kept = rates.turns.lock().unwrap()[&counted("a")].len();
        assert_eq!(kept, MAX_TURNS);
    }

    #[test]
    fn grants_that_rest_are_forgotten() {
        let rates = Rates::default();
        let start = Instant::now();
        let far = start + MINUTE * 10;
        for name in 0..MAX_GRANTS {
            rates.turn(counted(&format!("a{name}")), 1, start, far);
        }
        rates.turn(counted("b"), 1, start + MINUTE * 2, far);
        assert_eq!(rates.turns.lock().unwrap().len(), 1);
    }
}
