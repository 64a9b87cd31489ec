//! Requirements as people write them: plain names with versions, extras and markers, and nothing else.
//!
//! A requirement goes into a file that an installer reads. So what could be read there as an option, a path or
//! an address is refused here, and only the resolver knows what the rest means.

use super::PYTHON;
use crate::errors::{CommandError, Result};

/// Packages that may be asked for.
const MOST: usize = 200;
/// Bytes of one requirement.
const MOST_BYTES: usize = 1_000;

/// Checks requirements, and puts them into an order that does not depend on who wrote them.
pub(super) fn check(requirements: &[String]) -> Result<Vec<String>> {
    if requirements.len() > MOST {
        return Err(CommandError::usage(format_args!("at most {MOST} packages can be asked for")));
    }
    let mut checked = Vec::with_capacity(requirements.len());
    for text in requirements {
        let requirement = text.trim();
        if let Err(why) = check_one(requirement) {
            let shown: String = requirement.chars().take(100).collect();
            return Err(CommandError::usage(format_args!("the package `{shown}` {why}"))
                .hint("name it as on PyPI, such as `rich` or `rich>=13,<15`"));
        }
        checked.push(requirement.to_owned());
    }
    checked.sort();
    checked.dedup();
    Ok(checked)
}

fn check_one(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("has no name");
    }
    if text.len() > MOST_BYTES {
        return Err("is longer than any requirement");
    }
    if text.starts_with('-') {
        return Err("begins with `-`, like an option");
    }
    if text.contains('@') || text.contains("://") {
        return Err("is an address; packages come from an index by name alone");
    }
    if text.starts_with(['.', '/', '~']) || text.contains('/') || text.contains('\\') {
        return Err("is a path; packages come from an index by name alone");
    }
    let (wanted, marker) = match text.split_once(';') {
        Some((wanted, marker)) => (wanted.trim_end(), Some(marker)),
        None => (text, None),
    };
    let name_ends = wanted.find(|char: char| !is_name(char)).unwrap_or(wanted.len());
    let (name, rest) = wanted.split_at(name_ends);
    let ends_plain = |char: Option<char>| char.is_some_and(|char| char.is_ascii_alphanumeric());
    if !ends_plain(name.chars().next()) || !ends_plain(name.chars().last()) {
        return Err("has no name that a package can have");
    }
    let archive = [".whl", ".zip", ".tar", ".gz", ".bz2", ".xz", ".tgz", ".txt", ".toml"];
    if archive.iter().any(|ending| name.to_ascii_lowercase().ends_with(ending)) {
        return Err("is a file; packages come from an index by name alone");
    }
    let mut rest = rest.trim();
    if let Some(inside) = rest.strip_prefix('[') {
        let (extras, after) = inside.split_once(']').ok_or("has a `[` without its `]`")?;
        if !extras
            .split(',')
            .all(|extra| !extra.trim().is_empty() && extra.trim().chars().all(is_name))
        {
            return Err("has extras that can't be understood");
        }
        rest = after.trim();
    }
    if !rest.is_empty() && clauses(rest).is_none() {
        return Err("has a version that can't be understood");
    }
    let Some(marker) = marker else { return Ok(()) };
    let in_marker = |char: char| {
        is_name(char)
            || matches!(
                char,
                ' ' | '<' | '>' | '=' | '!' | '~' | '(' | ')' | '\'' | '"' | ',' | '*'
            )
    };
    if !marker.chars().all(in_marker) || marker.contains(" -") || marker.trim().is_empty() {
        return Err("has a condition that can't be understood");
    }
    Ok(())
}

fn is_name(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '.' | '_' | '-')
}

const OPERATORS: [&str; 8] = ["===", "==", "!=", "<=", ">=", "~=", "<", ">"];

/// Splits `>=1,<2` into operators and versions; nothing where it is not that.
fn clauses(text: &str) -> Option<Vec<(&'static str, &str)>> {
    let clause = |clause: &str| -> Option<(&'static str, usize)> {
        let operator = OPERATORS.into_iter().find(|operator| clause.starts_with(operator))?;
        Some((operator, operator.len()))
    };
    let is_version = |version: &str| {
        version.starts_with(|char: char| char.is_ascii_alphanumeric())
            && version.chars().all(|char| is_name(char) || matches!(char, '*' | '+' | '!'))
    };
    text.split(',')
        .map(str::trim)
        .map(|part| {
            let (operator, length) = clause(part)?;
            let version = part[length..].trim();
            is_version(version).then_some((operator, version))
        })
        .collect()
}

/// Checks that a script's `requires-python` lets the sandbox's Python run it.
pub(super) fn check_python(requires: &str) -> Result<()> {
    let [major, minor, _] = PYTHON;
    let allowed = clauses(requires).and_then(|clauses| {
        clauses
            .into_iter()
            .map(|(operator, version)| allows(operator, version))
            .collect::<Option<Vec<_>>>()
    });
    match allowed {
        Some(allowed) if allowed.iter().all(|allowed| *allowed) => Ok(()),
        Some(_) => Err(CommandError::usage(format_args!(
            "the script wants Python {requires}; the sandbox has Python {major}.{minor}"
        ))),
        None => Err(CommandError::usage(format_args!(
            "the script's `requires-python` (`{requires}`) can't be understood"
        ))
        .hint("it is as in `>=3.12` or `>=3.12,<4`")),
    }
}

