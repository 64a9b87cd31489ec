//! Advances the engines' epochs while guests run, so that they yield at least that often.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use wasmtime::{Engine, EngineWeak};

use crate::config::EPOCH;

/// The thread that ticks. It sleeps while nothing runs.
#[derive(Clone)]
pub(crate) struct Ticker(Arc<Shared>);

struct Shared {
    /// Whose epoch advances.
    engines: Mutex<Vec<EngineWeak>>,
    /// Runs under way.
    running: Mutex<u32>,
    begun: Condvar,
}

/// A run under way; the epoch advances while any of these lives.
pub(crate) struct Ticking(Ticker);

impl Ticker {
    /// Starts the thread. It ends with the ticker.
    pub(crate) fn start() -> std::io::Result<Self> {
        let ticker = Self(Arc::new(Shared {
            engines: Mutex::default(),
            running: Mutex::new(0),
            begun: Condvar::new(),
        }));
        let shared = Arc::downgrade(&ticker.0);
        std::thread::Builder::new().name("engine-epoch".into()).spawn(move || {
            while let Some(shared) = shared.upgrade() {
                let idle = shared.lock();
                let (running, _) = shared
                    .begun
                    .wait_timeout_while(idle, IDLE_CHECK, |running| *running == 0)
                    .unwrap_or_else(|poison| poison.into_inner());
                drop(running);
                for engine in shared.engines().iter().filter_map(EngineWeak::upgrade) {
                    engine.increment_epoch();
                }
                drop(shared);
                std::thread::sleep(EPOCH);
            }
        })?;
        Ok(ticker)
    }

    /// Advances this engine's epoch too from now on.
    pub(crate) fn add(&self, engine: &Engine) {
        self.0.engines().push(engine.weak());
    }

    /// Marks that a run begins.
    pub(crate) fn ticking(&self) -> Ticking {
        *self.0.lock() += 1;
        self.0.begun.notify_one();
        Ticking(self.clone())
    }
}

/// How often the sleeping thread looks whether its ticker is still there.
const IDLE_CHECK: std::time::Duration = std::time::Duration::from_secs(60);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, u32> {
        self.running.lock().unwrap_or_else(|poison| poison.into_inner())
    }

    fn engines(&self) -> MutexGuard<'_, Vec<EngineWeak>> {
        self.engines.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

impl Drop for Ticking {
    fn drop(&mut self) {
        *self.0.0.lock() -= 1;
    }
}
