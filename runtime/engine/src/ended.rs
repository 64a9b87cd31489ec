//! How a run is ended from the host's side, and what the end of a run means for its task.

use errand_core::{ErrorCode, Failure, InterruptReason, Outcome};
use errand_workspace::{Exceeded, Refused};
use serde_json::json;
use wasmtime::component::ResourceTableError;
use wasmtime::{GcHeapOutOfMemory, Trap};
use wasmtime_wasi::I32Exit;
use wasmtime_wasi_http::FieldMapError;

use crate::config::{COMPONENT_HANDLES, HOST_CALL_BYTES, HTTP_FIELDS_BYTES, MAX_HANDLES};

/// Why a run ends that the host can't give room.
pub(crate) const DISK_FULL: &str = "the host's disk is full; nothing is wrong with the task";

/// Raised in a host call to end the run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Ended {
    /// A bound was met.
    #[error("the task's {limit} of {value} is used up")]
    Bound {
        /// What the failure is called.
        code: ErrorCode,
        /// The bound's name.
        limit: &'static str,
        /// Its value.
        value: u64,
    },
    /// The host wants the run to end.
    #[error("the run was stopped")]
    Stopped,
    /// The guest saved its state, and goes on in another run.
    #[error("the guest saved its state")]
    Saved,
    /// A repeated run did something else than the one before it.
    #[error("{0}")]
    Nondeterminism(Box<Mismatch>),
    /// Something is wrong on this side; another attempt may pass.
    #[error("{0}")]
    Host(String),
}

/// Where a repeated run left the path of the one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mismatch {
    /// The call's number.
    pub(crate) ordinal: u64,
    /// The call that was made before, with its arguments.
    pub(crate) expected: String,
    /// The one that was made now; nothing where the guest ended instead.
    pub(crate) got: Option<String>,
    /// The engine that ran it before, where it is another one.
    pub(crate) other_engine: Option<String>,
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { ordinal, expected, got, other_engine } = self;
        write!(f, "host call {ordinal} was {expected} in an earlier run, and ")?;
        match got {
            Some(got) => write!(f, "{got} when it was repeated")?,
            None => write!(f, "the repeated run ended without it")?,
        }
        match other_engine {
            Some(engine) => write!(f, "; the earlier run was under another engine ({engine})"),
            None => Ok(()),
        }
    }
}

impl From<Refused> for Ended {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Exceeded(exceeded) => exceeded.into(),
            Refused::DiskFull => Self::disk_full(),
        }
    }
}

impl From<Exceeded> for Ended {
    fn from(exceeded: Exceeded) -> Self {
        Self::Bound {
            code: ErrorCode::WorkspaceLimit,
            limit: exceeded.limit,
            value: exceeded.value,
        }
    }
}

impl From<errand_core::Stopped> for Ended {
    fn from(_: errand_core::Stopped) -> Self {
        Self::Stopped
    }
}

impl Ended {
    pub(crate) fn bound(code: ErrorCode, limit: &'static str, value: u64) -> Self {
        Self::Bound { code, limit, value }
    }

    pub(crate) fn disk_full() -> Self {
        Self::Host(DISK_FULL.into())
    }

    /// Tells whether an error is of the host's disk and no answer for a guest.
    pub(crate) fn of_the_host(error: &std::io::Error) -> Option<Self> {
        use std::io::ErrorKind;
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Some(Self::disk_full()),
            _ if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => {
                Some(Self::Host(format!("the host's disk failed: {error}")))
            }
            _ => None,
        }
    }

    pub(crate) fn into_outcome(self) -> Outcome {
        match self {
            // The scheduler stopped it and knows why; what is said here is not recorded.
            Self::Stopped => Outcome::Interrupted(InterruptReason::Lease),
            Self::Saved => {
                Self::Host("its state was saved where it can't be".into()).into_outcome()
            }
            Self::Nondeterminism(mismatch) => Outcome::Failed(Failure {
                code: ErrorCode::Nondeterminism,
                message: mismatch.to_string(),
                detail: Some(json!({
                    "ordinal": mismatch.ordinal,
                    "expected": mismatch.expected,
                    "got": mismatch.got,
                    "other_engine": mismatch.other_engine,
                })),
                retryable: false,
            }),
            Self::Host(message) => Outcome::Failed(Failure {
                code: ErrorCode::Internal,
                message,
                detail: None,
                retryable: true,
            }),
            Self::Bound { code, limit, value } => Outcome::Failed(Failure {
                code,
                message: bound_message(limit, value),
                detail: Some(json!({ "limit": limit, "value": value })),
                retryable: false,
            }),
        }
    }
}

