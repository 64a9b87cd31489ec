//! The client of the REST interface: finds the server, speaks to it, and turns its refusals into errors.
//!
//! Blocking, and started by the commands that need a server alone. What the server says is kept as text
//! beside what is understood of it, so that `--json` passes on every field.

mod diff;
mod problem;
mod route;
mod sse;
mod types;

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use errand_core::AccessToken;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use ureq::http::{HeaderValue, Method, Request, Response, StatusCode};
use ureq::{Agent, Body};
use zeroize::Zeroizing;

pub(crate) use diff::TaskDiff;
pub(crate) use route::Route;
pub(crate) use sse::{SseMessage, SseReader};
pub(crate) use types::{
    Approval, Artifact, Event, Executor, Function, Items, Origin, Progress, RawItems, Task,
    TaskError, Token,
};

use crate::cli::GlobalArgs;
use crate::data_dir::{DataDir, TokenFile};
use crate::errors::{CommandError, Exit, Result};

/// A local server answers at once, a remote one soon; longer means that nothing is there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longer than the longest wait that the server offers (`wait_ms` up to 60 s), and than a compilation.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(300);
/// Bounds what a broken server could make us hold: far above the largest answer there is.
const ANSWER_BYTES: u64 = 1 << 30;

/// The most that the server gives at once.
const PAGE: &str = "500";

/// A server, found.
pub(crate) struct Client {
    agent: Agent,
    url: String,
    token: Option<AccessToken>,
    data: Option<DataDir>,
}

/// What a request carries.
pub(crate) enum Payload {
    /// Nothing.
    Empty,
    /// JSON text.
    Json(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A file, read as it is sent.
    File(File),
}

/// What the server said.
pub(crate) struct Answer {
    /// The status, a success.
    pub(crate) status: StatusCode,
    /// The body.
    pub(crate) text: String,
}

impl Answer {
    /// Understands the answer.
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.text).map_err(|error| not_understood(&error))
    }
}

impl Client {
    /// Finds the server, and the token for what is to be done there.
    pub(crate) fn connect(globals: &GlobalArgs, right: TokenFile) -> Result<Self> {
        let data = DataDir::locate(globals);
        // A variable that is set to nothing says nothing.
        let said = |option: &Option<String>| option.clone().filter(|text| !text.trim().is_empty());
        let (url, local) = match said(&globals.server) {
            Some(url) => (base_url(&url)?, None),
            None => {
                let data = data.as_ref().map_err(|error| CommandError::usage(error.message()))?;
                let note = data.server().ok_or_else(|| no_server(data))?;
                (note.url, Some(data.clone()))
            }
        };
        let token = match (said(&globals.token), data) {
            (Some(token), _) => Some(AccessToken::new(token)),
            // A local token is not shown to a host that nobody said it is for.
            (None, Ok(data))
                if is_loopback(&url) || local.is_some() || globals.data_dir().is_some() =>
            {
                data.token(right)?
            }
            (None, _) => None,
        };
        Ok(Self { agent: agent(&url), url, token, data: local })
    }

    /// Returns the server's address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Returns the token that it is spoken to with.
    pub(crate) fn token(&self) -> Option<&AccessToken> {
        self.token.as_ref()
    }

    /// Looks again where the local server is: it may have come back at another port.
    pub(crate) fn find_again(&mut self) {
        if let Some(note) = self.data.as_ref().and_then(DataDir::server) {
            self.url = note.url;
        }
    }

    /// Tells whether the server runs on this machine and lets workspaces start from a directory, which
    /// is given with its links resolved.
    pub(crate) fn lists(&self, directory: &Path) -> bool {
        // One that was found otherwise may be on another machine, where the same path is another one.
        let note = self.data.as_ref().and_then(DataDir::server);
        note.is_some_and(|note| note.allow_dirs.iter().any(|listed| directory.starts_with(listed)))
    }

    /// Tells whether the server runs on this machine, as far as its address says.
    pub(crate) fn is_local(&self) -> bool {
        self.data.is_some() || is_loopback(&self.url)
    }

