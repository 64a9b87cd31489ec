//! Profiles of admitted executors, as files beside their compiled form.

use std::path::{Path, PathBuf};

use errand_core::ExecutorProfile;

pub(crate) fn path(compiled: &Path) -> PathBuf {
    compiled.with_extension("json")
}

/// Returns the profile of a wasm that was admitted and is still there in its compiled form.
pub(crate) fn read(compiled: &Path) -> Option<ExecutorProfile> {
    let text = std::fs::read(path(compiled)).ok()?;
    let profile = serde_json::from_slice(&text).ok()?;
    compiled.exists().then_some(profile)
}
