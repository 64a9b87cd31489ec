//! One task's log, held against what the task was to do and against what its client was told.

use errand_core::{ErrorCode, Event, EventBody, LogOffsets, Stream, Task, TaskError, TaskId};

use super::ledger::Known;
use super::plan::{Attempt, End, Left};

/// What a log has of one attempt.
#[derive(Default)]
struct Said {
    texts: [String; 3],
    left: Vec<Left>,
}

/// What was found besides.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Whether it has two results.
    pub(super) doubled: bool,
    /// Whether its worker died too often, which ends a task by design.
    pub(super) given_up: bool,
}

/// Reads a log from its beginning.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check(
    id: TaskId,
    known: &Known,
    record: &Task,
    events: &[Event],
) -> Result<Outcome, String> {
    let (first, rest) = events.split_first().ok_or("it has no event")?;
    let mut task = Task::begin(id, first).map_err(|error| error.to_string())?;
    let (mut said, mut offsets) = (Said::default(), LogOffsets::default());
    let mut expected = known.plan.attempt(1);
    let (mut results, mut outcome) = (0, Outcome::default());
    let (mut cancels, mut retries) = (0, 0);
    let mut shown = known.seen == Some((1, task.status));
    for event in rest {
        task.apply(event).map_err(|error| format!("event {}: {error}", event.seq))?;
        match &event.body {
            EventBody::Log(line) => {
                let offset = offsets.of_mut(line.stream);
                if line.offset != *offset {
                    return Err(format!(
                        "event {} begins at byte {}, the one before ended at {offset}",
                        event.seq, line.offset
                    ));
                }
                *offset += line.stream_bytes();
                said.texts[place(line.stream)].push_str(&line.text);
            }
            EventBody::Emitted { kind, data } => {
                said.left.push(Left::Emitted(kind.clone(), data.clone()));
            }
            EventBody::ArtifactPublished(artifact) => {
                said.left.push(Left::Artifact(artifact.path.clone(), artifact.blake3));
            }
            EventBody::CancelRequested { .. } => cancels += 1,
            EventBody::RetryRequested {} => retries += 1,
            EventBody::Completed { output, .. } => {
                said.is_all_of(&expected)?;
                if expected.end != End::Completes((**output).clone()) {
                    return Err(format!("it answers {output}, not {:?}", expected.end));
                }
            }
            EventBody::Failed { error, .. } if error.code == ErrorCode::Lost => {
                outcome.given_up = true;
            }
            EventBody::Failed { error, .. } | EventBody::RetryScheduled { error, .. } => {
                said.ends_with(error, &expected)?;
            }
            _ => {}
        }
        said.begins(&expected).map_err(|what| format!("at event {}: {what}", event.seq))?;
        results += usize::from(task.status.is_terminal());
        outcome.doubled |= results > 1;
        if task.attempt > event.attempt {
            (said, expected, results) = (Said::default(), known.plan.attempt(task.attempt), 0);
        }
        shown |= known.seen == Some((task.attempt.into(), task.status));
    }
    if known.seen.is_some() && !shown {
        return Err(format!("a client saw {:?}, which it never was", known.seen));
    }
    if task != *record {
        return Err(format!("its record is {record:?}, its log says {task:?}"));
    }
    if known.version > task.version {
        return Err(format!("a client saw event {}, it has {}", known.version, task.version));
    }
    if retries < known.retries.done || retries > known.retries.sent {
        return Err(format!("it was retried {retries} times of {:?}", known.retries));
    }
    if cancels > known.cancels.sent || (cancels == 0 && known.cancels.done > 0) {
        return Err(format!("it was cancelled {cancels} times of {:?}", known.cancels));
    }
    Ok(outcome)
}

fn place(stream: Stream) -> usize {
    match stream {
        Stream::Stdout => 0,
        Stream::Stderr => 1,
        Stream::Log => 2,
    }
}

impl Said {
    fn begins(&self, attempt: &Attempt) -> Result<(), String> {
        for (said, all) in self.texts.iter().zip(&attempt.texts) {
            if !all.starts_with(said) {
                return Err(format!("it said {said:?}, was to say {all:?}"));
            }
        }
        if !attempt.left.starts_with(&self.left) {
            return Err(format!("it left {:?}, was to leave {:?}", self.left, attempt.left));
        }
        Ok(())
    }

    fn is_all_of(&self, attempt: &Attempt) -> Result<(), String> {
        if self.texts != attempt.texts || self.left != attempt.left {
            return Err(format!(
                "at its end it had said {:?} and left {:?}, not {attempt:?}",
                self.texts, self.left
            ));
        }
        Ok(())
    }

    fn ends_with(&self, error: &TaskError, attempt: &Attempt) -> Result<(), String> {
        self.is_all_of(attempt)?;
        if !attempt.end.is(error) {
            return Err(format!("it failed with {error:?}, not {:?}", attempt.end));
        }
        Ok(())
    }
}
