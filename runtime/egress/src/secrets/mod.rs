//! The values of secrets: read when they are used, kept for a while, wiped when they go.
//!
//! Owns the values. Nobody else has one for longer than a request takes, and no text that this crate makes
//! has one in it. Does not decide who may use which.

mod source;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use errand_core::{SecretName, Veil};
use zeroize::Zeroizing;

pub use source::SecretSource;
use source::Stamp;

use crate::veil::{Cover, Value};

/// How long a value is used before its source is asked again.
const FRESH: Duration = Duration::from_secs(300);
/// Values of a secret that are looked for in what comes back: the present one, and the one before, which
/// a server may still say after it was changed.
const VALUES: usize = 2;
/// The shortest value. Shorter ones can't be told from other text, so that they could not be taken out.
const MIN_BYTES: usize = 6;
/// Sets of secrets whose forms are kept made. There are as many as executors with grants for secrets.
const MAX_COVERS: usize = 256;

/// The operator's secrets, by name.
#[derive(Clone, Default)]
pub struct Secrets {
    kept: Arc<Kept>,
}

#[derive(Default)]
struct Kept {
    slots: BTreeMap<SecretName, Slot>,
    /// Counts changes of any value.
    generation: AtomicU64,
    covers: Mutex<BTreeMap<BTreeSet<SecretName>, Covers>>,
}

struct Slot {
    source: SecretSource,
    read: Mutex<Read>,
    /// Held by who asks the source, so that others wait for its answer.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Read {
    /// The newest first.
    values: VecDeque<Value>,
    at: Option<Instant>,
    stamp: Option<Stamp>,
    /// When it was last read only to be looked for, whatever came of it.
    learned: Option<Instant>,
}

/// The forms of a set of secrets, as of a generation.
#[derive(Clone)]
struct Covers {
    generation: u64,
    cover: Option<Arc<Cover>>,
}

impl Secrets {
    /// Takes names and where their values come from. Nothing is read yet.
    pub fn new(sources: BTreeMap<SecretName, SecretSource>) -> Self {
        let slot = |source| Slot {
            source,
            read: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
        };
        let slots = sources.into_iter().map(|(name, source)| (name, slot(source))).collect();
        Self { kept: Arc::new(Kept { slots, ..Kept::default() }) }
    }

    /// Returns the value of a secret.
    pub(crate) async fn value(&self, name: &SecretName) -> Result<Value, String> {
        let Some(slot) = self.kept.slots.get(name) else {
            return Err(format!("secret `{name}` has no source in the server's configuration"));
        };
        if let Some(value) = slot.fresh() {
            return Ok(value);
        }
        let _turn = slot.reading.lock().await;
        if let Some(value) = slot.fresh() {
            return Ok(value);
        }
        let said = |why: String| format!("secret `{name}` can't be read: {} {why}", slot.source);
        let (value, stamp) = slot.source.read().await.map_err(said)?;
        if value.is_empty() {
            return Err(said("has nothing in it".to_owned()));
        }
        if value.len() < MIN_BYTES {
            return Err(said(format!(
                "has a value of fewer than {MIN_BYTES} bytes, \
                 which could not be told from other text in answers"
            )));
        }
        if http::HeaderValue::from_bytes(&value).is_err() {
            return Err(said(
                "has a value that no header can have, such as one of two lines".to_owned(),
            ));
        }
        Ok(self.keep(slot, value, stamp))
    }

    fn keep(&self, slot: &Slot, value: Zeroizing<Vec<u8>>, stamp: Option<Stamp>) -> Value {
        let mut read = slot.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.at = Some(Instant::now());
        read.stamp = stamp;
        if let Some(known) = read.values.front()
            && ***known == **value
        {
            return Arc::clone(known);
        }
        let value: Value = Arc::new(value);
        read.values.push_front(Arc::clone(&value));
        read.values.truncate(VALUES);
        self.kept.generation.fetch_add(1, Ordering::Release);
        value
    }

    /// Reads those that were never read, so that they can be looked for.
    pub(crate) async fn learn(&self, names: &BTreeSet<SecretName>) {
        for name in names {
            let Some(slot) = self.kept.slots.get(name).filter(|slot| slot.is_unread()) else {
                continue;
            };
            if let Err(error) = self.value(name).await {
                tracing::warn!(error, "a secret is granted that can't be read");
            }
            let mut read = slot.read.lock().unwrap_or_else(PoisonError::into_inner);
            read.learned = Some(Instant::now());
        }
    }

    /// Tells whether there are some that were never read.
    pub(crate) fn has_unread(&self, names: &BTreeSet<SecretName>) -> bool {
        names.iter().any(|name| self.kept.slots.get(name).is_some_and(Slot::is_unread))
    }

    /// Returns what looks for those of these secrets that were read; nothing where there are none.
    pub(crate) fn cover(&self, names: &BTreeSet<SecretName>) -> Option<Arc<Cover>> {
        let generation = self.kept.generation.load(Ordering::Acquire);
        if names.is_empty() || generation == 0 {
            return None;
        }
        let mut covers = self.kept.covers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = covers.get(names)
            && made.generation == generation
        {
            return made.cover.clone();
        }
        let values: Vec<(SecretName, Value)> = names
            .iter()
            .filter_map(|name| Some((name, self.kept.slots.get(name)?)))
            .flat_map(|(name, slot)| {
                let read = slot.read.lock().unwrap_or_else(PoisonError::into_inner);
                let named = |value: &Value| (name.clone(), Arc::clone(value));
                read.values.iter().map(named).collect::<Vec<_>>()
            })
            .collect();
        let cover = Cover::new(&values).map(Arc::new);
        if covers.len() >= MAX_COVERS {
            covers.clear();
        }
        covers.insert(names.clone(), Covers { generation, cover: cover.clone() });
        cover
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.kept.slots.iter().map(|(name, slot)| (name, &slot.source)))
            .finish()
    }
}

impl Slot {
    /// Returns the value where its source need not be asked.
    fn fresh(&self) -> Option<Value> {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fresh =
            read.at.is_some_and(|at| at.elapsed() < FRESH) && self.source.stamp() == read.stamp;
        is_fresh.then(|| read.values.front().cloned())?
    }

    fn is_unread(&self) -> bool {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        // What could not be read is not tried again at each request that does not use it.
        read.at.is_none() && read.learned.is_none_or(|learned| learned.elapsed() >= FRESH)
    }
}

/// Takes an executor's secrets out of what it says, those too that are read after it was made.
pub(crate) struct Covering {
    pub(crate) secrets: Secrets,
    pub(crate) names: BTreeSet<SecretName>,
}

impl Veil for Covering {
    fn cover(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        self.secrets.cover(&self.names)?.cover(bytes)
    }
}
