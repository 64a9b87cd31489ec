//! What children made, shown to their parent as files that it can't change: `/children/NAME/`.
//!
//! `output.json` or `error.json`, and the artifacts under `artifacts/`.

use std::io::ErrorKind;

use errand_core::{Digest, ErrorCode};
use errand_workspace::Workspace;
use serde_json::json;
use tokio::runtime::Handle;

use super::children::ChildEnded;
use super::filesystem::failed;
use super::world::of_world;
use crate::ended::Ended;
use crate::start::{BlobReader, off_thread};
use crate::state::RunState;

impl RunState {
    /// Shows what a child made, once.
    pub(super) async fn show(&mut self, end: &ChildEnded) -> Result<(), Ended> {
        if self.nearby.shown.contains(&end.id) {
            return Ok(());
        }
        self.nearby.shown.push(end.id);
        self.place(end).await
    }

    /// Shows again what was shown before a checkpoint.
    pub(crate) async fn show_again(&mut self) -> Result<(), Ended> {
        let ids = self.nearby.shown.clone();
        if ids.is_empty() {
            return Ok(());
        }
        let views = of_world(&self.host, |world| world.children(ids)).await?;
        for end in views.into_iter().flatten().filter_map(ChildEnded::of) {
            self.place(&end).await?;
        }
        Ok(())
    }

    async fn place(&mut self, end: &ChildEnded) -> Result<(), Ended> {
        let Some(children) = self.files.children()? else { return Ok(()) };
        let (file, value) = match &end.output {
            Ok(output) => ("output.json", output.clone()),
            Err(error) => (
                "error.json",
                json!({"code": error.code, "message": error.message, "detail": error.detail}),
            ),
        };
        let text = value.to_string();
        let files = end.artifacts.iter().map(|artifact| artifact.size_bytes);
        let bytes = files.fold(text.len() as u64, u64::saturating_add);
        let most = self.job.limits.workspace_bytes;
        if !children.take(bytes, most) {
            return Err(Ended::bound(ErrorCode::WorkspaceLimit, "workspace_bytes", most));
        }
        children.directory.make_directories(&end.name).map_err(failed)?;
        let at = format!("{}/{file}", end.name);
        children.directory.write_file(&at, text.as_bytes()).map_err(failed)?;
        if end.artifacts.is_empty() {
            return Ok(());
        }
        let Some(blobs) = self.blobs.clone() else { return Ok(()) };
        let directory = children.directory.to_look_at().map_err(failed)?;
        let (name, artifacts) = (end.name.clone(), end.artifacts.clone());
        self.fuel.charge_bytes(bytes)?;
        let _waiting = self.fuel.waiting();
        let runtime = Handle::current();
        let placed = off_thread(move || {
            for artifact in artifacts {
                let reader =
                    |blake3: Digest| BlobReader::new(blobs.clone(), blake3, runtime.clone());
                let path = format!("{name}/artifacts/{}", artifact.path);
                write(&directory, &path, &mut reader(artifact.blake3))?;
            }
            Ok(())
        });
        placed.await.map_err(|error| Ended::Host(format!("show what a child made: {error}")))
    }
}

fn write(
    directory: &Workspace,
    path: &str,
    content: &mut dyn std::io::Read,
) -> Result<(), errand_workspace::StartError> {
    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    let made = directory.make_directories(parent);
    match made.and_then(|()| directory.write_from(path, content)) {
        Ok(()) => Ok(()),
        // It was kept when something else lay where its directories are.
        Err(error) if is_in_the_way(error.io().kind()) => Ok(()),
        Err(error) => Err(std::io::Error::other(error).into()),
    }
}

fn is_in_the_way(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotADirectory | ErrorKind::IsADirectory | ErrorKind::AlreadyExists)
}
