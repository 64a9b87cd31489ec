//! What a workspace may start from: the request's fields, whose blob it is, and whether it can be used.

use std::collections::HashMap;

use errand_core::{Digest, Limits, Namespace, Origin, StartRefused, TaskId, WorkspaceSource};

use super::check::Findings;
use super::{Caller, Right, Service, ServiceError, TaskRequest, WorkspaceRequest};

/// What was found out about the starts of a batch: most of its tasks start from the same.
#[derive(Default)]
pub(super) struct Starts(HashMap<String, Result<WorkspaceSource, String>>);

impl Service {
    /// Checks what a workspace is to start from. Where a finding is in the way, what is returned is
    /// not used.
    pub(super) async fn check_workspace(
        &self,
        caller: &Caller,
        namespace: &Namespace,
        request: &TaskRequest,
        starts: &mut Starts,
        found: &mut Findings<'_>,
    ) -> Result<WorkspaceSource, ServiceError> {
        let Some((source, pointer)) = read(&request.workspace, found) else {
            return Ok(WorkspaceSource::Empty);
        };
        if let WorkspaceSource::Tar { blob } = &source
            && !self.has_blob(namespace, *blob).await?
        {
            let message = format!(
                "namespace `{namespace}` has no such blob; upload the archive with `POST /v1/blobs` \
                 first"
            );
            found.fault(pointer, message);
            return Ok(source);
        }
        let source = match source {
            WorkspaceSource::Task { id, .. } => {
                caller.require(Right::Read)?;
                match self.origin_of_fork(namespace, id).await? {
                    Ok(origin) => WorkspaceSource::Task { id, origin: Some(Box::new(origin)) },
                    Err(message) => {
                        found.fault(pointer, message);
                        return Ok(source);
                    }
                }
            }
            source => source,
        };
        match self.look_at(&source, &request.limits, starts).await? {
            Ok(source) => Ok(source),
            Err(message) => {
                found.fault(pointer, message);
                Ok(source)
            }
        }
    }

    /// Finds what a fork of a task starts from, or says why there can be none.
    async fn origin_of_fork(
        &self,
        namespace: &Namespace,
        id: TaskId,
    ) -> Result<Result<Origin, String>, ServiceError> {
        let task = self.store().task(id).await?;
        let Some(task) = task.filter(|task| task.namespace == *namespace) else {
            return Ok(Err(format!("namespace `{namespace}` has no task `{id}`")));
        };
        let Some(origin) = Origin::of_fork(&task) else {
            let status = task.status.as_str();
            return Ok(Err(match task.status.is_terminal() {
                true => format!("task `{id}` is {status}, and its workspace was not kept"),
                false => format!("task `{id}` is {status}; it can be forked when it has ended"),
            }));
        };
        // What was used just now is not collected, though the task may go before this one is there.
        for blob in origin.blobs() {
            if !self.0.parts.blobs.touch(blob).await? {
                return Ok(Err(format!("what task `{id}` left is gone")));
            }
        }
        Ok(Ok(origin))
    }

    /// Says what a task starts from for ever, or what is seen to be wrong with it.
    pub(super) async fn look_at(
        &self,
        source: &WorkspaceSource,
        limits: &Limits,
        starts: &mut Starts,
    ) -> Result<Result<WorkspaceSource, String>, ServiceError> {
        if *source == WorkspaceSource::Empty {
            return Ok(Ok(WorkspaceSource::Empty));
        }
        let key = format!("{} {source:?}", limits.workspace_bytes);
        if let Some(known) = starts.0.get(&key) {
            return Ok(known.clone());
        }
        let looked = match self.0.parts.runner.check_start(source, limits).await {
            Ok(source) => Ok(source),
            Err(StartRefused::Refused(message)) => Err(message),
            Err(error @ StartRefused::Internal(_)) => return Err(ServiceError::internal(error)),
        };
        starts.0.insert(key, looked.clone());
        Ok(looked)
    }
}

/// Reads the fields; returns the source, and where its faults are pointed to.
fn read(
    workspace: &WorkspaceRequest,
    found: &mut Findings<'_>,
) -> Option<(WorkspaceSource, &'static str)> {
    let from = workspace.from.as_str();
    let known: &[&str] = match from {
        "empty" => &[],
        "dir" => &["path"],
        "tar" => &["blob"],
        "git" => &["repo", "ref", "paths"],
        "task" => &["id"],
        _ => {
            found.fault("/workspace/from", "must be one of empty, dir, tar, git, task");
            return None;
        }
    };
    for (name, given) in [
        ("path", &workspace.path),
        ("blob", &workspace.blob),
        ("repo", &workspace.repo),
        ("ref", &workspace.reference),
        ("id", &workspace.id),
        ("paths", &workspace.paths.as_ref().map(|_| String::new())),
    ] {
        if given.is_some() && !known.contains(&name) {
            let message = match from {
                "empty" => "is not a field of an empty workspace".to_owned(),
                from => format!("is not a field of a workspace from `{from}`"),
            };
            found.fault(&format!("/workspace/{name}"), message);
        }
    }
    match from {
        "dir" => match &workspace.path {
            Some(path) => Some((WorkspaceSource::Dir { path: path.clone() }, "/workspace/path")),
            None => {
                found.fault("/workspace/path", "is missing");
                None
            }
        },
        "tar" => match workspace.blob.as_deref().map(str::parse::<Digest>) {
            Some(Ok(blob)) => Some((WorkspaceSource::Tar { blob }, "/workspace/blob")),
            Some(Err(error)) => {
                found.fault("/workspace/blob", error.to_string());
                None
            }
            None => {
                found.fault("/workspace/blob", "is missing");
                None
            }
        },
        "git" => {
            for (field, given) in [("repo", &workspace.repo), ("ref", &workspace.reference)] {
                if given.is_none() {
                    found.fault(&format!("/workspace/{field}"), "is missing");
                }
            }
            let (repo, reference) = (workspace.repo.clone()?, workspace.reference.clone()?);
            let (commit, paths) = (None, workspace.paths.clone().unwrap_or_default());
            Some((WorkspaceSource::Git { repo, reference, commit, paths }, "/workspace"))
        }
        "task" => match workspace.id.as_deref().map(str::parse::<TaskId>) {
            Some(Ok(id)) => Some((WorkspaceSource::Task { id, origin: None }, "/workspace/id")),
            Some(Err(error)) => {
                found.fault("/workspace/id", error.to_string());
                None
            }
            None => {
                found.fault("/workspace/id", "is missing");
                None
            }
        },
        _ => Some((WorkspaceSource::Empty, "/workspace")),
    }
}
