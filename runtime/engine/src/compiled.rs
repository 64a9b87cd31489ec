//! Compiled components on disk.
//!
//! A file is written under a name of its own, synced and renamed, and never changed after: it is mapped
//! while guests run from it. Only files that this program made are ever mapped; the directory is the
//! owner's alone, and uploads of native code are refused long before.

#![expect(clippy::disallowed_methods, reason = "it owns the compiled files")]

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use errand_core::Digest;
use wasmtime::Engine;
use wasmtime::component::Component;

/// Why a compiled file can't be mapped.
#[derive(Debug)]
pub(crate) enum MapError {
    /// There is none.
    Missing,
    /// It is not what this engine wrote.
    Unusable(String),
}

/// Where the compiled form of a wasm lies.
pub(crate) fn path(directory: &Path, digest: Digest, compatibility: &str) -> PathBuf {
    directory.join(format!("{digest}-{compatibility}.cwasm"))
}

/// Writes a compiled component; a file that is there already stays.
pub(crate) fn write(path: &Path, compiled: &[u8]) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let directory = path.parent().unwrap_or(Path::new("."));
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(compiled)?;
        file.sync_all()
    });
    if let Err(error) = written.and_then(|()| fs::rename(&temporary, path)) {
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    File::open(directory)?.sync_all()
}

/// Maps a compiled component.
pub(crate) fn map(engine: &Engine, path: &Path) -> Result<Component, MapError> {
    if !path.exists() {
        return Err(MapError::Missing);
    }
    #[expect(
        unsafe_code,
        reason = "the file was made by this program, in a directory of its owner's alone, and is \
                  never changed while it exists; wasmtime checks that its engine matches"
    )]
    let mapped = unsafe { Component::deserialize_file(engine, path) };
    mapped.map_err(|error| MapError::Unusable(format!("{error:#}")))
}