/// Tells whether one clause allows the sandbox's Python; nothing where its version is no number.
fn allows(operator: &str, version: &str) -> Option<bool> {
    let (numbers, prefix) = match version.strip_suffix(".*") {
        Some(prefix) => (prefix, true),
        None => (version, false),
    };
    let numbers: Vec<u64> =
        numbers.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let length = numbers.len().max(PYTHON.len());
    let padded = |numbers: &[u64]| {
        let mut numbers = numbers.to_vec();
        numbers.resize(length, 0);
        numbers
    };
    let (ours, theirs) = (padded(&PYTHON), padded(&numbers));
    let same_prefix = |digits: usize| ours[..digits] == theirs[..digits];
    Some(match (operator, prefix) {
        ("==", true) => same_prefix(numbers.len()),
        ("!=", true) => !same_prefix(numbers.len()),
        (_, true) => return None,
        ("==" | "===", _) => ours == theirs,
        ("!=", _) => ours != theirs,
        ("<=", _) => ours <= theirs,
        (">=", _) => ours >= theirs,
        ("<", _) => ours < theirs,
        (">", _) => ours > theirs,
        ("~=", _) if numbers.len() > 1 => ours >= theirs && same_prefix(numbers.len() - 1),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why_not(requirement: &str) -> String {
        check(&[requirement.to_owned()]).expect_err(requirement).message()
    }

    #[test]
    fn names_with_versions_extras_and_conditions_are_taken() {
        for requirement in [
            "rich",
            "ruamel.yaml",
            "zope.interface==5.*",
            "requests[socks, security] >= 2.8.1, == 2.8.* ; python_version < '3.15'",
            "a~=1.0",
            "a===1.0+local",
            "a!=1!2.0",
            "a ; (sys_platform == \"linux\") and extra != 'x'",
        ] {
            assert_eq!(check(&[requirement.to_owned()]).expect(requirement), [requirement]);
        }
    }

    #[test]
    fn what_an_installer_could_take_for_something_else_is_refused() {
        for (requirement, why) in [
            ("", "has no name"),
            ("-r/etc/passwd", "begins with `-`"),
            ("--index-url=http://x", "begins with `-`"),
            ("rich --index-url http://x", "is an address"),
            ("rich --pre", "has a version"),
            ("rich>=1 --pre", "has a version"),
            ("rich; python_version > '3' --pre", "has a condition"),
            ("rich;", "has a condition"),
            ("rich\n--pre", "has a version"),
            ("rich>=1\nother", "has a version"),
            ("rich # x", "has a version"),
            ("rich>=$HOME", "has a version"),
            ("rich @ file:///x", "is an address"),
            ("git+https://x/y", "is an address"),
            ("./rich", "is a path"),
            ("..", "is a path"),
            ("~/rich", "is a path"),
            ("a/b", "is a path"),
            ("C:\\rich", "is a path"),
            ("rich-13-py3-none-any.whl", "is a file"),
            ("requirements.txt", "is a file"),
            ("_rich", "has no name that"),
            ("rich-", "has no name that"),
            ("rïch", "has a version"),
            ("rich[", "has a `[`"),
            ("rich[]", "has extras"),
            ("rich[a;b]", "has a `[`"),
            ("rich 13", "has a version"),
            ("rich>=", "has a version"),
            ("rich>=-1", "has a version"),
        ] {
            let message = why_not(requirement);
            assert!(message.contains(why), "{requirement}: {message}");
        }
        assert!(why_not(&"x".repeat(2_000)).contains("is longer"));
    }

    #[test]
    fn the_order_and_repetitions_do_not_matter() {
        let check = |all: &[&str]| {
            check(&all.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
                .expect("they are right")
        };
        assert_eq!(check(&["b", " a ", "b"]), ["a", "b"]);
    }

    #[test]
    fn a_script_says_which_python_it_wants() {
        for requires in
            [">=3.11", ">=3.14", "==3.14.*", "~=3.9", ">3.9, <4", "!=3.13", "<3.15", "~=3.14.0"]
        {
            assert!(check_python(requires).is_ok(), "{requires}");
        }
        for requires in
            ["<3.14", ">=3.15", "==3.13.*", "~=3.13.0", "!=3.14.*", ">=3.11,<3.12", "<=3.13"]
        {
            let message = check_python(requires).expect_err(requires).message();
            assert!(message.contains("the sandbox has Python 3.14"), "{message}");
        }
        for requires in ["3.11", ">=x", "", ">=3.11;", "~=3", ">=3.*"] {
            let message = check_python(requires).expect_err(requires).message();
            assert!(message.contains("can't be understood"), "{message}");
        }
    }
}
