//! Accepting connections: HTTP/1.1, with or without TLS, bounded in number, time and buffers.
//!
//! Knows connections and nothing of what is asked over them. Ends when its token is cancelled: no
//! further connections, idle ones closed, requests under way given a moment.

mod refusals;
mod tls;

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use http::StatusCode;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use refusals::{Counted, Stream, UnderWay};
pub use tls::{Tls, TlsError};

/// Bytes of one request's line and headers together.
const MAX_HEADER_BYTES: usize = 32 << 10;
/// Bytes buffered for one connection in each direction, so that all of them stay within tens of MB.
const CONNECTION_BUFFER_BYTES: usize = 64 << 10;
/// The wait after an `accept` that failed for want of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long a client that was answered may go on sending, in all and between two pieces.
const LINGER: Duration = Duration::from_secs(10);
const LINGER_IDLE: Duration = Duration::from_secs(1);
const LINGER_BUFFER_BYTES: usize = 16 << 10;

/// How connections are accepted.
#[derive(Clone)]
pub struct ServeOptions {
    /// The certificate, where the server itself speaks TLS.
    pub tls: Option<Tls>,
    /// Connections at a time; further ones wait in the listener's backlog. The default stays below the
    /// usual limit of 1,024 open files, with room for the store.
    pub max_connections: usize,
    /// How long a connection may take for a TLS handshake or a request's headers, or stay idle.
    pub header_timeout: Duration,
    /// How long a client may take no bytes of an answer before it is dropped.
    pub write_timeout: Duration,
    /// How long requests under way may go on after the server was told to stop.
    pub drain: Duration,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            tls: None,
            max_connections: 768,
            header_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            drain: Duration::from_secs(5),
        }
    }
}

/// Serves a router until the token is cancelled and the connections are gone.
///
/// # Errors
/// When the listener can't accept any more.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    options: ServeOptions,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let slots = std::sync::Arc::new(Semaphore::new(options.max_connections));
    let connections = TaskTracker::new();
    let cut_off = CancellationToken::new();
    let result = loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break Ok(()),
            accepted = accept(&listener, &slots) => accepted,
        };
        let (stream, slot) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => break Err(error),
        };
        let connection = Connection {
            router: router.clone(),
            options: options.clone(),
            shutdown: shutdown.clone(),
            _slot: slot,
        };
        let cut_off = cut_off.clone();
        connections.spawn(async move {
            tokio::select! {
                () = cut_off.cancelled() => {}
                () = connection.run(stream) => {}
            }
        });
    };
    drop(listener);
    connections.close();
    if tokio::time::timeout(options.drain, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "connections are cut off at the stop");
        cut_off.cancel();
        connections.wait().await;
    }
    result
}

/// Waits for room, then for a connection. Errors of a single connection are passed over.
async fn accept(
    listener: &TcpListener,
    slots: &std::sync::Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let slot = slots.clone().acquire_owned().await.map_err(io::Error::other)?;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are written whole; waiting to fill packets only delays them.
                let _ = stream.set_nodelay(true);
                return Ok((stream, slot));
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "failed to accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

struct Connection {
    router: Router,
    options: ServeOptions,
    shutdown: CancellationToken,
    _slot: OwnedSemaphorePermit,
}

impl Connection {
    async fn run(self, stream: TcpStream) {
        let Some(tls) = self.options.tls.clone() else { return self.speak(stream).await };
        let handshake = tokio::time::timeout(self.options.header_timeout, tls.accept(stream));
        match handshake.await {
            Ok(Ok(stream)) => self.speak(stream).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        }
    }

    async fn speak(self, stream: impl AsyncRead + AsyncWrite) {
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.options.write_timeout));
        let pinned = pin!(stream);
        let under_way = UnderWay::default();
        let stream = Stream::new(pinned, under_way.clone());
        let service = Counted { service: self.router, under_way };
        let mut connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.options.header_timeout)
            .max_header_size(MAX_HEADER_BYTES)
            .max_buf_size(CONNECTION_BUFFER_BYTES)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let ended = tokio::select! {
            ended = poll_fn(|context| connection.poll_without_shutdown(context)) => ended,
            () = self.shutdown.cancelled() => {
                std::pin::Pin::new(&mut connection).graceful_shutdown();
                poll_fn(|context| connection.poll_without_shutdown(context)).await
            }
        };
        let late = ended.as_ref().is_err_and(hyper::Error::is_timeout);
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
        let parts = connection.into_parts();
        let (mut stream, refused) = parts.io.into_inner().into_parts();
        // Silence before a request is no request that is late.
        let late_head = (late && !parts.read_buf.is_empty()).then_some(StatusCode::REQUEST_TIMEOUT);
        if let Some(status) = refused.or(late_head) {
            // Whoever sends what is no request may not read either.
            let _ = refusals::answer(status, &mut stream).await;
        }
        if !late || late_head.is_some() {
            tokio::select! {
                () = self.shutdown.cancelled() => {}
                () = linger(stream) => {}
            }
        }
    }
}

/// Closes for writing, and reads on a little.
///
/// A client that is refused in the middle of its body still sends. Closing on it would reset the
/// connection, and it would never read why it was refused.
async fn linger(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let discard = async {
        stream.shutdown().await?;
        let mut sink = vec![0; LINGER_BUFFER_BYTES];
        while tokio::time::timeout(LINGER_IDLE, stream.read(&mut sink)).await?? > 0 {}
        io::Result::Ok(())
    };
    // Whichever way it ends, it ends.
    let _ = tokio::time::timeout(LINGER, discard).await;
}
