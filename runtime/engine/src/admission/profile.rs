//! Profiles of admitted executors, as files beside their compiled form.

use std::path::{Path, PathBuf};

use errand_core::{Digest, ExecutorProfile};
use serde::{Deserialize, Serialize};

use crate::compiled::{self, Seal};

/// What is kept beside a compiled component.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) profile: ExecutorProfile,
    /// What the compiled file must be.
    pub(crate) compiled: Seal,
}

pub(crate) fn path(compiled: &Path) -> PathBuf {
    compiled.with_extension("json")
}

/// Returns the profile of a wasm that was admitted and is still there in its compiled form, as large as
/// that was.
pub(crate) fn read(compiled: &Path) -> Option<ExecutorProfile> {
    kept(compiled).filter(|kept| kept.compiled.fits_size(compiled)).map(|kept| kept.profile)
}

/// Returns what is kept beside a compiled file; nothing where that is missing or not whole.
pub(crate) fn kept(compiled: &Path) -> Option<Kept> {
    let text = std::fs::read_to_string(path(compiled)).ok()?;
    let (json, sum) = text.trim_end().rsplit_once('\n')?;
    (sum == Digest::of(json.as_bytes()).to_string()).then(|| serde_json::from_str(json).ok())?
}

/// Writes a line of JSON, and its digest on a second one.
pub(super) fn write(path: &Path, kept: &Kept) -> std::io::Result<()> {
    let json = serde_json::to_string(kept)?;
    let sum = Digest::of(json.as_bytes());
    compiled::write(path, format!("{json}\n{sum}\n").as_bytes())
}
