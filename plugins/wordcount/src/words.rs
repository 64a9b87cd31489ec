//! One word: its spelling, and whether it counts.

use std::borrow::Cow;

use crate::Ignoring;

/// In the order of their bytes.
const STOP_WORDS: [&str; 32] = [
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "from", "has", "have", "he",
    "in", "is", "it", "its", "of", "on", "or", "that", "the", "they", "this", "to", "was", "we",
    "were", "which", "with", "you",
];

/// A word as it is compared.
pub(crate) fn folded(word: &str, folds: bool) -> Cow<'_, str> {
    match folds {
        true => Cow::Owned(word.to_ascii_lowercase()),
        false => Cow::Borrowed(word),
    }
}

/// Whether a word counts.
pub(crate) fn counts(word: &str, ignore: Ignoring, min_length: u32) -> bool {
    let is_number = || word.bytes().all(|byte| byte.is_ascii_digit());
    let is_stop_word = || STOP_WORDS.binary_search(&word.to_ascii_lowercase().as_str()).is_ok();
    word.chars().count() >= min_length as usize
        && !(ignore.contains(Ignoring::NUMBERS) && is_number())
        && !(ignore.contains(Ignoring::STOP_WORDS) && is_stop_word())
}

/// The syllables of an English word, by its groups of vowels.
pub(crate) fn syllables(word: &str) -> u64 {
    let mut groups = 0;
    let mut inside = false;
    for byte in word.bytes() {
        let is_vowel = b"aeiouy".contains(&byte.to_ascii_lowercase());
        groups += u64::from(is_vowel && !inside);
        inside = is_vowel;
    }
    let word = word.as_bytes();
    let silent = word.last().is_some_and(|last| last.eq_ignore_ascii_case(&b'e'))
        && !(word.len() > 1 && b"aeiouyl".contains(&word[word.len() - 2].to_ascii_lowercase()));
    groups.saturating_sub(u64::from(silent)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_words_are_sorted_to_be_found() {
        assert!(STOP_WORDS.is_sorted());
    }

    #[test]
    fn syllables_are_groups_of_vowels_without_a_silent_e() {
        let known =
            [("the", 1), ("table", 2), ("readability", 5), ("Stone", 1), ("x", 1), ("1", 1)];
        for (word, expected) in known {
            assert_eq!(syllables(word), expected, "{word}");
        }
    }
}
