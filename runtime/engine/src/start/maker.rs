//! Workspaces, made from what they start from: an archive, a commit, or what another task made of either.
//!
//! What was made before is a base whose files are shared. All of this blocks its thread.

use std::io::ErrorKind;
use std::sync::Arc;

use errand_core::{
    Change, Digest, Manifest, Missing, Node, Origin, Placed, Placing, Snapshot, SnapshotRef,
    TaskId, WorkspaceSource,
};
use errand_workspace::git::Git;
use errand_workspace::{
    AllowedDirs, Base, Bases, Began, Bounds, LinksOut, Quota, Refused, StartError, Workspace,
    Workspaces, count, unpack,
};
use tokio::runtime::Handle;

use super::repository::Registered;
use super::source::{BlobReader, Source, Stored};
use super::{blobs, io};
use crate::keep::Destination;

/// Makes workspaces. Cheap to clone.
#[derive(Clone)]
pub(super) struct Maker {
    pub(super) allowed: Arc<AllowedDirs>,
    pub(super) blobs: Destination,
    pub(super) workspaces: Arc<Workspaces>,
    pub(super) bases: Option<Arc<Bases>>,
    pub(super) git: Option<Git>,
}

/// A workspace to be made.
pub(super) struct Wanted {
    pub(super) origin: Origin,
    /// What its directory is called.
    pub(super) name: String,
    /// The task that a repository lists it for.
    pub(super) listed_for: Option<TaskId>,
    pub(super) bounds: Bounds,
    /// Whether other workspaces may start from the same snapshot.
    pub(super) for_others: bool,
    /// Where blobs are waited for.
    pub(super) runtime: Handle,
}

/// A workspace with what it starts with in it.
pub(crate) struct Made {
    pub(crate) workspace: Workspace,
    pub(crate) quota: Quota,
    pub(crate) began: Began,
    /// What it is of its source, where that is not all.
    pub(crate) snapshot: Option<(SnapshotRef, Snapshot)>,
    /// How the task itself started, against its source, where this goes on from a checkpoint.
    pub(crate) task_began: Option<Vec<Change>>,
    pub(crate) placed: Placed,
    /// What a repository knows of it.
    pub(crate) registered: Option<Registered>,
}

impl Made {
    /// A workspace that is what its source is, at the task's first start.
    pub(super) fn new(workspace: Workspace, quota: Quota, began: Began, placed: Placed) -> Self {
        Self { workspace, quota, began, snapshot: None, task_began: None, placed, registered: None }
    }
}

impl Maker {
    /// Makes a workspace.
    pub(super) fn make(&self, wanted: &Wanted) -> Result<Made, StartError> {
        let Some(reference) = &wanted.origin.snapshot else { return self.of_source(wanted) };
        let blobs = blobs(&self.blobs)?;
        let read = wanted.runtime.block_on(Snapshot::read(&**blobs, reference.blob));
        let snapshot = read.map_err(|error| StartError::Io(io(&error)))?;
        let made = match self.known(key_of_snapshot(reference), LinksOut::Kept, wanted)? {
            Some(made) => made,
            None => self.of_snapshot(wanted, reference, &snapshot)?,
        };
        Ok(Made { snapshot: Some((reference.clone(), snapshot)), ..made })
    }

    fn of_snapshot(
        &self,
        wanted: &Wanted,
        reference: &SnapshotRef,
        snapshot: &Snapshot,
    ) -> Result<Made, StartError> {
        let Made { workspace, began, mut placed, registered, .. } = self.of_source(wanted)?;
        let start = began.manifest();
        let manifest = start.with(&snapshot.changes);
        let quota = self.quota(&wanted.bounds);
        count(&manifest, &quota, &wanted.bounds)?;
        let workspace = Arc::new(workspace);
        let contents = Stored {
            blobs: blobs(&self.blobs)?.clone(),
            runtime: wanted.runtime.clone(),
            snapshots: vec![snapshot],
            source: Source::workspace(workspace.clone(), &start),
        };
        workspace.overlay(&snapshot.changes, &contents)?;
        drop(contents);
        let workspace = Arc::into_inner(workspace)
            .ok_or_else(|| std::io::Error::other("a workspace is still being read"))?;
        for change in &snapshot.changes {
            let size = |node: &Option<Node>| match node {
                Some(Node::File { size_bytes, .. }) => *size_bytes,
                _ => 0,
            };
            let replaced = match placed.method {
                Placing::Shared => &mut placed.shared_bytes,
                Placing::Copied => &mut placed.copied_bytes,
            };
            *replaced = replaced.saturating_sub(size(&change.before));
            placed.copied_bytes += size(&change.after);
        }
        placed.files = manifest.entries().len() as u64;
        let key = key_of_snapshot(reference);
        let base = match wanted.for_others {
            true => self.adopt(key, LinksOut::Kept, &workspace, &placed.missing, wanted)?,
            false => None,
        };
        let began = match (base, began) {
            (Some(base), _) => Began::Shared(base),
            (None, Began::Shared(of) | Began::Overlaid(of, _)) => Began::Overlaid(of, manifest),
            (None, Began::Copied(_)) => Began::Copied(manifest),
        };
        Ok(Made { registered, ..Made::new(workspace, quota, began, placed) })
    }

