//! Waiting: a short while with the slot in hand; longer without it, on record, in memory or out of it.

use errand_core::{EventBody, Record, Stopped, UnixMillis, Wait, WaitingFor};

use super::{Run, Stop};

/// A wait up to this long is not worth a record: the guest keeps its slot.
const HELD_MS: u64 = 200;
/// How long after its time a run in memory wakes by itself, where nobody woke it: another process may
/// have found it due, and then this one learns that it has lost the task.
const OVERDUE_MS: u64 = 10_000;

impl Run {
    /// Waits, and answers when the guest is to go on. Out of memory, this run ends instead.
    pub(super) async fn wait_for(&self, wait: Wait) -> Result<(), Stopped> {
        let Wait { entry, waiting_for, until, awaits, memory_bytes } = wait;
        let left_ms = until.map(|until| until.since_ms(self.worker.service.now()));
        if let (Some(until), Some(left_ms), None) = (until, left_ms, &awaits)
            && left_ms <= HELD_MS
        {
            self.worker.service.0.parts.timer.sleep_until(until).await;
            return Ok(());
        }
        let Some(me) = self.me.upgrade() else { return Err(Stopped) };
        let ordinal = entry.ordinal;
        self.set_waiting(true);
        self.worker.warm.enter(&me, memory_bytes);
        let warm_ms = self.worker.config.warm.wait_ms;
        // Nobody knows when something comes: it may be the next moment.
        let comes_anytime = awaits.is_some() && warm_ms > 0;
        let comes_late = !comes_anytime && left_ms.is_none_or(|left| left > warm_ms);
        let awaits = awaits.map(Box::new);
        let events = vec![EventBody::Waiting { waiting_for, until, awaits }];
        let recorded = async {
            self.take_record(Record { events, call: Some(entry), ..Record::default() }).await?;
            self.durable_so_far().await
        };
        if let Err(stopped) = recorded.await {
            self.worker.warm.leave(self.task);
            return Err(stopped);
        }
        self.worker.warm.recorded(self.task, &self.worker.config.warm);
        // Who takes it out of memory's list says what becomes of it: it may be woken already.
        if (comes_late || self.worker.is_draining()) && self.worker.warm.leave(self.task).is_some()
        {
            self.stop(Stop::Cold);
        }
        self.slot.release();
        let cold_at = comes_anytime.then(|| self.worker.service.now().plus_ms(warm_ms));
        self.until_woken(until, cold_at).await;
        self.slot.regain().await;
        let mut events = vec![EventBody::Resumed { warm: true }];
        if waiting_for == WaitingFor::Timer {
            events.insert(0, EventBody::TimerFired { ordinal });
        }
        self.take_record(events.into()).await?;
        self.durable_so_far().await?;
        self.set_waiting(false);
        self.worker.renew_one(self).await;
        Ok(())
    }

    /// Tells the run that what it waits for has come. Answers whether it is there to hear it.
    pub(in crate::worker) fn wake(&self) -> bool {
        if self.stop.get().is_some() {
            return false;
        }
        self.woken.notify_one();
        true
    }

    /// Waits until it is woken. Leaves memory at a moment, where one is named.
    async fn until_woken(&self, until: Option<UnixMillis>, cold_at: Option<UnixMillis>) {
        let timer = &self.worker.service.0.parts.timer;
        let overdue = until.map(|until| timer.sleep_until(until.plus_ms(OVERDUE_MS)));
        let cold = async {
            match cold_at {
                Some(at) => timer.sleep_until(at).await,
                None => std::future::pending().await,
            }
            // Else it is being woken.
            if self.worker.warm.leave(self.task).is_some() {
                self.stop(Stop::Cold);
            }
            std::future::pending().await
        };
        tokio::select! {
            () = self.woken.notified() => {}
            () = cold => {}
            () = async { overdue.expect("it is asked for only where it is there").await },
                if overdue.is_some() =>
            {
                self.worker.warm.leave(self.task);
            }
        }
    }
}
