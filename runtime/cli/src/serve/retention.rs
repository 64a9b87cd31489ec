//! How long what is done with is kept.

use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

use crate::units;

const DAY: Duration = Duration::from_secs(86_400);
/// Less would take a task's end away from whoever waits for it.
const SHORTEST: Duration = Duration::from_secs(1);

/// How long ended tasks are kept, and uploads that no task starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Retention {
    /// For so long.
    For(Duration),
    /// For ever.
    Never,
}

impl Default for Retention {
    fn default() -> Self {
        Self::For(30 * DAY)
    }
}

impl Retention {
    /// Returns it in milliseconds, nothing for ever.
    pub(crate) fn keep_ms(self) -> Option<u64> {
        match self {
            Self::For(age) => Some(u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
            Self::Never => None,
        }
    }
}

impl FromStr for Retention {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim() == "never" {
            return Ok(Self::Never);
        }
        match units::parse_duration(text) {
            Ok(age) if age < SHORTEST => {
                Err("too short; it must be at least `1s`, or `never` to keep all".to_owned())
            }
            Ok(age) => Ok(Self::For(age)),
            Err(error) => Err(format!("{error}, or `never` to keep all")),
        }
    }
}

impl TryFrom<String> for Retention {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_or_never_is_read() {
        assert_eq!("30d".parse(), Ok(Retention::default()));
        assert_eq!("never".parse(), Ok(Retention::Never));
        assert_eq!("90s".parse::<Retention>().map(Retention::keep_ms), Ok(Some(90_000)));
        for wrong in ["0", "soon", "", "-1d", "10"] {
            assert!(wrong.parse::<Retention>().is_err(), "{wrong:?} was accepted");
        }
    }
}
