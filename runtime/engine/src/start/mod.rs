//! What workspaces start from: looked at when a task is submitted, captured once, unpacked for each run.
//!
//! A directory is captured as an archive in the blobs, so that every run of the task starts from the same
//! files whatever becomes of the directory. An uploaded archive is that already. Reading and unpacking
//! happen on threads that may block, and end when nobody waits for them any more.

mod left;
mod maker;
mod mounts;
mod pipe;
mod repository;
mod source;

use std::io::BufWriter;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use errand_core::{
    BlobError, Blobs, Checkpoint, Digest, ErrorCode, Failure, Held, Job, Limits, Manifest, Missing,
    Origin, Snapshot, Staged, StartRefused, Task, TaskId, UnixMillis, WorkspaceSource,
};
use errand_workspace::git::Git;
use errand_workspace::{
    AllowedDirs, Bases, Began, Bounds, Quota, Scan, StartError, StopFlag, Workspaces,
    check_archive, count,
};
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::ended::{DISK_FULL, Ended};
use crate::host::filesystem::TakenAway;
use crate::keep::Destination;
pub(crate) use left::{Leave, leave};
pub(crate) use maker::Made;
use maker::{Maker, Wanted};
pub(crate) use mounts::{Mounted, Mounts};
pub(crate) use repository::Registered;
pub(crate) use source::BlobReader;

/// Directories that are looked through at a time for submissions: each holds a thread and the disk.
const MAX_LOOKS: usize = 4;
/// How much of an archive is looked at when a task is submitted.
const LOOK_BYTES: usize = 64 << 10;
/// How much of a directory's archive is on its way to the blobs at a time.
const PACK_BYTES: usize = 256 << 10;

/// Where workspaces start from.
pub(crate) struct Starts {
    maker: Maker,
    looks: Semaphore,
}

impl Starts {
    pub(crate) fn new(
        allowed: Arc<AllowedDirs>,
        blobs: Destination,
        workspaces: Arc<Workspaces>,
        bases: Option<Arc<Bases>>,
        git: Option<Git>,
    ) -> Self {
        let maker = Maker { allowed, blobs, workspaces, bases, git };
        Self { maker, looks: Semaphore::new(MAX_LOOKS) }
    }

    /// Looks at a start before its task is queued.
    pub(crate) async fn check(
        &self,
        source: &WorkspaceSource,
        limits: &Limits,
    ) -> Result<WorkspaceSource, StartRefused> {
        let internal = |error: &dyn std::fmt::Display| StartRefused::Internal(error.to_string());
        let refused = |error: StartError| match error {
            StartError::DiskFull | StartError::Io(_) | StartError::Stopped => internal(&error),
            error => StartRefused::Refused(error.to_string()),
        };
        match source {
            WorkspaceSource::Empty => {}
            WorkspaceSource::Dir { path } => {
                let _look = self.looks.acquire().await.map_err(|error| internal(&error))?;
                let found = self.scan(path, limits).await;
                found.map_err(refused)?;
            }
            WorkspaceSource::Tar { blob } => {
                let blobs = blobs(&self.maker.blobs).map_err(|error| internal(&error))?;
                let beginning = blobs.read(*blob, 0, LOOK_BYTES).await;
                let beginning = beginning.map_err(|error| internal(&error))?;
                let whole = beginning.len() < LOOK_BYTES;
                check_archive(&beginning, whole).map_err(StartRefused::Refused)?;
            }
            WorkspaceSource::Git { repo, reference, paths, .. } => {
                let _look = self.looks.acquire().await.map_err(|error| internal(&error))?;
                let looked = self.look_up(repo, reference, paths, limits).await;
                let (repo, reference) = (repo.clone(), reference.clone());
                let (commit, paths) = (Some(looked.map_err(refused)?), paths.clone());
                return Ok(WorkspaceSource::Git { repo, reference, commit, paths });
            }
            WorkspaceSource::Task { origin, .. } => {
                // A repository can be taken off the list; all else is there as long as the task.
                if let Some(Origin {
                    source: WorkspaceSource::Git { repo, commit, paths, .. },
                    ..
                }) = origin.as_deref()
                {
                    let commit = commit.as_deref().unwrap_or_default();
                    let _look = self.looks.acquire().await.map_err(|error| internal(&error))?;
                    self.look_up(repo, commit, paths, limits).await.map_err(refused)?;
                }
            }
        }
        Ok(source.clone())
    }

