//! A client of MCP over HTTP that shows everything: what it sends is written out, and what comes back is
//! not interpreted.

use serde_json::{Value, json};

use crate::harness::{Answer, Client, Server};

/// The revisions with sessions, and the current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Era {
    Sessions(&'static str),
    Current,
}

pub(super) const CURRENT: &str = "2026-07-28";
const TASKS: &str = "io.modelcontextprotocol/tasks";

/// One client.
pub(super) struct Peer {
    client: Client,
    era: Era,
    session: Option<String>,
    pub(super) capabilities: Value,
}

/// What a call came to.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) status: u16,
    /// All that came, the answer last.
    pub(super) messages: Vec<Value>,
}

impl Said {
    pub(super) fn result(&self) -> &Value {
        let last = self.messages.last().expect("there is an answer");
        assert!(last.get("result").is_some(), "{last}");
        &last["result"]
    }

    pub(super) fn error(&self) -> &Value {
        let last = self.messages.last().expect("there is an answer");
        assert!(last.get("error").is_some(), "{last}");
        &last["error"]
    }

    /// What a tool answered, which did not fail.
    pub(super) fn structured(&self) -> &Value {
        let result = self.result();
        assert_ne!(result["isError"], true, "{result}");
        &result["structuredContent"]
    }
}

impl Peer {
    /// A client that nobody has told to do tasks or to ask its user.
    pub(super) fn new(server: &Server, token: &str, era: Era) -> Self {
        Self::with(Client::new(server.url(), token), era, json!({}))
    }

    pub(super) fn with(client: Client, era: Era, capabilities: Value) -> Self {
        let mut peer = Self { client, era, session: None, capabilities };
        if let Era::Sessions(version) = era {
            let begun = peer.ask_raw(&json!({
                "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
                    "protocolVersion": version, "capabilities": peer.capabilities,
                    "clientInfo": {"name": "tests", "version": "1"},
                },
            }));
            assert_eq!(begun.status, 200, "{}", String::from_utf8_lossy(&begun.bytes));
            peer.session = begun.header("mcp-session-id");
            assert!(peer.session.is_some(), "a session has an id");
            let said = messages(&begun);
            assert_eq!(said.last().expect("an answer")["result"]["protocolVersion"], version);
            let notified = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
            assert_eq!(peer.ask_raw(&notified).status, 202);
        }
        peer
    }

    /// An agent of the current revision that takes tasks.
    pub(super) fn with_tasks(server: &Server, token: &str) -> Self {
        let mut peer = Self::new(server, token, Era::Current);
        peer.capabilities = json!({"extensions": {TASKS: {}}});
        peer
    }

    /// Sends a request.
    pub(super) fn ask(&self, method: &str, params: Value) -> Said {
        let mut params = params;
        if self.era == Era::Current {
            let meta = params["_meta"].take();
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": CURRENT,
                "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": self.capabilities,
            });
            if let Value::Object(more) = meta {
                more.into_iter().for_each(|(key, value)| params["_meta"][key] = value);
            }
        }
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let answer = self.ask_raw(&message);
        Said { status: answer.status, messages: messages(&answer) }
    }

    /// Calls a tool.
    pub(super) fn call(&self, tool: &str, arguments: Value) -> Said {
        self.ask("tools/call", json!({"name": tool, "arguments": arguments}))
    }

    /// Sends a message as it is.
    pub(super) fn ask_raw(&self, message: &Value) -> Answer {
        let mut headers = vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("accept".to_owned(), "application/json, text/event-stream".to_owned()),
        ];
        match self.era {
            Era::Current => {
                let text = |value: &Value| value.as_str().map(str::to_owned);
                let params = &message["params"];
                let name = ["name", "uri", "taskId"].iter().find_map(|key| text(&params[*key]));
                headers.push(("mcp-protocol-version".to_owned(), CURRENT.to_owned()));
                headers.extend(text(&message["method"]).map(|it| ("mcp-method".to_owned(), it)));
                headers.extend(name.map(|name| ("mcp-name".to_owned(), name)));
            }
            Era::Sessions(version) => {
                if let Some(session) = &self.session {
                    headers.push(("mcp-protocol-version".to_owned(), version.to_owned()));
                    headers.push(("mcp-session-id".to_owned(), session.clone()));
                }
            }
        }
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.client.send_with("POST", "/mcp", &headers, message.to_string().as_bytes())
    }

    /// Listens to what the server says by itself to this session.
    pub(super) fn listen(&self) -> Listening {
        let Era::Sessions(version) = self.era else { panic!("it has no session") };
        let headers = [
            ("accept", "text/event-stream"),
            ("mcp-protocol-version", version),
            ("mcp-session-id", self.session()),
        ];
        Listening(Box::new(self.client.lines("/mcp", &headers)))
    }

    pub(super) fn session(&self) -> &str {
        self.session.as_deref().expect("it has a session")
    }
}

/// Reads the messages of an answer, whether it is a stream or not.
pub(super) fn messages(answer: &Answer) -> Vec<Value> {
    let kind = answer.header("content-type").unwrap_or_default();
    if !kind.starts_with("text/event-stream") {
        return serde_json::from_slice(&answer.bytes).into_iter().collect();
    }
    let text = String::from_utf8_lossy(&answer.bytes);
    let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
    data.filter_map(|data| serde_json::from_str(data.trim()).ok()).collect()
}

/// What a server says by itself.
pub(super) struct Listening(Box<dyn Iterator<Item = String>>);

impl Listening {
    /// Waits for a message.
    pub(super) fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let data = self.0.by_ref().filter_map(|line| line.strip_prefix("data:").map(str::to_owned));
        let mut said = data.filter_map(|data| serde_json::from_str::<Value>(data.trim()).ok());
        said.find(|message| wanted(message)).expect("the stream goes on until the message comes")
    }
}
