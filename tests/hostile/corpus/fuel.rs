//! Guests that compute for ever.

use super::{Ends, Entry, bound, text};
use crate::harness::wasm;

pub(super) fn entries() -> Vec<Entry> {
    vec![
        text!("fuel", "loops", Ends::Never),
        text!("fuel", "loops_at_its_start", Ends::Never),
        text!("fuel", "loops_after_its_end", Ends::Never),
        text!("fuel", "calls_in_a_circle", bound("fuel_exhausted", "fuel", 50_000_000))
            .within("fuel", 50_000_000),
        Entry::made("branches_over_a_table_of_10_000", branches, Ends::Never),
        Entry::made(
            "counts_with_its_fuel",
            || wasm::counts_to(u64::MAX),
            bound("fuel_exhausted", "fuel", 30_000_000),
        )
        .within("fuel", 30_000_000),
    ]
}

/// Jumps by a table of 10,000 targets, for ever.
fn branches() -> Vec<u8> {
    const TARGETS: usize = 10_000;
    let labels: String = (0..TARGETS).map(|n| format!("{} ", n % 3)).collect();
    wasm::program(
        "branches",
        &format!(
            r#"(local i32)
               (loop $again
                 (local.set 0 (i32.add (local.get 0) (i32.const 7919)))
                 (block (block (block (br_table {labels} 0 (i32.rem_u (local.get 0) (i32.const {TARGETS}))))))
                 (br $again))"#
        ),
    )
}

#[test]
fn guests_that_compute_for_ever_are_stopped() {
    super::running::run(&entries());
}
