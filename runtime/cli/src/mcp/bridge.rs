//! The two sides, and what is between them: the session, the requests on their way, and what to do when the
//! server is gone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::{Method, StatusCode};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::message::{self, Kind, Message};
use super::place::Place;
use super::wire::{self, Body, Broken, Wire};
use crate::cli::GlobalArgs;
use crate::errors::Result;

const SESSION: &str = "mcp-session-id";
const VERSION: &str = "mcp-protocol-version";
const METHOD: &str = "mcp-method";
const NAME: &str = "mcp-name";
/// How often something is sent that did not arrive.
const MAX_TRIES: usize = 3;

pub(super) struct Bridge {
    wire: Wire,
    globals: GlobalArgs,
    place: Mutex<Place>,
    session: Mutex<Session>,
    /// Held while a lost server or session is looked for: once for all that miss it.
    looking: tokio::sync::Mutex<()>,
    /// The requests that are on their way, by their ids as text.
    under_way: Mutex<HashMap<String, CancellationToken>>,
    out: mpsc::Sender<String>,
    /// Ends the stream of what the server says by itself.
    ended: CancellationToken,
}

/// A session of a revision that has some.
#[derive(Default, Clone)]
struct Session {
    /// What began it, to begin it again.
    begun_with: Option<Arc<Message>>,
    id: Option<String>,
    version: Option<String>,
}

/// What became of sending something.
enum Sent {
    /// Everything that there was to say was said.
    Done,
    /// The server does not know the session.
    NoSession,
}

impl Bridge {
    pub(super) fn new(
        place: Place,
        globals: GlobalArgs,
        out: mpsc::Sender<String>,
    ) -> Result<Self> {
        Ok(Self {
            wire: Wire::new()?,
            globals,
            place: Mutex::new(place),
            session: Mutex::default(),
            looking: tokio::sync::Mutex::default(),
            under_way: Mutex::default(),
            out,
            ended: CancellationToken::new(),
        })
    }

    /// Writes a line to the client.
    pub(super) async fn say(&self, line: String) {
        // One that is gone is noticed by `unheard`.
        let _ = self.out.send(line).await;
    }

    /// Waits until nobody hears what is said.
    pub(super) async fn unheard(&self) {
        self.out.closed().await;
    }

    /// Carries a message that others come after.
    pub(super) async fn in_order(self: &Arc<Self>, message: Message) {
        if let Kind::Notification { cancels: Some(id), .. } = &message.kind
            && let Some(request) = lock(&self.under_way).get(&id.to_string())
        {
            // The current revision takes a request back by hanging up.
            request.cancel();
        }
        if message.method() == Some("initialize") {
            self.begin(Arc::new(message)).await;
            return;
        }
        // Of the current revision a server is told nothing but requests.
        if lock(&self.session).id.is_none() {
            return;
        }
        self.carry(&message).await;
    }

    /// Carries a request, until it is answered or taken back.
    pub(super) async fn request(self: &Arc<Self>, message: Message) {
        let Some(id) = message.id().map(Value::to_string) else { return };
        let back = CancellationToken::new();
        lock(&self.under_way).insert(id.clone(), back.clone());
        let is_alone = message.version.is_some();
        tokio::select! {
            () = self.carry(&message) => {}
            () = back.cancelled(), if is_alone => {}
        }
        lock(&self.under_way).remove(&id);
    }

    /// Ends the session, where there is one.
    pub(super) async fn leave(&self) {
        self.ended.cancel();
        let session = lock(&self.session).clone();
        if let Some(id) = session.id {
            let place = lock(&self.place).clone();
            let headers = [(SESSION, id)];
            let _ = self.wire.send(&place, Method::DELETE, &headers, String::new()).await;
        }
    }

    /// Begins a session.
    async fn begin(self: &Arc<Self>, message: Arc<Message>) {
        *lock(&self.session) =
            Session { begun_with: Some(Arc::clone(&message)), ..Session::default() };
        self.carry(&message).await;
        self.listen();
    }

    /// Sends a message, and says what comes back; finds the server again where it is gone.
    async fn carry(self: &Arc<Self>, message: &Message) {
        let mut last = String::new();
        for _ in 0..MAX_TRIES {
            let before = (lock(&self.place).clone(), lock(&self.session).id.clone());
            match self.send(message).await {
                Ok(Sent::Done) => return,
                Ok(Sent::NoSession) => {
                    last = "the server does not know the session any more".to_owned();
                    if let Err(error) = self.begin_again(before.1).await {
                        last = error;
                        break;
                    }
                }
                Err(Broken::Midway(error)) if !message.may_repeat() => {
                    last = format!("{error}; what was called may be at work: `list_tasks` tells");
                    break;
                }
                Err(error) => {
                    last = error.to_string();
                    if let Err(error) = self.find_again(&before.0).await {
                        last = error;
                        break;
                    }
                }
            }
        }
        if let Some(id) = message.id() {
            self.say(message::error(id, -32603, &last)).await;
        }
    }

