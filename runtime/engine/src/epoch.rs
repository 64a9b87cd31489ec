//! Advances the engine's epoch while guests run, so that they yield at least that often.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use wasmtime::Engine;

use crate::config::EPOCH;

/// The thread that ticks. It sleeps while nothing runs.
#[derive(Clone)]
pub(crate) struct Ticker(Arc<Shared>);

struct Shared {
    /// Runs under way.
    running: Mutex<u32>,
    begun: Condvar,
}

/// A run under way; the epoch advances while any of these lives.
pub(crate) struct Ticking(Ticker);

impl Ticker {
    /// Starts the thread. It ends with the engine.
    pub(crate) fn start(engine: &Engine) -> std::io::Result<Self> {
        let ticker = Self(Arc::new(Shared { running: Mutex::new(0), begun: Condvar::new() }));
        let (engine, shared) = (engine.weak(), Arc::downgrade(&ticker.0));
        std::thread::Builder::new().name("engine-epoch".into()).spawn(move || {
            while let (Some(engine), Some(shared)) = (engine.upgrade(), shared.upgrade()) {
                let idle = shared.lock();
                let (running, _) = shared
                    .begun
                    .wait_timeout_while(idle, IDLE_CHECK, |running| *running == 0)
                    .unwrap_or_else(|poison| poison.into_inner());
                drop(running);
                engine.increment_epoch();
                drop((engine, shared));
                std::thread::sleep(EPOCH);
            }
        })?;
        Ok(ticker)
    }

    /// Marks that a run begins.
    pub(crate) fn ticking(&self) -> Ticking {
        *self.0.lock() += 1;
        self.0.begun.notify_one();
        Ticking(self.clone())
    }
}

/// How often the sleeping thread looks whether its engine is still there.
const IDLE_CHECK: std::time::Duration = std::time::Duration::from_secs(60);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, u32> {
        self.running.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

impl Drop for Ticking {
    fn drop(&mut self) {
        *self.0.0.lock() -= 1;
    }
}
