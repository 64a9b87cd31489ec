//! What comes back.

use crate::bindings::wasi::http::types::{IncomingBody, IncomingResponse};
use crate::bindings::wasi::io::streams::{InputStream, StreamError};
use crate::fault::{Fault, Reason};

/// What is read at once.
const READ_BYTES: u64 = 64 * 1024;

/// An answer, of any status. The host has all of it, so that reading waits for nobody.
#[derive(Debug)]
pub struct Response {
    host: String,
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    // In the order in which they are let go of: each needs the next.
    stream: InputStream,
    _body: IncomingBody,
    _response: IncomingResponse,
}

impl Response {
    pub(crate) fn new(host: String, response: IncomingResponse) -> Result<Self, Fault> {
        let status = response.status();
        let headers = response.headers().entries();
        let unread = |()| Fault::new(Reason::Unknown, format!("{host}: its answer can't be read"));
        let body = response.consume().map_err(unread)?;
        let stream = body.stream().map_err(unread)?;
        Ok(Self { host, status, headers, stream, _body: body, _response: response })
    }

    /// Returns its status code.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Returns a header's first value, by its lower-case name, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok().map(str::trim)
    }

    /// Returns its headers, in the order in which they came.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// Returns the next piece of its body, or nothing at the end.
    ///
    /// # Errors
    /// Where the host can't give it.
    pub fn piece(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        match self.stream.blocking_read(READ_BYTES) {
            Ok(piece) => Ok(Some(piece)),
            Err(StreamError::Closed) => Ok(None),
            Err(StreamError::LastOperationFailed(error)) => Err(Fault::new(
                Reason::Unknown,
                format!("{}: {}", self.host, error.to_debug_string()),
            )),
        }
    }

    /// Returns what is left of its body, `max_bytes` of it at most.
    ///
    /// # Errors
    /// Where the host can't give it.
    pub fn rest(&mut self, max_bytes: usize) -> Result<Vec<u8>, Fault> {
        let mut rest = Vec::new();
        while rest.len() < max_bytes
            && let Some(piece) = self.piece()?
        {
            rest.extend(piece);
        }
        rest.truncate(max_bytes);
        Ok(rest)
    }
}
