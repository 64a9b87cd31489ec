//! Guests that break the rules by which components and their host hand values over.

use super::{Ends, Entry, MIB, bound, text, trap};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        text!("abi", "says_what_is_no_text", trap("invalid utf-8")),
        text!("abi", "says_half_a_character", trap("unpaired surrogate")),
        text!("abi", "says_more_than_it_has", trap("out of bounds")),
        text!("abi", "says_too_much", bound("memory_limit", "host_call_bytes", 64 * MIB))
            .within("memory_bytes", 128 * MIB),
        text!("abi", "says_neither_nor", trap("invalid option discriminant")),
        text!("abi", "gives_room_that_it_lacks", trap("beyond end of memory")),
        text!("abi", "gives_room_across_its_end", trap("beyond end of memory")),
        text!("abi", "gives_no_room", trap("unreachable")),
        text!("abi", "calls_back_while_it_gives_room", trap("cannot leave component instance")),
        text!("abi", "wants_the_answer_nowhere", trap("out of bounds")),
        text!("abi", "wants_the_answer_askew", trap("not aligned")),
        text!("abi", "asks_for_all_chance", trap("random bytes")),
        text!(
            "abi",
            "makes_resources_for_ever",
            bound("memory_limit", "component_handles", 100_000)
        ),
        text!("abi", "drops_twice", trap("unknown handle")),
        text!("abi", "uses_what_it_dropped", trap("unknown handle")),
        text!("abi", "guesses_handles", trap("unknown handle")),
        text!("abi", "lists_4_gib_of_waits", trap("out of bounds")),
        text!("abi", "answers_neither_nor", trap("invalid expected discriminant")),
        text!("abi", "gives_room_never", Ends::Never),
        text!("abi", "makes_and_drops_resources_for_ever", Ends::Never),
    ]
}

#[test]
fn guests_that_break_the_rules_of_calls_trap() {
    super::running::run(&entries());
}
