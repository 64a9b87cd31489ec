//! `errand mcp`: MCP on standard input and output, in front of a server.
//!
//! Each message that comes in is sent on to the server's `/mcp`, and each that comes back is a line on
//! standard output, which carries nothing else. What the messages say is the server's to know; this knows of
//! them what HTTP needs in its headers, which session there is, and how to begin a session again with a
//! server that was restarted. So work outlives this process, and this process outlives the server.

mod bridge;
mod message;
mod place;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Stdin};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::task::TaskTracker;

use self::bridge::Bridge;
use self::message::{Kind, Message};
use self::place::Place;
use crate::cli::GlobalArgs;
use crate::errors::{Exit, Result};

/// The longest message. The server's own bound is smaller, and its refusal says so.
const MAX_MESSAGE_BYTES: usize = 64 << 20;
/// Requests that are answered at a time; further ones wait unread.
const MAX_AT_ONCE: usize = 64;
/// Answers that wait to be written.
const MAX_UNWRITTEN: usize = 64;
/// How long requests may take to end after the client's last word.
const PATIENCE: Duration = Duration::from_secs(5);

/// Speaks MCP until standard input ends.
pub(crate) fn run(globals: &GlobalArgs) -> Result<Exit> {
    let place = Place::find(globals)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("start the runtime")?;
    let ended = runtime.block_on(speak(place, globals.clone()));
    // A read of standard input that waits can't be called off.
    runtime.shutdown_background();
    ended
}

async fn speak(place: Place, globals: GlobalArgs) -> Result<Exit> {
    let (out, lines) = mpsc::channel(MAX_UNWRITTEN);
    let writing = tokio::spawn(write(lines));
    let bridge = Arc::new(Bridge::new(place, globals, out)?);
    let requests = TaskTracker::new();
    let at_once = Arc::new(Semaphore::new(MAX_AT_ONCE));
    let mut input = BufReader::new(tokio::io::stdin());
    loop {
        let line = tokio::select! {
            line = next_line(&mut input) => line.context("read standard input")?,
            // Nobody reads what is written: the client is gone.
            () = bridge.unheard() => break,
        };
        let message = match line {
            Line::End => break,
            Line::Text(text) if text.trim_ascii().is_empty() => continue,
            Line::Text(text) => Message::parse(text),
            Line::TooLong => Err(message::too_long(MAX_MESSAGE_BYTES)),
        };
        let message = match message {
            Ok(message) => message,
            Err(refusal) => {
                bridge.say(refusal).await;
                continue;
            }
        };
        match message.kind {
            // Others rely on it, so it comes first; notifications and answers come in their order.
            Kind::Request { ref method, .. } if method != "initialize" => {
                let bridge = Arc::clone(&bridge);
                let Ok(permit) = Arc::clone(&at_once).acquire_owned().await else { break };
                requests.spawn(async move {
                    bridge.request(message).await;
                    drop(permit);
                });
            }
            _ => bridge.in_order(message).await,
        }
    }
    requests.close();
    let _ = tokio::time::timeout(PATIENCE, requests.wait()).await;
    bridge.leave().await;
    drop(bridge);
    let _ = tokio::time::timeout(PATIENCE, writing).await;
    Ok(Exit::Done)
}

enum Line {
    Text(Vec<u8>),
    TooLong,
    End,
}

/// Reads one line. Of one that is too long nothing is kept.
async fn next_line(input: &mut BufReader<Stdin>) -> std::io::Result<Line> {
    let mut text = Vec::new();
    let mut too_long = false;
    loop {
        let read = input.fill_buf().await?;
        if read.is_empty() {
            return Ok(if text.is_empty() && !too_long { Line::End } else { Line::Text(text) });
        }
        let end = read.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(read.len(), |end| end + 1);
        too_long |= text.len() + taken > MAX_MESSAGE_BYTES;
        if too_long {
            text.clear();
        } else {
            text.extend_from_slice(&read[..taken]);
        }
        input.consume(taken);
        if end.is_some() {
            return Ok(if too_long { Line::TooLong } else { Line::Text(text) });
        }
    }
}

async fn write(mut lines: mpsc::Receiver<String>) {
    let mut output = tokio::io::stdout();
    while let Some(mut line) = lines.recv().await {
        line.push('\n');
        let written = async {
            output.write_all(line.as_bytes()).await?;
            output.flush().await
        };
        if written.await.is_err() {
            return;
        }
    }
}
