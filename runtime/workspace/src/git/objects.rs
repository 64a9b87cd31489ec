//! The ids that git gives to what it keeps.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The full id of an object, of either length that git has.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId(Arc<str>);

/// The full id of a commit that a repository had when it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CommitId(ObjectId);

/// A text that is no full id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no full id of git: 40 or 64 digits of 0 to 9 and a to f")]
pub struct InvalidObjectId;

impl ObjectId {
    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the id of the same length that git writes for nothing.
    pub(super) fn none_like(&self) -> String {
        "0".repeat(self.0.len())
    }
}

impl FromStr for ObjectId {
    type Err = InvalidObjectId;

    fn from_str(text: &str) -> Result<Self, InvalidObjectId> {
        let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if matches!(text.len(), 40 | 64) && text.bytes().all(is_digit) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidObjectId)
        }
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl CommitId {
    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    pub(super) fn object(&self) -> &ObjectId {
        &self.0
    }
}

impl FromStr for CommitId {
    type Err = InvalidObjectId;

    fn from_str(text: &str) -> Result<Self, InvalidObjectId> {
        text.parse().map(Self)
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
