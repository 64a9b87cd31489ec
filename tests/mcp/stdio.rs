//! `errand mcp`: the same over standard input and output, in front of a server that may come and go.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::together;
use crate::harness::{Server, errand, plugin_path};

/// A client on the other side of a pipe.
struct Pipe {
    data: PathBuf,
    /// Where it was opened without a server.
    own: Option<TempDir>,
    process: Child,
    input: Option<ChildStdin>,
    lines: Box<dyn Iterator<Item = String>>,
}

impl Pipe {
    /// Starts it where no server runs.
    fn open() -> Self {
        let own = tempfile::tempdir().expect("a temporary directory can be made");
        // The usual port may be taken by another test.
        std::fs::write(own.path().join("errand.toml"), "listen = \"127.0.0.1:0\"\n")
            .expect("it is written");
        let data = own.path().to_owned();
        let mut pipe = Self::start(data, |command| command);
        pipe.own = Some(own);
        pipe
    }

    /// Starts it in front of a server, for whoever has the token.
    fn to(server: &Server, token: &str) -> Self {
        Self::start(server.data().to_owned(), |command| command.env("ERRAND_TOKEN", token))
    }

    fn start(data: PathBuf, prepare: impl FnOnce(&mut Command) -> &mut Command) -> Self {
        let mut command = errand(&["mcp", "--data"]);
        command.arg(&data).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = prepare(&mut command).spawn().expect("it starts");
        let input = process.stdin.take();
        let out = BufReader::new(process.stdout.take().expect("it is piped"));
        let lines = Box::new(out.lines().map_while(Result::ok));
        Self { data, own: None, process, input, lines }
    }

    fn send(&mut self, line: &str) {
        let input = self.input.as_mut().expect("it is open");
        writeln!(input, "{line}").expect("it reads");
    }

    /// The next line. Nothing but messages is ever on standard output.
    fn next(&mut self) -> Value {
        let line = self.lines.next().expect("a line comes");
        let message: Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(message["jsonrpc"], "2.0");
        message
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.send(
            &json!({"jsonrpc": "2.0", "id": method, "method": method, "params": params})
                .to_string(),
        );
        self.until(|message| message["id"] == method)
    }

    fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        std::iter::repeat_with(|| self.next()).find(wanted).expect("it goes on until it comes")
    }

    fn call(&mut self, tool: &str, arguments: Value) -> Value {
        self.ask("tools/call", json!({"name": tool, "arguments": arguments}))["result"].take()
    }

    fn begin(&mut self) {
        self.begin_with(json!({}));
    }

    fn begin_with(&mut self, capabilities: Value) {
        let begun = self.ask(
            "initialize",
            json!({"protocolVersion": "2025-06-18", "capabilities": capabilities, "clientInfo": {"name": "t", "version": "1"}}),
        );
        assert_eq!(begun["result"]["serverInfo"]["name"], "errand", "{begun}");
        self.send(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    }

    fn server(&self) -> Pid {
        let note = std::fs::read(self.data.join("server.json")).expect("a server runs");
        let note: Value = serde_json::from_slice(&note).expect("JSON");
        let pid = i32::try_from(note["pid"].as_i64().expect("a pid")).expect("a pid");
        Pid::from_raw(pid).expect("a pid")
    }

    fn upload(&self) {
        let added = errand(&["plugin", "add"])
            .arg(plugin_path("test/noop"))
            .arg("--data")
            .arg(&self.data)
            .output()
            .expect("it runs");
        assert!(added.status.success(), "{added:?}");
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.input.take();
        let _ = self.process.wait();
        // The server was meant to go on.
        if self.own.is_some() && self.data.join("server.json").exists() {
            let _ = kill_process(self.server(), Signal::KILL);
        }
    }
}

#[test]
fn it_starts_the_server_that_is_missing_and_work_outlives_both() {
    let mut pipe = Pipe::open();
    pipe.begin();
    pipe.upload();
    let submitted = pipe.call("submit_task", json!({"executor": "noop"}));
    let id = submitted["structuredContent"]["task_id"].clone();
    let before = pipe.server();
    kill_process(before, Signal::KILL).expect("it runs");
    // The next call finds nobody, and starts the server again; its session begins anew, unseen.
    let ended = pipe.call("wait_for_task", json!({"task_id": id, "timeout_s": 60}));
    assert_eq!(ended["structuredContent"]["status"], "completed", "{ended}");
    assert_ne!(pipe.server(), before);

    pipe.input.take();
    assert!(pipe.process.wait().expect("it ends").success(), "the end of its input is its end");
    assert!(kill_process(pipe.server(), Signal::CONT).is_ok(), "the server goes on");
}

