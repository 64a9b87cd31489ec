//! Fuel as it is used: by executed instructions, and by bytes that host calls move.
//!
//! The store can't be read while a call borrows it, and inside a loop without calls the number there is
//! stale. But a guest yields every [`YIELD_FUEL`] units, so counting its yields tells its fuel, to
//! within one interval, in any code. Polls that wait for something outside are not yields; host calls
//! mark them with [`FuelGauge::waiting`]. Yields of the engine's epoch are marked too, and not counted.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use errand_core::{ErrorCode, Progress, RunHost};

use crate::config::YIELD_FUEL;
use crate::ended::Ended;
use crate::stopwatch::{Pause, Stopwatch};

/// The fuel of one run. Clones share it.
#[derive(Clone)]
pub(crate) struct FuelGauge(Arc<Gauge>);

struct Gauge {
    limit: u64,
    /// Fuel of executed instructions, to within one interval.
    executed: AtomicU64,
    /// Fuel charged for bytes moved.
    charged: AtomicU64,
    /// Fuel that is set aside for children that have not ended.
    reserved: AtomicU64,
    /// Host calls that wait for something outside.
    waits: AtomicU32,
    /// Whether the next yield is the epoch's and tells nothing of fuel.
    epoch: AtomicBool,
    /// How far an earlier run of the attempt came: up to there this one repeats it.
    repeats_until: u64,
    stopwatch: Stopwatch,
    host: Arc<dyn RunHost>,
}

impl FuelGauge {
    /// Makes the gauge of a run that goes on where an earlier one was.
    pub(crate) fn new(limit: u64, host: Arc<dyn RunHost>, resume: &Progress) -> Self {
        Self(Arc::new(Gauge {
            limit,
            executed: AtomicU64::new(0),
            charged: AtomicU64::new(0),
            reserved: AtomicU64::new(0),
            waits: AtomicU32::new(0),
            epoch: AtomicBool::new(false),
            repeats_until: resume.fuel_used,
            stopwatch: Stopwatch::after(Duration::from_millis(resume.ran_ms)),
            host,
        }))
    }

    /// Goes on where a checkpoint was taken.
    pub(crate) fn restore(&self, executed: u64, charged: u64, reserved: u64) {
        self.0.reserved.store(reserved, Ordering::Relaxed);
        self.0.executed.store(executed, Ordering::Relaxed);
        self.0.charged.store(charged, Ordering::Relaxed);
    }

    /// Charges a host call for the bytes that it moves: one unit each. Fuel alone would not bound them.
    pub(crate) fn charge_bytes(&self, bytes: u64) -> Result<(), Ended> {
        self.0.charged.fetch_add(bytes, Ordering::Relaxed);
        self.check()
    }

    /// Sets fuel aside for a child, where there is so much. Tells whether there was.
    pub(crate) fn reserve(&self, fuel: u64) -> bool {
        let fits = self.used().saturating_add(self.reserved()).saturating_add(fuel) < self.0.limit;
        if fits {
            self.0.reserved.fetch_add(fuel, Ordering::Relaxed);
        }
        fits
    }

    /// Takes what a child used out of what was set aside for it, and gives back the rest.
    pub(crate) fn settle(&self, reserved: u64, used: u64) {
        let give_back = |all: u64| Some(all.saturating_sub(reserved));
        let _ = self.0.reserved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, give_back);
        self.0.charged.fetch_add(used.min(reserved), Ordering::Relaxed);
    }

    /// Returns the fuel that is set aside.
    pub(crate) fn reserved(&self) -> u64 {
        self.0.reserved.load(Ordering::Relaxed)
    }

    /// Marks, while it lives, that the guest waits for something outside.
    pub(crate) fn waiting(&self) -> WaitMark {
        self.0.waits.fetch_add(1, Ordering::Relaxed);
        WaitMark(self.clone())
    }

    /// Stops the time of the attempt while the answer lives.
    pub(crate) fn pause(&self) -> Pause {
        self.0.stopwatch.pause()
    }

    /// Returns how long the attempt has run.
    pub(crate) fn ran(&self) -> Duration {
        self.0.stopwatch.elapsed()
    }

    /// Tells whether the run repeats what an earlier one did.
    pub(crate) fn repeats(&self) -> bool {
        self.used() < self.0.repeats_until
    }

    /// Takes note of how far the run is.
    pub(crate) fn publish(&self) {
        if !self.repeats() {
            self.0.stopwatch.start();
        }
        let meter = self.0.host.meter();
        meter.set_fuel_used(self.used());
        meter.set_ran_ms(u64::try_from(self.ran().as_millis()).unwrap_or(u64::MAX));
    }

    /// Marks that the guest is about to yield because the epoch advanced.
    pub(crate) fn epoch_yield(&self) {
        self.0.epoch.store(true, Ordering::Relaxed);
    }

    /// Takes the exact number at the end, or at a point where it is known.
    pub(crate) fn set_executed(&self, executed: u64) {
        self.0.executed.store(executed, Ordering::Relaxed);
        self.publish();
    }

    /// Returns the fuel of executed instructions, to within one interval: the same in a repetition.
    pub(crate) fn executed(&self) -> u64 {
        self.0.executed.load(Ordering::Relaxed)
    }

    /// Returns the fuel that was charged for what host calls moved.
    pub(crate) fn charged(&self) -> u64 {
        self.0.charged.load(Ordering::Relaxed)
    }

    fn used(&self) -> u64 {
        self.executed().saturating_add(self.charged()).min(self.0.limit)
    }

    fn check(&self) -> Result<(), Ended> {
        self.publish();
        if self.used().saturating_add(self.reserved()) >= self.0.limit {
            return Err(Ended::bound(ErrorCode::FuelExhausted, "fuel", self.0.limit));
        }
        Ok(())
    }
}

/// See [`FuelGauge::waiting`].
pub(crate) struct WaitMark(FuelGauge);

impl Drop for WaitMark {
    fn drop(&mut self) {
        self.0.0.waits.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Drives a guest's call and reads its fuel off its yields.
pub(crate) struct Metered<F> {
    call: Pin<Box<F>>,
    gauge: FuelGauge,
}

impl<F> Metered<F> {
    pub(crate) fn new(call: F, gauge: FuelGauge) -> Self {
        Self { call: Box::pin(call), gauge }
    }
}

impl<T, F: Future<Output = wasmtime::Result<T>>> Future for Metered<F> {
    type Output = wasmtime::Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.call.as_mut().poll(context) {
            Poll::Ready(result) => Poll::Ready(result),
            Poll::Pending => {
                let epoch = self.gauge.0.epoch.swap(false, Ordering::Relaxed);
                if !epoch && self.gauge.0.waits.load(Ordering::Relaxed) == 0 {
                    self.gauge.0.executed.fetch_add(YIELD_FUEL, Ordering::Relaxed);
                    if let Err(ended) = self.gauge.check() {
                        return Poll::Ready(Err(ended.into()));
                    }
                }
                Poll::Pending
            }
        }
    }
}
