//! Streams on files of the workspace: what is written is counted, and both sides hold the file open in
//! the account.

use std::sync::Arc;

use bytes::Bytes;
use errand_workspace::OpenFile;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, InputStream, OutputStream, Pollable, StreamError, StreamResult,
};

use crate::ended::Ended;
use crate::fuel::FuelGauge;

/// A stream that reads a file, or standard input.
pub(crate) struct HeldInput {
    inner: DynInputStream,
    _open: Option<OpenFile>,
    fuel: FuelGauge,
}

impl HeldInput {
    pub(crate) fn new(inner: DynInputStream, open: Option<OpenFile>, fuel: FuelGauge) -> Self {
        Self { inner, _open: open, fuel }
    }

    fn charge(&self, bytes: Bytes) -> StreamResult<Bytes> {
        self.fuel.charge_bytes(bytes.len() as u64).map_err(trap)?;
        Ok(bytes)
    }
}

#[async_trait]
impl InputStream for HeldInput {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let bytes = self.inner.read(size)?;
        self.charge(bytes)
    }

    async fn blocking_read(&mut self, size: usize) -> StreamResult<Bytes> {
        let _waiting = self.fuel.waiting();
        let bytes = self.inner.blocking_read(size).await?;
        self.charge(bytes)
    }

    async fn cancel(&mut self) {
        self.inner.cancel().await;
    }
}

#[async_trait]
impl Pollable for HeldInput {
    async fn ready(&mut self) {
        let _waiting = self.fuel.waiting();
        self.inner.ready().await;
    }
}

/// A stream that writes a file.
pub(super) struct CountedOutput {
    inner: DynOutputStream,
    file: Arc<std::fs::File>,
    open: OpenFile,
    /// Where the next byte goes; nothing: at the end.
    at: Option<u64>,
    fuel: FuelGauge,
}

impl CountedOutput {
    pub(super) fn new(
        inner: DynOutputStream,
        file: Arc<std::fs::File>,
        open: OpenFile,
        at: Option<u64>,
        fuel: FuelGauge,
    ) -> Self {
        Self { inner, file, open, at, fuel }
    }

    /// Counts so many bytes before they are written.
    fn count(&mut self, bytes: u64) -> StreamResult<()> {
        self.fuel.charge_bytes(bytes).map_err(trap)?;
        let size = self
            .file
            .metadata()
            .map_err(|error| StreamError::LastOperationFailed(error.into()))?
            .len();
        let end = self.at.unwrap_or(size).saturating_add(bytes);
        self.open.resize(size, end.max(size)).map_err(|exceeded| trap(exceeded.into()))?;
        if self.at.is_some() {
            self.at = Some(end);
        }
        Ok(())
    }
}

#[async_trait]
impl OutputStream for CountedOutput {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.count(bytes.len() as u64)?;
        self.inner.write(bytes)
    }

    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.count(bytes.len() as u64)?;
        self.inner.blocking_write_and_flush(bytes).await
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.inner.flush()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.inner.check_write()
    }

    async fn cancel(&mut self) {
        self.inner.cancel().await;
    }
}

#[async_trait]
impl Pollable for CountedOutput {
    async fn ready(&mut self) {
        let _waiting = self.fuel.waiting();
        self.inner.ready().await;
    }
}

fn trap(ended: Ended) -> StreamError {
    StreamError::Trap(ended.into())
}
