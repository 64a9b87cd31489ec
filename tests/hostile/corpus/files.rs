//! Guests that fill their workspace, and that do to files what cannot be.

use serde_json::json;

use super::{Ends, Entry, WORKSPACE_BYTES, bound};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::probe("grows_a_file_for_ever", json!({"do": "grow_file_forever"}), too_large()),
        Entry::probe(
            "writes_files_of_a_page_for_ever",
            json!({"do": "write_files_forever", "bytes": 4096}),
            too_large(),
        ),
        Entry::probe(
            "sets_a_size_of_terabytes",
            json!({"do": "set_size", "bytes": 1_u64 << 42}),
            too_large(),
        ),
        Entry::probe(
            "sets_a_size_of_all",
            json!({"do": "set_size", "bytes": u64::MAX}),
            too_large(),
        ),
        Entry::probe(
            "writes_at_the_end_of_all",
            json!({"do": "write_at", "offset": u64::MAX}),
            too_large(),
        ),
        Entry::probe(
            "writes_a_terabyte_on",
            json!({"do": "write_at", "offset": 1_u64 << 40}),
            too_large(),
        ),
        Entry::probe(
            "reads_all_at_once",
            json!({"do": "read_at", "bytes": u64::MAX, "offset": 0}),
            Ends::Completed(json!("ok")),
        ),
        Entry::probe(
            "reads_past_the_end_of_all",
            json!({"do": "read_at", "bytes": u64::MAX, "offset": u64::MAX}),
            Ends::Completed(json!("invalid")),
        ),
        Entry::probe("links_a_file_for_ever", json!({"do": "hard_link_forever"}), too_many()),
        Entry::probe(
            "renames_in_a_circle",
            json!({"do": "call_forever", "what": "renames"}),
            Ends::Never,
        ),
        Entry::probe(
            "is_refused_in_a_circle",
            json!({"do": "call_forever", "what": "refusals"}),
            Ends::Never,
        ),
        Entry::probe(
            "names_a_file_with_a_megabyte",
            json!({"do": "names", "bytes": 1_000_000}),
            Ends::Completed(json!([
                "name-too-long",
                "name-too-long",
                "name-too-long",
                "name-too-long",
                "name-too-long"
            ])),
        ),
        Entry::probe(
            "sets_times_that_no_clock_shows",
            json!({"do": "set_times"}),
            Ends::Completed(json!(["overflow", "overflow", "ok", "ok", "ok"])),
        ),
        Entry::probe(
            "removes_its_home",
            json!({"do": "remove_home"}),
            Ends::Completed(json!([
                "invalid",
                "no-entry",
                "busy",
                "is-directory",
                "not-permitted"
            ])),
        ),
        Entry::probe(
            "links_in_circles",
            json!({"do": "link_loops"}),
            Ends::Completed(json!(["ok", "ok", "loop", "loop", "loop"])),
        ),
        Entry::probe(
            "publishes_for_ever",
            json!({"do": "publish_forever", "bytes": 1_000_000}),
            Ends::Completed(
                json!({"published": 8, "why": {"err": {"limit": {"name": "artifact_bytes", "value": WORKSPACE_BYTES}}}}),
            ),
        ),
        Entry::probe(
            "nests_directories",
            json!({"do": "nest_directories", "depth": 1_000}),
            Ends::Completed(json!({"made": 1_000, "error": null})),
        )
        .keeping(&["**"]),
    ]
}

fn too_large() -> Ends {
    bound("workspace_limit", "workspace_bytes", WORKSPACE_BYTES)
}

fn too_many() -> Ends {
    bound("workspace_limit", "workspace_files", 100_000)
}

#[test]
fn guests_that_fill_their_workspace_meet_its_bounds() {
    super::running::run(&entries());
}