#[test]
fn what_can_not_be_read_is_answered_and_the_next_message_is_read() {
    let mut pipe = Pipe::open();
    for (line, code) in [("{", -32700), ("[]", -32600), (r#"{"id":1}"#, -32600)] {
        pipe.send(line);
        assert_eq!(pipe.next()["error"]["code"], code, "{line}");
    }
    pipe.begin();
    let large = "x".repeat(10 << 20);
    let refused =
        pipe.ask("tools/call", json!({"name": "submit_task", "arguments": {"executor": large}}));
    assert_eq!(refused["error"]["code"], -32600, "{}", refused["error"]["message"]);
    assert!(refused["error"]["message"].as_str().is_some_and(|text| text.contains("larger than")));
    assert_eq!(pipe.call("get_task", json!({"task_id": "x"}))["isError"], true);
}

#[test]
fn the_current_revision_is_carried_with_its_headers() {
    let mut pipe = Pipe::open();
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {"extensions": {"io.modelcontextprotocol/tasks": {}}},
    });
    let about = pipe.ask("server/discover", json!({"_meta": meta}));
    assert_eq!(about["result"]["supportedVersions"].as_array().map(Vec::len), Some(3), "{about}");
    pipe.upload();
    let started = pipe.ask(
        "tools/call",
        json!({"_meta": meta, "name": "submit_task", "arguments": {"executor": "noop"}}),
    );
    let id = started["result"]["taskId"].clone();
    loop {
        let task = pipe.ask("tasks/get", json!({"_meta": meta, "taskId": id}))["result"].clone();
        match task["status"].as_str() {
            Some("completed") => break,
            Some("working") => {}
            _ => panic!("{task}"),
        }
    }
    // An unknown tool whose name can be no header as it is.
    let unknown = pipe.ask("tools/call", json!({"_meta": meta, "name": "grüße", "arguments": {}}));
    assert_eq!(unknown["error"]["code"], -32602, "{unknown}");
}

#[test]
fn a_dialog_is_an_answer_and_closes_when_somebody_was_quicker() {
    let server = together();
    let mut pipe = Pipe::to(server, &server.operator_token());
    pipe.begin_with(json!({"elicitation": {}}));
    for (action, verdict) in [("accept", "approved"), ("decline", "denied"), ("", "approved")] {
        let title = format!("By dialog: {action}?");
        let code = format!("import errand\nresult = errand.approve('{title}').verdict");
        let call = json!({"name": "python", "arguments": {"code": code}});
        let call = json!({"jsonrpc": "2.0", "id": action, "method": "tools/call", "params": call});
        pipe.send(&call.to_string());
        let asked = pipe.until(|message| message["method"] == "elicitation/create");
        let shown = asked["params"]["message"].as_str();
        assert!(shown.is_some_and(|shown| shown.starts_with(&title)), "{asked}");
        assert!(asked["params"]["requestedSchema"].is_object(), "{asked}");
        let via = match action {
            "" => {
                let open = server.operator().get("/v1/approvals?status=pending").expect(200);
                let mut open = open["items"].as_array().expect("approvals").iter();
                let approval = open.rfind(|it| it["title"] == title).expect("it is open");
                let path = format!("/v1/approvals/{}", approval["id"].as_str().expect("an id"));
                server.operator().post(&path, &json!({"decision": "approve"})).expect(200);
                let closed = pipe.until(|message| message["method"] == "notifications/cancelled");
                assert_eq!(closed["params"]["requestId"], asked["id"], "{closed}");
                "rest"
            }
            action => {
                let answer = json!({"action": action, "content": {}});
                let answer = json!({"jsonrpc": "2.0", "id": asked["id"], "result": answer});
                pipe.send(&answer.to_string());
                "mcp"
            }
        };
        let ended =
            pipe.until(|message| message["id"] == action && message.get("result").is_some());
        let ended = &ended["result"]["structuredContent"];
        assert_eq!(ended["output"]["result"], verdict, "{ended}");
        let id = ended["task_id"].as_str().expect("an id");
        let approval = server.agent().get(&format!("/v1/approvals/{id}.1")).expect(200);
        assert_eq!(approval["decided"]["via"], via);
    }
}
