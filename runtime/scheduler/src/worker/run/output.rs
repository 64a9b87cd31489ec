//! What a guest writes: gathered, made into events after a moment, and slowed down where it is too much.

use std::sync::MutexGuard;

use errand_core::{
    Answer, Draft, EventBody, JournalEntry, Kept, Level, LogLine, Record, Stopped, Stream,
    UnixMillis,
};
use tokio::sync::oneshot;

use super::{Pending, Run};
use crate::worker::logs::cost_bytes;

/// How long output may wait to be written together with what follows.
const GATHER_MS: u64 = 100;
/// Output that is not kept waiting any longer.
const GATHER_BYTES: usize = 32 << 10;
/// Output on its way to the disk, at most; past it the guest waits.
const MAX_WAITING_BYTES: usize = 256 << 10;
/// What a guest may write in the long run, bytes per millisecond (4 MiB/s)…
const LOG_BYTES_PER_MS: u64 = 4 << 10;
/// …and at once.
const LOG_BURST_BYTES: u64 = 4 << 20;

impl Run {
    /// Writes what was held back until now. Answers when there is something to write later.
    pub(in crate::worker) fn flush_due(&self, now: UnixMillis) -> Option<UnixMillis> {
        let mut pending = self.lock();
        let due = pending.due?;
        if due > now {
            return Some(due);
        }
        let lines = pending.logs.take();
        self.seal(&mut pending, lines);
        self.append_if_idle(pending);
        None
    }

    /// Makes events of output.
    pub(super) fn seal(&self, pending: &mut Pending, lines: Vec<LogLine>) {
        pending.due = None;
        if lines.is_empty() {
            return;
        }
        let at = self.worker.service.now();
        let progress = self.meter.progress();
        for line in lines {
            pending.sealed_bytes += cost_bytes(&line);
            pending.drafts.push(Draft {
                at,
                by: self.worker.principal.clone(),
                progress: Some(progress.clone()),
                body: EventBody::Log(line),
            });
        }
    }

    pub(super) fn hold_back(&self, mut pending: MutexGuard<'_, Pending>, until: UnixMillis) {
        if pending.due.is_none() {
            pending.due = Some(until);
            drop(pending);
            if let Some(me) = self.me.upgrade() {
                self.worker.ticker.flush_at(me, until);
            }
        }
    }

    pub(super) async fn take_output(
        &self,
        stream: Stream,
        level: Level,
        bytes: &[u8],
    ) -> Result<(), Stopped> {
        let ahead_until = loop {
            let room = self.room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            {
                let mut pending = self.lock();
                if self.is_over(&pending) {
                    return Err(Stopped);
                }
                if pending.waiting_bytes() < MAX_WAITING_BYTES {
                    break self.gather(pending, stream, level, bytes);
                }
                let lines = pending.logs.take();
                self.seal(&mut pending, lines);
                self.append_if_idle(pending);
            }
            room.await;
        };
        if let Some(until) = ahead_until {
            self.worker.service.0.parts.timer.sleep_until(until).await;
        }
        Ok(())
    }

    /// Takes what is to be recorded. Waits while too much is on its way.
    pub(super) async fn take_record(&self, record: Record) -> Result<(), Stopped> {
        loop {
            let room = self.room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            {
                let mut pending = self.lock();
                if self.is_over(&pending) {
                    return Err(Stopped);
                }
                if pending.waiting_bytes() < MAX_WAITING_BYTES {
                    let lines = pending.logs.take();
                    self.seal(&mut pending, lines);
                    self.push(&mut pending, record);
                    self.append_if_idle(pending);
                    return Ok(());
                }
            }
            room.await;
        }
    }

    fn push(&self, pending: &mut Pending, record: Record) {
        let Record { events, call, tasks, docs } = record;
        pending.sealed_bytes += (tasks.len() + docs.len()) * RECORD_BYTES;
        pending.tasks.extend(tasks);
        pending.docs.extend(docs);
        for body in events {
            pending.sealed_bytes += body_bytes(&body);
            pending.drafts.push(Draft {
                at: self.worker.service.now(),
                by: self.worker.principal.clone(),
                progress: Some(self.meter.progress()),
                body,
            });
        }
        let Some(mut call) = call else { return };
        pending.sealed_bytes += call_bytes(&call);
        if matches!(call.answer, Answer::Failed(_)) {
            call.said = pending.logs.written();
            let kept = Kept { before: call.ordinal, said: call.said };
            pending.kept.get_or_insert(kept);
        }
        // An answer replaces the wait for it.
        if pending.entries.last().is_some_and(|last| last.ordinal == call.ordinal) {
            pending.entries.pop();
        }
        pending.entries.push(call);
    }

    /// Answers when all that was taken so far is durable.
    pub(super) async fn durable_so_far(&self) -> Result<(), Stopped> {
        let wait = {
            let mut pending = self.lock();
            if self.is_over(&pending) {
                return Err(Stopped);
            }
            if pending.is_empty() && !pending.appending {
                return Ok(());
            }
            let (written, wait) = oneshot::channel();
            pending.waiting.push(written);
            self.append_if_idle(pending);
            wait
        };
        wait.await.map_err(|_| Stopped)
    }

    /// Takes output. Answers until when the guest must wait if it is too fast.
    fn gather(
        &self,
        mut pending: MutexGuard<'_, Pending>,
        stream: Stream,
        level: Level,
        bytes: &[u8],
    ) -> Option<UnixMillis> {
        let now = self.worker.service.now();
        let cost = pending.logs.write(stream, level, bytes);
        if cost == 0 {
            return None;
        }
        let (used, at) = pending.burst_used;
        let given_back = now.since_ms(at).saturating_mul(LOG_BYTES_PER_MS);
        let used = used.saturating_sub(given_back) + cost as u64;
        pending.burst_used = (used, now);
        if pending.logs.cost_bytes() >= GATHER_BYTES {
            let lines = pending.logs.take();
            self.seal(&mut pending, lines);
            self.append_if_idle(pending);
        } else {
            self.hold_back(pending, now.plus_ms(GATHER_MS));
        }
        let too_much = used.saturating_sub(LOG_BURST_BYTES);
        (too_much > 0).then(|| now.plus_ms(too_much.div_ceil(LOG_BYTES_PER_MS)))
    }
}

impl Pending {
    /// Returns what is on its way to the disk.
    fn waiting_bytes(&self) -> usize {
        self.flying_bytes + self.sealed_bytes + self.logs.cost_bytes()
    }
}

/// What an event or a call takes beside its data.
const RECORD_BYTES: usize = 256;

fn body_bytes(body: &EventBody) -> usize {
    match body {
        EventBody::Emitted { data, .. } => RECORD_BYTES + data.to_string().len(),
        _ => RECORD_BYTES,
    }
}

fn call_bytes(call: &JournalEntry) -> usize {
    match &call.answer {
        Answer::Given(value) | Answer::Failed(value) => RECORD_BYTES + value.to_string().len(),
        Answer::Awaited { .. } => RECORD_BYTES,
    }
}
