//! `/v1/backup`: everything that is stored, sent while it is written.

use std::io::{self, Write};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::StatusCode;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_util::sync::CancellationToken;

use crate::call::Call;
use crate::openapi::RefusedQuery;
use crate::problem::{Code, Problem};
use crate::reply::Answer;

/// Pieces on their way to the client: one is sent while another is read from the disk.
const PIECES: usize = 4;
/// How large a piece is.
const PIECE_BYTES: usize = 256 << 10;
/// When a client is told to come back that asks while another backup is made.
const BUSY_RETRY_MS: u64 = 30_000;

/// Make a backup
///
/// Everything of every namespace, as it is at one moment after the request, as a tar archive that
/// `errand restore` reads. The server works on meanwhile. An archive whose transfer broke off lacks its
/// end, and is not restored. Needs the right `admin`, with a token for all namespaces.
#[utoipa::path(
    post, path = "/v1/backup", tag = "operations", operation_id = "backup",
    responses(
        (status = 200, description = "The backup", body = Vec<u8>, content_type = "application/x-tar"),
        (status = 429, description = "Another one is being made", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
        RefusedQuery,
    ),
)]
pub(crate) async fn make(call: Call) -> Answer {
    let Call { app, caller, .. } = call;
    app.service.may_back_up(&caller)?;
    let Ok(permit) = app.backups.clone().try_acquire_owned() else { return Err(busy()) };
    let (sender, mut pieces) = channel(PIECES);
    let stopping = app.stopping.clone();
    tokio::spawn(async move {
        let out = Pieces { sender: sender.clone(), piece: Vec::with_capacity(PIECE_BYTES) };
        if let Err(error) = app.service.backup(&caller, Box::new(out)).await {
            tracing::warn!(%error, "a backup was not made to its end");
            // Where nobody reads any more, nobody needs to know.
            let _ = sender.send(Err(error.into())).await;
        }
        drop(permit);
    });
    // A backup that can't even begin is an error, and not half an answer.
    let first = pieces.recv().await.unwrap_or_else(|| Err(Problem::internal("it was empty")))?;
    let mut response = Response::new(body(first, pieces, stopping));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-tar"));
    let name = HeaderValue::from_static("attachment; filename=\"errand-backup.tar\"");
    headers.insert(CONTENT_DISPOSITION, name);
    Ok(response)
}

/// A body that ends well only with the backup's own end.
fn body(first: Bytes, rest: Receiver<Result<Bytes, Problem>>, stopping: CancellationToken) -> Body {
    let rest = stream::unfold((rest, stopping), |(mut rest, stopping)| async move {
        let piece = tokio::select! {
            biased;
            () = stopping.cancelled() => Err(io::Error::other("the server stops")),
            piece = rest.recv() => piece?.map_err(|_| io::Error::other("the backup broke off")),
        };
        Some((piece, (rest, stopping)))
    });
    Body::from_stream(stream::once(async { Ok(first) }).chain(rest))
}

fn busy() -> Problem {
    let detail = "another backup is being made";
    Problem::new(StatusCode::TOO_MANY_REQUESTS, Code::Busy, detail).retry_after_ms(BUSY_RETRY_MS)
}

/// Takes a backup on a thread that may block, piece by piece.
struct Pieces {
    sender: Sender<Result<Bytes, Problem>>,
    piece: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE_BYTES));
        let sent = self.sender.blocking_send(Ok(piece.into()));
        sent.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "nobody reads it any more"))
    }
}