    /// Makes the workspace of a task's run.
    pub(crate) async fn stage(
        &self,
        task: &Task,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<Staged, Failure> {
        let mut origin = task.origin();
        let began = origin.snapshot.clone();
        if let Some(checkpoint) = checkpoint {
            origin.snapshot = checkpoint.workspace.clone();
        }
        let mut captured = None;
        if let WorkspaceSource::Dir { path } = &task.workspace {
            if origin.captured.is_none() {
                origin.captured = Some(self.capture(path, &task.limits).await?);
            }
            captured = origin.captured;
        }
        let prefix = match &origin.source {
            WorkspaceSource::Git { repo, .. } => format!("the repository `{repo}`: "),
            _ => "the workspace can't be made: ".to_owned(),
        };
        let mut wanted = wanted(origin, task, Some(task.id));
        wanted.for_others = checkpoint.is_none();
        let (maker, stops) = (self.maker.clone(), StopsWhenDropped(wanted.bounds.stop.clone()));
        let made = within(&task.limits, off_thread(move || maker.make(&wanted))).await;
        drop(stops);
        let mut made = made?.map_err(|error| failure(error, &prefix))?;
        if checkpoint.is_some() {
            let read = async {
                let blobs = blobs(&self.maker.blobs)?;
                let read = Snapshot::read_if(&**blobs, began.as_ref()).await;
                Ok(read.map_err(|error| io(&error))?.changes)
            };
            let read = read.await.map_err(|error| failure(StartError::Io(error), &prefix))?;
            made.task_began = Some(read);
        }
        let placed = made.placed.clone();
        Ok(Staged { captured, placed, workspace: Held(Arc::new(Mutex::new(Some(made)))) })
    }

    /// Captures a directory as an archive.
    async fn capture(&self, path: &str, limits: &Limits) -> Result<Digest, Failure> {
        let captured = within(limits, self.pack(path, limits)).await?;
        captured.map_err(|error| failure(error, &format!("the directory `{path}`: ")))
    }

    /// Packs a directory, where it is not known to be as it was when it was packed before.
    async fn pack(&self, path: &str, limits: &Limits) -> Result<Digest, StartError> {
        let blobs = blobs(&self.maker.blobs)?;
        let scan = Arc::new(self.scan(path, limits).await?);
        let state = scan.state(now());
        if let (Some(bases), Some(state)) = (&self.maker.bases, state)
            && let Some(known) = bases.captured(path, state)
            && blobs.touch(known).await.is_ok_and(|is_there| is_there)
        {
            return Ok(known);
        }
        let (mut out, packed) = pipe::pipe();
        let stored = blobs.put_reader(Box::new(packed));
        let bounds = Bounds::of_bytes(limits.workspace_bytes);
        let _stops = StopsWhenDropped(bounds.stop.clone());
        let packing = off_thread(move || {
            scan.pack(BufWriter::with_capacity(PACK_BYTES, &mut out), &bounds)?;
            Ok(out.finish()?)
        });
        let (packed, stored) = tokio::join!(packing, stored);
        let archive = match (packed, stored) {
            // Who reads the pipe has the reason.
            (Err(StartError::Io(_)) | Ok(()), Err(error)) => {
                return Err(StartError::Io(io(&error)));
            }
            (Err(error), _) => return Err(error),
            (Ok(()), Ok((archive, _))) => archive,
        };
        if let (Some(bases), Some(state)) = (&self.maker.bases, state)
            && let Err(error) = bases.note(path, state, archive)
        {
            tracing::warn!(path, %error, "it is not noted what a directory was captured in");
        }
        Ok(archive)
    }

    /// Looks through a directory.
    async fn scan(&self, path: &str, limits: &Limits) -> Result<Scan, StartError> {
        let directory = self.maker.allowed.directory(path)?;
        let bounds = Bounds::of_bytes(limits.workspace_bytes);
        let _stops = StopsWhenDropped(bounds.stop.clone());
        off_thread(move || Scan::of(directory, &bounds)).await
    }
}

fn wanted(origin: Origin, task: &Task, listed_for: Option<TaskId>) -> Wanted {
    let bounds = Bounds::of_bytes(task.limits.workspace_bytes);
    Wanted {
        origin,
        name: name_of(task.id),
        listed_for,
        bounds,
        for_others: true,
        runtime: Handle::current(),
    }
}

/// Takes the workspace that was made for a run; nothing where it starts empty.
pub(crate) fn staged(job: &Job) -> Result<Option<Made>, Failure> {
    let Some(Held(held)) = &job.workspace else { return Ok(None) };
    let made = held.downcast_ref::<Mutex<Option<Made>>>();
    let taken =
        made.and_then(|made| made.lock().unwrap_or_else(|poison| poison.into_inner()).take());
    taken.map(Some).ok_or_else(|| internal("its workspace is another run's".into()))
}

/// Names the directory of a run of its own.
pub(crate) fn name_of(task: TaskId) -> String {
    format!("{task}-{:016x}", rand::random::<u64>())
}

#[expect(
    clippy::disallowed_methods,
    reason = "it is compared with times of files, which are the system's"
)]
fn now() -> UnixMillis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    UnixMillis(since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX)))
}

