//! What inputs came to, counted.

use std::collections::BTreeMap;
use std::fmt;

/// Kinds of outcomes that are listed; all are counted.
const LISTED: usize = 12;

/// How much of an outcome tells its kind.
const KIND_BYTES: usize = 100;

/// What inputs came to.
#[derive(Debug, Default)]
pub(crate) struct Outcomes {
    inputs: u64,
    by_kind: BTreeMap<String, u64>,
}

impl Outcomes {
    /// Counts an outcome, and answers whether it is the first of its kind.
    pub(crate) fn add(&mut self, outcome: String) -> bool {
        self.inputs += 1;
        let count = self.by_kind.entry(kind(&outcome)).or_default();
        *count += 1;
        *count == 1
    }
}

/// What like outcomes share: their words, without numbers and names that the input chose.
fn kind(outcome: &str) -> String {
    let mut kind = String::new();
    let mut quoted = false;
    for word in outcome.split_inclusive([' ', '`', '"', '(', ')', ':', ',']) {
        let number = word.starts_with(|char: char| char.is_ascii_digit());
        match number {
            _ if quoted => {}
            true => kind.push_str("# "),
            false => {
                kind.extend(word.chars().filter(|char| char.is_ascii_graphic() || *char == ' '))
            }
        }
        if word.ends_with(['`', '"']) {
            quoted = !quoted;
        }
    }
    kind.truncate(KIND_BYTES);
    kind
}

impl fmt::Display for Outcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} inputs, {} kinds of outcomes", self.inputs, self.by_kind.len())?;
        if f.alternate() {
            let mut kinds: Vec<_> = self.by_kind.iter().collect();
            kinds.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
            for (kind, count) in kinds.iter().take(LISTED) {
                write!(f, "\n{count:>9}  {kind}")?;
            }
        }
        Ok(())
    }
}
