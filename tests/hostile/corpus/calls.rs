//! Guests that have the host work, in circles and in floods.

use serde_json::json;

use super::{Ends, Entry, OUTPUT_BYTES, bound, text, trap};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        text!("calls", "polls_for_ever", Ends::Never),
        text!("calls", "yields_for_ever", Ends::Never),
        text!("calls", "asks_for_chance_for_ever", Ends::Never),
        text!("calls", "reports_for_ever", Ends::Never),
        Entry::probe(
            "reads_clocks_in_a_circle",
            json!({"do": "call_forever", "what": "clocks"}),
            Ends::Never,
        ),
        Entry::probe(
            "polls_long_lists",
            json!({"do": "call_forever", "what": "polls"}),
            Ends::Never,
        ),
        Entry::probe(
            "sleeps_for_no_time_for_ever",
            json!({"do": "call_forever", "what": "sleeps"}),
            bound("output_limit", "journal_calls", 250_000),
        ),
        Entry::probe("polls_nothing", json!({"do": "poll_none"}), trap("empty poll list")),
        Entry::probe(
            "polls_a_thousand_far_timers",
            json!({"do": "poll_far", "count": 500}),
            Ends::Waits,
        ),
        Entry::probe(
            "waits_for_a_million_children",
            json!({"do": "wait_for_many", "count": 1_000_000}),
            Ends::Completed(json!({"err": {"limit": {"name": "awaited", "value": 10_000}}})),
        ),
        Entry::probe(
            "sleeps_for_584_million_years",
            json!({"do": "sleep", "ms": u64::MAX}),
            Ends::Waits,
        ),
        Entry::probe(
            "subscribes_to_the_end_of_time",
            json!({"do": "subscribe", "ns": u64::MAX}),
            Ends::Waits,
        ),
        Entry::probe(
            "sleeps_in_the_past",
            json!({"do": "sleep_in_the_past"}),
            Ends::Completed(json!("awake")),
        ),
        Entry::probe(
            "emits_for_ever",
            json!({"do": "emit_forever", "bytes": 1000}),
            bound("output_limit", "output_bytes", OUTPUT_BYTES),
        ),
        Entry::probe(
            "emits_nothing_for_ever",
            json!({"do": "emit_forever", "bytes": 0}),
            bound("output_limit", "output_bytes", OUTPUT_BYTES),
        ),
        Entry::probe(
            "logs_for_ever",
            json!({"do": "log_forever"}),
            bound("output_limit", "output_bytes", OUTPUT_BYTES),
        ),
        Entry::probe(
            "asks_for_a_gigabyte_of_chance",
            json!({"do": "random", "bytes": 1_u64 << 30}),
            trap("random bytes"),
        ),
    ]
}

#[test]
fn guests_that_keep_the_host_busy_are_stopped() {
    super::running::run(&entries());
}
