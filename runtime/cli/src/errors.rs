//! How a command fails: a message, hints on what to do, and the exit code.
//!
//! The codes are the public contract; nothing else in the binary chooses one.

use std::fmt::Display;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};

use crate::output;

/// What the process ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All went well.
    Done = 0,
    /// The task failed or was cancelled.
    TaskFailed = 1,
    /// The command line is wrong, or asks for what is not there yet.
    Usage = 2,
    /// There is no such thing.
    NotFound = 3,
    /// Not allowed, not now, or too much.
    Refused = 4,
    /// No server answers.
    Unreachable = 5,
    /// Something is wrong on Errand's side.
    Internal = 70,
}

impl Exit {
    /// Returns what an HTTP status other than a success means for the exit code.
    pub(crate) fn of_status(status: u16, code: &str) -> Self {
        match status {
            422 if code == "unsupported" => Self::Usage,
            400 => Self::Usage,
            404 | 410 => Self::NotFound,
            401 | 403 | 409 | 412 | 413 | 415 | 422 | 429 | 507 => Self::Refused,
            502..=504 => Self::Unreachable,
            _ => Self::Internal,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command ended without doing what it was asked to.
#[derive(Debug)]
pub(crate) struct CommandError {
    exit: Exit,
    error: anyhow::Error,
    hints: Vec<String>,
    silent: bool,
}

/// What commands return.
pub(crate) type Result<T, E = CommandError> = std::result::Result<T, E>;

impl CommandError {
    /// Makes an error with an exit code and a message.
    pub(crate) fn new(exit: Exit, message: impl Display) -> Self {
        Self { exit, error: anyhow::anyhow!("{message}"), hints: Vec::new(), silent: false }
    }

    /// Makes the error for a wrong command line or unreadable input.
    pub(crate) fn usage(message: impl Display) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Makes the error for what a later version brings; `what` says what is missing.
    pub(crate) fn unsupported(what: impl Display) -> Self {
        Self::usage(format_args!("unsupported: {what}"))
    }

    /// Makes the error for something that is not allowed as things are.
    pub(crate) fn refused(message: impl Display) -> Self {
        Self::new(Exit::Refused, message)
    }

    /// Makes the error for a thing that is not there.
    pub(crate) fn not_found(message: impl Display) -> Self {
        Self::new(Exit::NotFound, message)
    }

    /// Makes the error for a reader of our output that is gone. Nobody is told.
    pub(crate) fn broken_pipe() -> Self {
        Self { silent: true, ..Self::new(Exit::Done, "the reader is gone") }
    }

    /// Adds a hint on what to do.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Display) -> Self {
        self.hints.push(hint.to_string());
        self
    }

    /// Tells whether there is nothing to tell anybody.
    pub(crate) fn is_silent(&self) -> bool {
        self.silent
    }

    /// Returns the exit code.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// Returns the message with its causes, in one line.
    pub(crate) fn message(&self) -> String {
        format!("{:#}", self.error)
    }

    /// Tells the person, and returns what the process ends with.
    pub(crate) fn report(&self) -> ExitCode {
        self.print();
        self.exit.into()
    }

    /// Tells the person.
    pub(crate) fn print(&self) {
        if !self.silent {
            output::stderr_text(&self.render());
        }
    }

    fn render(&self) -> String {
        const ERROR: Style = AnsiColor::Red.on_default().bold();
        const HINT: Style = AnsiColor::Cyan.on_default().bold();
        let mut text = format!("{ERROR}error:{ERROR:#} {}\n", output::for_stderr(&self.message()));
        for hint in &self.hints {
            text.push_str(&format!("{HINT}hint:{HINT:#} {}\n", output::for_stderr(hint)));
        }
        text
    }
}

impl From<anyhow::Error> for CommandError {
    fn from(error: anyhow::Error) -> Self {
        Self { exit: Exit::Internal, error, hints: Vec::new(), silent: false }
    }
}

/// Prints what clap says: help and version to standard output, mistakes to standard error.
pub(crate) fn report_usage(error: &clap::Error) -> ExitCode {
    // A closed standard stream leaves nobody to tell.
    let _ = error.print();
    if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_map_to_the_documented_exit_codes() {
        let code = |status, code| Exit::of_status(status, code) as u8;
        for refused in [401, 403, 409, 413, 422, 429, 507] {
            assert_eq!(code(refused, "invalid"), 4, "{refused}");
        }
        assert_eq!(code(422, "unsupported"), 2);
        assert_eq!(code(404, "not_found"), 3);
        assert_eq!(code(503, "draining"), 5);
        assert_eq!(code(500, "internal"), 70);
    }

    #[test]
    fn an_error_shows_its_causes_and_hints() {
        let error = CommandError::usage("read `a.json`: no such file").hint("look again");
        let text = anstream::adapter::strip_str(&error.render()).to_string();
        assert_eq!(text, "error: read `a.json`: no such file\nhint: look again\n");
    }
}
