//! What was asked for when a task was submitted. It never changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ContextId, Digest, ExecutorRef, Limits, Namespace, Origin, Retry, TaskId};

/// A checked request for a task, its executor pinned and all defaults filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Submission {
    /// The tenant.
    pub namespace: Namespace,
    /// The executor, pinned.
    pub executor: ExecutorRef,
    /// Which function, for executors of kind `functions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// What the executor is given.
    pub input: Arc<Value>,
    /// What the workspace starts from.
    #[serde(default)]
    pub workspace: WorkspaceSource,
    /// Directories that it can read besides, and never write.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
    /// The caller's own marks, to filter by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Higher is claimed first.
    #[serde(default)]
    pub priority: i32,
    /// The caller's key against submitting twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// How long the task stays queued at least.
    #[serde(default)]
    pub delay_ms: u64,
    /// The task that started this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<TaskId>,
    /// Where it is in the tree of its parent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lineage: Option<Lineage>,
    /// The conversation that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_id: Option<ContextId>,
    /// Its bounds.
    #[serde(default)]
    pub limits: Limits,
    /// How often it is tried.
    #[serde(default)]
    pub retry: Retry,
    /// Globs of files in the workspace that are kept when it ends.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<String>,
    /// Who is told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<Notify>,
}

/// Where a task with a parent is in its tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    /// The task at the top of the tree.
    pub root: TaskId,
    /// How many tasks are above it; at least 1.
    pub depth: u32,
    /// Its number among the children that its parent spawned; nothing where somebody else submitted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u32>,
    /// Its name among those; nothing where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether its fuel is taken out of its parent's budget.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fuel_from_parent: bool,
}

/// What a workspace starts from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case", deny_unknown_fields)]
pub enum WorkspaceSource {
    /// Nothing.
    #[default]
    Empty,
    /// A directory of the server's machine.
    Dir {
        /// Absolute, under a root that the operator listed.
        path: String,
    },
    /// An uploaded tar archive.
    Tar {
        /// Its digest.
        blob: Digest,
    },
    /// A git repository at a commit.
    Git {
        /// Absolute, under a root that the operator listed.
        repo: String,
        /// What to start from: a branch, a tag, a commit.
        #[serde(rename = "ref")]
        reference: String,
        /// The commit that it named when the task was submitted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        commit: Option<String>,
        /// Directories and files of it that are wanted; all where there are none.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        paths: Vec<String>,
    },
    /// What another task left.
    Task {
        /// That task.
        id: TaskId,
        /// What that was when this task was submitted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        origin: Option<Box<Origin>>,
    },
}

/// A directory that a task can read and never write: what an uploaded archive unpacks to.
///
/// It is no part of the workspace: not counted there, not in what the task changed, and not in a fork.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    /// Where the task sees it, such as `/packages`: as [`Mount::check_path`] has it.
    pub path: String,
    /// The digest of the tar archive.
    pub blob: Digest,
}

impl Mount {
    /// How many a task has at most.
    pub const MOST: usize = 4;
    /// Names in a path at most.
    const MOST_NAMES: usize = 2;
    /// Characters of a name in a path at most.
    const MOST_NAME_CHARS: usize = 64;

    /// Checks where something is to be mounted.
    ///
    /// # Errors
    /// With the rule that the path breaks, which fits after its name.
    pub fn check_path(path: &str) -> Result<(), String> {
        let names: Vec<&str> = match path.strip_prefix('/') {
            Some(names) => names.split('/').collect(),
            None => Vec::new(),
        };
        let plain = |char: char| char.is_ascii_alphanumeric() || matches!(char, '.' | '_' | '-');
        let is_name = |name: &&str| {
            (1..=Self::MOST_NAME_CHARS).contains(&name.len())
                && !matches!(*name, "." | "..")
                && name.chars().all(plain)
        };
        if names.is_empty() || names.len() > Self::MOST_NAMES || !names.iter().all(is_name) {
            return Err(format!(
                "must be an absolute path of one or two names, such as `/packages`, of letters, digits, \
                 `.`, `_` and `-`, at most {} each",
                Self::MOST_NAME_CHARS
            ));
        }
        match names[0] {
            "workspace" => Err("must not lie in the workspace, which is the task's own".into()),
            _ => Ok(()),
        }
    }

    /// Tells whether two of them would lie at the same place, or one in the other.
    pub fn overlaps(&self, other: &Self) -> bool {
        let inside = |inner: &str, outer: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        inside(&self.path, &other.path) || inside(&other.path, &self.path)
    }
}

/// A web hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    /// Where to post.
    pub url: String,
    /// Which kinds of event.
    pub events: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_lie_at_plain_absolute_paths_outside_the_workspace() {
        for path in ["/packages", "/opt/data", "/a.b_c-d", "/workspaces"] {
            assert_eq!(Mount::check_path(path), Ok(()), "{path}");
        }
        let long = format!("/{}", "x".repeat(65));
        for path in [
            "",
            "/",
            "packages",
            "./a",
            "/a/",
            "//a",
            "/a/b/c",
            "/a/..",
            "/..",
            "/.",
            "/a/./b",
            "/a b",
            "/a\0",
            "/ä",
            "/workspace",
            "/workspace/x",
            &long,
        ] {
            assert!(Mount::check_path(path).is_err(), "{path:?}");
        }
    }

    #[test]
    fn mounts_overlap_where_one_lies_in_the_other() {
        let mount = |path: &str| Mount { path: path.into(), blob: Digest::of(b"") };
        for (a, b, overlaps) in [
            ("/a", "/a", true),
            ("/a", "/a/b", true),
            ("/a/b", "/a", true),
            ("/a", "/ab", false),
            ("/a/b", "/a/c", false),
        ] {
            assert_eq!(mount(a).overlaps(&mount(b)), overlaps, "{a} {b}");
        }
    }
}