fn bound_message(limit: &str, value: u64) -> String {
    match limit {
        "fuel" => format!("it used up its {} units of fuel", grouped(value)),
        "timeout_ms" => format!("it ran longer than its {} ms", grouped(value)),
        "memory_bytes" => format!("it asked for more than its {} of memory", size(value)),
        "output_bytes" => format!("it wrote more than its {} of output", size(value)),
        "workspace_bytes" => format!("its workspace grew over {}", size(value)),
        "workspace_files" => format!("its workspace grew over {} files", grouped(value)),
        "open_files" => format!("it held more than {} files open", grouped(value)),
        "handles" | "component_handles" => {
            format!("it held more than {} handles", grouped(value))
        }
        "journal_calls" => format!("it made more than {} calls that are kept", grouped(value)),
        "journal_bytes" => format!("it was answered more than {}", size(value)),
        "host_call_bytes" => format!("it passed more than {} in one call", size(value)),
        _ => format!("it went over its limit {limit} of {value}"),
    }
}

/// Writes a size as a person gave it, where it is a round one.
fn size(bytes: u64) -> String {
    for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] {
        if bytes > 0 && bytes.is_multiple_of(1 << shift) {
            return format!("{} {unit}", bytes >> shift);
        }
    }
    format!("{} bytes", grouped(bytes))
}

/// Writes a number with its digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Says how a run ended whose guest raised an error.
pub(crate) fn outcome_of(error: &wasmtime::Error, limits: &errand_core::Limits) -> Outcome {
    if let Some(ended) = error.downcast_ref::<Ended>() {
        return ended.clone().into_outcome();
    }
    if let Some(ended) = bound_of_the_runtime(error, limits) {
        return ended.into_outcome();
    }
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return Outcome::Failed(Failure {
            code: ErrorCode::ExecutorFailed,
            message: format!("it exited with code {} instead of answering", exit.0),
            detail: Some(json!({ "exit_code": exit.0 })),
            retryable: false,
        });
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => {
            Ended::bound(ErrorCode::FuelExhausted, "fuel", limits.fuel).into_outcome()
        }
        Some(trap) => Outcome::Failed(Failure {
            code: ErrorCode::Trap,
            message: trap.to_string(),
            detail: Some(json!({ "backtrace": backtrace(error) })),
            retryable: false,
        }),
        None => Outcome::Failed(Failure {
            code: ErrorCode::Trap,
            message: error.root_cause().to_string(),
            detail: Some(json!({ "backtrace": backtrace(error) })),
            retryable: false,
        }),
    }
}

/// Tells which bound was met that wasmtime keeps, and says in words of its own.
fn bound_of_the_runtime(error: &wasmtime::Error, limits: &errand_core::Limits) -> Option<Ended> {
    let memory = |limit, value| Some(Ended::bound(ErrorCode::MemoryLimit, limit, value));
    if let Some(ResourceTableError::Full) = error.downcast_ref() {
        return memory("handles", MAX_HANDLES as u64);
    }
    let too_large = matches!(error.downcast_ref(), Some(Trap::AllocationTooLarge));
    if too_large || error.is::<GcHeapOutOfMemory<()>>() {
        return memory("memory_bytes", limits.memory_bytes);
    }
    if let Some(FieldMapError::TotalSizeTooBig | FieldMapError::TooManyFields) =
        error.downcast_ref()
    {
        return memory("http_fields_bytes", HTTP_FIELDS_BYTES as u64);
    }
    if is_too_much_at_once(error) {
        return memory("host_call_bytes", HOST_CALL_BYTES as u64);
    }
    // Nor has this a type that could be asked for.
    if error.root_cause().to_string().ends_with("store handle limit exceeded") {
        return memory("component_handles", COMPONENT_HANDLES as u64);
    }
    None
}

/// Tells whether a call passed more than [`HOST_CALL_BYTES`]. Wasmtime's error for it is private; the
/// hostile corpus meets it, so that another wording is noticed.
pub(crate) fn is_too_much_at_once(error: &wasmtime::Error) -> bool {
    error.root_cause().to_string().ends_with("fuel allocated for hostcalls has been exhausted")
}

/// The guest's frames, innermost first, at most 64.
fn backtrace(error: &wasmtime::Error) -> Vec<String> {
    const FRAMES: usize = 64;
    let Some(backtrace) = error.downcast_ref::<wasmtime::WasmBacktrace>() else {
        return Vec::new();
    };
    backtrace
        .frames()
        .iter()
        .take(FRAMES)
        .map(|frame| match (frame.func_name(), frame.func_offset()) {
            (Some(name), _) => shortened(name),
            (None, Some(offset)) => format!("function {} at {offset:#x}", frame.func_index()),
            (None, None) => format!("function {}", frame.func_index()),
        })
        .collect()
}

/// Mangled names of generic functions can be very long.
fn shortened(name: &str) -> String {
    const CHARS: usize = 256;
    name.chars().take(CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_said_in_units_that_people_read() {
        assert_eq!(
            bound_message("memory_bytes", 64 << 20),
            "it asked for more than its 64 MiB of memory"
        );
        assert_eq!(
            bound_message("fuel", 1_000_000_000),
            "it used up its 1,000,000,000 units of fuel"
        );
        assert_eq!(bound_message("workspace_bytes", 1_001), "its workspace grew over 1,001 bytes");
    }
}
