//! `errand:task/artifacts`: files that are kept beyond the task's end.

use errand_core::{Artifact, EventBody, JournalEntry};
use serde_json::{Value, json};

use crate::bindings::errand::task::artifacts::{Description, Host};
use crate::bindings::errand::task::types::Error;
use crate::ended::Ended;
use crate::journal::{Call, journaled};
use crate::keep::{self, KeepError};
use crate::state::RunState;

/// A description longer than this is cut: it is one line for a person.
const DESCRIPTION_CHARS: usize = 512;
/// A media type longer than this is refused.
const MEDIA_TYPE_BYTES: usize = 128;

impl Host for RunState {
    async fn publish(
        &mut self,
        path: String,
        description: Description,
    ) -> wasmtime::Result<Result<(), Error>> {
        let media_type = match description.media_type {
            Some(named) if !is_media_type(&named) => {
                return Ok(Err(Error::Invalid(format!("{named:?} is not a media type"))));
            }
            named => named,
        };
        let Some(path) = inside(&path) else {
            return Ok(Err(Error::Invalid(format!("{path:?} is not a path in the workspace"))));
        };
        let text = description.text.map(|text| text.chars().take(DESCRIPTION_CHARS).collect());
        let Some(workspace) = self.files.workspace() else {
            return Ok(Err(Error::NotFound(format!("there is no file {path}"))));
        };
        let Ok((_, size_bytes)) = workspace.open_file(path) else {
            return Ok(Err(Error::NotFound(format!("there is no file {path}"))));
        };
        if let Some(refused) = self.kept.refuses(size_bytes, self.job.limits.workspace_bytes) {
            return Ok(Err(Error::Limit(refused)));
        }
        self.fuel.charge_bytes(size_bytes)?;
        let path = path.to_owned();
        let not_found = Error::NotFound(format!("there is no file {path}"));
        let (published, _) = journaled(self, &Publish { path, media_type, text }).await?;
        Ok(match published {
            Some(artifact) => {
                self.kept.add(&artifact);
                Ok(())
            }
            None => Err(not_found),
        })
    }
}

/// Keeps a file. Journaled, so that it is said once; a repeated run keeps nothing again.
pub(crate) struct Publish {
    pub(crate) path: String,
    pub(crate) media_type: Option<String>,
    pub(crate) text: Option<String>,
}

impl Publish {
    /// Keeps the file now; nothing where it is not one.
    pub(crate) async fn keep(&self, state: &mut RunState) -> Result<Option<Artifact>, Ended> {
        let Some(workspace) = state.files.workspace() else { return Ok(None) };
        let (media_type, text) = (self.media_type.clone(), self.text.clone());
        match keep::keep(&state.blobs, workspace, &self.path, media_type, text).await {
            Ok(artifact) => Ok(Some(artifact)),
            Err(KeepError::NotFound) => Ok(None),
            Err(KeepError::Host(message)) => Err(Ended::Host(message)),
        }
    }
}

impl Call for Publish {
    const NAME: &'static str = "publish";
    type Answer = Option<Artifact>;

    fn arguments(&self) -> Value {
        json!([self.path, self.media_type, self.text])
    }

    async fn perform(&self, state: &mut RunState, _: &JournalEntry) -> Result<Self::Answer, Ended> {
        let _waiting = state.fuel.waiting();
        self.keep(state).await
    }

    fn events(&self, published: &Self::Answer) -> Vec<EventBody> {
        published.iter().cloned().map(EventBody::ArtifactPublished).collect()
    }
}

/// The path relative to the workspace, where it is one.
pub(super) fn inside(path: &str) -> Option<&str> {
    let path = path.strip_prefix("/workspace/").unwrap_or(path);
    let path = path.strip_prefix("./").unwrap_or(path);
    let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    path.split('/').all(plain).then_some(path)
}

fn is_media_type(text: &str) -> bool {
    let token = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    text.len() <= MEDIA_TYPE_BYTES
        && text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
        && text
            .split(';')
            .next()
            .and_then(|essence| essence.trim().split_once('/'))
            .is_some_and(|(kind, subtype)| token(kind) && token(subtype))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_lead_out_are_not_in_the_workspace() {
        assert_eq!(inside("/workspace/out/a.txt"), Some("out/a.txt"));
        assert_eq!(inside("./a"), Some("a"));
        for bad in ["", "/etc/passwd", "../a", "a/../../b", "a//b", "/workspace/../x"] {
            assert_eq!(inside(bad), None, "{bad}");
        }
    }

    #[test]
    fn media_types_can_not_break_a_header() {
        assert!(is_media_type("text/markdown; charset=utf-8"));
        for bad in ["text", "text/", "text/html\r\nX: y", "a b/c"] {
            assert!(!is_media_type(bad), "{bad}");
        }
    }
}
