//! Tasks as resources: `task://ID`, and below it its `events`, its `report` and its `artifacts/PATH`.

use std::fmt::Write;

use errand_core::{Status, Task, TaskId};
use errand_scheduler::{ListRequest, ServiceError};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use rmcp::model::{
    CompleteRequestParams, CompleteResult, CompletionInfo, ErrorData, ListResourceTemplatesResult,
    ListResourcesResult, PaginatedRequestParams, ReadResourceResult, Reference, Resource,
    ResourceContents, ResourceTemplate,
};
use serde_json::json;

use super::asking::Asking;
use super::outcome::Standing;
use super::tasks::protocol;
use super::tools::{Content, piece};
use super::watching;
use crate::cursor;
use crate::problem::Problem;
use crate::tasks::event_view::EventView;
use crate::tasks::view::TaskView;

const SCHEME: &str = "task://";
/// What can't stand in the path of a URI.
const ESCAPED: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'<').add(b'>').add(b'?').add(b'`');
const JSON: &str = "application/json";
const MARKDOWN: &str = "text/markdown";
/// Tasks in one part of the list.
const PAGE: usize = 50;
/// Events in the resource; older ones are left out and can be asked for by number.
const MAX_EVENTS: usize = 500;
/// Bytes of a file that are read as one resource.
const MAX_FILE_BYTES: u64 = 16 << 20;
/// What a task's own report is called, where it leaves one.
const REPORT: &str = "report.md";

/// A resource, named.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) task: TaskId,
    part: Part,
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Task,
    Events,
    Report,
    Artifact(String),
}

impl Named {
    /// Reads a URI.
    pub(super) fn parse(uri: &str) -> Option<Self> {
        let rest = uri.strip_prefix(SCHEME)?;
        let (id, part) = rest.split_once('/').unwrap_or((rest, ""));
        let part = match part {
            "" => Part::Task,
            "events" => Part::Events,
            "report" => Part::Report,
            other => {
                let path = other.strip_prefix("artifacts/")?;
                Part::Artifact(percent_decode_str(path).decode_utf8().ok()?.into_owned())
            }
        };
        Some(Self { task: id.parse().ok()?, part })
    }
}

/// Returns the URI of a file that a task left behind.
pub(super) fn artifact_uri(id: TaskId, path: &str) -> String {
    format!("{SCHEME}{id}/artifacts/{}", utf8_percent_encode(path, ESCAPED))
}

/// Lists the tasks that the caller sees, the newest first.
///
/// # Errors
/// Where the cursor is none.
pub(super) async fn list(
    asking: &Asking,
    request: Option<PaginatedRequestParams>,
) -> Result<ListResourcesResult, ErrorData> {
    let cursor = request.and_then(|request| request.cursor);
    let cursor = cursor.map(|text| cursor::task(&text)).transpose();
    let cursor =
        cursor.map_err(|rule| ErrorData::invalid_params(format!("cursor {rule}"), None))?;
    let wanted = ListRequest { cursor, limit: PAGE, ..ListRequest::default() };
    let page = asking.service().list(&asking.caller, wanted).await.map_err(refused)?;
    let mut listed =
        ListResourcesResult::with_all_items(page.items.iter().map(described).collect());
    listed.next_cursor = page.next.map(cursor::of_task);
    Ok(listed)
}

fn described(task: &Task) -> Resource {
    let name = task.executor.name.to_string();
    Resource::new(format!("{SCHEME}{}", task.id), format!("{name} {}", task.id))
        .with_title(format!("{name}: {}", task.status.as_str()))
        .with_description(Standing { task: task.clone(), questions: Vec::new() }.message())
        .with_mime_type(JSON)
}