    /// Makes a workspace as its source has it.
    fn of_source(&self, wanted: &Wanted) -> Result<Made, StartError> {
        match &wanted.origin.source {
            WorkspaceSource::Git { .. } => self.of_commit(wanted),
            WorkspaceSource::Empty => {
                let (workspace, quota) = self.create(wanted)?;
                let placed = copied(&quota, Missing::default());
                let began = Began::Copied(Manifest::default());
                Ok(Made::new(workspace, quota, began, placed))
            }
            _ => {
                let (archive, links_out) = key_of(&wanted.origin)?
                    .ok_or_else(|| std::io::Error::other("its start was never captured"))?;
                self.of_archive(archive, links_out, wanted)
            }
        }
    }

    /// Makes a workspace from an archive: from its base, where it has one, or it has one then.
    fn of_archive(
        &self,
        archive: Digest,
        links_out: LinksOut,
        wanted: &Wanted,
    ) -> Result<Made, StartError> {
        if let Some(made) = self.known(archive, links_out, wanted)? {
            return Ok(made);
        }
        let blobs = blobs(&self.blobs)?.clone();
        let archived = BlobReader::new(blobs, archive, wanted.runtime.clone());
        let (workspace, quota) = self.create(wanted)?;
        unpack(archived, links_out, &workspace, &quota, &wanted.bounds)?;
        let base = self.adopt(archive, links_out, &workspace, &Missing::default(), wanted)?;
        count_names(&quota, base.as_deref())?;
        let placed = copied(&quota, Missing::default());
        let began = self.began(base, &workspace, wanted)?;
        Ok(Made::new(workspace, quota, began, placed))
    }

    /// Makes a workspace from its base, where it has one.
    pub(super) fn known(
        &self,
        key: Digest,
        links_out: LinksOut,
        wanted: &Wanted,
    ) -> Result<Option<Made>, StartError> {
        let Some(bases) = &self.bases else { return Ok(None) };
        let Some(base) = bases.get(key, links_out) else { return Ok(None) };
        let (workspace, quota) = self.create(wanted)?;
        match bases.place(&base, &workspace, &quota, &wanted.bounds) {
            Ok(placed) => {
                let began = Began::Shared(base);
                let registered = None;
                Ok(Some(Made { registered, ..Made::new(workspace, quota, began, placed) }))
            }
            // It was taken away meanwhile.
            Err(StartError::Io(error)) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a base of a workspace that was just filled. Without one, its files are its own.
    pub(super) fn adopt(
        &self,
        key: Digest,
        links_out: LinksOut,
        workspace: &Workspace,
        missing: &Missing,
        wanted: &Wanted,
    ) -> Result<Option<Arc<Base>>, StartError> {
        let Some(bases) = &self.bases else { return Ok(None) };
        match bases.adopt(workspace, key, links_out, missing.clone(), &wanted.bounds) {
            Ok(base) => Ok(Some(base)),
            Err(StartError::Stopped) => Err(StartError::Stopped),
            Err(error) => {
                tracing::warn!(%key, %error, "what a workspace starts from can't be shared");
                Ok(None)
            }
        }
    }

    /// Says what is in a workspace that was just filled.
    pub(super) fn began(
        &self,
        base: Option<Arc<Base>>,
        workspace: &Workspace,
        wanted: &Wanted,
    ) -> Result<Began, StartError> {
        match base {
            Some(base) => Ok(Began::Shared(base)),
            None => Ok(Began::Copied(workspace.manifest(None, &wanted.bounds.stop)?)),
        }
    }

    pub(super) fn create(&self, wanted: &Wanted) -> Result<(Workspace, Quota), StartError> {
        let workspace = self.workspaces.create(&wanted.name).map_err(std::io::Error::other)?;
        Ok((workspace, self.quota(&wanted.bounds)))
    }

    fn quota(&self, bounds: &Bounds) -> Quota {
        self.workspaces.quota(bounds.bytes, bounds.files)
    }
}

/// Names the base of a source; nothing where it has none.
pub(super) fn key_of(origin: &Origin) -> Result<Option<(Digest, LinksOut)>, StartError> {
    Ok(match &origin.source {
        WorkspaceSource::Tar { blob } => Some((*blob, LinksOut::Refused)),
        WorkspaceSource::Dir { .. } => origin.captured.map(|archive| (archive, LinksOut::Kept)),
        WorkspaceSource::Git { repo, commit, paths, .. } => {
            let sparse = errand_workspace::git::SparsePaths::new(paths)?;
            let (commit, paths) = (commit.as_deref().unwrap_or_default(), sparse.paths());
            // Of this repository: another one's objects may lie under names that are not theirs.
            let key = format!("git\0{repo}\0{commit}\0{}", paths.join("\0"));
            Some((Digest::of(key.as_bytes()), LinksOut::Kept))
        }
        WorkspaceSource::Empty | WorkspaceSource::Task { .. } => None,
    })
}

fn key_of_snapshot(reference: &SnapshotRef) -> Digest {
    Digest::of(format!("snapshot\0{}", reference.blob).as_bytes())
}

/// Counts names of one file each by itself, as they are from now on, and as the next run counts them.
fn count_names(quota: &Quota, base: Option<&Base>) -> Result<(), StartError> {
    let Some(base) = base else { return Ok(()) };
    quota.resize(quota.bytes(), base.bytes()).map_err(|refused| match refused {
        Refused::Exceeded(exceeded) => StartError::TooLarge {
            exceeded,
            message: format!("each name of its files counted by itself, {exceeded}"),
        },
        Refused::DiskFull => StartError::DiskFull,
    })
}

pub(super) fn copied(quota: &Quota, missing: Missing) -> Placed {
    let (files, copied_bytes) = (quota.files(), quota.bytes());
    Placed { method: Placing::Copied, files, shared_bytes: 0, copied_bytes, missing }
}
