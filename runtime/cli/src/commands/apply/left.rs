//! What a task left, brought to this machine and unpacked in a directory that is gone afterwards.

use errand_core::{Manifest, Node};
use errand_workspace::{
    Bounds, Changed, LinksOut, MAX_FILES, Quota, StartError, Workspace, Workspaces, unpack,
};
use tempfile::TempDir;

use crate::client::{Client, Route, TaskDiff};
use crate::errors::{CommandError, Exit, Result};
use crate::{changes, output};

/// A task, and the directory.
pub(super) struct Left<'a> {
    client: &'a Client,
    id: &'a str,
    scratch: TempDir,
}

impl<'a> Left<'a> {
    pub(super) fn new(client: &'a Client, id: &'a str) -> Result<Self> {
        let scratch = tempfile::tempdir().map_err(anyhow::Error::from)?;
        Ok(Self { client, id, scratch })
    }

    /// Brings what the task changed.
    pub(super) fn changes(&self) -> Result<Changed> {
        let route = TaskDiff::route(self.id).query("directories", "true");
        let changes = self.client.get(route)?.parse::<TaskDiff>()?.changes();
        let bytes = changes.iter().map(|change| match change.after {
            Some(Node::File { size_bytes, .. }) => size_bytes,
            _ => 0,
        });
        let bytes = bytes.fold(0, u64::saturating_add);
        let workspace = self.unpacked(self.route().query("changed", "true"), bytes)?;
        Changed::new(changes, workspace).map_err(not_taken)
    }

    /// Brings everything, as additions to an empty directory.
    pub(super) fn all(&self) -> Result<Changed> {
        let workspace = self.unpacked(self.route(), u64::MAX)?;
        let mut changed = Changed::since(&Manifest::default(), workspace).map_err(not_taken)?;
        // Git would run what a configuration of a task's making says.
        let mut left_out = Vec::new();
        changed.retain(|path| {
            let gits = is_gits(path);
            if gits {
                left_out.push(format!("`{path}`"));
            }
            !gits
        });
        if !left_out.is_empty() {
            let named = changes::named(left_out.into_iter());
            let note = format!("left out, for it is git's own: {named}");
            output::note(output::for_stderr(&note));
        }
        Ok(changed)
    }

    fn route(&self) -> Route {
        Route::new("/v1/tasks").segment(self.id).segment("workspace")
    }

    fn unpacked(&self, route: Route, bytes: u64) -> Result<Workspace> {
        let archive = self.client.read(route, "application/x-tar")?;
        let workspace = Workspaces::open(self.scratch.path())
            .and_then(|workspaces| workspaces.create("left"))
            .map_err(anyhow::Error::from)?;
        let (bounds, quota) = (Bounds::of_bytes(bytes), Quota::new(bytes, MAX_FILES));
        unpack(archive, LinksOut::Kept, &workspace, &quota, &bounds).map_err(not_taken)?;
        Ok(workspace)
    }
}

/// Tells whether a path lies in a `.git`, or is one.
fn is_gits(path: &str) -> bool {
    path.split('/').any(|name| name.eq_ignore_ascii_case(".git"))
}

fn not_taken(error: StartError) -> CommandError {
    match error {
        StartError::DiskFull => CommandError::refused("no room is left on this machine's disk"),
        error => CommandError::new(
            Exit::Internal,
            format_args!("bring what the task left to this machine: {error}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gits_is_known_wherever_it_lies() {
        for path in [".git", ".git/config", "a/.GIT/hooks/x"] {
            assert!(is_gits(path), "{path}");
        }
        for path in [".gitignore", "a/x.git/b", "git"] {
            assert!(!is_gits(path), "{path}");
        }
    }
}
