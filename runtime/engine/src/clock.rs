//! The clocks that a guest sees: where its attempt began, and how much fuel it has executed since.
//!
//! They never follow the host's time, so a replay reads the same from them. Waiting moves them forward
//! to the moment that was waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use errand_core::UnixMillis;

use crate::config::FUEL_PER_NS;

/// The virtual time of one run. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct VirtualClock {
    base: UnixMillis,
    /// Nanoseconds by which answers have moved the clocks forward.
    waited_ns: Arc<AtomicU64>,
    /// The fuel at which a clock was last read.
    read_at: Arc<AtomicU64>,
}

impl VirtualClock {
    pub(crate) fn new(base: UnixMillis) -> Self {
        Self { base, waited_ns: Arc::default(), read_at: Arc::default() }
    }

    /// Goes on where a checkpoint was taken: after so many nanoseconds of waiting.
    pub(crate) fn restore(&self, waited_ns: u64) {
        self.waited_ns.fetch_max(waited_ns, Ordering::Relaxed);
    }

    /// Returns by how many nanoseconds answers have moved the clocks forward.
    pub(crate) fn waited_ns(&self) -> u64 {
        self.waited_ns.load(Ordering::Relaxed)
    }

    /// Returns the nanoseconds since the attempt began.
    pub(crate) fn monotonic_ns(&self, fuel_executed: u64) -> u64 {
        self.read_at.fetch_max(fuel_executed, Ordering::Relaxed);
        (fuel_executed / FUEL_PER_NS).saturating_add(self.waited_ns.load(Ordering::Relaxed))
    }

    /// Returns the wall-clock time in nanoseconds since the Unix epoch.
    pub(crate) fn wall_ns(&self, fuel_executed: u64) -> u128 {
        self.began_ns() + u128::from(self.monotonic_ns(fuel_executed))
    }

    /// Returns the wall-clock time where the fuel is known by and large: not before one that was read.
    pub(crate) fn coarse_wall_ns(&self, fuel_executed: u64) -> u128 {
        self.wall_ns(fuel_executed.max(self.read_at.load(Ordering::Relaxed)))
    }

    /// Returns the wall-clock time at which the attempt began.
    pub(crate) fn began_ns(&self) -> u128 {
        u128::from(self.base.0) * 1_000_000
    }

    /// Moves the clocks forward to a monotonic time; never back.
    pub(crate) fn advance_to_ns(&self, monotonic_ns: u64, fuel_executed: u64) {
        let waited = monotonic_ns.saturating_sub(fuel_executed / FUEL_PER_NS);
        self.waited_ns.fetch_max(waited, Ordering::Relaxed);
    }

    /// Moves the clocks forward to the moment of an answer; never back.
    pub(crate) fn sync(&self, at: UnixMillis, fuel_executed: u64) {
        let since_ns = at.since_ms(self.base).saturating_mul(1_000_000);
        self.advance_to_ns(since_ns, fuel_executed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_with_fuel_and_with_answers_alone() {
        let clock = VirtualClock::new(UnixMillis(1_000));
        assert_eq!(clock.wall_ns(0), 1_000_000_000);
        assert_eq!(clock.monotonic_ns(50), 5);
        clock.clone().advance_to_ns(1_005, 50);
        assert_eq!(clock.monotonic_ns(50), 1_005);
        assert_eq!(clock.wall_ns(0), 1_000_001_000);
        assert_eq!(clock.coarse_wall_ns(0), 1_000_001_005, "a file is not older than the clock");
        clock.sync(UnixMillis(1_001), 50);
        assert_eq!(clock.monotonic_ns(50), 1_000_000);
        clock.sync(UnixMillis(900), 50);
        clock.advance_to_ns(7, 50);
        assert_eq!(clock.monotonic_ns(60), 1_000_001, "it never goes back");
    }
}
