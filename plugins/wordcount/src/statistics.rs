//! Counting words.

use std::collections::HashMap;

use crate::bindings::exports::errand::wordcount::text::Frequency;
use crate::{Ignoring, Lines, Options, Problem, Scope, Statistics, scan, words};

/// Frequent words that are listed unless asked otherwise, and at most.
const TOP: u32 = 10;
const MAX_TOP: u32 = 1_000;

/// Counts what a text, or the part of it that counts, is made of.
pub(crate) fn analyse(text: &str, options: Option<Options>) -> Result<Statistics, Problem> {
    let options = options.unwrap_or(Options {
        ignore: Ignoring::empty(),
        scope: None,
        min_length: None,
        top: None,
    });
    let top = options.top.unwrap_or(TOP);
    if top > MAX_TOP {
        return Err(Problem::TooMany(MAX_TOP));
    }
    let text = part(text, options.scope.unwrap_or(Scope::Whole))?;
    let folds = options.ignore.contains(Ignoring::CASE);
    let mut statistics = Statistics {
        characters: text.chars().count() as u64,
        lines: scan::lines(text).count() as u64,
        paragraphs: scan::paragraphs(text).len() as u64,
        sentences: 0,
        words: 0,
        distinct: 0,
        longest: None,
        top: Vec::new(),
    };
    let mut counts: HashMap<_, u64> = HashMap::new();
    let mut longest: Option<(usize, &str)> = None;
    for word in scan::words(text) {
        statistics.sentences += u64::from(word.begins_sentence);
        if !words::counts(word.text, options.ignore, options.min_length.unwrap_or(0)) {
            continue;
        }
        statistics.words += 1;
        *counts.entry(words::folded(word.text, folds)).or_default() += 1;
        let length = word.text.chars().count();
        if longest.is_none_or(|(most, _)| length > most) {
            longest = Some((length, word.text));
        }
    }
    if statistics.sentences == 0 {
        return Err(Problem::NoWords);
    }
    statistics.distinct = counts.len() as u64;
    statistics.longest = longest.map(|(_, word)| word.to_owned());
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_unstable_by(|(one, often), (other, oftener)| {
        oftener.cmp(often).then_with(|| one.cmp(other))
    });
    counts.truncate(top as usize);
    statistics.top = counts
        .into_iter()
        .map(|(word, count)| Frequency { word: word.into_owned(), count })
        .collect();
    Ok(statistics)
}

/// The part of a text that counts.
fn part(text: &str, scope: Scope) -> Result<&str, Problem> {
    match scope {
        Scope::Whole => Ok(text),
        Scope::Lines(Lines { first, last }) => {
            let mut ends = vec![0];
            for line in scan::lines(text) {
                ends.push(ends[ends.len() - 1] + line.len());
            }
            let count = ends.len() as u32 - 1;
            if first == 0 || first > last || last > count {
                return Err(Problem::OutOfRange(count));
            }
            Ok(&text[ends[first as usize - 1]..ends[last as usize]])
        }
        Scope::Paragraph(number) => {
            let paragraphs = scan::paragraphs(text);
            let place = (number as usize).checked_sub(1);
            let found = place.and_then(|place| paragraphs.get(place));
            found.copied().ok_or(Problem::OutOfRange(paragraphs.len() as u32))
        }
    }
}
