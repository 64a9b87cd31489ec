//! Moments on the wire: RFC 3339, UTC, with milliseconds.

use std::fmt;

use errand_core::UnixMillis;
use jiff::Timestamp;
use jiff::fmt::StdFmtWrite;
use jiff::fmt::temporal::DateTimePrinter;
use serde::{Serialize, Serializer};

const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

/// A moment as it is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rfc3339(pub(crate) UnixMillis);

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millisecond = i64::try_from(self.0.0).unwrap_or(i64::MAX);
        // Only a broken clock gives a moment beyond the year 9999.
        let timestamp = Timestamp::from_millisecond(millisecond).unwrap_or(Timestamp::MAX);
        PRINTER.print_timestamp(&timestamp, StdFmtWrite(f)).map_err(|_| fmt::Error)
    }
}

impl Serialize for Rfc3339 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Reads a moment. What lies before 1970 is 1970.
///
/// # Errors
/// When the text is no RFC 3339 time.
pub(crate) fn parse(text: &str) -> Result<UnixMillis, String> {
    let timestamp: Timestamp =
        text.parse().map_err(|_| "must be an RFC 3339 time such as 2026-01-31T12:00:00Z")?;
    Ok(UnixMillis(u64::try_from(timestamp.as_millisecond()).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_with_milliseconds_and_read_back() {
        let moment = UnixMillis(1_700_000_000_000);
        assert_eq!(Rfc3339(moment).to_string(), "2023-11-14T22:13:20.000Z");
        assert_eq!(parse("2023-11-14T23:13:20+01:00"), Ok(moment));
        assert_eq!(Rfc3339(UnixMillis(7)).to_string(), "1970-01-01T00:00:00.007Z");
        assert!(Rfc3339(UnixMillis(u64::MAX)).to_string().starts_with("9999-"));
        assert!(parse("yesterday").is_err());
    }
}
