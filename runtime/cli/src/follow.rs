//! Following a task: its events and live progress as they come, across reconnects and server restarts.

use std::io::Read;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Answer, Client, Event, Progress, SseMessage, SseReader, not_understood};
use crate::errors::{Exit, Result};

/// How long a server may be away before we give up: longer than a drain and a restart.
const PATIENCE: Duration = Duration::from_secs(60);
/// The first wait before connecting again.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait before connecting again.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// What comes while following.
pub(crate) enum News<'a> {
    /// An event, and its text as it came.
    Event(&'a Event, &'a str),
    /// Live progress.
    Progress(&'a Progress),
}

/// Follows a task from after event number `after` on until it rests, and returns it as it is then.
pub(crate) fn follow(
    client: &mut Client,
    id: &str,
    after: u64,
    told: &mut dyn FnMut(News<'_>) -> Result<()>,
) -> Result<Answer> {
    client.task(id)?;
    let mut place = Place { seq: after, rests: false };
    let mut away_since: Option<Instant> = None;
    let mut wait = FIRST_WAIT;
    loop {
        let seq_before = place.seq;
        let ended = match client.stream_events(id, place.seq) {
            Ok(mut stream) => read_all(&mut stream, &mut place, told)?,
            Err(error) if error.exit() == Exit::Unreachable => false,
            Err(error) => return Err(error),
        };
        let complete = place.rests || (ended && place.seq == seq_before);
        match client.task(id) {
            Ok((answer, task)) if complete && task.status.is_terminal() => return Ok(answer),
            Ok(_) => away_since = None,
            Err(error) if error.exit() != Exit::Unreachable => return Err(error),
            Err(error) => {
                if away_since.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                    return Err(error.hint("the task goes on; look again with `errand watch`"));
                }
            }
        }
        if place.seq > seq_before {
            wait = FIRST_WAIT;
        }
        thread::sleep(wait);
        wait = (wait * 2).min(LONGEST_WAIT);
        client.find_again();
    }
}

/// Reads a stream to its end, and tells whether the server ended it in good order.
fn read_all(
    stream: &mut SseReader<impl Read>,
    place: &mut Place,
    told: &mut dyn FnMut(News<'_>) -> Result<()>,
) -> Result<bool> {
    loop {
        match stream.next() {
            Ok(Some(message)) => place.take(&message, told)?,
            Ok(None) => return Ok(true),
            Err(_) => return Ok(false),
        }
    }
}

/// How far the log was read.
struct Place {
    seq: u64,
    rests: bool,
}

impl Place {
    fn take(
        &mut self,
        message: &SseMessage,
        told: &mut dyn FnMut(News<'_>) -> Result<()>,
    ) -> Result<()> {
        if message.event == "progress" {
            // A progress that is not understood is one that is not shown.
            return match serde_json::from_str(&message.data) {
                Ok(progress) => told(News::Progress(&progress)),
                Err(_) => Ok(()),
            };
        }
        if message.id.is_none() {
            return Ok(());
        }
        let event: Event =
            serde_json::from_str(&message.data).map_err(|error| not_understood(&error))?;
        if event.seq > self.seq {
            self.seq = event.seq;
            self.rests = event.is_terminal();
            told(News::Event(&event, &message.data))?;
        }
        Ok(())
    }
}
