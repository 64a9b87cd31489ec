//! A small HTTP client whose answers are looked at, whatever their status.

use std::io::{BufRead, BufReader, Read};
use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::{Request, Response};

use super::Messages;

/// Speaks to one server with one token.
#[derive(Clone)]
pub(crate) struct Client {
    agent: Agent,
    url: String,
    token: Option<String>,
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    /// Returns the body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.bytes)))
    }

    /// Checks the status and returns the body as JSON.
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.bytes));
        self.json()
    }

    /// Checks that it is a problem document of this status and code, and returns it.
    pub(crate) fn problem(self, status: u16, code: &str) -> Value {
        let kind = self.header("content-type").unwrap_or_default();
        assert_eq!(kind, "application/problem+json");
        let problem = self.expect(status);
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        problem
    }

    /// Returns a header as text.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).map(|value| value.to_str().expect("headers are text").to_owned())
    }
}

impl Client {
    pub(crate) fn new(url: &str, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..Self::anonymous(url) }
    }

    /// A client that sends no token.
    pub(crate) fn anonymous(url: &str) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            // A redirect is an answer like any other.
            .max_redirects(0)
            .max_redirects_will_error(false)
            // Longer than anything a test waits for: it ends a hang, it times nothing.
            .timeout_global(Some(Duration::from_secs(300)))
            .build()
            .new_agent();
        Self { agent, url: url.to_owned(), token: None }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[])
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.ask("DELETE", path, &[])
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(path, "application/json", body.to_string().as_bytes())
    }

    pub(crate) fn send(&self, path: &str, content_type: &str, body: &[u8]) -> Answer {
        self.send_with("POST", path, &[("content-type", content_type)], body)
    }

    /// Sends a request without a body, with further headers.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = self.request(method, path, headers).body(()).expect("it is a request");
        answer(self.agent.run(request).expect("the server answers"))
    }

    /// Sends a request with a body and further headers.
    pub(crate) fn send_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let request = self.request(method, path, headers).body(body).expect("it is a request");
        answer(self.agent.run(request).expect("the server answers"))
    }

    /// Sends a request to a server that may die over it.
    pub(crate) fn try_send(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: &[u8],
    ) -> Result<Answer, ureq::Error> {
        let request = self.request(method, path, &[("content-type", content_type)]);
        read(self.agent.run(request.body(body).expect("it is a request"))?)
    }

    /// Follows a task's events as they come.
    pub(crate) fn follow(&self, id: &str, headers: &[(&str, &str)]) -> Messages {
        let path = format!("/v1/tasks/{id}/events");
        let request = self.request("GET", &path, headers).header("accept", "text/event-stream");
        let request = request.body(()).expect("it is a request");
        let response = self.agent.run(request).expect("the server answers");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Messages::new(Box::new(response.into_body().into_reader()))
    }

    /// Reads an answer line by line as it comes.
    pub(crate) fn lines(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> impl Iterator<Item = String> + use<> {
        let request = self.request("GET", path, headers).body(()).expect("it is a request");
        let response = self.agent.run(request).expect("the server answers");
        assert_eq!(response.status(), 200);
        BufReader::new(response.into_body().into_reader()).lines().map_while(Result::ok)
    }

    /// Uploads an executor and returns the server's answer.
    pub(crate) fn upload(&self, name: &str, wasm: &[u8]) -> Answer {
        self.send(&format!("/v1/executors?name={name}"), "application/wasm", wasm)
    }

    /// Uploads bytes and returns what names them.
    pub(crate) fn upload_blob(&self, bytes: &[u8]) -> String {
        let blob = self.send("/v1/blobs", "application/octet-stream", bytes).expect(201);
        assert_eq!(blob["size_bytes"], bytes.len(), "{blob}");
        blob["blake3"].as_str().expect("a blob has a digest").to_owned()
    }

    /// Submits a task and returns its id.
    pub(crate) fn submit(&self, request: &Value) -> String {
        let task = self.post("/v1/tasks", request).expect(202);
        task["id"].as_str().expect("a task has an id").to_owned()
    }

    /// Waits until a task is terminal and returns it.
    pub(crate) fn finish(&self, id: &str) -> Value {
        loop {
            let task = self.get(&format!("/v1/tasks/{id}?wait_ms=60000")).expect(200);
            if matches!(task["status"].as_str(), Some("completed" | "failed" | "cancelled")) {
                return task;
            }
        }
    }

    /// Submits a task and waits until it is terminal.
    pub(crate) fn run(&self, executor: &str, input: &Value) -> Value {
        self.finish(&self.submit(&json!({ "executor": executor, "input": input })))
    }

    /// Returns a task's events.
    pub(crate) fn events(&self, id: &str) -> Vec<Value> {
        let events = self.get(&format!("/v1/tasks/{id}/events")).expect(200);
        events["items"].as_array().expect("events are a list").clone()
    }

    fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> ureq::http::request::Builder {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
    }
}

fn answer(response: Response<ureq::Body>) -> Answer {
    read(response).expect("the body can be read")
}

fn read(mut response: Response<ureq::Body>) -> Result<Answer, ureq::Error> {
    let mut bytes = Vec::new();
    response.body_mut().as_reader().read_to_end(&mut bytes)?;
    Ok(Answer { status: response.status().as_u16(), headers: response.headers().clone(), bytes })
}
