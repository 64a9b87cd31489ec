//! What a compiling child may use, and what its death says.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use errand_core::AdmissionError;
use rustix::process::{Resource, Rlimit, setrlimit};

use super::Answer;

/// Memory that a child may write to. CPython takes about 1.5 GB.
const MEMORY_BYTES: u64 = 3 << 30;
/// Processor time of a child, over all cores.
const CPU_S: u64 = 240;
/// The largest file that a child may write.
const FILE_BYTES: u64 = 2 << 30;

/// Limits this process for good.
pub(super) fn limit_this_process() -> Result<(), String> {
    let limit = |resource, value| {
        let both = Rlimit { current: Some(value), maximum: Some(value) };
        setrlimit(resource, both).map_err(|error| format!("limit a compiler: {error}"))
    };
    limit(Resource::Data, MEMORY_BYTES)?;
    limit(Resource::Cpu, CPU_S)?;
    limit(Resource::Fsize, FILE_BYTES)?;
    limit(Resource::Core, 0)
}

/// Says what a child died of that answered nothing.
pub(super) fn explain(status: ExitStatus) -> Result<Answer, AdmissionError> {
    const SIGABRT: i32 = 6;
    const SIGKILL: i32 = 9;
    const SIGSEGV: i32 = 11;
    const SIGXCPU: i32 = 24;
    const SIGXFSZ: i32 = 25;
    let why = match status.signal() {
        // Rust aborts a process whose stack overflows as it does one that gets no memory.
        Some(SIGABRT) => {
            let memory_mib = MEMORY_BYTES >> 20;
            format!(
                "compiling it took more than {memory_mib} MiB of memory, or overflowed the stack"
            )
        }
        Some(SIGKILL) => {
            format!("compiling it took more than {} MiB of memory", MEMORY_BYTES >> 20)
        }
        Some(SIGXCPU) => format!("compiling it took more than {CPU_S} s of processor time"),
        Some(SIGXFSZ) => format!("its compiled form is larger than {} MiB", FILE_BYTES >> 20),
        Some(SIGSEGV) => "compiling it overflowed the stack".to_owned(),
        _ => {
            return Err(AdmissionError::Internal(format!("the compiler ended with {status}")));
        }
    };
    Ok(Answer::Refused(why))
}
