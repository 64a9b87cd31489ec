//! What became of a workspace, brought onto the directory that it started from.
//!
//! Looks first at what the changes touch, so that nothing that somebody else did in the meantime is lost
//! unnoticed; then writes all new contents beside it all, and only then puts them into place. Works
//! beneath a handle of the directory and follows no link in it. Does not know which changes a task made,
//! nor where contents are kept.

mod look;
mod paths;
mod plan;
mod put;
mod stage;

use std::io;

use cap_std::fs::Dir;
use errand_core::{Change, ChangeCounts};

use crate::Contents;
use crate::start::shown;
pub use paths::MAX_PATH_BYTES;
use plan::Plan;
use stage::Staged;

/// Tells which paths that the changes touch are neither as they found them nor as they leave them.
///
/// # Errors
/// [`ApplyError::Refused`] when a path is none that may be changed, [`ApplyError::Io`] when something
/// can't be read.
pub fn check(changes: &[Change], onto: &Dir) -> Result<Vec<Moved>, ApplyError> {
    Ok(Plan::of(changes, onto)?.moved)
}

/// Brings changes onto a directory; what is already as they leave it stays untouched, and is not counted.
///
/// Forced, it replaces and removes what has moved. Not even then does it follow a link or remove a
/// directory with something in it that the changes know nothing of. Directories that the changes say are
/// gone stay where something else is in them.
///
/// # Errors
/// [`ApplyError::Moved`] when something has moved and it is not forced, [`ApplyError::Refused`] and
/// [`ApplyError::InTheWay`] when it can't be forced, [`ApplyError::Content`] when a content is not what
/// its digest says; then nothing was changed. After [`ApplyError::Io`] some changes may have been made:
/// none of a file by half, and doing it again goes on with the others.
pub fn apply(
    changes: &[Change],
    contents: &dyn Contents,
    onto: &Dir,
    force: bool,
) -> Result<ChangeCounts, ApplyError> {
    let plan = Plan::of(changes, onto)?;
    if !plan.moved.is_empty() && !force {
        return Err(ApplyError::Moved(plan.moved));
    }
    if let Some(in_the_way) = plan.in_the_way {
        return Err(in_the_way);
    }
    let staged = Staged::new(&plan.steps, contents, onto)?;
    put::all(&plan.steps, &staged, onto)
}

/// A path that is neither as the changes found it nor as they leave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Relative to the directory.
    pub path: String,
    /// What is otherwise.
    pub difference: Difference,
}

/// How a path differs from what changes expect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// It is there, and they know nothing of it.
    Appeared,
    /// It is something else.
    Changed,
    /// It is not there.
    Gone,
    /// It lies under a file or a symbolic link.
    Under {
        /// The path of that.
        parent: String,
    },
}

impl std::fmt::Display for Moved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = shown(&self.path);
        match &self.difference {
            Difference::Appeared => write!(f, "`{path}` is there"),
            Difference::Changed => write!(f, "`{path}` was changed"),
            Difference::Gone => write!(f, "`{path}` is gone"),
            Difference::Under { parent } => {
                write!(f, "`{path}` lies under `{}`, which is no directory", shown(parent))
            }
        }
    }
}

/// Why changes can't be applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The directory is not as the changes found it. Nothing was changed.
    #[error("apply the changes: {}", told(.0))]
    Moved(Vec<Moved>),
    /// The changes are none that may be applied to anything. Nothing was changed.
    #[error("apply the changes: `{}` {what}", shown(path))]
    Refused {
        /// The path.
        path: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Something can't be replaced, forced or not. Nothing was changed.
    #[error("apply the changes: `{}` {what}", shown(path))]
    InTheWay {
        /// What is in the way.
        path: String,
        /// Why it stays.
        what: &'static str,
    },
    /// A content could not be read as the changes say it is. Nothing was changed.
    #[error("read the content of `{}`: {error}", shown(path))]
    Content {
        /// The path of the file.
        path: String,
        /// What is wrong with it.
        error: io::Error,
    },
    /// The directory could not be read or written.
    #[error("apply the changes: `{}`: {error}", shown(path))]
    Io {
        /// Where.
        path: String,
        /// What the system said.
        error: io::Error,
    },
}

impl ApplyError {
    /// Says where the system refused something.
    fn at(path: &str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Io { path: path.to_owned(), error }
    }
}

/// What has moved, as long as a person reads it.
fn told(moved: &[Moved]) -> String {
    const TOLD: usize = 5;
    let mut text = moved.iter().take(TOLD).map(Moved::to_string).collect::<Vec<_>>().join(", ");
    if moved.len() > TOLD {
        text.push_str(&format!(" and {} more", moved.len() - TOLD));
    }
    text
}

#[cfg(test)]
mod tests;
