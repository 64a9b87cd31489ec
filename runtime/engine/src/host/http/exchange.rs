//! One exchange with the outside: a request goes out, and its response is brought in as it is kept: small
//! ones in the journal, large ones as blobs.

use std::collections::HashMap;
use std::io::{self, Read};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, OnceLock};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use errand_core::{
    Answered, Blobs, BoxFuture, Digest, Egress, EventBody, HttpFault, JournalEntry, OutgoingError,
    OutgoingRequest, OutgoingResponse, RunHost, UnderWay, UnixMillis,
};
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, Semaphore, mpsc};

use super::request::Taken;
use crate::journal;

/// A body up to this size is kept in the journal's entry itself.
const INLINE_BYTES: usize = 16 << 10;
/// A body up to this size is gathered in memory; a larger one goes to the blobs as it comes.
const MEMORY_BYTES: usize = 1 << 20;
/// Large bodies that are written at once: each has a thread.
const SPOOLED: usize = 32;
/// Pieces of a large body on their way to its file.
const PIECES: usize = 4;
/// What bodies may take that are kept for one run in memory, where there are no blobs.
const LOCAL_BYTES: usize = 256 << 20;

/// What a guest is told of a request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum HttpAnswer {
    /// The response.
    Response(Response),
    /// Why there is none.
    Fault(HttpFault),
}

/// A response as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Response {
    pub(super) status: u16,
    /// Names, and values with a character for each byte.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Body,
}

/// A response's body as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Body {
    /// Base64 of all of it.
    Inline(String),
    /// Where it lies.
    Blob {
        /// Its content.
        digest: Digest,
        /// Its size.
        size_bytes: u64,
    },
}

impl HttpAnswer {
    /// Tells whether it may be answered better in another attempt.
    pub(super) fn is_failed(&self) -> bool {
        match self {
            Self::Fault(_) => true,
            Self::Response(Response { status, .. }) => {
                matches!(status, 408 | 429) || *status >= 500
            }
        }
    }

    /// Returns the bytes of its body.
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Response(Response { body: Body::Inline(text), .. }) => {
                (text.trim_end_matches('=').len() * 3 / 4) as u64
            }
            Self::Response(Response { body: Body::Blob { size_bytes, .. }, .. }) => *size_bytes,
            Self::Fault(_) => 0,
        }
    }
}

/// Makes the fault that says that nobody knows whether a request was made.
pub(super) fn unknown(method: &str) -> HttpAnswer {
    HttpAnswer::Fault(HttpFault {
        code: "unknown".into(),
        message: format!(
            "whether the {method} was made is not known: this run's worker ended while it was on its way. \
             A request with an `idempotency-key` is sent again"
        ),
    })
}

/// Where bodies lie that are not in the journal.
#[derive(Clone)]
pub(crate) enum Bodies {
    /// With all that is kept.
    Kept(Arc<dyn Blobs>),
    /// In memory, for as long as the run: a run on a person's own machine keeps nothing.
    Local(Arc<Mutex<HashMap<Digest, Bytes>>>),
}

impl Bodies {
    pub(crate) fn new(blobs: Option<Arc<dyn Blobs>>) -> Self {
        blobs.map_or_else(|| Self::Local(Arc::default()), Self::Kept)
    }

    /// Reads a part of a body.
    pub(super) async fn read(
        &self,
        digest: Digest,
        at: u64,
        bytes: usize,
    ) -> Result<Bytes, String> {
        match self {
            Self::Kept(blobs) => {
                blobs.read(digest, at, bytes).await.map_err(|error| error.to_string())
            }
            Self::Local(all) => {
                let all = all.lock().unwrap_or_else(|poison| poison.into_inner());
                let body = all.get(&digest).ok_or("the body is gone")?;
                let at = usize::try_from(at).unwrap_or(usize::MAX).min(body.len());
                Ok(body.slice(at..body.len().min(at.saturating_add(bytes))))
            }
        }
    }

    async fn put(&self, bytes: Bytes) -> Result<Body, OutgoingError> {
        if bytes.len() <= INLINE_BYTES {
            return Ok(Body::Inline(BASE64_STANDARD.encode(&bytes)));
        }
        let size_bytes = bytes.len() as u64;
        let digest = match self {
            Self::Kept(blobs) => blobs.put(bytes).await.map_err(not_kept)?,
            Self::Local(all) => {
                let digest = Digest::of(&bytes);
                let mut all = all.lock().unwrap_or_else(|poison| poison.into_inner());
                let taken: usize = all.values().map(Bytes::len).sum();
                if taken + bytes.len() > LOCAL_BYTES {
                    let value = LOCAL_BYTES as u64;
                    return Err(OutgoingError::Limit { name: "http_response_bytes", value });
                }
                all.insert(digest, bytes);
                digest
            }
        };
        Ok(Body::Blob { digest, size_bytes })
    }
}

fn not_kept(error: impl std::fmt::Display) -> OutgoingError {
    OutgoingError::Broken(format!("the response could not be kept: {error}"))
}

/// Sends a request, and brings its response in.
async fn exchange(
    egress: Arc<dyn Egress>,
    request: OutgoingRequest,
    bodies: Bodies,
) -> Result<Response, OutgoingError> {
    let OutgoingResponse { status, headers, mut body } = egress.send(request).await?;
    let text = |value: Bytes| value.iter().map(|byte| char::from(*byte)).collect();
    let headers = headers.into_iter().map(|(name, value)| (name, text(value))).collect();
    let mut gathered = Vec::new();
    let body = loop {
        let Some(piece) = body.next().await? else { break bodies.put(gathered.into()).await? };
        gathered.extend_from_slice(&piece);
        if let Bodies::Kept(blobs) = &bodies
            && gathered.len() > MEMORY_BYTES
        {
            break spool(blobs, gathered, body.as_mut()).await?;
        }
    };
    Ok(Response { status, headers, body })
}

