//! Typed functions over texts: statistics, readability, and where a word is.
//!
//! What they take and give is in `wit/world.wit`. The same world is written in C in `../wordcount-c`, and
//! the same tests hold for both. This file knows the world's types; the rest knows texts alone.

mod readability;
mod scan;
mod statistics;
mod words;

use bindings::exports::errand::wordcount::text::{
    Guest as Text, Ignoring, Level, Lines, Options, Problem, Readability, Scope, Statistics,
};

#[expect(unsafe_code, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({ world: "wordcount", path: "wit" });
    export!(Wordcount);
    use super::Wordcount;
}

/// What this library exports to its host.
struct Wordcount;

impl bindings::Guest for Wordcount {
    fn languages() -> Vec<String> {
        vec!["en".to_owned()]
    }
}

impl Text for Wordcount {
    fn analyse(text: String, options: Option<Options>) -> Result<Statistics, Problem> {
        statistics::analyse(&text, options)
    }

    fn analyse_bytes(data: Vec<u8>, options: Option<Options>) -> Result<Statistics, Problem> {
        let text = std::str::from_utf8(&data)
            .map_err(|error| Problem::NotText(error.valid_up_to() as u64))?;
        statistics::analyse(text, options)
    }

    fn judge(text: String) -> Result<Readability, Problem> {
        readability::judge(&text)
    }

    fn find(text: String, word: String, ignore: Ignoring) -> Vec<(u32, u32)> {
        let folds = ignore.contains(Ignoring::CASE);
        let sought = words::folded(&word, folds);
        scan::words(&text)
            .filter(|found| words::folded(found.text, folds) == sought)
            .map(|found| (found.line, found.column))
            .collect()
    }
}
