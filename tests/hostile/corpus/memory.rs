//! Guests that take memory: linear memories, tables, and the heap of collected objects.

use super::{Ends, Entry, bound, ended, memory_limit, text, trap};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        text!("memory", "grows_page_by_page", memory_limit()),
        text!("memory", "grows_at_once", memory_limit()),
        text!("memory", "grows_by_nothing_for_ever", Ends::Never),
        text!("memory", "starts_with_4_gib", memory_limit()),
        text!("memory", "starts_with_a_tebibyte", Ends::Refused("memories starts with more")),
        text!("memory", "has_17_memories", Ends::Refused("17 memories")),
        text!("memory", "shares_its_memory", Ends::Refused("threads")),
        text!("memory", "fills_for_ever", Ends::Never),
        text!("memory", "copies_for_ever", Ends::Never),
        text!("memory", "keeps_garbage_for_ever", memory_limit()),
        text!("memory", "drops_garbage_for_ever", Ends::Never),
        text!("memory", "allocates_a_giant_array", memory_limit()),
        text!("memory", "fills_arrays_for_ever", Ends::Never),
        text!("memory", "grows_its_table", bound("memory_limit", "memory_bytes", 200_000))
            .within("memory_bytes", 200_000),
        text!("memory", "grows_its_table_beyond_the_pool", Ends::Completed(ended())),
        text!("memory", "fills_tables_for_ever", Ends::Never),
        text!("memory", "writes_its_data_past_the_end", trap("out of bounds")),
    ]
}

#[test]
fn guests_that_take_memory_meet_their_bound() {
    super::running::run(&entries());
}