/// Makes the workspace of a local run from a directory, here and now.
pub(crate) fn copy(
    workspaces: Option<&Arc<Workspaces>>,
    scan: &Scan,
    job: &Job,
    name: &str,
) -> Result<Made, Failure> {
    let bounds = Bounds::of_bytes(job.limits.workspace_bytes);
    let quota = quota(workspaces, &bounds);
    let made = || {
        let workspaces = workspaces.ok_or_else(|| std::io::Error::other("there is no place"))?;
        let workspace = workspaces.create(name).map_err(std::io::Error::other)?;
        scan.copy_to(&workspace, &quota, &bounds)?;
        Ok(workspace)
    };
    let workspace = made().map_err(|error| failure(error, "the workspace can't be made: "))?;
    let placed = maker::copied(&quota, Missing::default());
    // Looked at where somebody wants to know what was changed.
    let began = Began::Copied(Manifest::default());
    Ok(Made::new(workspace, quota, began, placed))
}

/// Takes the workspace that a local run left at its checkpoint for the next one.
pub(crate) fn again(
    workspaces: Option<&Arc<Workspaces>>,
    taken: TakenAway,
    job: &Job,
) -> Result<Made, Failure> {
    let bounds = Bounds::of_bytes(job.limits.workspace_bytes);
    let quota = quota(workspaces, &bounds);
    let TakenAway { workspace, began, .. } = taken;
    let counted = || count(&workspace.manifest(None, &bounds.stop)?, &quota, &bounds);
    counted().map_err(|error| failure(error, "the workspace can't be used again: "))?;
    let placed = maker::copied(&quota, Missing::default());
    Ok(Made::new(workspace, quota, began, placed))
}

fn quota(workspaces: Option<&Arc<Workspaces>>, bounds: &Bounds) -> Quota {
    match workspaces {
        Some(workspaces) => workspaces.quota(bounds.bytes, bounds.files),
        None => Quota::new(bounds.bytes, bounds.files),
    }
}

/// Bounds by the task's own time what nobody else bounds: it is not running yet.
async fn within<T>(limits: &Limits, work: impl Future<Output = T>) -> Result<T, Failure> {
    let timeout = Duration::from_millis(limits.timeout_ms);
    tokio::time::timeout(timeout, work).await.map_err(|_| {
        let Ended::Bound { code, limit, value } =
            Ended::bound(ErrorCode::Timeout, "timeout_ms", limits.timeout_ms)
        else {
            unreachable!("a bound is a bound")
        };
        Failure {
            code,
            message: format!("its workspace was not there within its {value} ms"),
            detail: Some(json!({ "limit": limit, "value": value })),
            retryable: false,
        }
    })
}

/// Says how an attempt fails whose workspace could not be made.
fn failure(error: StartError, prefix: &str) -> Failure {
    let text = error.to_string();
    let invalid = |code: &str, retryable| Failure {
        code: ErrorCode::ExecutorFailed,
        message: format!("{prefix}{text}"),
        detail: Some(json!({ "code": code })),
        retryable,
    };
    match error {
        StartError::TooLarge { exceeded, .. } => Failure {
            code: ErrorCode::WorkspaceLimit,
            message: format!("{prefix}{text}"),
            detail: Some(json!({ "limit": exceeded.limit, "value": exceeded.value })),
            retryable: false,
        },
        StartError::Refused(_) => invalid("invalid_workspace", false),
        StartError::Changed(_) => invalid("workspace_changed", true),
        StartError::DiskFull => internal(format!("{prefix}{DISK_FULL}")),
        StartError::Io(error) => match Ended::of_the_host(&error) {
            Some(ended) => internal(format!("{prefix}{ended}")),
            None => internal(format!("{prefix}{text}")),
        },
        StartError::Stopped => internal(format!("{prefix}{text}")),
    }
}

fn internal(message: String) -> Failure {
    Failure { code: ErrorCode::Internal, message, detail: None, retryable: true }
}

fn blobs(destination: &Destination) -> Result<&Arc<dyn Blobs>, std::io::Error> {
    destination.as_ref().ok_or_else(|| std::io::Error::other("no storage is configured"))
}

fn io(error: &BlobError) -> std::io::Error {
    match error {
        BlobError::NoSpace => std::io::ErrorKind::StorageFull.into(),
        error => std::io::Error::other(error.to_string()),
    }
}

/// Ends work on another thread when whoever waits for it is gone.
pub(crate) struct StopsWhenDropped(pub(crate) StopFlag);

impl Drop for StopsWhenDropped {
    fn drop(&mut self) {
        self.0.stop();
    }
}

pub(crate) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StartError> + Send + 'static,
) -> Result<T, StartError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(StartError::Io(std::io::Error::other(error))),
    }
}
