//! Answers that are sent while a thread that may block writes them.

use std::io::{self, Write};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use errand_scheduler::ServiceError;
use futures_util::{StreamExt, stream};
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName,
    HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_util::sync::CancellationToken;

use crate::problem::Problem;

/// Pieces on their way to the client: one is sent while another is read from the disk.
const PIECES: usize = 4;
/// How large a piece is.
const PIECE_BYTES: usize = 256 << 10;

/// Answers with what `write` writes, holding a permit for as long as that takes. What fails before the
/// first piece is an error; what fails later breaks the answer off.
pub(crate) async fn answer<F>(
    permit: OwnedSemaphorePermit,
    stopping: CancellationToken,
    write: impl FnOnce(Box<dyn Write + Send>) -> F,
) -> Result<Response, Problem>
where
    F: Future<Output = Result<(), ServiceError>> + Send + 'static,
{
    let (sender, mut pieces) = channel(PIECES);
    let out = Pieces { sender: sender.clone(), piece: Vec::with_capacity(PIECE_BYTES) };
    let writing = write(Box::new(out));
    tokio::spawn(async move {
        // Where nobody reads any more, nobody needs to know.
        if let Err(error) = writing.await
            && !sender.is_closed()
        {
            tracing::warn!(%error, "an answer was not written to its end");
            let _ = sender.send(Err(error.into())).await;
        }
        drop(permit);
    });
    let first = pieces.recv().await.transpose()?.unwrap_or_default();
    Ok(Response::new(body(first, pieces, stopping)))
}

/// A body that ends well only where what is written does.
fn body(first: Bytes, rest: Receiver<Result<Bytes, Problem>>, stopping: CancellationToken) -> Body {
    let rest = stream::unfold((rest, stopping), |(mut rest, stopping)| async move {
        let piece = tokio::select! {
            biased;
            () = stopping.cancelled() => Err(io::Error::other("the server stops")),
            piece = rest.recv() => piece?.map_err(|_| io::Error::other("the answer broke off")),
        };
        Some((piece, (rest, stopping)))
    });
    Body::from_stream(stream::once(async { Ok(first) }).chain(rest))
}

/// Says what an answer is that a guest has made, so that a browser neither runs nor guesses it.
pub(crate) fn attached(
    response: &mut Response,
    media_type: &'static str,
    name: &str,
) -> Result<(), Problem> {
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    let disposition = format!("attachment; filename=\"{name}\"");
    let disposition = HeaderValue::try_from(disposition).map_err(Problem::internal)?;
    headers.insert(CONTENT_DISPOSITION, disposition);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let sandbox = HeaderValue::from_static("sandbox; default-src 'none'");
    headers.insert(CONTENT_SECURITY_POLICY, sandbox);
    let name = HeaderName::from_static("cross-origin-resource-policy");
    headers.insert(name, HeaderValue::from_static("same-origin"));
    Ok(())
}

/// Takes what is written, piece by piece.
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
