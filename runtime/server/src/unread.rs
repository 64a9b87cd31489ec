//! Request bodies that nobody read to their end.
//!
//! Closing a connection with bytes on their way to it can cost the client the answer, and one that keeps the
//! connection would send its next request into the void. So what is small is read before the answer goes,
//! and where more is left, the answer says that the connection ends with it.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt;
use http::Request;
use http::header::{CONNECTION, EXPECT, HeaderValue};
use http_body::{Body as _, Frame, SizeHint};

/// What is read for nothing: most refused requests are smaller.
const SMALL_BYTES: u64 = 64 << 10;
/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// What becomes of a request's body; nothing where it has none.
pub(crate) struct Watch(Option<Arc<Left>>);

/// What is left of a body when nobody reads it any more.
#[derive(Default)]
struct Left {
    body: Mutex<Option<Body>>,
    /// Whoever asks first whether to send it does not send it yet.
    is_held_back: bool,
}

/// A body that is given back where it was not read to its end.
struct Watched {
    body: Body,
    is_read: bool,
    left: Arc<Left>,
}

impl Watch {
    /// Watches a request's body.
    pub(crate) fn over(request: Request<Body>) -> (Request<Body>, Self) {
        if request.body().is_end_stream() {
            return (request, Self(None));
        }
        let is_held_back = request.headers().contains_key(EXPECT);
        let left = Arc::new(Left { is_held_back, ..Left::default() });
        let back = Arc::clone(&left);
        let request = request.map(|body| Body::new(Watched { body, is_read: false, left: back }));
        (request, Self(Some(left)))
    }

    /// Reads what is left where that is little, and says in the answer that the connection ends where it is
    /// not.
    pub(crate) async fn settle(self, response: &mut Response) {
        let Some(left) = self.0 else { return };
        let Some(body) = left.body.lock().unwrap_or_else(|poison| poison.into_inner()).take()
        else {
            return;
        };
        let is_small = body.size_hint().upper().is_some_and(|bytes| bytes <= SMALL_BYTES);
        if is_small && !left.is_held_back {
            let mut rest = body.into_data_stream();
            let read = async { while let Some(Ok(_)) = rest.next().await {} };
            if tokio::time::timeout(PATIENCE, read).await.is_ok() {
                return;
            }
        }
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if !self.is_read {
            let body = std::mem::take(&mut self.body);
            *self.left.body.lock().unwrap_or_else(|poison| poison.into_inner()) = Some(body);
        }
    }
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        // What is broken off is over, too.
        self.is_read |= match &polled {
            Poll::Ready(None | Some(Err(_))) => true,
            Poll::Ready(Some(Ok(_))) => self.body.is_end_stream(),
            Poll::Pending => false,
        };
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