/// Writes a large body to the blobs as it comes.
async fn spool(
    blobs: &Arc<dyn Blobs>,
    first: Vec<u8>,
    body: &mut dyn errand_core::OutgoingBody,
) -> Result<Body, OutgoingError> {
    static ROOM: Semaphore = Semaphore::const_new(SPOOLED);
    let _room = ROOM.acquire().await.map_err(not_kept)?;
    let (sender, pieces) = mpsc::channel(PIECES);
    let feed = async move {
        let mut piece = Bytes::from(first);
        loop {
            if sender.send(Some(piece)).await.is_err() {
                // The other side says why it reads no more.
                return Ok(());
            }
            match body.next().await? {
                Some(next) => piece = next,
                None => break,
            }
        }
        let _ = sender.send(None).await;
        Ok(())
    };
    let reader = Pieces { pieces, piece: Bytes::new(), ended: false };
    let (fed, put) = futures_util::future::join(feed, blobs.put_reader(Box::new(reader))).await;
    fed?;
    let (digest, size_bytes) = put.map_err(not_kept)?;
    Ok(Body::Blob { digest, size_bytes })
}

/// A body's pieces as something to read, on a thread that may block. Without its end it is an error.
struct Pieces {
    pieces: mpsc::Receiver<Option<Bytes>>,
    piece: Bytes,
    ended: bool,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() && !self.ended {
            match self.pieces.blocking_recv() {
                Some(Some(piece)) => self.piece = piece,
                Some(None) => self.ended = true,
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let read = self.piece.len().min(buffer.len());
        buffer[..read].copy_from_slice(&self.piece.split_to(read));
        Ok(read)
    }
}

/// What is said of a request in the log.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) method: String,
    pub(super) host: String,
    pub(super) request_bytes: u64,
}

impl Told {
    pub(super) fn event(self, answer: &HttpAnswer, duration_ms: u64) -> EventBody {
        let (status, error) = match answer {
            HttpAnswer::Response(response) => (Some(response.status), None),
            HttpAnswer::Fault(fault) => (None, Some(fault.clone())),
        };
        let response = match answer {
            HttpAnswer::Response(Response { body: Body::Blob { digest, .. }, .. }) => Some(*digest),
            _ => None,
        };
        EventBody::HttpCalled {
            method: self.method,
            host: self.host,
            status,
            request_bytes: self.request_bytes,
            response_bytes: answer.bytes(),
            response,
            error,
            duration_ms,
        }
    }
}

/// A request on its way. It is given up when the last one who holds this lets go.
pub(super) struct Sending {
    until: UnixMillis,
    arrived: Arc<Arrived>,
    task: tokio::task::AbortHandle,
}

#[derive(Default)]
struct Arrived {
    answered: OnceLock<Answered>,
    told: Notify,
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a request is sent with.
pub(super) struct Send {
    pub(super) egress: Arc<dyn Egress>,
    pub(super) bodies: Bodies,
    pub(super) host: Arc<dyn RunHost>,
    pub(super) request: OutgoingRequest,
    pub(super) told: Told,
    /// Its entry in the journal.
    pub(super) entry: JournalEntry,
    pub(super) until: UnixMillis,
    /// What its body takes.
    pub(super) taken: Taken,
}

impl Sending {
    /// Sends a request.
    pub(super) fn start(send: Send) -> Arc<Self> {
        let Send { egress, bodies, host, request, told, entry, until, taken } = send;
        let arrived = Arc::<Arrived>::default();
        let arriving = Arc::clone(&arrived);
        let task = tokio::spawn(async move {
            let began = host.now();
            let exchange = AssertUnwindSafe(exchange(egress, request, bodies)).catch_unwind();
            let answer = match exchange.await {
                Ok(Ok(response)) => HttpAnswer::Response(response),
                Ok(Err(error)) => HttpAnswer::Fault(HttpFault {
                    code: error.code().into(),
                    message: error.to_string(),
                }),
                Err(_) => HttpAnswer::Fault(HttpFault {
                    code: "broken".into(),
                    message: "sending it failed; the server's log says more".into(),
                }),
            };
            let now = host.now();
            let event = told.event(&answer, now.since_ms(began));
            let entry = journal::answer(entry, &answer, answer.is_failed(), now);
            let entry = entry.expect("texts and numbers can be written as JSON");
            let _ = arriving.answered.set(Answered { events: vec![event], entry });
            drop(taken);
            arriving.told.notify_waiters();
        });
        Arc::new(Self { until, arrived, task: task.abort_handle() })
    }

    /// Tells whether it is answered.
    pub(super) fn is_answered(&self) -> bool {
        self.arrived.answered.get().is_some()
    }

    /// Answers when it is answered.
    pub(super) fn arrival(&self) -> BoxFuture<'static, ()> {
        let arrived = Arc::clone(&self.arrived);
        Box::pin(async move {
            arrived.wait().await;
        })
    }
}

impl Arrived {
    async fn wait(&self) -> &Answered {
        loop {
            let told = self.told.notified();
            tokio::pin!(told);
            told.as_mut().enable();
            if let Some(answered) = self.answered.get() {
                return answered;
            }
            told.await;
        }
    }
}

impl UnderWay for Sending {
    fn until(&self) -> UnixMillis {
        self.until
    }

    fn answered(&self) -> BoxFuture<'_, Answered> {
        Box::pin(async { self.arrived.wait().await.clone() })
    }
}
