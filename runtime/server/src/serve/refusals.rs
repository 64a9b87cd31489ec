//! What is answered to a client whose bytes are no request: the same problem details as everything else.
//!
//! hyper refuses a malformed head by a status of its own without a body, before any route is asked. Its
//! answer is held back here, and the connection's last words are ours instead. It is told from what routes
//! answer by that: no answer is under way, and it is a bare head.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, header};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tower_service::Service;

use crate::problem::{Code, Problem};

/// Statuses that hyper gives by itself.
const ITS_OWN: [StatusCode; 3] = [
    StatusCode::BAD_REQUEST,
    StatusCode::URI_TOO_LONG,
    StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
];

/// Writes a refusal of what is no request.
pub(super) async fn answer(
    status: StatusCode,
    stream: &mut (impl AsyncWrite + Unpin),
) -> io::Result<()> {
    let problem = match status {
        StatusCode::REQUEST_TIMEOUT => {
            Problem::new(status, Code::RequestTimeout, "the request's head did not arrive in time")
        }
        StatusCode::BAD_REQUEST => {
            Problem::new(status, Code::Malformed, "what was sent is not an HTTP request")
        }
        _ => Problem::new(status, Code::TooLarge, "the request's line and headers are too large"),
    };
    let mut response = problem.into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    let (head, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.map_err(io::Error::other)?;
    let reason = head.status.canonical_reason().unwrap_or_default();
    let mut bytes = format!("HTTP/1.1 {} {reason}\r\n", head.status.as_u16()).into_bytes();
    for (name, value) in &head.headers {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    bytes.extend(format!("content-length: {}\r\n\r\n", body.len()).bytes());
    bytes.extend(body);
    stream.write_all(&bytes).await?;
    stream.flush().await
}

/// Answers under way on one connection.
#[derive(Debug, Clone, Default)]
pub(super) struct UnderWay(Arc<AtomicUsize>);

impl UnderWay {
    fn begin(&self) -> Begun {
        self.0.fetch_add(1, Ordering::Relaxed);
        Begun(self.0.clone())
    }

    fn none(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

/// An answer, until its last byte is taken.
struct Begun(Arc<AtomicUsize>);

impl Drop for Begun {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A service whose answers are counted while they are under way.
#[derive(Clone)]
pub(super) struct Counted<S> {
    pub(super) service: S,
    pub(super) under_way: UnderWay,
}

type Answering<E> = Pin<Box<dyn Future<Output = Result<Response, E>> + Send>>;

impl<B, S> Service<Request<B>> for Counted<S>
where
    S: Service<Request<B>, Response = Response, Future: Send + 'static>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Answering<S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let begun = self.under_way.begin();
        let answer = self.service.call(request);
        Box::pin(async move {
            Ok(answer.await?.map(|body| Body::new(CountedBody { body, _begun: begun })))
        })
    }
}

struct CountedBody {
    body: Body,
    _begun: Begun,
}

impl HttpBody for CountedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

/// A connection's stream, which holds back what hyper answers by itself.
pub(super) struct Stream<S> {
    stream: S,
    under_way: UnderWay,
    /// Whether the last write was taken in part, so that the next one goes on with it.
    in_part: bool,
    refused: Option<StatusCode>,
}

impl<S> Stream<S> {
    pub(super) fn new(stream: S, under_way: UnderWay) -> Self {
        Self { stream, under_way, in_part: false, refused: None }
    }

    /// Returns the stream, and the status of a refusal that was held back.
    pub(super) fn into_parts(self) -> (S, Option<StatusCode>) {
        (self.stream, self.refused)
    }

    fn holds_back(&mut self, bytes: &[u8]) -> bool {
        if self.in_part || !self.under_way.none() {
            return false;
        }
        let refused = bare_refusal(bytes);
        self.refused = refused.or(self.refused);
        refused.is_some()
    }

    fn written(&mut self, wanted: usize, poll: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(taken)) = &poll {
            self.in_part = *taken < wanted;
        }
        poll
    }
}

/// The status, where bytes are a head alone, of an answer that says it has no body.
fn bare_refusal(bytes: &[u8]) -> Option<StatusCode> {
    let line = bytes.strip_prefix(b"HTTP/1.1 ")?;
    let status = StatusCode::from_bytes(line.get(..3)?).ok()?;
    let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    (ITS_OWN.contains(&status) && end + 4 == bytes.len() && has(b"\r\ncontent-length: 0\r\n"))
        .then_some(status)
}

impl<S: AsyncRead + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.holds_back(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let poll = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(bytes.len(), poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wanted = pieces.iter().map(|piece| piece.len()).sum();
        let mut filled = pieces.iter().filter(|piece| !piece.is_empty());
        if let (Some(alone), None) = (filled.next(), filled.next())
            && self.holds_back(alone)
        {
            return Poll::Ready(Ok(wanted));
        }
        let poll = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.written(wanted, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: &[u8] = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n\
        content-length: 0\r\ndate: Sun, 22 Nov 2026 20:00:00 GMT\r\n\r\n";

    #[tokio::test]
    async fn a_bare_refusal_is_held_back_where_no_answer_is_under_way() {
        let under_way = UnderWay::default();
        let mut stream = Stream::new(Vec::new(), under_way.clone());
        // What a file's bytes say while they are sent is its own affair.
        let begun = under_way.begin();
        stream.write_all(BARE).await.unwrap();
        drop(begun);
        assert_eq!(stream.stream, BARE);
        stream.write_all(BARE).await.unwrap();
        let (written, refused) = stream.into_parts();
        assert_eq!(written, BARE, "once");
        assert_eq!(refused, Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
    }

    #[test]
    fn answers_of_routes_are_no_bare_refusals() {
        for other in [
            &b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}"[..],
            b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
            b"HTTP/1.1 400",
            b"",
        ] {
            assert_eq!(bare_refusal(other), None);
        }
    }
}
