//! Guests that say too much, or nothing that can be read.

use serde_json::json;

use super::{Ends, Entry, MIB, OUTPUT_BYTES, bound, trap};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::probe("prints_for_ever", json!({"do": "print_forever"}), too_much()),
        Entry::probe(
            "complains_for_ever",
            json!({"do": "print_forever", "to": "stderr"}),
            too_much(),
        ),
        Entry::probe(
            "answers_100_mb",
            json!({"do": "large_output", "bytes": 100_000_000}),
            too_much(),
        )
        .within("memory_bytes", 512 * MIB),
        Entry::probe(
            "answers_more_than_it_may",
            json!({"do": "large_output", "bytes": 250_000}),
            too_much(),
        ),
        Entry::probe(
            "answers_what_nests_without_end",
            json!({"do": "answer_raw", "text": "[".repeat(100_000)}),
            no_answer(),
        ),
        Entry::probe(
            "answers_what_nests_just_too_deep",
            json!({"do": "answer_raw", "text": format!("{}{}", "[".repeat(200), "]".repeat(200))}),
            no_answer(),
        ),
        Entry::probe("answers_no_json", json!({"do": "answer_raw", "text": "\u{0}"}), no_answer()),
        Entry::probe(
            "writes_without_asking",
            json!({"do": "write_unasked", "bytes": 10_000_000}),
            too_much(),
        ),
        Entry::probe("writes_zeroes", json!({"do": "write_zeroes", "bytes": u64::MAX}), trap("")),
        Entry::probe(
            "skips_its_input",
            json!({"do": "skip", "bytes": u64::MAX}),
            Ends::Completed(json!("closed")),
        ),
        Entry::program("floods_its_output", &["flood"], too_much()),
    ]
}

fn too_much() -> Ends {
    bound("output_limit", "output_bytes", OUTPUT_BYTES)
}

fn no_answer() -> Ends {
    Ends::Failed { code: "executor_failed", message: "not JSON" }
}

#[test]
fn guests_that_say_too_much_are_cut_off() {
    super::running::run(&entries());
}
