//! Compiled executors: on disk beside their source's digest, and mapped in memory.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use errand_core::{Digest, ExecutorKind};
use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime_wasi::p2::bindings::CommandPre;

use crate::bindings::ExecutorPre;
use crate::compiled;
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

/// Why an executor can't be loaded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// It was never compiled for this engine, or its file is gone.
    #[error("it is not compiled for this engine")]
    NotCompiled,
    /// Its file can't be used.
    #[error("{0}")]
    Unusable(String),
}

/// The compiled executors of one engine.
pub(crate) struct Executors {
    engine: Engine,
    linker: Linker<RunState>,
    directory: PathBuf,
    compatibility: String,
    loaded: Mutex<HashMap<Digest, Loaded>>,
}

impl Executors {
    pub(crate) fn new(
        engine: Engine,
        linker: Linker<RunState>,
        directory: PathBuf,
        compatibility: String,
    ) -> Self {
        Self { engine, linker, directory, compatibility, loaded: Mutex::default() }
    }

    /// Where the compiled form of a wasm of this digest lies.
    pub(crate) fn path(&self, digest: Digest) -> PathBuf {
        compiled::path(&self.directory, digest, &self.compatibility)
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
        let component = compiled::map(&self.engine, path).map_err(|error| match error {
            compiled::MapError::Missing => LoadError::NotCompiled,
            compiled::MapError::Unusable(message) => LoadError::Unusable(message),
        })?;
        prepare(&self.linker, &component, kind)
            .map_err(|error| LoadError::Unusable(format!("{error:#}")))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Digest, Loaded>> {
        self.loaded.lock().unwrap_or_else(|poison| poison.into_inner())
    }
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
