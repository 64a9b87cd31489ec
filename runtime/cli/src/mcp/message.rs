//! What has to be known of a message to carry it: what it is, and what HTTP wants to have in its headers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Where a message of the current revision says which revision it is of.
const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
/// What a header begins with whose value could not be a header as it is.
const ENCODED: &str = "=?base64?";

/// The server's own tools that only look. An executor's may begin like them.
const LOOKING: [&str; 8] = [
    "get_task",
    "get_task_events",
    "get_task_result",
    "list_artifacts",
    "list_executors",
    "list_tasks",
    "read_artifact",
    "wait_for_task",
];

/// A message of the client's.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) kind: Kind,
    /// The revision that it names itself.
    pub(super) version: Option<String>,
    /// What it is about, where it is about one thing: a tool, a resource, a task.
    pub(super) name: Option<String>,
    /// As it came, without the line's end.
    pub(super) text: String,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// To be answered.
    Request { id: Value, method: String },
    /// Not to be answered. `cancels` is the request that it takes back.
    Notification { method: String, cancels: Option<Value> },
    /// An answer to something that the server asked.
    Answer,
}

impl Message {
    /// Reads a message.
    ///
    /// # Errors
    /// With the answer that says what is wrong.
    pub(super) fn parse(line: Vec<u8>) -> Result<Self, String> {
        let text = String::from_utf8(line)
            .map_err(|_| error(&Value::Null, -32700, "the message is not UTF-8"))?;
        let value: Value = serde_json::from_str(&text)
            .map_err(|wrong| error(&Value::Null, -32700, &format!("read the message: {wrong}")))?;
        let id = value.get("id").cloned();
        let method = value.get("method").and_then(Value::as_str).map(str::to_owned);
        let params = value.get("params");
        let kind = match (id, method) {
            (Some(id), Some(method)) if id.is_string() || id.is_number() => {
                Kind::Request { id, method }
            }
            (None, Some(method)) => {
                let is_cancel = method == "notifications/cancelled";
                let cancels = params.filter(|_| is_cancel).and_then(|it| it.get("requestId"));
                Kind::Notification { cancels: cancels.cloned(), method }
            }
            (Some(_), None) if value.get("result").or(value.get("error")).is_some() => Kind::Answer,
            (id, _) => {
                let id = id.filter(|id| id.is_string() || id.is_number()).unwrap_or_default();
                return Err(error(
                    &id,
                    -32600,
                    "the message is no request, notification or answer",
                ));
            }
        };
        let text_at = |key: &str| params.and_then(|it| it.get(key)?.as_str()).map(str::to_owned);
        Ok(Self {
            kind,
            version: params
                .and_then(|it| it.get("_meta")?.get(VERSION)?.as_str())
                .map(str::to_owned),
            name: text_at("name").or_else(|| text_at("uri")).or_else(|| text_at("taskId")),
            text: text.trim().to_owned(),
        })
    }

    /// Returns the method, where it has one.
    pub(super) fn method(&self) -> Option<&str> {
        match &self.kind {
            Kind::Request { method, .. } | Kind::Notification { method, .. } => Some(method),
            Kind::Answer => None,
        }
    }

    /// Tells whether it may be sent again when it is not known what became of it: it only looks.
    pub(super) fn may_repeat(&self) -> bool {
        let looks = self.name.as_deref().is_some_and(|name| LOOKING.contains(&name));
        self.method() != Some("tools/call") || looks
    }

    /// Returns whom to answer.
    pub(super) fn id(&self) -> Option<&Value> {
        match &self.kind {
            Kind::Request { id, .. } => Some(id),
            _ => None,
        }
    }
}

/// Writes a name so that it can be a header.
pub(super) fn header(name: &str) -> String {
    let is_plain = name.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if is_plain && name.trim() == name && !name.starts_with(ENCODED) {
        return name.to_owned();
    }
    format!("{ENCODED}{}?=", STANDARD.encode(name))
}

/// Writes an error as an answer.
pub(super) fn error(id: &Value, code: i64, message: &str) -> String {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}}).to_string()
}

/// The answer to a message that is too long to be read.
pub(super) fn too_long(most: usize) -> String {
    error(&Value::Null, -32600, &format!("the message is larger than {most} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Message, String> {
        Message::parse(text.as_bytes().to_vec())
    }

    #[test]
    fn what_is_no_message_is_answered_with_what_is_wrong() {
        for (text, code) in [
            ("{", -32700),
            ("[]", -32600),
            ("7", -32600),
            (r#"{"id": 1}"#, -32600),
            (r#"{"id": null, "method": "x"}"#, -32600),
            (r#"{"id": {}, "method": "x"}"#, -32600),
        ] {
            let answer: Value = serde_json::from_str(&parse(text).unwrap_err()).unwrap();
            assert_eq!(answer["error"]["code"], code, "{text}");
        }
        let answer: Value = serde_json::from_str(&parse(r#"{"id": 1}"#).unwrap_err()).unwrap();
        assert_eq!(answer["id"], 1);
    }

    #[test]
    fn what_http_needs_is_found() {
        let text = format!(
            r#"{{"id":"a","method":"tasks/get","params":{{"taskId":"t","_meta":{{"{VERSION}":"2026-07-28"}}}}}}"#
        );
        let message = parse(&text).unwrap();
        assert_eq!(message.version.as_deref(), Some("2026-07-28"));
        assert_eq!((message.name.as_deref(), message.method()), (Some("t"), Some("tasks/get")));
        let message = parse(r#"{"method":"notifications/cancelled","params":{"requestId":7}}"#);
        assert!(
            matches!(message.unwrap().kind, Kind::Notification { cancels: Some(id), .. } if id == 7)
        );
        assert!(matches!(parse(r#"{"id":1,"result":{}}"#).unwrap().kind, Kind::Answer));
    }

    #[test]
    fn what_may_have_begun_something_is_not_sent_twice() {
        let call = |tool| {
            parse(&format!(r#"{{"id":1,"method":"tools/call","params":{{"name":"{tool}"}}}}"#))
        };
        for (tool, may_repeat) in [
            ("get_task", true),
            ("wait_for_task", true),
            ("submit_task", false),
            ("cancel_task", false),
            ("get_rich", false),
            ("list_files", false),
        ] {
            assert_eq!(call(tool).unwrap().may_repeat(), may_repeat, "{tool}");
        }
        assert!(parse(r#"{"id":1,"method":"tasks/get"}"#).unwrap().may_repeat());
    }

    #[test]
    fn names_that_can_be_no_header_are_encoded() {
        assert_eq!(header("submit_task"), "submit_task");
        assert_eq!(header("grüße"), "=?base64?Z3LDvMOfZQ==?=");
        assert_eq!(header(" a"), "=?base64?IGE=?=");
        assert_eq!(header("=?base64?x"), "=?base64?PT9iYXNlNjQ/eA==?=");
    }
}
