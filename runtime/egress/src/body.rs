//! Bodies of responses on their way to a guest: unpacked, counted, without secrets.
//!
//! Owns the order of these steps and their bounds. Holds one piece of what came and one of what it became.

use std::time::Duration;

use bytes::Bytes;
use errand_core::{BoxFuture, OutgoingBody, OutgoingError};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::coding::Decoder;
use crate::failure;
use crate::veil;

/// The body of a response.
pub(crate) struct Body {
    pub(crate) incoming: Incoming,
    pub(crate) decoder: Option<Decoder>,
    pub(crate) veil: Option<veil::Stream>,
    /// What came and is not yet unpacked.
    pub(crate) packed: Bytes,
    pub(crate) state: State,
    pub(crate) bounds: Bounds,
    /// Bytes that came, and bytes that the guest is given.
    pub(crate) came: u64,
    pub(crate) given: u64,
    /// Whose timers are used: the body may be read on another runtime than the connection's.
    pub(crate) runtime: Handle,
    pub(crate) _permit: OwnedSemaphorePermit,
}

/// How much and how long.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) bytes: u64,
    pub(crate) between_bytes_ms: u64,
    pub(crate) total_ms: u64,
    pub(crate) deadline: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Coming,
    /// All came; what is held back is still to be said.
    Came,
    Done,
}

impl OutgoingBody for Body {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, OutgoingError>> {
        Box::pin(async {
            let next = self.next_piece().await;
            if next.is_err() {
                self.state = State::Done;
            }
            next
        })
    }
}

impl Body {
    async fn next_piece(&mut self) -> Result<Option<Bytes>, OutgoingError> {
        loop {
            let piece = match self.state {
                State::Done => return Ok(None),
                _ if self.decoder.is_some() => self.unpack().await?,
                _ => self.receive().await?,
            };
            let piece = match (piece, &mut self.veil) {
                (Some(piece), Some(veil)) => Bytes::from(veil.push(&piece)),
                (Some(piece), None) => piece,
                (None, veil) => {
                    self.state = State::Done;
                    Bytes::from(veil.as_mut().map(veil::Stream::finish).unwrap_or_default())
                }
            };
            if !piece.is_empty() {
                self.given += length(&piece);
                self.check(self.given)?;
                return Ok(Some(piece));
            }
        }
    }

    /// Returns the next piece of what was packed; nothing at the end.
    async fn unpack(&mut self) -> Result<Option<Bytes>, OutgoingError> {
        loop {
            let Some(decoder) = &mut self.decoder else { return Ok(None) };
            let broken = |error: crate::coding::BadCoding| OutgoingError::Broken(error.to_string());
            let piece = decoder.decode(&mut self.packed).map_err(broken)?;
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
            match self.receive().await? {
                Some(packed) => self.packed = packed,
                None => {
                    let Some(decoder) = &self.decoder else { return Ok(None) };
                    return decoder.finish().map(|()| None).map_err(broken);
                }
            }
        }
    }

    /// Returns the next piece of what comes; nothing at the end.
    async fn receive(&mut self) -> Result<Option<Bytes>, OutgoingError> {
        let Bounds { between_bytes_ms, total_ms, deadline, .. } = self.bounds;
        while self.state == State::Coming {
            let between = Instant::now() + Duration::from_millis(between_bytes_ms);
            let frame = {
                let timer = {
                    let _runtime = self.runtime.enter();
                    tokio::time::sleep_until(between.min(deadline))
                };
                tokio::select! {
                    biased;
                    frame = self.incoming.frame() => frame,
                    () = timer => return Err(if deadline <= between {
                        OutgoingError::Timeout { what: "the whole response", after_ms: total_ms }
                    } else {
                        let what = "the next piece of the response";
                        OutgoingError::Timeout { what, after_ms: between_bytes_ms }
                    }),
                }
            };
            match frame {
                None => self.state = State::Came,
                Some(Err(error)) => return Err(failure::of_body(&error)),
                // Trailers are not for guests.
                Some(Ok(frame)) => {
                    if let Ok(piece) = frame.into_data() {
                        self.came += length(&piece);
                        // Also what unpacks to nothing must end.
                        self.check(self.came)?;
                        if !piece.is_empty() {
                            return Ok(Some(piece));
                        }
                    }
                }
            }
            if self.state == State::Coming && Instant::now() >= deadline {
                return Err(OutgoingError::Timeout {
                    what: "the whole response",
                    after_ms: total_ms,
                });
            }
        }
        Ok(None)
    }

    fn check(&self, bytes: u64) -> Result<(), OutgoingError> {
        if bytes <= self.bounds.bytes {
            return Ok(());
        }
        Err(OutgoingError::Limit { name: "max_response_bytes", value: self.bounds.bytes })
    }
}

fn length(piece: &Bytes) -> u64 {
    u64::try_from(piece.len()).unwrap_or(u64::MAX)
}
