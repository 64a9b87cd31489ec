//! `list_artifacts` and `read_artifact`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use errand_core::Artifact;
use errand_scheduler::ArtifactReader;
use rmcp::model::{CallToolResult, ContentBlock};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{Answer, TaskArguments, structured};
use crate::call::parse_task_id;
use crate::mcp::asking::Asking;
use crate::mcp::resources;
use crate::problem::{Problem, WireFault};

/// Bytes of a file where nothing is said, and at most.
const PIECE_BYTES: (u64, u64) = (64 << 10, 1 << 20);

/// Which part of a file.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::mcp) struct ReadArguments {
    /// The task.
    task_id: String,
    /// The file, as list_artifacts names it.
    path: String,
    /// From this byte on.
    #[serde(default)]
    #[schema(required = false, default = 0)]
    offset: u64,
    /// How many bytes at most.
    #[serde(default)]
    #[schema(required = false, minimum = 1, maximum = 1_048_576, default = 65_536)]
    max_bytes: Option<u64>,
}

pub(super) async fn list(asking: &Asking, arguments: TaskArguments) -> Answer {
    let id = parse_task_id(&arguments.task_id)?;
    let artifacts = asking.service().artifacts(&asking.caller, id).await?;
    let item = |artifact: &Artifact| {
        let mut item = json!({
            "path": artifact.path,
            "size_bytes": artifact.size_bytes,
            "media_type": artifact.media_type,
            "blake3": artifact.blake3,
            "uri": resources::artifact_uri(id, &artifact.path),
        });
        if let Some(description) = &artifact.description {
            item["description"] = json!(description);
        }
        item
    };
    structured(&json!({ "items": artifacts.iter().map(item).collect::<Vec<_>>() }))
}

pub(super) async fn read(asking: &Asking, arguments: ReadArguments) -> Answer {
    let ReadArguments { task_id, path, offset, max_bytes } = arguments;
    let wanted = max_bytes.unwrap_or(PIECE_BYTES.0);
    if !(1..=PIECE_BYTES.1).contains(&wanted) {
        let rule = format!("must be from 1 to {}", PIECE_BYTES.1);
        return Err(Problem::invalid(vec![WireFault::body("/max_bytes", rule)]));
    }
    let id = parse_task_id(&task_id)?;
    let file = asking.service().artifact(&asking.caller, id, &path).await?;
    let size = file.artifact.size_bytes;
    if offset > size {
        let rule = format!("is beyond the file's {size} bytes");
        return Err(Problem::invalid(vec![WireFault::body("/offset", rule)]));
    }
    let piece = piece(&file, offset, wanted as usize).await?;
    let end = offset + piece.length;
    let mut told = json!({
        "path": path, "media_type": file.artifact.media_type, "size_bytes": size, "offset": offset,
    });
    if end < size {
        told["next_offset"] = json!(end);
    }
    let block = match piece.content {
        Content::Text(text) => {
            told["text"] = json!(text);
            ContentBlock::text(text)
        }
        Content::Bytes(encoded) => {
            told["base64"] = json!(encoded);
            let whole = offset == 0 && end == size;
            match file.artifact.media_type.split('/').next() {
                Some("image") if whole => {
                    ContentBlock::image(encoded, file.artifact.media_type.clone())
                }
                Some("audio") if whole => {
                    ContentBlock::audio(encoded, file.artifact.media_type.clone())
                }
                _ => ContentBlock::text(told.to_string()),
            }
        }
    };
    let mut result = CallToolResult::structured(told);
    result.content = vec![block];
    Ok(result)
}

/// A part of a file.
pub(in crate::mcp) struct Piece {
    /// How many bytes of the file it is.
    pub(in crate::mcp) length: u64,
    pub(in crate::mcp) content: Content,
}

/// Bytes as the protocol carries them.
pub(in crate::mcp) enum Content {
    Text(String),
    Bytes(String),
}

/// Reads a part of a file: as text where it is text, cut between characters.
pub(in crate::mcp) async fn piece(
    file: &ArtifactReader,
    offset: u64,
    length: usize,
) -> Result<Piece, Problem> {
    let mut bytes = Vec::new();
    while bytes.len() < length {
        let more = file.read(offset + bytes.len() as u64, length - bytes.len()).await?;
        if more.is_empty() {
            break;
        }
        bytes.extend_from_slice(&more);
    }
    let is_cut = offset + (bytes.len() as u64) < file.artifact.size_bytes;
    let text = match std::str::from_utf8(&bytes) {
        Ok(text) => Some(text),
        // The last character goes on in the next part.
        Err(error) if is_cut && error.error_len().is_none() && error.valid_up_to() > 0 => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    };
    Ok(match text {
        Some(text) => Piece { length: text.len() as u64, content: Content::Text(text.to_owned()) },
        None => {
            Piece { length: bytes.len() as u64, content: Content::Bytes(STANDARD.encode(&bytes)) }
        }
    })
}

/// The schema of a list of files.
pub(super) fn list_schema() -> Value {
    json!({
        "type": "object",
        "properties": {"items": {"type": "array", "items": {
            "type": "object",
            "properties": {
                "path": {"type": "string"}, "size_bytes": {"type": "integer"},
                "media_type": {"type": "string"}, "blake3": {"type": "string"},
                "description": {"type": "string"},
                "uri": {"type": "string", "description": "The file as a resource."},
            },
            "required": ["path", "size_bytes", "media_type", "blake3", "uri"],
        }}},
        "required": ["items"],
    })
}

/// The schema of a part of a file.
pub(super) fn read_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "path": {"type": "string"}, "media_type": {"type": "string"},
            "size_bytes": {"type": "integer", "description": "Of the whole file."},
            "offset": {"type": "integer"},
            "next_offset": {"type": "integer", "description": "Where the next part begins; absent at the end."},
            "text": {"type": "string"},
            "base64": {"type": "string", "contentEncoding": "base64"},
        },
        "required": ["path", "media_type", "size_bytes", "offset"],
    })
}
