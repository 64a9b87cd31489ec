//! How hard an English text is to read.

use crate::{Level, Problem, Readability, scan, words};

/// Judges a text by the length of its sentences and words.
pub(crate) fn judge(text: &str) -> Result<Readability, Problem> {
    let (mut words, mut sentences, mut syllables) = (0, 0, 0);
    for word in scan::words(text) {
        words += 1;
        sentences += u64::from(word.begins_sentence);
        syllables += words::syllables(word.text);
    }
    if words == 0 {
        return Err(Problem::NoWords);
    }
    let sentence_length = words as f64 / sentences as f64;
    let word_length = syllables as f64 / words as f64;
    let ease = 206.835 - 1.015 * sentence_length - 84.6 * word_length;
    let grade = 0.39 * sentence_length + 11.8 * word_length - 15.59;
    let level = match ease {
        70.0.. => Level::Easy,
        50.0.. => Level::Plain,
        30.0.. => Level::Hard,
        _ => Level::Academic,
    };
    Ok(Readability { ease, grade, level, words, sentences, syllables })
}
