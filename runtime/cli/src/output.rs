//! The standard streams: the only module that writes to them.
//!
//! Standard output is data; standard error is for people. Styles are dropped where no terminal shows
//! them (or `NO_COLOR` asks for it), and what a guest wrote has its terminal controls escaped on the way
//! to a terminal. A reader that goes away ends the command in silence.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use anstream::AutoStream;
use serde::Serialize;

use crate::errors::{CommandError, Result};
use crate::render::{Look, escape};

/// Standard output.
pub(crate) struct Output {
    stream: AutoStream<io::Stdout>,
    terminal: bool,
}

impl Output {
    /// Takes standard output.
    pub(crate) fn stdout() -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        Self { stream: AutoStream::auto(stdout), terminal }
    }

    /// Tells whether a person looks at it.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Returns how things are to be shown here.
    pub(crate) fn look(&self) -> Look {
        Look::new(self.terminal.then(terminal_width).flatten())
    }

    /// Writes a line.
    pub(crate) fn line(&mut self, line: impl Display) -> Result<()> {
        written(writeln!(self.stream, "{line}"))
    }

    /// Writes text that ends its own lines.
    pub(crate) fn text(&mut self, text: impl Display) -> Result<()> {
        written(write!(self.stream, "{text}").and_then(|()| self.stream.flush()))
    }

    /// Writes what a guest wrote.
    pub(crate) fn guest_text(&mut self, text: &str) -> Result<()> {
        if self.terminal { self.text(escape::text(text)) } else { self.bytes(text.as_bytes()) }
    }

    /// Writes bytes as they are; on a terminal as escaped text.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        if self.terminal {
            return self.text(escape::text(&String::from_utf8_lossy(bytes)));
        }
        let stdout = self.stream.as_inner();
        let mut lock = stdout.lock();
        written(lock.write_all(bytes).and_then(|()| lock.flush()))
    }

    /// Writes a JSON document on a line.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string(value).map_err(anyhow::Error::from)?;
        self.json_text(&text)
    }

    /// Writes JSON that came as text, on a line.
    pub(crate) fn json_text(&mut self, json: &str) -> Result<()> {
        self.bytes(format!("{}\n", json.trim_end()).as_bytes())
    }
}

/// Tells a person something beside the data.
pub(crate) fn note(text: impl Display) {
    stderr_text(&format!("{text}\n"));
}

/// Writes styled text to standard error. Nobody is left to tell if that fails.
pub(crate) fn stderr_text(text: &str) {
    let _ = anstream::stderr().write_all(text.as_bytes());
}

/// Escapes text from elsewhere for standard error, where a terminal shows it.
pub(crate) fn for_stderr(text: &str) -> Cow<'_, str> {
    if io::stderr().is_terminal() { escape::text(text) } else { Cow::Borrowed(text) }
}

/// Tells whether a person looks at standard error.
pub(crate) fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

fn written(result: io::Result<()>) -> Result<()> {
    result.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => CommandError::broken_pipe(),
        _ => anyhow::Error::from(error).context("write to standard output").into(),
    })
}
