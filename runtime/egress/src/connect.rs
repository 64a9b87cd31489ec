//! Connections, each to an address that was vetted.
//!
//! Owns the way from a host to a connection: one resolution, the judgement of every address, and dialling
//! those that passed. A name is never resolved a second time for the same connection. Knows no grants: it
//! is told whether private addresses are allowed.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use errand_core::BoxFuture;
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::address;
use crate::dns::Resolver;
use crate::tls::Tls;

/// Addresses of a name that are dialled.
const MAX_DIALLED: usize = 8;
/// How long an address has before the next one is tried beside it (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// Which addresses a connection may lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Those of the open internet.
    Public,
    /// Those of this machine and its networks too, and the one that the host is written as.
    Private,
}

/// Why there is no connection.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum ConnectFailure {
    #[error("the name leads to no address that is allowed")]
    Private,
    #[error("{0}")]
    Dns(String),
    #[error("{0}")]
    Connect(String),
    #[error("{0}")]
    Tls(String),
}

/// What all connections have in common.
pub(crate) struct Dialler {
    pub(crate) resolver: Resolver,
    pub(crate) tls: Tls,
    /// Where an address leads in a test, which has none of the open internet.
    #[cfg(test)]
    pub(crate) instead: std::collections::HashMap<IpAddr, IpAddr>,
}

impl Dialler {
    /// Returns the addresses that a host leads to and that are allowed.
    pub(crate) async fn vetted(
        &self,
        host: &str,
        reach: Reach,
    ) -> Result<Vec<IpAddr>, ConnectFailure> {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if let Ok(address) = bare.parse::<IpAddr>() {
            // Written out, so a grant with private reach means it, whatever it is.
            let allowed = reach == Reach::Private || address::kind(address).is_none();
            return if allowed { Ok(vec![address]) } else { Err(ConnectFailure::Private) };
        }
        let mut addresses = if is_localhost(host) {
            vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
        } else {
            let found = self.resolver.addresses(host).await;
            found.map_err(|error| ConnectFailure::Dns(format!("`{host}` {error}")))?
        };
        addresses.retain(|address| match address::kind(*address) {
            None => true,
            Some(address::Kind::Private) => reach == Reach::Private,
            Some(address::Kind::Unusable) => false,
        });
        if addresses.is_empty() { Err(ConnectFailure::Private) } else { Ok(addresses) }
    }

    async fn dial(&self, addresses: &[IpAddr], port: u16) -> io::Result<TcpStream> {
        let mut addresses = alternating(addresses).into_iter().take(MAX_DIALLED).map(|address| {
            #[cfg(test)]
            let address = self.instead.get(&address).copied().unwrap_or(address);
            SocketAddr::new(address, port)
        });
        let mut attempts = JoinSet::new();
        let mut failed = io::Error::from(io::ErrorKind::AddrNotAvailable);
        let mut next = addresses.next();
        loop {
            if let Some(address) = next.take() {
                attempts.spawn(TcpStream::connect(address));
            }
            tokio::select! {
                attempt = attempts.join_next() => match attempt {
                    Some(Ok(Ok(stream))) => return Ok(stream),
                    Some(Ok(Err(error))) => {
                        failed = error;
                        next = addresses.next();
                    }
                    Some(Err(error)) => failed = io::Error::other(error),
                    None => return Err(failed),
                },
                () = tokio::time::sleep(HEAD_START), if addresses.len() > 0 => {
                    next = addresses.next();
                }
            }
        }
    }

    async fn connect(self: Arc<Self>, uri: Uri, reach: Reach) -> Result<Stream, ConnectFailure> {
        let host = uri.host().unwrap_or_default();
        let is_https = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let addresses = self.vetted(host, reach).await?;
        let stream = self.dial(&addresses, port).await.map_err(|error| {
            ConnectFailure::Connect(format!("no connection to {host}:{port}: {error}"))
        })?;
        // A request is written at once; nothing follows that it could wait for.
        let _ = stream.set_nodelay(true);
        if !is_https {
            return Ok(Stream { io: TokioIo::new(Box::new(stream)), is_http2: false });
        }
        let name = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let stream = self.tls.connect(name, stream).await.map_err(|error| {
            ConnectFailure::Tls(format!("TLS with {host}:{port} failed: {error}"))
        })?;
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok(Stream { io: TokioIo::new(Box::new(stream)), is_http2 })
    }
}

/// Tells whether a name means this machine (RFC 6761, section 6.3).
pub(crate) fn is_localhost(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost")
}

/// Returns addresses of both families in turns, in their order.
fn alternating(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let (mut v6, mut v4): (Vec<IpAddr>, Vec<IpAddr>) =
        addresses.iter().copied().rev().partition(|one| one.is_ipv6());
    let mut turns = Vec::with_capacity(addresses.len());
    let v6_first = addresses.first().is_some_and(IpAddr::is_ipv6);
    let mut v6_next = v6_first;
    while !(v6.is_empty() && v4.is_empty()) {
        turns.extend(if v6_next { v6.pop() } else { v4.pop() });
        v6_next = !v6_next;
    }
    turns
}

/// What the HTTP client calls for a connection.
#[derive(Clone)]
pub(crate) struct Connector {
    pub(crate) dialler: Arc<Dialler>,
    pub(crate) reach: Reach,
}

impl tower_service::Service<Uri> for Connector {
    type Response = Stream;
    type Error = ConnectFailure;
    type Future = BoxFuture<'static, Result<Stream, ConnectFailure>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectFailure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(Arc::clone(&self.dialler).connect(uri, self.reach))
    }
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection, in the clear or not.
pub(crate) struct Stream {
    io: TokioIo<Box<dyn Duplex>>,
    is_http2: bool,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("is_http2", &self.is_http2).finish_non_exhaustive()
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        let connected = Connected::new();
        if self.is_http2 { connected.negotiated_h2() } else { connected }
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, buffers)
    }
}
