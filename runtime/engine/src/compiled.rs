//! Compiled components on disk.
//!
//! A file is written under a name of its own, synced and renamed, and never changed after: it is mapped
//! while guests run from it. Only files that this program made are ever mapped; the directory is the
//! owner's alone, and uploads of native code are refused long before.
//!
//! Its size and digest stand in the profile beside it ([`Seal`]). Whoever loads it looks at the size; a
//! server, which loads it once, and `errand doctor` at the digest too. `errand run` does without: to
//! read 39 MB of compiled CPython would take longer than all the rest of a start.

#![expect(clippy::disallowed_methods, reason = "it owns the compiled files")]

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use errand_core::Digest;
use serde::{Deserialize, Serialize};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::admission;

/// What a compiled file must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seal {
    size_bytes: u64,
    blake3: Digest,
}

impl Seal {
    /// Seals compiled code.
    pub(crate) fn of(compiled: &[u8]) -> Self {
        Self { size_bytes: compiled.len() as u64, blake3: Digest::of(compiled) }
    }

    /// Tells whether a file is there and has the right size.
    pub(crate) fn fits_size(&self, path: &Path) -> bool {
        fs::metadata(path).is_ok_and(|metadata| metadata.len() == self.size_bytes)
    }

    /// Tells whether a file is what was sealed, to the last bit.
    pub(crate) fn fits(&self, path: &Path) -> io::Result<bool> {
        if !self.fits_size(path) {
            return Ok(false);
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(File::open(path)?)?;
        Ok(Digest::from(hasher.finalize()) == self.blake3)
    }
}

/// Removes a compiled file and its profile. Who has it mapped keeps what it has.
pub(crate) fn discard(path: &Path) -> io::Result<()> {
    for path in [path, &admission::profile_path(path)] {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// The compiled files of a directory, checked.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct CompiledFiles {
    /// How many there are.
    pub count: u64,
    /// How large they are together, profiles included.
    pub bytes: u64,
    /// Those that are not what was compiled, or that lack their profile.
    pub damaged: Vec<PathBuf>,
}

/// Reads every compiled file of a directory and compares it with its checksum.
///
/// # Errors
/// When the directory can't be read; a file that can't be is damaged.
pub fn check_compiled(directory: &Path) -> io::Result<CompiledFiles> {
    let mut found = CompiledFiles::default();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let path = entry.path();
        found.bytes += entry.metadata().map_or(0, |metadata| metadata.len());
        if path.extension().is_none_or(|extension| extension != "cwasm") {
            continue;
        }
        found.count += 1;
        let seal = admission::kept(&path).map(|kept| kept.compiled);
        if !seal.is_some_and(|seal| seal.fits(&path).unwrap_or(false)) {
            found.damaged.push(path);
        }
    }
    found.damaged.sort();
    Ok(found)
}

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
