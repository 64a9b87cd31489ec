//! Standard input, output and error: streamed to the host as the guest writes, counted, and for
//! programs also captured.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll};

use bytes::Bytes;
use errand_core::{ErrorCode, Level, RunHost, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdinStream, StdoutStream};
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::p2::{
    DynInputStream, InputStream, OutputStream, Pollable, StreamError, StreamResult,
};

use crate::ended::Ended;
use crate::fuel::FuelGauge;
use crate::veil::Veiled;

/// What a guest may write in one call.
const CHUNK_BYTES: usize = 64 << 10;

/// What a guest reads from standard input.
#[derive(Clone)]
pub(crate) enum Input {
    /// These bytes.
    Bytes(Bytes),
    /// What this process reads, as it comes: for a local run.
    Inherited(FuelGauge),
}

impl IsTerminal for Input {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdinStream for Input {
    fn p2_stream(&self) -> Box<dyn InputStream> {
        match self {
            Self::Bytes(bytes) => Box::new(MemoryInputPipe::new(bytes.clone())),
            Self::Inherited(fuel) => {
                let inner = wasmtime_wasi::cli::stdin().p2_stream();
                Box::new(Reader { inner, fuel: fuel.clone() })
            }
        }
    }

    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        Box::new(Unused)
    }
}

/// Reads standard input, and marks that the guest waits meanwhile.
struct Reader {
    inner: DynInputStream,
    fuel: FuelGauge,
}

#[async_trait]
impl InputStream for Reader {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        self.inner.read(size)
    }

    async fn cancel(&mut self) {
        self.inner.cancel().await;
    }
}

#[async_trait]
impl Pollable for Reader {
    async fn ready(&mut self) {
        let _waiting = self.fuel.waiting();
        self.inner.ready().await;
    }
}

/// The output of one run. Clones share it.
#[derive(Clone)]
pub(crate) struct Stdio(Arc<Shared>);

struct Shared {
    host: Arc<dyn RunHost>,
    veiled: Veiled,
    fuel: FuelGauge,
    limit_bytes: u64,
    written_bytes: AtomicU64,
    streams: [Mutex<Buffers>; 2],
    capture: bool,
    /// Why a hand-over failed, to be raised at the next call, or at the end.
    ended: OnceLock<Ended>,
}

#[derive(Default)]
struct Buffers {
    /// Written by the guest and not yet taken by the host.
    pending: Vec<u8>,
    /// All that was written, where it is captured.
    captured: Vec<u8>,
}

impl Stdio {
    pub(crate) fn new(
        (host, veiled): (Arc<dyn RunHost>, Veiled),
        fuel: FuelGauge,
        limit_bytes: u64,
        capture: bool,
    ) -> Self {
        let streams = [Mutex::default(), Mutex::default()];
        Self(Arc::new(Shared {
            host,
            veiled,
            fuel,
            limit_bytes,
            written_bytes: AtomicU64::new(0),
            streams,
            capture,
            ended: OnceLock::new(),
        }))
    }

    pub(crate) fn stdout(&self) -> Output {
        Output { stdio: self.clone(), stream: Stream::Stdout }
    }

    pub(crate) fn stderr(&self) -> Output {
        Output { stdio: self.clone(), stream: Stream::Stderr }
    }

    /// Counts bytes of output, and ends the run where they are too many.
    pub(crate) fn count(&self, bytes: u64) -> Result<(), Ended> {
        let before = self.0.written_bytes.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.0.limit_bytes {
            return Err(Ended::bound(ErrorCode::OutputLimit, "output_bytes", self.0.limit_bytes));
        }
        Ok(())
    }

    /// Goes on where a checkpoint was taken.
    pub(crate) fn restore(&self, written_bytes: u64) {
        self.0.written_bytes.store(written_bytes, Ordering::Relaxed);
    }

    /// Returns how many bytes were written.
    pub(crate) fn written_bytes(&self) -> u64 {
        self.0.written_bytes.load(Ordering::Relaxed)
    }

    /// Hands the host what is still pending.
    pub(crate) async fn flush(&self) -> Result<(), Ended> {
        for stream in [Stream::Stdout, Stream::Stderr] {
            self.drain(stream).await?;
        }
        self.raise()
    }

    /// Takes what was captured of standard output and standard error.
    pub(crate) fn take_captured(&self) -> (Vec<u8>, Vec<u8>) {
        let take = |stream| std::mem::take(&mut self.buffers(stream).captured);
        (take(Stream::Stdout), take(Stream::Stderr))
    }

    fn write(&self, stream: Stream, bytes: &[u8]) -> Result<(), Ended> {
        self.0.fuel.charge_bytes(bytes.len() as u64)?;
        let counted = self.count(bytes.len() as u64);
        let mut buffers = self.buffers(stream);
        if counted.is_ok() {
            buffers.pending.extend_from_slice(bytes);
            if self.0.capture {
                buffers.captured.extend_from_slice(bytes);
            }
        }
        counted
    }

    async fn drain(&self, stream: Stream) -> Result<(), Ended> {
        let pending = std::mem::take(&mut self.buffers(stream).pending);
        if pending.is_empty() {
            return Ok(());
        }
        let level = if stream == Stream::Stderr { Level::Warn } else { Level::Info };
        let _waiting = self.0.fuel.waiting();
        Ok(self.0.host.write(stream, level, self.0.veiled.bytes(pending)).await?)
    }

    fn raise(&self) -> Result<(), Ended> {
        self.0.ended.get().map_or(Ok(()), |ended| Err(ended.clone()))
    }

    fn buffers(&self, stream: Stream) -> std::sync::MutexGuard<'_, Buffers> {
        let index = usize::from(stream == Stream::Stderr);
        self.0.streams[index].lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

/// One of the two output streams.
#[derive(Clone)]
pub(crate) struct Output {
    stdio: Stdio,
    stream: Stream,
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(Writer { output: self.clone() })
    }

    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(Unused)
    }
}

struct Writer {
    output: Output,
}

impl OutputStream for Writer {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.output
            .stdio
            .write(self.output.stream, &bytes)
            .map_err(|ended| StreamError::Trap(ended.into()))
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.raise()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.raise()?;
        let pending = self.output.stdio.buffers(self.output.stream).pending.len();
        Ok(CHUNK_BYTES.saturating_sub(pending))
    }
}

impl Writer {
    fn raise(&self) -> StreamResult<()> {
        self.output.stdio.raise().map_err(|ended| StreamError::Trap(ended.into()))
    }
}

#[async_trait]
impl Pollable for Writer {
    async fn ready(&mut self) {
        if let Err(ended) = self.output.stdio.drain(self.output.stream).await {
            // The first reason holds.
            let _ = self.output.stdio.0.ended.set(ended);
        }
    }
}

/// The side of the standard streams that only WASI 0.3 uses, which is not linked.
struct Unused;

impl AsyncRead for Unused {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }
}

impl AsyncWrite for Unused {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
