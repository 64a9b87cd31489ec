//! Where randomness comes from: the operating system, or a seed in tests.

use std::sync::Mutex;

use rand::{Rng, SeedableRng};

/// A source of random bytes that nobody can guess, unless a test made it so.
pub trait Random: Send + Sync {
    /// Fills the buffer.
    fn fill(&self, bytes: &mut [u8]);
}

impl dyn Random {
    /// Returns 64 random bits.
    pub fn next_u64(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// Returns a number from 0 to `most`, each as likely as the others but for a bias below 2⁻³⁰ for
    /// any wait that a task can ask for.
    pub fn up_to(&self, most: u64) -> u64 {
        let scaled = u128::from(self.next_u64()) * (u128::from(most) + 1);
        u64::try_from(scaled >> 64).unwrap_or(most)
    }
}

/// A generator per thread, seeded and reseeded by the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }
}

/// The same bytes for the same seed. For tests and for workloads that must be repeatable.
#[derive(Debug)]
pub struct SeededRandom(Mutex<rand::rngs::StdRng>);

impl SeededRandom {
    /// Builds a source from its seed.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(rand::rngs::StdRng::seed_from_u64(seed)))
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().unwrap_or_else(|poison| poison.into_inner()).fill_bytes(bytes);
    }
}
