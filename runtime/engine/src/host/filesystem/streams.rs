//! Streams on files of the workspace: what is written is counted, and both sides hold the file open in
//! the account.
//!
//! Files are read and written where the guest runs: handing each piece to another thread would cost
//! more than it does.

use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use errand_workspace::OpenFile;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

use crate::ended::Ended;
use crate::fuel::FuelGauge;

use super::faces::Faces;
use super::handles::OpenHandle;

/// What is read or written in one call at the most.
const CHUNK_BYTES: usize = 64 << 10;

/// A stream that reads a file.
pub(super) struct FileInput {
    file: Arc<std::fs::File>,
    at: u64,
    _counted: Counted,
    fuel: FuelGauge,
}

/// What counts a file as open: in the workspace's account and in the run's.
pub(super) type Counted = (Option<OpenFile>, Option<Arc<OpenHandle>>);

impl FileInput {
    pub(super) fn new(
        file: Arc<std::fs::File>,
        at: u64,
        counted: Counted,
        fuel: FuelGauge,
    ) -> Self {
        Self { file, at, _counted: counted, fuel }
    }
}

impl InputStream for FileInput {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if size == 0 {
            return Ok(Bytes::new());
        }
        let mut bytes = BytesMut::zeroed(size.min(CHUNK_BYTES));
        let read = retried(|| self.file.read_at(&mut bytes, self.at))?;
        if read == 0 {
            return Err(StreamError::Closed);
        }
        self.fuel.charge_bytes(read as u64).map_err(trap)?;
        self.at += read as u64;
        bytes.truncate(read);
        Ok(bytes.freeze())
    }
}

#[async_trait]
impl Pollable for FileInput {
    async fn ready(&mut self) {}
}

/// A stream that writes a file.
pub(super) struct FileOutput {
    file: Arc<std::fs::File>,
    open: OpenFile,
    _held: Option<Arc<OpenHandle>>,
    /// Where the next byte goes; nothing: at the end.
    at: Option<u64>,
    faces: Faces,
    fuel: FuelGauge,
}

impl FileOutput {
    pub(super) fn new(
        file: Arc<std::fs::File>,
        open: OpenFile,
        held: Option<Arc<OpenHandle>>,
        at: Option<u64>,
        (faces, fuel): (Faces, FuelGauge),
    ) -> Self {
        Self { file, open, _held: held, at, faces, fuel }
    }
}

impl OutputStream for FileOutput {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let length = bytes.len() as u64;
        self.fuel.charge_bytes(length).map_err(trap)?;
        let size = retried(|| self.file.metadata())?.len();
        let at = self.at.unwrap_or(size);
        let end = at.saturating_add(length);
        self.open.resize(size, end.max(size)).map_err(|exceeded| trap(exceeded.into()))?;
        self.faces.written(self.open.file());
        if let Err(error) = self.file.write_all_at(&bytes, at) {
            return Err(failed(error));
        }
        if self.at.is_some() {
            self.at = Some(end);
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(CHUNK_BYTES)
    }
}

#[async_trait]
impl Pollable for FileOutput {
    async fn ready(&mut self) {}
}

/// Calls again what a signal interrupted.
fn retried<T>(mut call: impl FnMut() -> io::Result<T>) -> StreamResult<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other.map_err(failed),
        }
    }
}

/// What the host can't do now ends the run: it is no answer that the guest could get again in a replay.
fn failed(error: io::Error) -> StreamError {
    match Ended::of_the_host(&error) {
        Some(ended) => trap(ended),
        None => StreamError::LastOperationFailed(error.into()),
    }
}

fn trap(ended: Ended) -> StreamError {
    StreamError::Trap(ended.into())
}
