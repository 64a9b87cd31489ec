//! `errand plugin new`: a new executor's source, complete, from a template in the binary.

#![expect(clippy::disallowed_methods, reason = "it owns the project that it writes")]

mod template;

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use clap::{Args, ValueEnum};

use crate::errors::{CommandError, Exit, Result};
use crate::output::Output;
use template::{PLACEHOLDER, Source};

/// Starts a new executor from a template
///
/// Writes a directory NAME with a small executor that works: its source, the interface that it is written
/// against, test cases, and a Makefile that builds and tests it. Nothing else is needed of Errand but
/// this binary.
#[derive(Args)]
#[command(after_help = "\
Examples:
  errand plugin new word-counter
  errand plugin new word-counter --lang python")]
pub(crate) struct NewArgs {
    /// What to call it: the directory, and the executor
    #[arg(value_name = "NAME")]
    name: String,
    /// The language
    #[arg(long, value_enum, value_name = "LANG", default_value_t = Language::Rust)]
    lang: Language,
}

/// The languages that there are templates for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    Rust,
    Python,
    #[value(alias = "javascript")]
    Js,
}

pub(crate) fn run(args: &NewArgs) -> Result<Exit> {
    let name = checked(&args.name, args.lang)?;
    let directory = Path::new(&name);
    make_directory(directory)?;
    for file in template::files(args.lang) {
        write(&directory.join(file.path), &file, &name).map_err(|error| {
            let path = directory.join(file.path);
            CommandError::refused(format_args!("write `{}`: {error}", path.display()))
        })?;
    }
    let language = args.lang.as_text();
    Output::stdout().text(format_args!(
        "{name} is a new executor in {language}. What comes next:

  cd {name}
  make test                     builds it and runs the cases in tests/
  errand plugin add {name}.wasm
"
    ))?;
    Ok(Exit::Done)
}

impl Language {
    fn as_text(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::Python => "Python",
            Self::Js => "JavaScript",
        }
    }
}

/// Checks that a name can be an executor's, and a project's of its language.
fn checked(name: &str, language: Language) -> Result<String> {
    let name = super::checked_name(name)?.to_string();
    let refused = match language {
        Language::Rust if name.starts_with(|first: char| first.is_ascii_digit()) => {
            Some("a Rust package's name can't start with a digit")
        }
        Language::Rust if name.contains('.') => Some("a Rust package's name can't have a dot"),
        Language::Js if name == "node_modules" => Some("npm keeps that name for itself"),
        _ => None,
    };
    match refused {
        Some(why) => Err(CommandError::usage(format_args!("`{name}`: {why}"))
            .hint("an executor can be added under any other name with `errand plugin add --name`")),
        None => Ok(name),
    }
}

/// Makes the directory. An empty one that is there already will do.
fn make_directory(directory: &Path) -> Result<()> {
    let refused = |why: &dyn std::fmt::Display| {
        CommandError::refused(format_args!("make the directory `{}`: {why}", directory.display()))
    };
    match DirBuilder::new().create(directory) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(refused(&error)),
    }
    let mut entries = fs::read_dir(directory).map_err(|error| match error.kind() {
        io::ErrorKind::NotADirectory => refused(&"a file of that name is there"),
        _ => refused(&error),
    })?;
    match entries.next() {
        None => Ok(()),
        Some(_) => Err(refused(&"it is there, and not empty").hint("choose another name")),
    }
}

fn write(path: &Path, file: &Source, name: &str) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mode = if file.executable { 0o777 } else { 0o666 };
    let mut written = File::options().write(true).create_new(true).mode(mode).open(path)?;
    written.write_all(file.text.replace(PLACEHOLDER, name).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_fits_the_executor_and_the_language() {
        let fits = |name, language| checked(name, language).is_ok();
        assert!(fits("word-counter_2", Language::Rust));
        assert!(!fits("2-words", Language::Rust));
        assert!(!fits("word.counter", Language::Rust));
        assert!(fits("2.words", Language::Python));
        assert!(fits("2.words", Language::Js));
        assert!(!fits("node_modules", Language::Js));
        let long = "a".repeat(65);
        for language in [Language::Rust, Language::Python, Language::Js] {
            for name in ["", ".", "..", "a/b", "/a", "-a", "A", "a b", "ä", &long] {
                assert!(!fits(name, language), "{name:?}");
            }
        }
    }
}
