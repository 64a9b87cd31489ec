//! Guests that take handles until there are no more, each with something of the host's behind it.

use serde_json::{Value, json};

use super::{Ends, Entry, MIB, bound};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::probe("holds_directories", hold("directories"), open_files()),
        Entry::probe("holds_files", hold("files"), open_files()),
        Entry::probe(
            "holds_listings",
            hold("listings"),
            bound("memory_limit", "listing_bytes", 64 * MIB),
        ),
        Entry::probe("holds_timers", hold("timers"), handles()),
        Entry::probe("holds_streams", hold("streams"), handles()),
        Entry::probe(
            "holds_sockets",
            hold("sockets"),
            Ends::Completed(json!({"got": 0, "err": "access"})),
        ),
        Entry::probe(
            "holds_http_methods",
            hold("http_methods"),
            Ends::Completed(json!({"got": 0, "err": "invalid"})),
        ),
        Entry::probe(
            "holds_http_fields",
            hold("http_fields"),
            bound("memory_limit", "http_fields_bytes", 32 << 10),
        ),
        Entry::probe(
            "holds_http_bodies",
            hold("http_bodies"),
            bound("output_limit", "http_request_bytes", 32 << 20),
        ),
    ]
}

fn hold(what: &str) -> Value {
    json!({"do": "hold_forever", "what": what})
}

/// All handles together.
fn handles() -> Ends {
    bound("memory_limit", "handles", 1_024)
}

/// Those that take a file of the host's.
fn open_files() -> Ends {
    bound("workspace_limit", "open_files", 256)
}

#[test]
fn guests_that_hoard_handles_meet_their_bound() {
    super::running::run(&entries());
}
