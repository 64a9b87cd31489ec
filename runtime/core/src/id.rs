//! Names and identifiers. Each is a type of its own, valid by construction.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A text that is not a valid name of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be {rule}")]
pub struct InvalidName {
    /// What kind of name it should have been.
    pub what: &'static str,
    /// What such a name looks like.
    pub rule: &'static str,
}

/// The id of a task: 128 bits, time-ordered, 80 of them random. It authorises nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId(ulid::Ulid);

impl TaskId {
    /// Builds an id from the time of its creation and 80 random bits.
    pub fn from_parts(at_ms: u64, random: u128) -> Self {
        Self(ulid::Ulid::from_parts(at_ms, random))
    }

    /// Returns the id as bytes whose order is the order of the ids.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_bytes()
    }

    /// Reads what [`TaskId::to_bytes`] wrote.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(ulid::Ulid::from_bytes(bytes))
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; ulid::ULID_LEN];
        self.0.array_to_str(&mut text);
        text.make_ascii_lowercase();
        f.write_str(std::str::from_utf8(&text).expect("a ULID is ASCII"))
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for TaskId {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        ulid::Ulid::from_string(text).map(Self).map_err(|_| InvalidName {
            what: "a task id",
            rule: "26 characters of Crockford's base 32",
        })
    }
}

/// The id of an approval: its task's, and its number among that task's approvals. It authorises nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ApprovalId {
    /// The task that asks.
    pub task: TaskId,
    /// From 1.
    pub number: u32,
}

impl fmt::Display for ApprovalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.task, self.number)
    }
}

impl fmt::Debug for ApprovalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ApprovalId {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let invalid =
            InvalidName { what: "an approval's id", rule: "a task's id, a dot and a number" };
        let read = || {
            let (task, number) = text.split_once('.')?;
            let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            let number = number.parse().ok().filter(|number| plain && *number > 0)?;
            Some(Self { task: task.parse().ok()?, number })
        };
        read().ok_or(invalid)
    }
}

/// A BLAKE3 digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(blake3::Hash);

impl Digest {
    /// Computes the digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(blake3::hash(bytes))
    }

    /// Returns the 32 bytes of the digest.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl From<blake3::Hash> for Digest {
    fn from(hash: blake3::Hash) -> Self {
        Self(hash)
    }
}

impl From<[u8; 32]> for Digest {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes.into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        blake3::Hash::from_hex(text)
            .map(Self)
            .map_err(|_| InvalidName { what: "a digest", rule: "64 hexadecimal digits" })
    }
}

/// Declares a checked text type: its name, what it is called, its rule and the check.
macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks a text and takes it as a name.
            ///
            /// # Errors
            /// When the text breaks the rule of this kind of name.
            pub fn new(text: &str) -> Result<Self, InvalidName> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidName { what: $what, rule: $rule })
                }
            }

            /// Returns the name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }
    };
}

/// Serialises types through `Display` and `FromStr`.
macro_rules! serde_as_text {
    ($($name:ident),+) => {$(
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}

text_type!(
    /// A tenant.
    Namespace, "a namespace", "1 to 64 characters of [a-z0-9._-], the first a letter or digit",
    is_lower_name
);

impl Default for Namespace {
    fn default() -> Self {
        Self("default".into())
    }
}

text_type!(
    /// The name of an executor.
    ExecutorName, "an executor's name",
    "1 to 64 characters of [a-z0-9._-], the first a letter or digit", is_lower_name
);

text_type!(
    /// Who caused something: a token's name, a worker, the scheduler.
    Principal, "a principal", "1 to 128 printable characters", is_printable
);

text_type!(
    /// A worker: one process that runs tasks.
    WorkerId, "a worker's id", "1 to 128 printable characters", is_printable
);

text_type!(
    /// A conversation that tasks belong to.
    ContextId, "a context id", "1 to 128 printable characters", is_printable
);

impl Principal {
    /// Names a task that causes something itself: by starting another, or by its end.
    ///
    /// # Panics
    /// Never: an id is printable.
    pub fn of_task(id: TaskId) -> Self {
        Self::new(&format!("task:{id}")).expect("an id is printable")
    }
}

fn is_lower_name(text: &str) -> bool {
    let lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=64).contains(&text.len())
        && text.bytes().next().is_some_and(lower)
        && text.bytes().all(|byte| lower(byte) || b"._-".contains(&byte))
}

fn is_printable(text: &str) -> bool {
    (1..=128).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

/// An executor pinned to what was uploaded: `name@digest`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ExecutorRef {
    /// Its name in the namespace.
    pub name: ExecutorName,
    /// The BLAKE3 digest of the uploaded wasm.
    pub digest: Digest,
}

impl fmt::Display for ExecutorRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.digest)
    }
}

impl fmt::Debug for ExecutorRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ExecutorRef {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let (name, digest) = text
            .split_once('@')
            .ok_or(InvalidName { what: "a pinned executor", rule: "name@digest" })?;
        Ok(Self { name: name.parse()?, digest: digest.parse()? })
    }
}

serde_as_text!(
    TaskId,
    ApprovalId,
    Digest,
    Namespace,
    ExecutorName,
    Principal,
    WorkerId,
    ContextId,
    ExecutorRef
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_keep_their_order_as_text_and_as_bytes() {
        let early = TaskId::from_parts(1_000, u128::MAX);
        let late = TaskId::from_parts(1_001, 0);
        assert!(early < late);
        assert!(early.to_string() < late.to_string());
        assert!(early.to_bytes() < late.to_bytes());
        assert_eq!(early.to_string().parse(), Ok(early));
    }

    #[test]
    fn an_approvals_id_is_its_tasks_and_a_number_from_1() {
        let task = TaskId::from_parts(1_000, 7);
        let id = ApprovalId { task, number: 12 };
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in ["", ".1", "1", &format!("{task}"), &format!("{task}.0"), &format!("{task}.+1")]
        {
            assert!(bad.parse::<ApprovalId>().is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn names_that_could_leave_a_directory_are_refused() {
        for bad in ["", "a/b", "..", ".hidden", "A", "a b", "é", "-x", &"a".repeat(65)] {
            assert!(ExecutorName::new(bad).is_err(), "{bad:?} was accepted");
        }
        assert!(ExecutorName::new("manifest-lint_2.0").is_ok());
    }
}
