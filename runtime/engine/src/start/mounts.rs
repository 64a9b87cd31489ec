//! What tasks can read and never write: archives, unpacked once and read in place by all that name them.
//!
//! No task gets files of its own from one, as it would from a base: a mount costs a run two handles. They lie
//! beside the workspaces and are made again from their archives whenever they are not there. Descriptors
//! of them are read-only, which is the business of the guest's file-system host.

use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard};

use errand_core::{Digest, ErrorCode, Failure, Job, Mount};
use errand_workspace::{
    Bounds, LinksOut, MAX_FILES, StartError, StopFlag, Workspace, Workspaces, unpack,
};
use serde_json::json;
use tokio::runtime::Handle;

use super::source::BlobReader;
use super::{StopsWhenDropped, blobs, failure, off_thread, within};
use crate::keep::Destination;

/// Bytes of a mount's files, as many as a workspace has where nobody says otherwise.
const MOUNT_BYTES: u64 = 1 << 30;
/// Mounts that are kept while no task uses them; the one that was not used for the longest goes first.
const MOST_KEPT: usize = 16;
/// Bytes of the files of those.
const MOST_KEPT_BYTES: u64 = 4 << 30;

/// A directory that a guest sees and can't change.
#[derive(Clone)]
pub(crate) struct Mounted {
    /// Where it sees it.
    pub(crate) path: String,
    /// The directory.
    pub(crate) directory: Arc<File>,
    /// What keeps it there.
    _kept: Option<Arc<Workspace>>,
}

impl Mounted {
    /// A directory of the person whose machine it is.
    pub(crate) fn local(path: String, directory: Arc<File>) -> Self {
        Self { path, directory, _kept: None }
    }
}

/// The mounts of all tasks.
pub(crate) struct Mounts {
    workspaces: Arc<Workspaces>,
    blobs: Destination,
    /// The last one that was used first.
    kept: Mutex<Vec<Unpacked>>,
}

/// An archive that lies unpacked. Its directory is removed with the last user.
#[derive(Clone)]
struct Unpacked {
    archive: Digest,
    bytes: u64,
    directory: Arc<Workspace>,
}

impl Mounts {
    pub(crate) fn new(workspaces: Arc<Workspaces>, blobs: Destination) -> Self {
        Self { workspaces, blobs, kept: Mutex::default() }
    }

    /// Makes what a job can read, where it is not there.
    pub(crate) async fn of(&self, job: &Job) -> Result<Vec<Mounted>, Failure> {
        let mut mounted = Vec::with_capacity(job.mounts.len());
        for Mount { path, blob } in &job.mounts {
            let prefix = format!("what is mounted at `{path}`: ");
            let unpacked = match self.known(*blob) {
                Some(unpacked) => unpacked,
                None => {
                    let made = within(&job.limits, self.unpack(*blob)).await?;
                    self.keep(made.map_err(|error| refused(error, &prefix))?)
                }
            };
            let handle = unpacked.directory.handle().map_err(std::io::Error::other);
            let directory = handle.map_err(|error| failure(error.into(), &prefix))?;
            let directory = Arc::new(directory);
            mounted.push(Mounted {
                path: path.clone(),
                directory,
                _kept: Some(unpacked.directory),
            });
        }
        Ok(mounted)
    }

    fn known(&self, archive: Digest) -> Option<Unpacked> {
        let mut kept = self.kept();
        let at = kept.iter().position(|unpacked| unpacked.archive == archive)?;
        let found = kept.remove(at);
        kept.insert(0, found.clone());
        Some(found)
    }

