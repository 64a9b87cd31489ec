//! What bounds a task, and how often it is tried.

use serde::{Deserialize, Serialize};

/// The bounds of one task. Meeting one ends the attempt with the bound's name and value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Fuel units, about one per executed wasm instruction.
    pub fuel: u64,
    /// Linear memories and tables of the instance together.
    pub memory_bytes: u64,
    /// Wall time while running.
    pub timeout_ms: u64,
    /// Bytes of all files in the workspace.
    pub workspace_bytes: u64,
    /// Bytes of standard output and standard error together, and of the result by itself.
    pub output_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel: 10_000_000_000_000,
            memory_bytes: 256 << 20,
            timeout_ms: 600_000,
            workspace_bytes: 1 << 30,
            output_bytes: 1 << 20,
        }
    }
}

impl Limits {
    /// Returns the lower of each bound.
    pub fn within(self, other: &Self) -> Self {
        Self {
            fuel: self.fuel.min(other.fuel),
            memory_bytes: self.memory_bytes.min(other.memory_bytes),
            timeout_ms: self.timeout_ms.min(other.timeout_ms),
            workspace_bytes: self.workspace_bytes.min(other.workspace_bytes),
            output_bytes: self.output_bytes.min(other.output_bytes),
        }
    }
}

/// When a failed attempt is followed by another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// Attempts in all, the first included; at least 1.
    pub max_attempts: u32,
    /// Wait before the second attempt.
    pub backoff_ms: u64,
    /// Factor from one wait to the next; at least 1.
    pub backoff_factor: f64,
    /// Longest wait.
    pub backoff_max_ms: u64,
}

impl Default for Retry {
    fn default() -> Self {
        Self { max_attempts: 3, backoff_ms: 1_000, backoff_factor: 2.0, backoff_max_ms: 60_000 }
    }
}

impl Retry {
    /// Returns the wait after the `failed`-th failed attempt (from 1), before jitter.
    pub fn backoff_after_ms(&self, failed: u32) -> u64 {
        let exponent = failed.saturating_sub(1).min(1_024) as f64;
        let wait = self.backoff_ms as f64 * self.backoff_factor.powf(exponent);
        // A cast from a float saturates, and NaN (0 × ∞) becomes 0.
        (wait as u64).min(self.backoff_max_ms)
    }
}

/// A bound that was met: its name as in [`Limits`], and its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    /// Such as `memory_bytes`.
    pub limit: String,
    /// In the unit that the name ends in.
    pub value: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_by_the_factor_up_to_the_longest() {
        let retry = Retry::default();
        let waits: Vec<u64> = (1..=8).map(|failed| retry.backoff_after_ms(failed)).collect();
        assert_eq!(waits, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
        assert_eq!(retry.backoff_after_ms(u32::MAX), 60_000);
    }
}
