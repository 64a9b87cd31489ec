//! What tasks are told by their host calls, and what of it must be in a journal.

use errand_core::*;
use serde_json::{Value, json};

/// How many calls an attempt makes that waits for nothing.
const CALLS: u64 = 4;
/// The call whose answer may be better next time: a retry keeps those before it.
const FAILS: u64 = 3;
/// The call that waits.
const WAITS: u64 = CALLS + 1;

/// Returns the calls that an attempt makes, those that it has kept left out.
pub(super) fn of(task: &Task) -> Vec<JournalEntry> {
    let first = if task.attempt > 1 { FAILS } else { 1 };
    (first..=CALLS).map(|ordinal| answered(task.id, ordinal)).collect()
}

/// Returns the call that waits.
pub(super) fn waiting(answer: Answer) -> JournalEntry {
    entry(WAITS, answer)
}

/// Tells whether the values of a task go to blobs.
pub(super) fn is_large(id: TaskId) -> bool {
    id.to_bytes()[14].is_multiple_of(16)
}

/// Says what is wrong with a task's journal, of which an attempt and the last of its calls were
/// acknowledged.
pub(super) fn fault(
    task: &Task,
    journal: &[JournalEntry],
    acknowledged: Option<(u32, u64)>,
) -> Option<String> {
    let length = journal.len() as u64;
    if !journal.iter().map(|entry| entry.ordinal).eq(1..=length) {
        let ordinals: Vec<u64> = journal.iter().map(|entry| entry.ordinal).collect();
        return Some(format!("the journal of {} has a hole: {ordinals:?}", task.id));
    }
    let is_wrong = |entry: &&JournalEntry| match entry.ordinal {
        WAITS => entry.answer != Answer::Given(Value::Null) && !is_awaited(entry),
        ordinal => **entry != answered(task.id, ordinal),
    };
    if let Some(entry) = journal.iter().find(is_wrong) {
        return Some(format!("call {} of {} has another answer", entry.ordinal, task.id));
    }
    let (least, most) = match acknowledged {
        _ if task.status == Status::Completed => (0, 0),
        // The next attempt has kept what was before the failed answer, and may have made more.
        Some((attempt, _)) if attempt < task.attempt => (FAILS - 1, WAITS),
        Some((_, last)) => (last, WAITS),
        None => (0, WAITS),
    };
    let fits = (least..=most).contains(&length);
    let queued_anew = task.attempt > 1 && task.status == Status::Queued && !task.resuming;
    let kept_too_much = queued_anew && length >= FAILS;
    (!fits || kept_too_much).then(|| {
        let Task { id, status, attempt, runs, version, .. } = task;
        format!(
            "the journal of {id} has {length} calls, not {least} to {most}: it is {status:?} in attempt \
             {attempt}, run {runs}, at version {version}"
        )
    })
}

fn is_awaited(entry: &JournalEntry) -> bool {
    matches!(entry.answer, Answer::Awaited { .. })
}

fn answered(id: TaskId, ordinal: u64) -> JournalEntry {
    let text = "a".repeat(if is_large(id) { 70_000 } else { 20 });
    let answer = json!({"of": id, "text": text});
    match ordinal {
        FAILS => entry(ordinal, Answer::Failed(answer)),
        _ => entry(ordinal, Answer::Given(answer)),
    }
}

fn entry(ordinal: u64, answer: Answer) -> JournalEntry {
    JournalEntry {
        ordinal,
        call: "call".into(),
        arguments: "[]".into(),
        at: UnixMillis(3),
        answer,
        said: LogOffsets::default(),
    }
}
