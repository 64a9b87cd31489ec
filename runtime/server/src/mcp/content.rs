//! Content blocks that an executor makes itself.
//!
//! An output that is `{"content": [BLOCK…]}`, where each is a content block of MCP (`text`, `image`,
//! `audio`, `resource`, `resource_link`), is shown to the client as these blocks: so an executor can answer
//! with a picture.

use rmcp::model::{ContentBlock, ErrorData};
use serde::Serialize;
use serde_json::Value;

/// Returns the blocks of an output that has some.
pub(super) fn blocks(output: &Value) -> Option<Vec<ContentBlock>> {
    let blocks = output.as_object()?.get("content")?.as_array()?;
    if blocks.is_empty() {
        return None;
    }
    blocks.iter().map(|block| serde_json::from_value(block.clone()).ok()).collect()
}

/// Writes something as an object of the protocol.
///
/// # Errors
/// Where it is none.
pub(super) fn object(value: &impl Serialize) -> Result<rmcp::model::JsonObject, ErrorData> {
    match serde_json::to_value(value) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(other) => Err(ErrorData::internal_error(format!("{other} is no object"), None)),
        Err(error) => Err(ErrorData::internal_error(error.to_string(), None)),
    }
}
