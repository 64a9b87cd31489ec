//! `wasi:random`: derived from the attempt's seed, and charged for, since it costs the host time.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use errand_core::Seed;
use wasmtime::StoreContextMut;
use wasmtime::component::Linker;

use super::clocks::WASI;
use crate::state::RunState;

/// Random bytes that a guest may ask for in one call.
const MAX_BYTES: u64 = 1 << 20;

/// The sources of a run's chance. Each is a stream of its own: reading one does not shift another.
pub(crate) struct Chance {
    secure: ChaCha20Rng,
    insecure: ChaCha20Rng,
    insecure_seed: (u64, u64),
    next: Seed,
}

impl Chance {
    /// Derives all sources from an attempt's seed.
    pub(crate) fn new(seed: &Seed) -> Self {
        let mut root = ChaCha20Rng::from_seed(seed.0);
        let insecure_seed = (root.next_u64(), root.next_u64());
        let mut source = || {
            let mut seed = [0; 32];
            root.fill_bytes(&mut seed);
            ChaCha20Rng::from_seed(seed)
        };
        let (insecure, secure) = (source(), source());
        let mut next = Seed([0; 32]);
        root.fill_bytes(&mut next.0);
        Self { insecure, secure, insecure_seed, next }
    }

    /// Returns the seed from which chance goes on after a checkpoint, whatever was drawn until then.
    pub(crate) fn next_seed(&self) -> Seed {
        self.next
    }
}

pub(super) fn add_to_linker(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    let mut random = linker.instance(&format!("wasi:random/random@{WASI}"))?;
    random.func_wrap("get-random-bytes", |store, (length,): (u64,)| {
        Ok((bytes(store, length, |chance| &mut chance.secure)?,))
    })?;
    random.func_wrap("get-random-u64", |mut store: StoreContextMut<'_, RunState>, (): ()| {
        Ok((store.data_mut().chance.secure.next_u64(),))
    })?;
    let mut insecure = linker.instance(&format!("wasi:random/insecure@{WASI}"))?;
    insecure.func_wrap("get-insecure-random-bytes", |store, (length,): (u64,)| {
        Ok((bytes(store, length, |chance| &mut chance.insecure)?,))
    })?;
    insecure.func_wrap(
        "get-insecure-random-u64",
        |mut store: StoreContextMut<'_, RunState>, (): ()| {
            Ok((store.data_mut().chance.insecure.next_u64(),))
        },
    )?;
    let mut seed = linker.instance(&format!("wasi:random/insecure-seed@{WASI}"))?;
    seed.func_wrap("insecure-seed", |store: StoreContextMut<'_, RunState>, (): ()| {
        Ok((store.data().chance.insecure_seed,))
    })?;
    Ok(())
}

fn bytes(
    mut store: StoreContextMut<'_, RunState>,
    length: u64,
    source: fn(&mut Chance) -> &mut ChaCha20Rng,
) -> wasmtime::Result<Vec<u8>> {
    if length > MAX_BYTES {
        wasmtime::bail!("a guest may ask for {MAX_BYTES} random bytes at once, not {length}");
    }
    let state = store.data_mut();
    state.fuel.charge_bytes(length)?;
    let mut bytes = vec![0; usize::try_from(length)?];
    source(&mut state.chance).fill_bytes(&mut bytes);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_goes_on_from_a_seed_that_is_always_the_same_and_draws_other_numbers() {
        let first = Seed([7; 32]);
        let mut chance = Chance::new(&first);
        let next = chance.next_seed();
        let drawn: Vec<u64> = (0..8).map(|_| chance.secure.next_u64()).collect();
        assert_eq!(chance.next_seed(), next);
        assert_eq!(Chance::new(&first).next_seed(), next);
        assert_ne!(next, first);
        let mut later = Chance::new(&next);
        assert!(!drawn.contains(&later.secure.next_u64()));
        assert_ne!(later.insecure_seed, chance.insecure_seed);
        assert_ne!(later.next_seed(), next);
    }
}
