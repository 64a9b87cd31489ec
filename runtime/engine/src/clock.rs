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
    /// Nanoseconds by which waits have moved the clocks forward.
    waited_ns: Arc<AtomicU64>,
}

impl VirtualClock {
    pub(crate) fn new(base: UnixMillis) -> Self {
        Self { base, waited_ns: Arc::default() }
    }

    /// Returns the nanoseconds since the attempt began.
    pub(crate) fn monotonic_ns(&self, fuel_executed: u64) -> u64 {
        (fuel_executed / FUEL_PER_NS).saturating_add(self.waited_ns.load(Ordering::Relaxed))
    }

    /// Returns the wall-clock time in nanoseconds since the Unix epoch.
    pub(crate) fn wall_ns(&self, fuel_executed: u64) -> u128 {
        u128::from(self.base.0) * 1_000_000 + u128::from(self.monotonic_ns(fuel_executed))
    }

    /// Moves the clocks forward after a wait.
    pub(crate) fn advance_ns(&self, ns: u64) {
        let _ = self.waited_ns.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |waited| {
            Some(waited.saturating_add(ns))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_with_fuel_and_with_waits_alone() {
        let clock = VirtualClock::new(UnixMillis(1_000));
        assert_eq!(clock.wall_ns(0), 1_000_000_000);
        assert_eq!(clock.monotonic_ns(50), 5);
        clock.clone().advance_ns(1_000);
        assert_eq!(clock.monotonic_ns(50), 1_005);
        assert_eq!(clock.wall_ns(0), 1_000_001_000);
    }
}
