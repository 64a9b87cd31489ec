//! How long an attempt has run: waits for something outside and repetitions of earlier runs left out.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// The time of one attempt. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Stopwatch(Arc<Mutex<Time>>);

#[derive(Debug)]
struct Time {
    ran: Duration,
    since: Option<Instant>,
}

impl Stopwatch {
    /// Makes one that stands still, after what earlier runs took.
    pub(crate) fn after(ran: Duration) -> Self {
        Self(Arc::new(Mutex::new(Time { ran, since: None })))
    }

    /// Goes on, if it stands still.
    pub(crate) fn start(&self) {
        self.lock().since.get_or_insert_with(Instant::now);
    }

    /// Stops while the answer lives, if it runs.
    pub(crate) fn pause(&self) -> Pause {
        let mut time = self.lock();
        time.ran = time.elapsed();
        let ran = time.since.take().is_some();
        drop(time);
        Pause(ran.then(|| self.clone()))
    }

    /// Returns what it shows.
    pub(crate) fn elapsed(&self) -> Duration {
        self.lock().elapsed()
    }

    fn lock(&self) -> MutexGuard<'_, Time> {
        self.0.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

impl Time {
    fn elapsed(&self) -> Duration {
        self.ran + self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

/// See [`Stopwatch::pause`].
pub(crate) struct Pause(Option<Stopwatch>);

impl Drop for Pause {
    fn drop(&mut self) {
        if let Some(stopwatch) = &self.0 {
            stopwatch.start();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stands_still_before_its_start_and_in_pauses() {
        let stopwatch = Stopwatch::after(Duration::from_secs(7));
        drop(stopwatch.pause());
        assert_eq!(stopwatch.elapsed(), Duration::from_secs(7));
        stopwatch.start();
        let pause = stopwatch.pause();
        let shown = stopwatch.elapsed();
        assert!(shown >= Duration::from_secs(7));
        assert_eq!(stopwatch.elapsed(), shown);
        drop(pause);
        assert!(stopwatch.lock().since.is_some());
    }
}
