//! What a Python script says of itself at its top: PEP 723's block of comments.
//!
//! ```python
//! # /// script
//! # requires-python = ">=3.12"
//! # dependencies = ["rich"]
//! # ///
//! ```

use serde::Deserialize;

use crate::errors::{CommandError, Result};

/// What a script needs. Other keys are for other tools.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Script {
    #[serde(default)]
    pub(super) dependencies: Vec<String>,
    #[serde(default, rename = "requires-python")]
    pub(super) requires_python: Option<String>,
}

const BEGIN: &str = "# /// script";
const END: &str = "# ///";

impl Script {
    /// Reads the block, where there is one.
    pub(super) fn read(source: &str) -> Result<Self> {
        let Some(block) = block(source)? else { return Ok(Self::default()) };
        toml::from_str(&block).map_err(|error| {
            let what = error.message().trim_end();
            CommandError::usage(format_args!("the script's `{BEGIN}` block: {what}"))
                .hint("it is TOML, such as `# dependencies = [\"rich\"]`")
        })
    }
}

/// Finds the block's text without its comment marks. One that does not end is none.
fn block(source: &str) -> Result<Option<String>> {
    let lines: Vec<&str> = source.lines().map(|line| line.trim_end_matches('\r')).collect();
    let mut found = None;
    let mut at = 0;
    while at < lines.len() {
        at += 1;
        if lines[at - 1] != BEGIN {
            continue;
        }
        let is_inside = |line: &&&str| **line == "#" || line.starts_with("# ");
        let inside = lines[at..].iter().take_while(is_inside).count();
        // The last end of those that follow: what comes before is text.
        let Some(end) = lines[at..at + inside].iter().rposition(|line| *line == END) else {
            continue;
        };
        let text: Vec<&str> = lines[at..at + end]
            .iter()
            .map(|line| line.strip_prefix("# ").unwrap_or_default())
            .collect();
        if found.replace(text.join("\n")).is_some() {
            return Err(CommandError::usage(format_args!(
                "the script has two `{BEGIN}` blocks; only one may say what it needs"
            )));
        }
        at += end + 1;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(source: &str) -> Script {
        Script::read(source).unwrap_or_else(|error| panic!("{}", error.message()))
    }

    fn error(source: &str) -> String {
        Script::read(source).expect_err("it is wrong").message()
    }

    #[test]
    fn a_block_says_what_a_script_needs() {
        let source = "#!/usr/bin/env python\n# /// script\n# requires-python = \">=3.11\"\n\
                      # dependencies = [\n#   \"requests<3\",\n#\n#   'rich',\n# ]\n\
                      # [tool.other]\n# key = 1\n# ///\nimport rich\n";
        let expected = Script {
            dependencies: vec!["requests<3".into(), "rich".into()],
            requires_python: Some(">=3.11".into()),
        };
        assert_eq!(script(source), expected);
        assert_eq!(script(&source.replace('\n', "\r\n")), expected);
    }

    #[test]
    fn what_is_no_block_says_nothing() {
        for source in [
            "",
            "print(1)",
            "# /// script\n# dependencies = ['a']\n",
            "# /// script\n# dependencies = ['a']\n\n# ///\n",
            "# /// other\n# dependencies = ['a']\n# ///\n",
            " # /// script\n # dependencies = ['a']\n # ///\n",
            "#/// script\n# dependencies = ['a']\n# ///\n",
            "# /// script\n#dependencies = ['a']\n# ///\n",
            "# /// script\n# ///\n",
        ] {
            assert_eq!(script(source), Script::default(), "{source}");
        }
    }

    #[test]
    fn a_block_goes_to_the_last_end_among_its_comments() {
        let source = "# /// script\n# dependencies = [\"\"\"a\n# ///\n# \"\"\"]\n# ///\n# more\n";
        assert_eq!(script(source).dependencies, ["a\n///\n"]);
    }

    #[test]
    fn a_block_that_is_wrong_says_why() {
        let two = "# /// script\n# ///\n\n# /// script\n# ///\n";
        assert!(error(two).contains("two `# /// script` blocks"));
        assert!(error("# /// script\n# dependencies = [\n# ///\n").contains("block: "));
        let number = error("# /// script\n# dependencies = [1]\n# ///\n");
        assert!(number.contains("invalid type: integer"), "{number}");
        let text = error("# /// script\n# dependencies = 'rich'\n# ///\n");
        assert!(text.contains("invalid type: string"), "{text}");
    }
}
