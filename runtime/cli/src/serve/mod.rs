//! The server process: settings, logging, and everything wired together.
//!
//! Guests run on a runtime of their own, so that whoever waits for an answer never waits for a guest.

mod allowed;
pub(crate) mod at_rest;
mod config;
mod listen;
mod logging;
mod open_files;
mod parts;
mod retention;
mod signals;

use anyhow::Context;
use errand_core::WorkerId;
use errand_scheduler::{Collector, CollectorConfig, Scheduler, SchedulerConfig};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::sync::CancellationToken;

use crate::cli::GlobalArgs;
use crate::commands::serve::{LogFormat, ServeArgs};
use crate::data_dir::ServerNote;
use crate::errors::{CommandError, Exit, Result};
use crate::output::{self, Output};

use config::Settings;
use listen::Front;
use parts::Parts;
pub(crate) use retention::Retention;
pub(crate) use signals::Signals;

/// Threads for requests, the scheduler and timers: they wait more than they work.
const FRONT_THREADS: usize = 2;

/// Serves until it is told to stop.
pub(crate) fn run(args: ServeArgs, globals: &GlobalArgs) -> Result<Exit> {
    let settings = Settings::resolve(args, globals)?;
    logging::start(&settings)?;
    open_files::raise(settings.slots);
    let front = runtime("errand-front", FRONT_THREADS)?;
    let guests = runtime("errand-guest", settings.slots)?;
    let served = front.block_on(serve(&settings, guests.handle().clone()));
    // What still runs was handed back to the queue, or belongs to a store that has failed.
    guests.shutdown_background();
    front.shutdown_background();
    served.map(|()| Exit::Done)
}

fn runtime(name: &str, threads: usize) -> Result<Runtime> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name(name)
        .enable_all()
        .build()
        .context("start the server's threads")?;
    Ok(runtime)
}

async fn serve(settings: &Settings, guests: Handle) -> Result<()> {
    let mut signals = Signals::listen()?;
    // What a person may have got wrong comes before the store, whose opening may take a while.
    let tls = listen::tls(settings)?;
    let listener = listen::bind(settings).await?;
    settings.data.create()?;
    let parts = Parts::open(settings, Handle::current())?;
    let stopping = Stopping::default();
    let scheduler = Scheduler::start(
        parts.service.clone(),
        scheduler_config(settings)?,
        guests,
        stopping.work.clone(),
    )
    .await
    .context("recover what was left running")?;
    let config = CollectorConfig { keep_ms: settings.retention.keep_ms() };
    let collector = Collector::start(parts.service.clone(), config, stopping.work.clone());
    parts.write_tokens(&settings.data).await?;
    let mut front = Front::start(listener, &parts.service, settings, tls, stopping.front.clone())?;
    let allow_dirs = settings.allow_dirs.iter().map(|path| allowed::real(path));
    let allow_dirs = allow_dirs.collect::<Result<_>>()?;
    let note = ServerNote { url: front.local_url(), pid: std::process::id(), allow_dirs };
    settings.data.announce(&note)?;
    // Whoever started this may not care to read it.
    let _ = Output::stdout().line(format_args!("listening on {}", front.url()));
    if settings.log_format == LogFormat::Human {
        // Where the log is for machines, it may be kept where more than the operator read it.
        output::note(format_args!(
            "people decide at {}/approvals, with the code {} (once, within 15 minutes; `errand console` makes \
         another)",
            front.local_url(),
            front.operator_code(),
        ));
    }
    tracing::info!(url = front.url(), slots = settings.slots, "listening");

    let ended = tokio::select! {
        signal = signals.next() => {
            tracing::info!(signal, drain_s = settings.drain.as_secs(), "stopping");
            signals.end_at_the_next();
            stopping.work.cancel();
            tokio::select! {
                () = scheduler.stopped() => Ok(()),
                error = parts.store.closed() => Err(store_failed(&error)),
            }
        }
        error = parts.store.closed() => Err(store_failed(&error)),
        error = front.failed() => Err(error),
    };
    settings.data.withdraw(&note);
    stopping.front.cancel();
    front.stopped().await;
    ended?;
    collector.stopped().await;
    parts.store.close().await.map_err(|error| store_failed(&error))?;
    tracing::info!("stopped");
    Ok(())
}

/// The two steps of an orderly end: first no more work, then no more answers.
#[derive(Default)]
struct Stopping {
    work: CancellationToken,
    front: CancellationToken,
}

fn scheduler_config(settings: &Settings) -> Result<SchedulerConfig> {
    let worker =
        WorkerId::new(&format!("local-{}", std::process::id())).context("name the worker")?;
    let drain_ms = u64::try_from(settings.drain.as_millis()).unwrap_or(u64::MAX);
    Ok(SchedulerConfig {
        slots: settings.slots,
        drain_ms,
        warm: settings.warm,
        ..SchedulerConfig::new(worker)
    })
}

fn store_failed(error: &errand_core::StoreError) -> CommandError {
    CommandError::new(
        Exit::Internal,
        format_args!("the store failed, so the server stops: {error}"),
    )
    .hint("what was acknowledged is on disk; start the server again when the disk is in order")
}
