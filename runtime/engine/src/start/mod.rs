//! What workspaces start from: looked at when a task is submitted, captured once, unpacked for each run.
//!
//! A directory is captured as an archive in the blobs, so that every run of the task starts from the same
//! files whatever becomes of the directory. An uploaded archive is that already. Reading and unpacking
//! happen on threads that may block, and end when nobody waits for them any more.

mod pipe;
mod source;

use std::io::BufWriter;
use std::sync::Arc;
use std::time::Duration;

use errand_core::{
    BlobError, Blobs, Digest, ErrorCode, Failure, Job, Limits, StartRefused, WorkspaceSource,
};
use errand_workspace::{
    AllowedDirs, Bounds, LinksOut, Quota, Scan, StartError, StopFlag, Workspace, Workspaces,
    check_archive, unpack,
};
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::ended::{DISK_FULL, Ended};
use crate::keep::Destination;
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
    looks: Semaphore,
}

/// A workspace with what it starts with in it.
pub(crate) struct Made {
    pub(crate) workspace: Workspace,
    pub(crate) quota: Quota,
}

impl Starts {
    pub(crate) fn new(allowed: Arc<AllowedDirs>, blobs: Destination) -> Self {
        Self { allowed, blobs, looks: Semaphore::new(MAX_LOOKS) }
    }

    /// Looks at a start before its task is queued.
    pub(crate) async fn check(
        &self,
        source: &WorkspaceSource,
        limits: &Limits,
    ) -> Result<(), StartRefused> {
        let internal = |error: &dyn std::fmt::Display| StartRefused::Internal(error.to_string());
        match source {
            WorkspaceSource::Empty => Ok(()),
            WorkspaceSource::Dir { path } => {
                let _look = self.looks.acquire().await.map_err(|error| internal(&error))?;
                self.scan(path, limits, |_, _| Ok(())).await.map_err(|error| match error {
                    StartError::DiskFull | StartError::Io(_) | StartError::Stopped => {
                        internal(&error)
                    }
                    error => StartRefused::Refused(error.to_string()),
                })
            }
            WorkspaceSource::Tar { blob } => {
                let blobs = blobs(&self.blobs).map_err(|error| internal(&error))?;
                let beginning = blobs.read(*blob, 0, LOOK_BYTES).await;
                let beginning = beginning.map_err(|error| internal(&error))?;
                let whole = beginning.len() < LOOK_BYTES;
                check_archive(&beginning, whole).map_err(StartRefused::Refused)
            }
            WorkspaceSource::Git { .. } | WorkspaceSource::Task { .. } => {
                Err(StartRefused::Refused(NOT_YET.into()))
            }
        }
    }

    /// Captures a directory as an archive.
    pub(crate) async fn capture(
        &self,
        source: &WorkspaceSource,
        limits: &Limits,
    ) -> Result<Digest, Failure> {
        let WorkspaceSource::Dir { path } = source else {
            return Err(internal("only a directory is captured".into()));
        };
        let captured = within(limits, self.pack(path, limits)).await?;
        captured.map_err(|error| failure(error, &format!("the directory `{path}`: ")))
    }

    async fn pack(&self, path: &str, limits: &Limits) -> Result<Digest, StartError> {
        let blobs = blobs(&self.blobs)?;
        let (mut out, packed) = pipe::pipe();
        let stored = blobs.put_reader(Box::new(packed));
        let packing = self.scan(path, limits, move |scan, bounds| {
            scan.pack(BufWriter::with_capacity(PACK_BYTES, &mut out), bounds)?;
            Ok(out.finish()?)
        });
        let (packed, stored) = tokio::join!(packing, stored);
        match (packed, stored) {
            // Who reads the pipe has the reason.
            (Err(StartError::Io(_)) | Ok(()), Err(error)) => Err(StartError::Io(io(&error))),
            (Err(error), _) => Err(error),
            (Ok(()), Ok((digest, _))) => Ok(digest),
        }
    }

    /// Looks through a directory and does something with what is found.
    async fn scan<T: Send + 'static>(
        &self,
        path: &str,
        limits: &Limits,
        then: impl FnOnce(&Scan, &Bounds) -> Result<T, StartError> + Send + 'static,
    ) -> Result<T, StartError> {
        let directory = self.allowed.directory(path)?;
        let bounds = Bounds::of_bytes(limits.workspace_bytes);
        let _stops = StopsWhenDropped(bounds.stop.clone());
        off_thread(move || then(&Scan::of(directory, &bounds)?, &bounds)).await
    }
}

const NOT_YET: &str = "is not supported by this version";

/// Makes the workspace of a run that starts from something; nothing for one that starts empty.
pub(crate) async fn make(
    workspaces: Option<&Arc<Workspaces>>,
    blobs: &Destination,
    job: &Job,
    name: &str,
) -> Result<Option<Made>, Failure> {
    let (digest, links_out) = match &job.workspace {
        WorkspaceSource::Empty => return Ok(None),
        WorkspaceSource::Tar { blob } => (*blob, LinksOut::Refused),
        WorkspaceSource::Dir { .. } => match job.captured {
            Some(captured) => (captured, LinksOut::Kept),
            None => return Err(internal("the task's directory was never captured".into())),
        },
        WorkspaceSource::Git { .. } | WorkspaceSource::Task { .. } => {
            return Err(internal(format!("its workspace {NOT_YET}")));
        }
    };
    let (Some(workspaces), Some(blobs)) = (workspaces.cloned(), blobs.clone()) else {
        return Err(internal("there is no place for files".into()));
    };
    let bounds = Bounds::of_bytes(job.limits.workspace_bytes);
    let stops = StopsWhenDropped(bounds.stop.clone());
    let (runtime, name) = (Handle::current(), name.to_owned());
    let making = off_thread(move || {
        let archive = BlobReader::new(blobs, digest, runtime);
        let workspace = workspaces.create(&name).map_err(std::io::Error::other)?;
        let quota = workspaces.quota(bounds.bytes, bounds.files);
        unpack(archive, links_out, &workspace, &quota, &bounds)?;
        Ok(Made { workspace, quota })
    });
    let made = within(&job.limits, making).await;
    drop(stops);
    made?.map(Some).map_err(|error| failure(error, "the workspace can't be made: "))
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
    let copied = || {
        let workspaces = workspaces.ok_or_else(|| std::io::Error::other("there is no place"))?;
        let workspace = workspaces.create(name).map_err(std::io::Error::other)?;
        scan.copy_to(&workspace, &quota, &bounds)?;
        Ok(workspace)
    };
    match copied() {
        Ok(workspace) => Ok(Made { workspace, quota }),
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
