//! Why an installer did not do it, in a sentence of ours and in its own words.

use std::io;

use super::tool::Tool;
use crate::errors::CommandError;

/// What an installer said is shown up to here.
const MOST_SHOWN: usize = 2_000;
const MOST_SENTENCE: usize = 300;

/// Why an installer did not do it.
pub(super) enum Failed {
    /// What was found out here.
    Ours { sentence: String, hint: Option<String> },
    /// What it said.
    Said(String),
}

impl Failed {
    pub(super) fn ours(sentence: impl Into<String>) -> Self {
        Self::Ours { sentence: sentence.into(), hint: None }
    }

    pub(super) fn io(error: io::Error) -> Self {
        Self::ours(error.to_string())
    }

    pub(super) fn not_understood(tool: &str, error: &dyn std::fmt::Display) -> Self {
        Self::ours(format!("what {tool} says can't be understood; a newer one may do: {error}"))
    }

    /// Says why packages could not be chosen, in one sentence and then in the installer's own words.
    pub(super) fn of_resolving(self, tool: Tool) -> CommandError {
        let (said, sentence) = match &self {
            Self::Ours { sentence, hint } => {
                let error = CommandError::refused(sentence);
                return hint.iter().fold(error, |error, hint| error.hint(hint));
            }
            Self::Said(said) if is_unreachable(said) => {
                (said, "the package index can't be reached".to_owned())
            }
            Self::Said(said) => match not_found(said) {
                Some(name) => {
                    let why =
                        "there is no such package, or no wheel of it that Python 3.14 could use";
                    (said, format!("get `{}`: {why}", cut(name, MOST_SENTENCE)))
                }
                None => (said, format!("choose packages: {}", first_line(said))),
            },
        };
        CommandError::refused(sentence).hint(format_args!("{} says: {}", tool.name(), told(said)))
    }

    /// Says why what was chosen could not be had.
    pub(super) fn of_installing(self, tool: Tool) -> CommandError {
        match self {
            Self::Ours { sentence, .. } => {
                CommandError::refused(format_args!("get the packages that were chosen: {sentence}"))
            }
            Self::Said(said) => {
                let sentence = format!("get the packages that were chosen: {}", first_line(&said));
                CommandError::refused(sentence).hint(format_args!(
                    "{} says: {}",
                    tool.name(),
                    told(&said)
                ))
            }
        }
    }
}

/// What an installer said, its warnings left out, and not endless.
fn told(said: &str) -> String {
    let lines = said.lines().filter(|line| {
        let line = line.trim().to_ascii_lowercase();
        !line.is_empty() && !line.starts_with("warning") && !line.starts_with("[notice]")
    });
    cut(&lines.collect::<Vec<_>>().join("\n"), MOST_SHOWN)
}

fn first_line(said: &str) -> String {
    let told = told(said);
    let line = told.lines().next().unwrap_or("it says nothing").trim();
    let line =
        ["ERROR: ", "error: "].iter().find_map(|mark| line.strip_prefix(mark)).unwrap_or(line);
    cut(line, MOST_SENTENCE)
}

/// The package of which an installer says that there is nothing to take.
fn not_found(said: &str) -> Option<&str> {
    let after = |mark: &str| {
        let rest = said.split_once(mark)?.1;
        let ends =
            rest.find(|char: char| char.is_whitespace() || char == '(').unwrap_or(rest.len());
        Some(&rest[..ends]).filter(|name| !name.is_empty())
    };
    let before = |mark: &str| {
        let rest = said.split_once(mark)?.0;
        rest.split_whitespace().next_back()
    };
    after("No matching distribution found for ")
        .or_else(|| before(" was not found in the "))
        .or_else(|| before(" has no usable wheels"))
        .map(|name| name.trim_matches(['`', '\'', '"', ',']))
}

fn is_unreachable(said: &str) -> bool {
    [
        "dns error",
        "error sending request",
        "Failed to establish a new connection",
        "NewConnectionError",
    ]
    .iter()
    .any(|mark| said.contains(mark))
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