/// Completes the id of a task; of other things there is nothing to offer.
///
/// # Errors
/// Where the store fails.
pub(super) async fn complete(
    asking: &Asking,
    request: &CompleteRequestParams,
) -> Result<CompleteResult, ErrorData> {
    let is_task = matches!(&request.r#ref, Reference::Resource(of) if of.uri.starts_with(SCHEME));
    let mut ids = Vec::new();
    if is_task && request.argument.name == "id" {
        let wanted = ListRequest { limit: PAGE, ..ListRequest::default() };
        let page = asking.service().list(&asking.caller, wanted).await.map_err(refused)?;
        let all = page.items.iter().map(|task| task.id.to_string());
        ids.extend(all.filter(|id| id.starts_with(&request.argument.value)));
    }
    let completion = CompletionInfo::new(ids);
    let completion = completion.map_err(|rule| ErrorData::internal_error(rule, None))?;
    Ok(CompleteResult::new(completion))
}

/// Says how the URIs are made.
pub(super) fn templates() -> ListResourceTemplatesResult {
    let template = |tail: &str, name: &str, title: &str, about: &str| {
        ResourceTemplate::new(format!("{SCHEME}{{id}}{tail}"), name)
            .with_title(title)
            .with_description(about)
    };
    ListResourceTemplatesResult::with_all_items(vec![
        template("", "task", "A task", "How it stands, as JSON.").with_mime_type(JSON),
        template("/events", "events", "A task's log", "What happened, as JSON.")
            .with_mime_type(JSON),
        template("/report", "report", "A task's report", "Its report.md, or a summary of it.")
            .with_mime_type(MARKDOWN),
        template(
            "/artifacts/{+path}",
            "artifact",
            "A file of a task",
            "A file that it left behind.",
        ),
    ])
}

/// Reads one.
///
/// # Errors
/// Where there is no such thing.
pub(super) async fn read(asking: &Asking, uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let missing = || {
        let data = Some(json!({ "uri": uri }));
        ErrorData::resource_not_found(
            format!("there is no resource `{}`", uri.escape_debug()),
            data,
        )
    };
    let named = Named::parse(uri).ok_or_else(missing)?;
    let contents = contents(asking, uri, named).await;
    let contents = contents.map_err(|problem| match problem.status().as_u16() {
        404 => missing(),
        _ => protocol(problem),
    })?;
    Ok(ReadResourceResult::new(vec![contents]))
}

async fn contents(asking: &Asking, uri: &str, named: Named) -> Result<ResourceContents, Problem> {
    let Asking { app, caller, base, .. } = asking;
    let text = |text: String, kind: &str| ResourceContents::text(text, uri).with_mime_type(kind);
    match named.part {
        Part::Task => {
            let task = app.service.task(caller, named.task).await?;
            let view =
                serde_json::to_string(&TaskView::new(&task, base)).map_err(Problem::internal)?;
            Ok(text(view, JSON))
        }
        Part::Events => {
            let last = app.service.task(caller, named.task).await?.version;
            let after = last.saturating_sub(MAX_EVENTS as u64);
            let events = app.service.events(caller, named.task, after, MAX_EVENTS).await?;
            let items: Vec<EventView<'_>> = events.iter().map(EventView::from).collect();
            Ok(text(json!({ "items": items }).to_string(), JSON))
        }
        Part::Report => {
            let standing = watching::stand(asking, named.task).await?;
            let written = match app.service.artifact(caller, named.task, REPORT).await {
                Ok(_) => Some(file(asking, uri, named.task, REPORT).await?),
                Err(ServiceError::NotFound { .. }) => None,
                Err(error) => return Err(error.into()),
            };
            match written {
                Some(written) => Ok(written),
                None => Ok(text(report(asking, &standing).await?, MARKDOWN)),
            }
        }
        Part::Artifact(path) => file(asking, uri, named.task, &path).await,
    }
}

async fn file(
    asking: &Asking,
    uri: &str,
    id: TaskId,
    path: &str,
) -> Result<ResourceContents, Problem> {
    let file = asking.service().artifact(&asking.caller, id, path).await?;
    let artifact = &file.artifact;
    if artifact.size_bytes > MAX_FILE_BYTES {
        return Err(Problem::too_large(
            "the file; `read_artifact` reads it in parts",
            MAX_FILE_BYTES as usize,
        ));
    }
    let contents = match piece(&file, 0, artifact.size_bytes as usize).await?.content {
        Content::Text(text) => ResourceContents::text(text, uri),
        Content::Bytes(encoded) => ResourceContents::blob(encoded, uri),
    };
    Ok(contents.with_mime_type(artifact.media_type.clone()))
}

/// Writes what there is to say of a task that wrote no report of its own.
async fn report(asking: &Asking, standing: &Standing) -> Result<String, Problem> {
    let task = &standing.task;
    let mut text = format!(
        "# {} {}\n\n{}\n\n- created {}\n",
        task.executor.name,
        task.id,
        standing.message(),
        crate::time::Rfc3339(task.created_at),
    );
    if let Some(finished_at) = task.finished_at {
        let _ = writeln!(text, "- {} {}", task.status.as_str(), crate::time::Rfc3339(finished_at));
    }
    for state in &standing.questions {
        let page = super::outcome::page_of(&asking.base, state);
        let _ = writeln!(text, "- waits for a decision: [{}]({page})", state.approval.title);
    }
    let shown = match task.status {
        Status::Completed => task.output.as_deref().map(|output| ("Output", output.clone())),
        _ => task.error.as_ref().map(|error| ("Error", json!(error))),
    };
    if let Some((title, value)) = shown {
        let value = serde_json::to_string_pretty(&value).map_err(Problem::internal)?;
        let _ = write!(text, "\n## {title}\n\n```json\n{value}\n```\n");
    }
    let artifacts = asking.service().artifacts(&asking.caller, task.id).await?;
    if !artifacts.is_empty() {
        text.push_str("\n## Files\n\n");
        for artifact in &artifacts {
            let uri = artifact_uri(task.id, &artifact.path);
            let _ = writeln!(text, "- [{}]({uri}), {} bytes", artifact.path, artifact.size_bytes);
        }
    }
    Ok(text)
}

fn refused(error: ServiceError) -> ErrorData {
    protocol(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_name_what_they_were_made_for() {
        let id: TaskId = "01kaz3v9q2m8x4t7c5b6d0e1fh".parse().unwrap();
        for path in ["report.md", "a b/c%d.txt", "ü/?#.txt"] {
            let named = Named::parse(&artifact_uri(id, path));
            assert_eq!(named, Some(Named { task: id, part: Part::Artifact(path.to_owned()) }));
        }
        assert_eq!(
            Named::parse(&format!("task://{id}")),
            Some(Named { task: id, part: Part::Task })
        );
        for other in ["task://", "task://x", "file:///etc/passwd", &format!("task://{id}/secrets")]
        {
            assert_eq!(Named::parse(other), None, "{other}");
        }
    }
}
