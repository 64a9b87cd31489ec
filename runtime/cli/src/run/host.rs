//! Where a local run's output and progress go: this process's own streams, and a bar on a terminal.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use errand_core::{
    BoxFuture, Clock, Level, Meter, Record, RunHost, Status, Stopped, Stream, UnixMillis, Wait,
};
use errand_scheduler::WallClock;

use crate::client::Progress;
use crate::errors::CommandError;
use crate::output::{self, Output};
use crate::render::progress::Bar;

/// How often the bar reads the meter.
const REFRESH: Duration = Duration::from_millis(100);

/// The host of a local run.
pub(super) struct Terminal {
    meter: Meter,
    fuel_limit: u64,
    bar: Mutex<Bar>,
    shows_bar: bool,
    over: Mutex<bool>,
    ended: Condvar,
    /// Why output could not be written.
    unwritten: Mutex<Option<CommandError>>,
}

impl Terminal {
    /// Starts to show a run, where a person looks.
    pub(super) fn start(fuel_limit: u64) -> (Arc<Self>, Option<JoinHandle<()>>) {
        let bar = Bar::start();
        let shows_bar = bar.is_shown();
        bar.status(Status::Running);
        let terminal = Arc::new(Self {
            meter: Meter::default(),
            fuel_limit,
            bar: Mutex::new(bar),
            shows_bar,
            over: Mutex::new(false),
            ended: Condvar::new(),
            unwritten: Mutex::new(None),
        });
        let shown = terminal.clone();
        let painter = shows_bar.then(|| std::thread::spawn(move || shown.paint()));
        (terminal, painter)
    }

    /// Takes the bar away.
    pub(super) fn finish(&self, painter: Option<JoinHandle<()>>) {
        *lock(&self.over) = true;
        self.ended.notify_all();
        if let Some(painter) = painter {
            // It only paints: a panic in it has been printed and changes nothing.
            let _ = painter.join();
        }
        lock(&self.bar).finish();
    }

    fn paint(&self) {
        let mut over = lock(&self.over);
        while !*over {
            let progress = self.meter.progress();
            lock(&self.bar).update(&Progress {
                fuel_used: progress.fuel_used,
                fuel_limit: self.fuel_limit,
                done: progress.done,
                total: progress.total,
                message: progress.message,
            });
            over = match self.ended.wait_timeout(over, REFRESH) {
                Ok((over, _)) => over,
                Err(poison) => poison.into_inner().0,
            };
        }
    }

    /// Takes why output could not be written, where it could not.
    pub(super) fn take_unwritten(&self) -> Option<CommandError> {
        lock(&self.unwritten).take()
    }

    fn put(&self, stream: Stream, bytes: &[u8]) -> Result<(), Stopped> {
        let written = || match stream {
            Stream::Stdout => Output::stdout().bytes(bytes).map_err(|error| {
                *lock(&self.unwritten) = Some(error);
                Stopped
            }),
            Stream::Stderr | Stream::Log => {
                let mut stderr = io::stderr().lock();
                let written = match output::stderr_is_terminal() {
                    true => stderr
                        .write_all(output::for_stderr(&String::from_utf8_lossy(bytes)).as_bytes()),
                    false => stderr.write_all(bytes),
                };
                written.map_err(|_| Stopped)
            }
        };
        match self.shows_bar {
            true => lock(&self.bar).beside(written),
            false => written(),
        }
    }
}

impl RunHost for Terminal {
    fn meter(&self) -> &Meter {
        &self.meter
    }

    fn write(&self, stream: Stream, _: Level, bytes: Bytes) -> BoxFuture<'_, Result<(), Stopped>> {
        Box::pin(std::future::ready(self.put(stream, &bytes)))
    }

    fn now(&self) -> UnixMillis {
        WallClock.now()
    }

    fn record(&self, _: Record) -> BoxFuture<'_, Result<(), Stopped>> {
        // Nobody reads the log of a local run, or repeats it.
        Box::pin(std::future::ready(Ok(())))
    }

    fn durable(&self) -> BoxFuture<'_, Result<(), Stopped>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn wait(&self, wait: Wait) -> BoxFuture<'_, Result<(), Stopped>> {
        Box::pin(async move {
            match wait.until {
                Some(until) => {
                    let left = Duration::from_millis(until.since_ms(self.now()));
                    tokio::time::sleep(left).await;
                    Ok(())
                }
                // Nobody would end it.
                None => Err(Stopped),
            }
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poison| poison.into_inner())
}
