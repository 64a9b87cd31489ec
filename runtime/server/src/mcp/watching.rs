//! Waiting for a task until it stands still: it has ended, or a person has to decide.

use std::time::{Duration, Instant};

use errand_core::{Status, Task, TaskId};
use errand_scheduler::{Followed, OpenQuestions};
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use tokio::time::sleep;

use super::asking::Asking;
use super::outcome::Standing;
use super::questions::key;
use crate::problem::Problem;

/// How long an executor may take to begin counting by itself before its fuel is told instead.
const FIRST_WORD: Duration = Duration::from_secs(1);

/// Waits at most so long, and tells the caller's progress token meanwhile. Answers how the task stands
/// then.
pub(super) async fn watch(
    asking: &Asking,
    id: TaskId,
    at_most: Duration,
) -> Result<Standing, Problem> {
    watch_beyond(asking, id, at_most, &[]).await
}

/// The same, where the caller knows of some questions, by their keys: it waits for what is new.
pub(super) async fn watch_beyond(
    asking: &Asking,
    id: TaskId,
    at_most: Duration,
    known: &[String],
) -> Result<Standing, Problem> {
    let Asking { app, caller, context, .. } = asking;
    let mut task = app.service.task(caller, id).await?;
    let mut follow = app.service.follow(caller, id, task.version).await?;
    let mut report = Report::new(asking);
    let mut up = std::pin::pin!(sleep(at_most));
    loop {
        let questions = questions(asking, &task).await?;
        report.tell(&task).await;
        let is_new = |state| !known.contains(&key(state));
        let is_still = task.status.is_terminal() || questions.questions.iter().any(is_new);
        if is_still || at_most.is_zero() {
            return Ok(Standing { task, questions: questions.questions });
        }
        let news = tokio::select! {
            followed = follow.next() => followed?,
            // What waits for a child is not told of what the child asks.
            changed = app.service.questions_changed(&questions) => { changed?; None }
            () = &mut up => break,
            () = context.ct.cancelled() => break,
            () = app.stopping.cancelled() => break,
        };
        match news {
            Some(Followed::Progress(progress)) => task.progress = progress,
            _ => task = app.service.task(caller, id).await?,
        }
    }
    stand(asking, id).await
}

/// Returns how a task stands now.
pub(super) async fn stand(asking: &Asking, id: TaskId) -> Result<Standing, Problem> {
    let task = asking.service().task(&asking.caller, id).await?;
    let questions = questions(asking, &task).await?.questions;
    Ok(Standing { task, questions })
}

async fn questions(asking: &Asking, task: &Task) -> Result<OpenQuestions, Problem> {
    // One that runs asks nothing, and nobody below it holds it up.
    if task.status != Status::Waiting {
        return Ok(OpenQuestions::default());
    }
    Ok(asking.service().open_questions(&asking.caller, task.id).await?)
}

/// Tells a caller that gave a progress token how far a task is: its executor's own count where it gives
/// one soon, else its fuel. The figure only grows, as the protocol wants it.
struct Report<'a> {
    asking: &'a Asking,
    token: Option<ProgressToken>,
    by_count: Option<bool>,
    begun: Instant,
    last: Option<f64>,
}

impl<'a> Report<'a> {
    fn new(asking: &'a Asking) -> Self {
        let token = asking.context.meta.get_progress_token();
        Self { asking, token, by_count: None, begun: Instant::now(), last: None }
    }

    async fn tell(&mut self, task: &Task) {
        let Some(token) = &self.token else { return };
        let progress = &task.progress;
        let is_early = self.by_count.is_none() && self.begun.elapsed() < FIRST_WORD;
        if progress.done.is_none() && (progress.fuel_used == 0 || is_early) {
            return;
        }
        let by_count = *self.by_count.get_or_insert(progress.done.is_some());
        let (now, total) = match (by_count, progress.done) {
            (true, done) => (done.unwrap_or(0), progress.total),
            (false, _) => (progress.fuel_used, Some(task.limits.fuel)),
        };
        let now = now as f64;
        if self.last.is_some_and(|last| now <= last) {
            return;
        }
        let mut param = ProgressNotificationParam::new(token.clone(), now);
        if let Some(total) = total {
            param = param.with_total(total as f64);
        }
        if let Some(message) = &progress.message {
            param = param.with_message(message.clone());
        }
        // A client that is gone is told nothing more; what it asked for goes on.
        let _ = self.asking.peer().notify_progress(param).await;
        self.last = Some(now);
    }
}
