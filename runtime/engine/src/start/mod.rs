//! What workspaces start from: looked at when a task is submitted, captured once, unpacked for each run.
//!
//! A directory is captured as an archive in the blobs, so that every run of the task starts from the same
//! files whatever becomes of the directory. An uploaded archive is that already. Reading and unpacking
//! happen on threads that may block, and end when nobody waits for them any more.

mod pipe;
mod repository;
mod source;

use std::io::{BufWriter, ErrorKind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use errand_core::{
    BlobError, Blobs, Digest, ErrorCode, Failure, Held, Job, Limits, Missing, Placed, Placing,
    Staged, StartRefused, Task, TaskId, UnixMillis, WorkspaceSource,
};
use errand_workspace::git::Git;
use errand_workspace::{
    AllowedDirs, Base, Bases, Bounds, LinksOut, Quota, Refused, Scan, StartError, StopFlag,
    Workspace, Workspaces, check_archive, unpack,
};
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::ended::{DISK_FULL, Ended};
use crate::keep::Destination;
pub(crate) use repository::Registered;
use source::BlobReader;

/// Directories that are looked through at a time for submissions: each holds a thread and the disk.
const MAX_LOOKS: usize = 4;
/// How much of an archive is looked at when a task is submitted.
const LOOK_BYTES: usize = 64 << 10;
/// How much of a directory's archive is on its way to the blobs at a time.
const PACK_BYTES: usize = 256 << 10;

/// Where workspaces start from.
pub(crate) struct Starts {
    allowed: Arc<AllowedDirs>,
    blobs: Destination,
    workspaces: Arc<Workspaces>,
    bases: Option<Arc<Bases>>,
    git: Option<Git>,
    looks: Semaphore,
}

/// A workspace with what it starts with in it.
pub(crate) struct Made {
    pub(crate) workspace: Workspace,
    pub(crate) quota: Quota,
    /// What it shares files with.
    pub(crate) base: Option<Arc<Base>>,
    pub(crate) placed: Placed,
    /// What a repository knows of it.
    pub(crate) registered: Option<Registered>,
}

impl Starts {
    pub(crate) fn new(
        allowed: Arc<AllowedDirs>,
        blobs: Destination,
        workspaces: Arc<Workspaces>,
        bases: Option<Arc<Bases>>,
        git: Option<Git>,
    ) -> Self {
        Self { allowed, blobs, workspaces, bases, git, looks: Semaphore::new(MAX_LOOKS) }
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
                let blobs = blobs(&self.blobs).map_err(|error| internal(&error))?;
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
            WorkspaceSource::Task { .. } => {
                return Err(StartRefused::Refused(NOT_YET.into()));
            }
        }
        Ok(source.clone())
    }

    /// Makes the workspace of a task's run.
    pub(crate) async fn stage(&self, task: &Task) -> Result<Staged, Failure> {
        let limits = &task.limits;
        let (archive, links_out, captured) = match &task.workspace {
            WorkspaceSource::Tar { blob } => (*blob, LinksOut::Refused, None),
            WorkspaceSource::Dir { path } => {
                let archive = match task.captured {
                    Some(archive) => archive,
                    None => self.capture(path, limits).await?,
                };
                (archive, LinksOut::Kept, Some(archive))
            }
            WorkspaceSource::Empty => return Err(internal("it starts empty".into())),
            WorkspaceSource::Git { repo, commit, paths, .. } => {
                let made = self.make_worktree(repo, commit.as_deref(), paths, task).await?;
                return Ok(staged_as(made, None));
            }
            WorkspaceSource::Task { .. } => {
                return Err(internal(format!("its workspace {NOT_YET}")));
            }
        };
        let made = self.make(archive, links_out, task).await?;
        Ok(staged_as(made, captured))
    }

    /// Captures a directory as an archive.
    async fn capture(&self, path: &str, limits: &Limits) -> Result<Digest, Failure> {
        let captured = within(limits, self.pack(path, limits)).await?;
        captured.map_err(|error| failure(error, &format!("the directory `{path}`: ")))
    }

    /// Packs a directory, where it is not known to be as it was when it was packed before.
    async fn pack(&self, path: &str, limits: &Limits) -> Result<Digest, StartError> {
        let blobs = blobs(&self.blobs)?;
        let scan = Arc::new(self.scan(path, limits).await?);
        let state = scan.state(now());
        if let (Some(bases), Some(state)) = (&self.bases, state)
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
        if let (Some(bases), Some(state)) = (&self.bases, state)
            && let Err(error) = bases.note(path, state, archive)
        {
            tracing::warn!(path, %error, "it is not noted what a directory was captured in");
        }
        Ok(archive)
    }

    /// Looks through a directory.
    async fn scan(&self, path: &str, limits: &Limits) -> Result<Scan, StartError> {
        let directory = self.allowed.directory(path)?;
        let bounds = Bounds::of_bytes(limits.workspace_bytes);
        let _stops = StopsWhenDropped(bounds.stop.clone());
        off_thread(move || Scan::of(directory, &bounds)).await
    }

    /// Makes a workspace from an archive: from its base, where it has one, or it has one then.
    async fn make(
        &self,
        archive: Digest,
        links_out: LinksOut,
        task: &Task,
    ) -> Result<Made, Failure> {
        let blobs = blobs(&self.blobs).cloned().map_err(|error| internal(error.to_string()))?;
        let (workspaces, bases) = (self.workspaces.clone(), self.bases.clone());
        let bounds = Bounds::of_bytes(task.limits.workspace_bytes);
        let stops = StopsWhenDropped(bounds.stop.clone());
        let (runtime, name) = (Handle::current(), name_of(task.id));
        let making = off_thread(move || {
            let known = bases.as_ref().and_then(|bases| bases.get(archive, links_out));
            if let (Some(bases), Some(base)) = (&bases, known) {
                let workspace = workspaces.create(&name).map_err(std::io::Error::other)?;
                let quota = workspaces.quota(bounds.bytes, bounds.files);
                match bases.place(&base, &workspace, &quota, &bounds) {
                    Ok(placed) => {
                        return Ok(Made {
                            workspace,
                            quota,
                            base: Some(base),
                            placed,
                            registered: None,
                        });
                    }
                    // It was taken away meanwhile.
                    Err(StartError::Io(error)) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
            let archived = BlobReader::new(blobs, archive, runtime);
            let workspace = workspaces.create(&name).map_err(std::io::Error::other)?;
            let quota = workspaces.quota(bounds.bytes, bounds.files);
            unpack(archived, links_out, &workspace, &quota, &bounds)?;
            let adopted = bases.map(|bases| {
                bases.adopt(&workspace, archive, links_out, Missing::default(), &bounds)
            });
            let base = match adopted.transpose() {
                Ok(base) => base,
                Err(StartError::Stopped) => return Err(StartError::Stopped),
                Err(error) => {
                    tracing::warn!(%archive, %error, "what a workspace starts from can't be shared");
                    None
                }
            };
            count_names(&quota, base.as_deref())?;
            let placed = copied(&quota, Missing::default());
            Ok(Made { workspace, quota, base, placed, registered: None })
        });
        let made = within(&task.limits, making).await;
        drop(stops);
        made?.map_err(|error| failure(error, "the workspace can't be made: "))
    }
}

const NOT_YET: &str = "is not supported by this version";

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

fn staged_as(made: Made, captured: Option<Digest>) -> Staged {
    let placed = made.placed.clone();
    Staged { captured, placed, workspace: Held(Arc::new(Mutex::new(Some(made)))) }
}

fn copied(quota: &Quota, missing: Missing) -> Placed {
    let (files, copied_bytes) = (quota.files(), quota.bytes());
    Placed { method: Placing::Copied, files, shared_bytes: 0, copied_bytes, missing }
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
    let quota = match workspaces {
        Some(workspaces) => workspaces.quota(bounds.bytes, bounds.files),
        None => Quota::new(bounds.bytes, bounds.files),
    };
    let made = || {
        let workspaces = workspaces.ok_or_else(|| std::io::Error::other("there is no place"))?;
        let workspace = workspaces.create(name).map_err(std::io::Error::other)?;
        scan.copy_to(&workspace, &quota, &bounds)?;
        Ok(workspace)
    };
    match made() {
        Ok(workspace) => {
            let placed = copied(&quota, Missing::default());
            Ok(Made { workspace, quota, base: None, placed, registered: None })
        }
        Err(error) => Err(failure(error, "the workspace can't be made: ")),
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
struct StopsWhenDropped(StopFlag);

impl Drop for StopsWhenDropped {
    fn drop(&mut self) {
        self.0.stop();
    }
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StartError> + Send + 'static,
) -> Result<T, StartError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(StartError::Io(std::io::Error::other(error))),
    }
}