    async fn unpack(&self, archive: Digest) -> Result<Unpacked, StartError> {
        let stop = StopFlag::default();
        let bounds = Bounds { bytes: MOUNT_BYTES, files: MAX_FILES, stop: stop.clone() };
        let reader = BlobReader::new(blobs(&self.blobs)?.clone(), archive, Handle::current());
        let workspaces = self.workspaces.clone();
        let _stops = StopsWhenDropped(stop);
        off_thread(move || {
            let name = format!("mount-{archive}-{:016x}", rand::random::<u64>());
            let directory = workspaces.create(&name).map_err(std::io::Error::other)?;
            let quota = workspaces.quota(bounds.bytes, bounds.files);
            unpack(reader, LinksOut::Refused, &directory, &quota, &bounds)?;
            Ok(Unpacked { archive, bytes: quota.bytes(), directory: Arc::new(directory) })
        })
        .await
    }

    /// Keeps what was made for the next task; what another made meanwhile comes first.
    fn keep(&self, made: Unpacked) -> Unpacked {
        if let Some(known) = self.known(made.archive) {
            return known;
        }
        let mut gone = Vec::new();
        {
            let mut kept = self.kept();
            kept.insert(0, made.clone());
            while kept.len() > MOST_KEPT
                || kept.len() > 1
                    && kept.iter().map(|unpacked| unpacked.bytes).sum::<u64>() > MOST_KEPT_BYTES
            {
                gone.extend(kept.pop());
            }
        }
        if !gone.is_empty() {
            // Removing many files takes long, and whoever runs tasks does not wait for it.
            tokio::task::spawn_blocking(move || drop(gone));
        }
        made
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Unpacked>> {
        self.kept.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

/// Says how an attempt fails for what can't be mounted.
fn refused(error: StartError, prefix: &str) -> Failure {
    let message = match &error {
        StartError::TooLarge { .. } => format!(
            "{prefix}it is more than {MOUNT_BYTES} bytes or {MAX_FILES} files, which is the most of a mount"
        ),
        StartError::Refused(text) => format!("{prefix}{text}"),
        _ => return failure(error, prefix),
    };
    let detail = Some(json!({ "code": "invalid_mount" }));
    Failure { code: ErrorCode::ExecutorFailed, message, detail, retryable: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(mounts: &Mounts, number: u64) -> Unpacked {
        let directory = mounts.workspaces.create(&format!("mount-{number}")).unwrap();
        let archive = Digest::of(&number.to_le_bytes());
        Unpacked { archive, bytes: 1, directory: Arc::new(directory) }
    }

    #[tokio::test]
    async fn what_was_not_used_for_the_longest_goes_when_nobody_reads_it() {
        let root = tempfile::tempdir().unwrap();
        let workspaces = Arc::new(Workspaces::open(root.path()).unwrap());
        let mounts = Mounts::new(workspaces, None);
        let read = mounts.keep(unpacked(&mounts, 0));
        for number in 1..MOST_KEPT as u64 {
            mounts.keep(unpacked(&mounts, number));
        }
        assert!(mounts.known(Digest::of(&1_u64.to_le_bytes())).is_some(), "so it is used again");
        for number in 100..102 {
            mounts.keep(unpacked(&mounts, number));
        }
        let is_there = |number: u64| root.path().join(format!("mount-{number}")).exists();
        // They are removed on another thread.
        while is_there(2) {
            tokio::task::yield_now().await;
        }
        assert!(is_there(0), "a run reads it");
        assert!(is_there(1) && is_there(3) && is_there(101));
        assert!(mounts.known(read.archive).is_none());
        drop(read);
        // By whoever held it last.
        while is_there(0) {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn what_two_runs_made_at_once_is_one_afterwards() {
        let root = tempfile::tempdir().unwrap();
        let mounts = Mounts::new(Arc::new(Workspaces::open(root.path()).unwrap()), None);
        let (first, second) = (unpacked(&mounts, 1), unpacked(&mounts, 2));
        let second = Unpacked { archive: first.archive, ..second };
        let kept = mounts.keep(first);
        assert!(Arc::ptr_eq(&mounts.keep(second).directory, &kept.directory));
        assert!(!root.path().join("mount-2").exists());
    }
}
