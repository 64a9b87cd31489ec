//! Compiled executors: on disk beside their source's digest, and mapped in memory.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use errand_core::{Digest, ExecutorKind};
use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime_wasi::p2::bindings::CommandPre;

use crate::admission;
use crate::bindings::ExecutorPre;
use crate::compiled::{self, Seal};
use crate::config::{self, Allocation, Footprint};
use crate::epoch::Ticker;
use crate::host;
use crate::state::RunState;
use crate::typed::{self, Export};

/// Executors that stay mapped. Mapping one again takes milliseconds; a slot costs its relocations alone.
const MAX_LOADED: usize = 256;

/// An executor, ready to be instantiated.
#[derive(Clone)]
pub(crate) enum Loaded {
    Native(ExecutorPre<RunState>),
    Functions(Arc<Functions>),
    Command(CommandPre<RunState>),
}

/// A component with typed functions, each with the types that drive its calls.
pub(crate) struct Functions {
    pub(crate) linked: InstancePre<RunState>,
    by_name: HashMap<String, Export>,
}

impl Functions {
    pub(crate) fn get(&self, name: &str) -> Option<&Export> {
        self.by_name.get(name)
    }
}

impl Loaded {
    /// The engine that it is compiled for.
    pub(crate) fn engine(&self) -> &Engine {
        match self {
            Self::Native(executor) => executor.engine(),
            Self::Functions(all) => all.linked.engine(),
            Self::Command(program) => program.engine(),
        }
    }
}

/// Why an executor can't be loaded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// It was never compiled for this engine, or its file is gone.
    #[error("it is not compiled for this engine")]
    NotCompiled,
    /// Its file is not what was written.
    #[error("its compiled file is damaged: {}", .0.display())]
    Damaged(PathBuf),
    /// Its file can't be used.
    #[error("{0}")]
    Unusable(String),
}

/// The compiled executors, and the wasmtime engines that run them.
pub(crate) struct Executors {
    allocation: Allocation,
    ticker: Ticker,
    large: Linker<RunState>,
    /// Made when it is first needed: a process that runs one large guest does without.
    small: OnceLock<Linker<RunState>>,
    directory: PathBuf,
    compatibility: String,
    loaded: Mutex<HashMap<Digest, Loaded>>,
}

impl Executors {
    pub(crate) fn new(
        allocation: Allocation,
        ticker: Ticker,
        directory: PathBuf,
    ) -> wasmtime::Result<Self> {
        let large = linker(allocation, Footprint::Large, &ticker)?;
        let compatibility = config::compatibility(large.engine());
        let (small, loaded) = Default::default();
        Ok(Self { allocation, ticker, large, small, directory, compatibility, loaded })
    }

    /// Names the engine, its settings, its fuel costs and what admission makes of uploads.
    pub(crate) fn compatibility(&self) -> &str {
        &self.compatibility
    }

    /// Where the compiled form of a wasm of this digest lies.
    pub(crate) fn path(&self, digest: Digest) -> PathBuf {
        compiled::path(&self.directory, digest, &self.compatibility)
    }

    /// Tells whether the compiled form is what was written.
    pub(crate) fn has_whole(&self, digest: Digest) -> bool {
        let path = self.path(digest);
        admission::kept(&path).is_some_and(|kept| self.is_whole(&kept.compiled, &path))
    }

    /// Returns the executor, mapping it where it is not mapped yet.
    pub(crate) fn load(&self, digest: Digest, kind: ExecutorKind) -> Result<Loaded, LoadError> {
        if let Some(loaded) = self.lock().get(&digest) {
            return Ok(loaded.clone());
        }
        let loaded = self.map(&self.path(digest), kind)?;
        let mut all = self.lock();
        if all.len() >= MAX_LOADED
            && let Some(victim) = all.keys().next().copied()
        {
            all.remove(&victim);
        }
        all.insert(digest, loaded.clone());
        Ok(loaded)
    }

    fn map(&self, path: &Path, kind: ExecutorKind) -> Result<Loaded, LoadError> {
        let unusable = |error: wasmtime::Error| LoadError::Unusable(format!("{error:#}"));
        let kept = match admission::kept(path) {
            Some(kept) => kept,
            None if path.exists() => return Err(LoadError::Damaged(path.to_owned())),
            None => return Err(LoadError::NotCompiled),
        };
        if !self.is_whole(&kept.compiled, path) {
            return Err(LoadError::Damaged(path.to_owned()));
        }
        let linker = self.linker(Footprint::of(kept.profile.size_bytes)).map_err(unusable)?;
        let component = compiled::map(linker.engine(), path).map_err(|error| match error {
            compiled::MapError::Missing => LoadError::NotCompiled,
            compiled::MapError::Unusable(message) => LoadError::Unusable(message),
        })?;
        prepare(linker, &component, kind).map_err(unusable)
    }

    /// Tells whether a compiled file is what was written. One that is not there is not: its profile is.
    fn is_whole(&self, seal: &Seal, path: &Path) -> bool {
        match self.allocation {
            // A server loads it once. What can't be read now is compiled again.
            Allocation::Pooled { .. } => seal.fits(path).unwrap_or(false),
            Allocation::OnDemand => seal.fits_size(path),
        }
    }

    fn linker(&self, footprint: Footprint) -> wasmtime::Result<&Linker<RunState>> {
        if footprint == Footprint::Large {
            return Ok(&self.large);
        }
        if let Some(small) = self.small.get() {
            return Ok(small);
        }
        // Where two threads make one at once, the second is dropped unused.
        let small = linker(self.allocation, Footprint::Small, &self.ticker)?;
        Ok(self.small.get_or_init(|| small))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Digest, Loaded>> {
        self.loaded.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

/// Makes an engine and what links its components to the host.
fn linker(
    allocation: Allocation,
    footprint: Footprint,
    ticker: &Ticker,
) -> wasmtime::Result<Linker<RunState>> {
    let engine = config::engine(allocation, footprint)?;
    ticker.add(&engine);
    host::linker(&engine)
}

/// Links a component and checks what it exports.
pub(crate) fn prepare(
    linker: &Linker<RunState>,
    component: &Component,
    kind: ExecutorKind,
) -> wasmtime::Result<Loaded> {
    let linked = linker.instantiate_pre(component)?;
    match kind {
        ExecutorKind::Native => Ok(Loaded::Native(ExecutorPre::new(linked)?)),
        ExecutorKind::Command => Ok(Loaded::Command(CommandPre::new(linked)?)),
        ExecutorKind::Functions => {
            let exports =
                typed::exports(linker.engine(), component).map_err(wasmtime::Error::msg)?;
            let by_name = exports.into_iter().map(|export| (export.name.clone(), export)).collect();
            Ok(Loaded::Functions(Arc::new(Functions { linked, by_name })))
        }
    }
}
