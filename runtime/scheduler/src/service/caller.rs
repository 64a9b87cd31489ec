//! Who calls, and what they may do.

use std::fmt;

use errand_core::{Namespace, Principal};
use serde::{Deserialize, Serialize};

use super::ServiceError;

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Their name, as events record it.
    pub principal: Principal,
    /// The tenant that they belong to; nothing: all, for the operator.
    pub namespace: Option<Namespace>,
    /// What they may do.
    pub rights: Rights,
}

impl Caller {
    /// Returns the caller for what this process does by itself: every right, every namespace.
    pub fn system() -> Self {
        Self {
            principal: Principal::new("system").expect("`system` is a principal"),
            namespace: None,
            rights: Rights::ALL,
        }
    }

    /// Returns the same caller, seeing only one namespace.
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] when they belong to another.
    pub fn within(&self, namespace: Namespace) -> Result<Self, ServiceError> {
        if !self.sees(&namespace) {
            return Err(ServiceError::Forbidden {
                message: format!("the token is not for namespace `{namespace}`"),
            });
        }
        Ok(Self { namespace: Some(namespace), ..self.clone() })
    }

    /// Checks a right.
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] when the caller lacks it.
    pub fn require(&self, right: Right) -> Result<(), ServiceError> {
        if self.rights.contains(right) {
            Ok(())
        } else {
            Err(ServiceError::Forbidden { message: format!("this needs the right `{right}`") })
        }
    }

    /// Tells whether a namespace is the caller's.
    pub fn sees(&self, namespace: &Namespace) -> bool {
        self.namespace.as_ref().is_none_or(|own| own == namespace)
    }

    /// Returns where things go that name no namespace.
    pub fn home(&self) -> Namespace {
        self.namespace.clone().unwrap_or_default()
    }
}

/// One right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// See tasks, events, artifacts, executors.
    Read,
    /// Submit, cancel, retry and delete tasks.
    Submit,
    /// Upload and remove executors.
    Upload,
    /// Decide approvals.
    Approve,
    /// Tokens, grants, the queue, backups.
    Admin,
}

impl Right {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Read, Self::Submit, Self::Upload, Self::Approve, Self::Admin];

    /// Returns the right as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Submit => "submit",
            Self::Upload => "upload",
            Self::Approve => "approve",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of rights. Written as a list of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Right>", into = "Vec<Right>")]
pub struct Rights(u8);

impl Rights {
    /// Every right.
    pub const ALL: Self = Self(0b1_1111);

    /// Tells whether a right is in the set.
    pub fn contains(self, right: Right) -> bool {
        self.0 & (1 << right as u8) != 0
    }

    /// Returns the rights in the set.
    pub fn iter(self) -> impl Iterator<Item = Right> {
        Right::ALL.into_iter().filter(move |right| self.contains(*right))
    }

    /// Tells whether all of this set is in another.
    pub fn within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Tells whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Right> for Rights {
    fn from_iter<I: IntoIterator<Item = Right>>(rights: I) -> Self {
        Self(rights.into_iter().fold(0, |set, right| set | 1 << right as u8))
    }
}

impl From<Vec<Right>> for Rights {
    fn from(rights: Vec<Right>) -> Self {
        rights.into_iter().collect()
    }
}

impl From<Rights> for Vec<Right> {
    fn from(rights: Rights) -> Self {
        rights.iter().collect()
    }
}