    /// Sends a message once, and says what comes back.
    async fn send(&self, message: &Message) -> std::result::Result<Sent, Broken> {
        let place = lock(&self.place).clone();
        let (headers, has_session) = self.headers(message);
        let response = self.wire.send(&place, Method::POST, &headers, message.text.clone()).await?;
        if message.method() == Some("initialize") {
            let id = response.headers().get(SESSION).and_then(|id| id.to_str().ok());
            lock(&self.session).id = id.map(str::to_owned);
        }
        let (status, body) = wire::body(response).await?;
        if status == StatusCode::NOT_FOUND && has_session {
            return Ok(Sent::NoSession);
        }
        match body {
            Body::Stream(mut stream) => {
                while let Some(line) = wire::next(&mut stream).await? {
                    self.heard(message, line).await;
                }
            }
            Body::Whole(text) => {
                if let Some(line) = answer(message, status, &text) {
                    self.heard(message, line).await;
                }
            }
        }
        Ok(Sent::Done)
    }

    /// Passes on what the server said.
    async fn heard(&self, message: &Message, line: String) {
        if message.method() == Some("initialize") {
            let said: Value = serde_json::from_str(&line).unwrap_or_default();
            if let Some(version) = said["result"]["protocolVersion"].as_str() {
                lock(&self.session).version = Some(version.to_owned());
            }
        }
        self.say(line).await;
    }

    /// Returns the headers of a message, and whether they name a session.
    fn headers(&self, message: &Message) -> (Vec<(&'static str, String)>, bool) {
        let mut headers = Vec::new();
        if let Some(version) = &message.version {
            headers.push((VERSION, version.clone()));
            headers.extend(message.method().map(|method| (METHOD, method.to_owned())));
            headers.extend(message.name.as_deref().map(|name| (NAME, message::header(name))));
            return (headers, false);
        }
        if message.method() == Some("initialize") {
            return (headers, false);
        }
        let session = lock(&self.session).clone();
        headers.extend(session.version.map(|version| (VERSION, version)));
        let has_session = session.id.is_some();
        headers.extend(session.id.map(|id| (SESSION, id)));
        (headers, has_session)
    }

    /// Begins the session again with a server that has forgotten it.
    async fn begin_again(
        self: &Arc<Self>,
        lost: Option<String>,
    ) -> std::result::Result<(), String> {
        let _looking = self.looking.lock().await;
        if lock(&self.session).id != lost {
            return Ok(());
        }
        let begun_with = lock(&self.session).begun_with.clone();
        let Some(begun_with) = begun_with else { return Err("there was no session".to_owned()) };
        let place = lock(&self.place).clone();
        let sent = self.wire.send(&place, Method::POST, &[], begun_with.text.clone()).await;
        let response = sent.map_err(|error| error.to_string())?;
        let id = response.headers().get(SESSION).and_then(|id| id.to_str().ok()).map(str::to_owned);
        // The client has heard the answer before; it differs in nothing that it could know.
        wire::body(response).await.map_err(|error| error.to_string())?;
        lock(&self.session).id.clone_from(&id);
        let initialized = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#.to_owned();
        let session = lock(&self.session).clone();
        let mut headers = Vec::new();
        headers.extend(session.version.map(|version| (VERSION, version)));
        headers.extend(id.map(|id| (SESSION, id)));
        let sent = self.wire.send(&place, Method::POST, &headers, initialized).await;
        sent.map_err(|error| error.to_string())?;
        self.listen();
        Ok(())
    }

    /// Looks where the server is now, and starts one where none is.
    async fn find_again(&self, lost: &Place) -> std::result::Result<(), String> {
        let _looking = self.looking.lock().await;
        if lock(&self.place).url != lost.url {
            return Ok(());
        }
        let globals = self.globals.clone();
        let found = tokio::task::spawn_blocking(move || Place::find(&globals)).await;
        match found {
            Ok(Ok(place)) => {
                *lock(&self.place) = place;
                Ok(())
            }
            Ok(Err(error)) => Err(error.message()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Passes on what the server says by itself, for as long as the session is the same.
    fn listen(self: &Arc<Self>) {
        let session = lock(&self.session).clone();
        let (Some(id), Some(version)) = (session.id, session.version) else { return };
        let bridge = Arc::clone(self);
        let place = lock(&self.place).clone();
        let headers = [(SESSION, id), (VERSION, version)];
        tokio::spawn(async move {
            let ended = bridge.ended.clone();
            let listening = async {
                let sent = bridge.wire.send(&place, Method::GET, &headers, String::new()).await;
                let Ok((StatusCode::OK, Body::Stream(mut stream))) = (match sent {
                    Ok(response) => wire::body(response).await,
                    Err(error) => Err(error),
                }) else {
                    return;
                };
                while let Ok(Some(line)) = wire::next(&mut stream).await {
                    bridge.say(line).await;
                }
            };
            tokio::select! {
                () = listening => {}
                () = ended.cancelled() => {}
            }
        });
    }
}

/// Makes a line of an answer that is no stream.
fn answer(message: &Message, status: StatusCode, text: &str) -> Option<String> {
    let said: Option<Value> = serde_json::from_str(text).ok();
    let is_message = said.as_ref().is_some_and(|said| said.get("jsonrpc").is_some());
    let id = message.id()?;
    if let Some(mut said) = said.filter(|_| is_message) {
        // One that the server could not read has no id there; here it is known.
        if said["id"].is_null() {
            said["id"] = id.clone();
        }
        return Some(said.to_string());
    }
    if status.is_success() && text.trim().is_empty() {
        return Some(message::error(id, -32603, "the server's answer is empty"));
    }
    let problem: Value = serde_json::from_str(text).unwrap_or_default();
    let detail = problem["detail"].as_str().map_or_else(|| text.trim().to_owned(), str::to_owned);
    let code = if status.is_client_error() { -32600 } else { -32603 };
    Some(message::error(id, code, &format!("{status}: {detail}")))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