    /// Reads something.
    pub(crate) fn get(&self, route: Route) -> Result<Answer> {
        self.send(Method::GET, route, Payload::Empty, &[])
    }

    /// Reads a task.
    pub(crate) fn task(&self, id: &str) -> Result<(Answer, Task)> {
        let answer = self.get(Route::new("/v1/tasks").segment(id))?;
        let task = answer.parse()?;
        Ok((answer, task))
    }

    /// Reads a list to its end.
    pub(crate) fn all(&self, route: Route) -> Result<Vec<Box<RawValue>>> {
        let mut all = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let page = route.clone().query("limit", PAGE).query_option("cursor", cursor.as_deref());
            let page: Items<Box<RawValue>> = self.get(page)?.parse()?;
            let came = page.items.len();
            all.extend(page.items);
            cursor = page.next_cursor;
            if came == 0 || cursor.is_none() {
                return Ok(all);
            }
        }
    }

    /// Asks for something to be done.
    pub(crate) fn post(&self, route: Route, payload: Payload) -> Result<Answer> {
        self.send(Method::POST, route, payload, &[])
    }

    /// Removes something.
    pub(crate) fn delete(&self, route: Route) -> Result<Answer> {
        self.send(Method::DELETE, route, Payload::Empty, &[])
    }

    /// Sends a request, and returns the answer where it is a success.
    pub(crate) fn send(
        &self,
        method: Method,
        route: Route,
        payload: Payload,
        headers: &[(&str, &str)],
    ) -> Result<Answer> {
        let mut response = self.exchange(method, route, payload, headers)?;
        let text = body_text(response.body_mut()).map_err(|error| self.unreachable(&error))?;
        Ok(Answer { status: response.status(), text })
    }

    /// Reads bytes of a media type as they come.
    pub(crate) fn read(&self, route: Route, media_type: &str) -> Result<impl Read + use<>> {
        let headers = [("accept", media_type)];
        let response = self.exchange(Method::GET, route, Payload::Empty, &headers)?;
        Ok(response.into_body().into_reader())
    }

    /// Reads the bytes of an answer of this media type as they come.
    pub(crate) fn read_as(&self, accept: &str, route: Route) -> Result<impl Read + use<>> {
        let headers = [("accept", accept)];
        let response = self.exchange(Method::GET, route, Payload::Empty, &headers)?;
        Ok(response.into_body().into_reader())
    }

    /// Asks for something to be done, and reads the bytes of the answer as they come.
    pub(crate) fn read_posted(&self, route: Route) -> Result<impl Read + use<>> {
        let headers = [("accept", "*/*")];
        let response = self.exchange(Method::POST, route, Payload::Empty, &headers)?;
        Ok(response.into_body().into_reader())
    }

    /// Reads a task's events as they come, from after number `after` on.
    pub(crate) fn stream_events(
        &self,
        id: &str,
        after: u64,
    ) -> Result<SseReader<impl Read + use<>>> {
        let route = Route::new("/v1/tasks").segment(id).segment("events");
        let after = after.to_string();
        let headers = [("accept", "text/event-stream"), ("last-event-id", after.as_str())];
        let response = self.exchange(Method::GET, route, Payload::Empty, &headers)?;
        Ok(SseReader::new(response.into_body().into_reader()))
    }

    fn exchange(
        &self,
        method: Method,
        route: Route,
        payload: Payload,
        headers: &[(&str, &str)],
    ) -> Result<Response<Body>> {
        let mut request = Request::builder().method(method).uri(format!("{}{route}", self.url));
        if let Some(token) = &self.token {
            let bearer = Zeroizing::new(["Bearer ", token.expose()].concat());
            let mut bearer = HeaderValue::from_str(&bearer)
                .map_err(|_| CommandError::usage("the token has a character that none has"))?;
            bearer.set_sensitive(true);
            request = request.header("authorization", bearer);
        }
        if !headers.iter().any(|(name, _)| *name == "accept") {
            request = request.header("accept", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let sent = match payload {
            Payload::Empty => request.body(()).map(|request| self.agent.run(request)),
            Payload::Json(text) => request
                .header("content-type", "application/json")
                .body(text)
                .map(|request| self.agent.run(request)),
            Payload::Bytes(bytes) => request
                .header("content-type", "application/octet-stream")
                .body(bytes)
                .map(|request| self.agent.run(request)),
            Payload::File(file) => request
                .header("content-type", "application/octet-stream")
                // What is refused is not sent first: a server that does not read it would cut it off.
                .header("expect", "100-continue")
                .body(file)
                .map(|request| self.agent.run(request)),
        };
        let mut response = sent
            .map_err(|error| CommandError::usage(format_args!("ask the server: {error}")))?
            .map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let retry_after =
            response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let retry_after = retry_after.map(str::to_owned);
        let status = response.status().as_u16();
        let text = body_text(response.body_mut()).unwrap_or_default();
        Err(problem::error(status, &text, retry_after.as_deref()))
    }

    fn unreachable(&self, error: &ureq::Error) -> CommandError {
        let url = &self.url;
        match error {
            ureq::Error::Rustls(error) => {
                CommandError::new(Exit::Unreachable, format_args!("speak TLS with {url}: {error}"))
                    .hint("the server's certificate must be for this name, from a public authority")
            }
            error => {
                let error = CommandError::new(
                    Exit::Unreachable,
                    format_args!("no server answers at {url}: {}", reason(error)),
                );
                match &self.data {
                    Some(_) => error.hint("start one with `errand serve`"),
                    None => error.hint("is it running, and is the address right?"),
                }
            }
        }
    }
}

fn reason(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) => error.to_string(),
        error => error.to_string(),
    }
}

