//! How things look to a person: text made of what the server says, without writing it anywhere.

pub(crate) mod approval;
pub(crate) mod diff;
pub(crate) mod escape;
pub(crate) mod event;
pub(crate) mod executor;
pub(crate) mod grants;
pub(crate) mod progress;
mod schema;
pub(crate) mod table;
pub(crate) mod task;
pub(crate) mod told;

use anstyle::{AnsiColor, Style};
use errand_core::Status;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::units;

/// Less important text.
pub(crate) const DIM: Style = Style::new().dimmed();
/// Labels and headings.
pub(crate) const BOLD: Style = Style::new().bold();

/// The circumstances of showing something.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    /// The present moment, for ages.
    pub(crate) now: Timestamp,
    /// Where the person is.
    pub(crate) zone: TimeZone,
    /// Columns of the terminal, if lines are to be cut.
    pub(crate) width: Option<usize>,
}

impl Look {
    /// Takes the circumstances as they are.
    pub(crate) fn new(width: Option<usize>) -> Self {
        Self { now: Timestamp::now(), zone: TimeZone::system(), width }
    }

    /// Writes a moment as date, time and age.
    pub(crate) fn moment(&self, at: Timestamp) -> String {
        let local = at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S");
        format!("{local} {DIM}({} ago){DIM:#}", units::age(self.since(at)))
    }

    /// Writes a moment as a time of day.
    pub(crate) fn time_of_day(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%H:%M:%S").to_string()
    }

    /// Returns the milliseconds from a moment until now.
    pub(crate) fn since(&self, at: Timestamp) -> u64 {
        between(at, self.now)
    }
}

/// Returns the milliseconds between two moments, 0 where the second is earlier.
pub(crate) fn between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.as_millisecond() - from.as_millisecond()).unwrap_or(0)
}

/// Returns the colour of a status.
pub(crate) fn status_style(status: Status) -> Style {
    match status {
        Status::Queued => Style::new().dimmed(),
        Status::Running => AnsiColor::Blue.on_default(),
        Status::Waiting => AnsiColor::Yellow.on_default(),
        Status::Completed => AnsiColor::Green.on_default(),
        Status::Failed => AnsiColor::Red.on_default(),
        Status::Cancelled => AnsiColor::Magenta.on_default(),
    }
}

#[cfg(test)]
impl Look {
    /// Makes the same circumstances for each test.
    pub(crate) fn fixed() -> Self {
        Self {
            now: "2026-11-22T12:00:00Z".parse().expect("a moment"),
            zone: TimeZone::UTC,
            width: None,
        }
    }
}
