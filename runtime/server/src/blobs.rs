//! `/v1/blobs`: bytes that a workspace may start from, written to disk as they come.

use std::io::{self, Read};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use bytes::{Buf, Bytes};
use errand_core::{Digest, Namespace};
use futures_util::StreamExt;
use http::StatusCode;
use serde::Serialize;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use utoipa::{IntoParams, ToSchema};

use crate::body::{broken_off, content_length};
use crate::call::Call;
use crate::openapi::RefusedBody;
use crate::problem::{Code, Problem};
use crate::query::{Params, Query};
use crate::reply::{Answer, json};

/// Pieces of a body on their way to the disk: one is written while another comes.
const PIECES: usize = 4;
/// How long an upload waits, unread, for others to end.
const MAX_QUEUED: Duration = Duration::from_secs(60);
/// When a client that waited so long is told to come back.
const BUSY_RETRY_MS: u64 = 5_000;

/// Bytes that were uploaded.
#[derive(Serialize, ToSchema)]
#[schema(as = Blob)]
pub(crate) struct BlobView {
    /// Their BLAKE3 digest, which names them.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    blake3: Digest,
    /// How many they are.
    size_bytes: u64,
}

/// Whose it will be.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct BlobParams {
    /// The tenant; left out: the token's own.
    #[param(value_type = Option<String>, pattern = "^[a-z0-9][a-z0-9._-]{0,63}$")]
    namespace: Option<Namespace>,
}

impl Params for BlobParams {
    fn read(query: &mut Query<'_>) -> Self {
        Self { namespace: query.optional("namespace") }
    }
}

/// Upload bytes that a workspace starts from
///
/// A tar archive, plain or compressed with gzip, that `{"from": "tar", "blob": …}` then names. They
/// belong to the namespace, and are durable when this answers; the same bytes again are fine. They may
/// be of any media type, and are not looked at before a task names them.
#[utoipa::path(
    post, path = "/v1/blobs", tag = "blobs", operation_id = "upload_blob",
    params(BlobParams),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, description = "They are there", body = BlobView), RefusedBody),
)]
pub(crate) async fn upload(call: Call<BlobParams>, request: Request) -> Answer {
    let Call { app, caller, params, .. } = call;
    let namespace = params.namespace.as_ref().map(Namespace::as_str);
    // Before gigabytes are read.
    app.service.blob_namespace(&caller, namespace)?;
    let waited = tokio::time::timeout(MAX_QUEUED, app.blob_uploads.acquire()).await;
    let _permit = waited.map_err(|_| busy())?.map_err(Problem::internal)?;
    let max_bytes = app.config.max_blob_bytes;
    if content_length(request.headers()).is_some_and(|length| length > max_bytes) {
        return Err(too_large(max_bytes));
    }
    let (pieces, received) = channel(PIECES);
    let reader = Pieces { received, piece: Bytes::new(), ended: false };
    let feed = feed(request.into_body(), pieces, max_bytes, app.config.blob_piece_timeout);
    let feed = tokio::time::timeout(app.config.blob_timeout, feed);
    let (fed, stored) =
        tokio::join!(feed, app.service.upload_blob(&caller, namespace, Box::new(reader)),);
    // Where the body failed, storing it failed of that.
    fed.map_err(|_| too_slow(app.config.blob_timeout))??;
    let stored = stored?;
    let view = BlobView { blake3: stored.blake3, size_bytes: stored.size_bytes };
    json(StatusCode::CREATED, &view)
}

fn busy() -> Problem {
    let detail = "too many blobs are being uploaded";
    Problem::new(StatusCode::TOO_MANY_REQUESTS, Code::Busy, detail).retry_after_ms(BUSY_RETRY_MS)
}

fn too_large(max_bytes: u64) -> Problem {
    Problem::too_large("the body", usize::try_from(max_bytes).unwrap_or(usize::MAX))
}

fn too_slow(timeout: Duration) -> Problem {
    let detail = format!("nothing of the body, or not all, arrived within {} s", timeout.as_secs());
    Problem::new(StatusCode::REQUEST_TIMEOUT, Code::RequestTimeout, detail)
}

/// Hands a body over piece by piece, bounded in size and in how long each may take.
async fn feed(
    body: Body,
    pieces: Sender<Bytes>,
    max_bytes: u64,
    piece_timeout: Duration,
) -> Result<(), Problem> {
    let mut stream = body.into_data_stream();
    let mut bytes = 0;
    loop {
        let next = tokio::time::timeout(piece_timeout, stream.next()).await;
        let next = next.map_err(|_| too_slow(piece_timeout))?;
        let piece = match next.transpose().map_err(broken_off)? {
            Some(piece) if piece.is_empty() => continue,
            // An empty piece is the end.
            end_or_piece => end_or_piece.unwrap_or_default(),
        };
        bytes += piece.len() as u64;
        if bytes > max_bytes {
            return Err(too_large(max_bytes));
        }
        let ended = piece.is_empty();
        // Who writes them has the reason why it takes no more.
        if pieces.send(piece).await.is_err() || ended {
            return Ok(());
        }
    }
}

/// Reads the pieces on a thread that may block. A body that broke off is an error, never an end.
struct Pieces {
    received: Receiver<Bytes>,
    piece: Bytes,
    ended: bool,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.piece.is_empty() && !self.ended {
            let broken = || io::Error::new(io::ErrorKind::UnexpectedEof, "the body broke off");
            self.piece = self.received.blocking_recv().ok_or_else(broken)?;
            self.ended = self.piece.is_empty();
        }
        let read = self.piece.len().min(buffer.len());
        self.piece.copy_to_slice(&mut buffer[..read]);
        Ok(read)
    }
}