/// Makes the error for an answer that this client does not understand.
pub(crate) fn not_understood(error: &serde_json::Error) -> CommandError {
    CommandError::new(Exit::Internal, format_args!("understand the server's answer: {error}"))
        .hint("does the server have the same version as this command?")
}

fn agent(url: &str) -> Agent {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(ANSWER_TIMEOUT))
        .user_agent(concat!("errand/", env!("CARGO_PKG_VERSION")));
    if is_loopback(url) {
        // A proxy of the environment can't reach this machine's own address.
        config = config.proxy(None);
    }
    config.build().new_agent()
}

fn body_text(body: &mut Body) -> Result<String, ureq::Error> {
    body.with_config().limit(ANSWER_BYTES).lossy_utf8(true).read_to_string()
}

fn base_url(text: &str) -> Result<String> {
    let url = text.trim().trim_end_matches('/');
    let valid = url.parse::<ureq::http::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
            && uri.query().is_none()
    });
    if valid {
        Ok(url.to_owned())
    } else {
        Err(CommandError::usage(format_args!("`{text}` is not a server's address"))
            .hint("write it as in `http://127.0.0.1:7420`"))
    }
}

fn is_loopback(url: &str) -> bool {
    let Ok(uri) = url.parse::<ureq::http::Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn no_server(data: &DataDir) -> CommandError {
    let data = data.path().display();
    CommandError::new(Exit::Unreachable, format_args!("no server runs on `{data}`"))
        .hint("start one with `errand serve`, or say where one is with `--server URL`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_and_trimmed() {
        assert_eq!(base_url("http://127.0.0.1:7420/").expect("valid"), "http://127.0.0.1:7420");
        assert_eq!(
            base_url("https://x.example/errand/").expect("valid"),
            "https://x.example/errand"
        );
        for bad in ["", "127.0.0.1:7420", "ftp://x", "http://", "http://x?y"] {
            assert!(base_url(bad).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn a_local_token_goes_to_this_machine_alone() {
        assert!(
            ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"]
                .iter()
                .all(|url| is_loopback(url))
        );
        assert!(!is_loopback("http://127.0.0.1.example:1"));
        assert!(!is_loopback("https://10.0.0.1"));
        let remote =
            GlobalArgs { server: Some("http://192.0.2.1:1".into()), ..GlobalArgs::default() };
        let client = Client::connect(&remote, TokenFile::Operator).expect("it is an address");
        assert_eq!(client.token, None);
    }
}
