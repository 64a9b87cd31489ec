//! Changes to files: a line of a patch on a terminal, and a list of what became of each.

use anstyle::{AnsiColor, Style};
use errand_core::{Change, Node};

use super::escape;

/// Paints a line by what it says, with controls in it escaped.
pub(crate) fn line(text: &str) -> String {
    let style = style(text);
    format!("{style}{}{style:#}", escape::text(text))
}

/// Lists files and links, each on a line: `A` for added, `M` for modified, `D` for deleted.
pub(crate) fn list(changes: &[Change]) -> String {
    let is_kept = |node: &Option<Node>| node.as_ref().is_some_and(|node| node.git_mode().is_some());
    let mut text = String::new();
    for Change { path, before, after } in changes {
        let (letter, color) = match (is_kept(before), is_kept(after)) {
            (false, true) => ('A', AnsiColor::Green),
            (true, true) => ('M', AnsiColor::Yellow),
            (true, false) => ('D', AnsiColor::Red),
            (false, false) => continue,
        };
        let style = color.on_default();
        text.push_str(&format!("{style}{letter}{style:#} {}\n", escape::line(path)));
    }
    text
}

fn style(text: &str) -> Style {
    const HEADS: [&str; 8] =
        ["diff ", "--- ", "+++ ", "new file ", "deleted file ", "rename ", "similarity ", "index "];
    if HEADS.iter().any(|head| text.starts_with(head)) {
        return Style::new().bold();
    }
    match text.as_bytes().first() {
        Some(b'+') => AnsiColor::Green.on_default(),
        Some(b'-') => AnsiColor::Red.on_default(),
        Some(b'@') => AnsiColor::Cyan.on_default(),
        _ => Style::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_the_colours_that_people_know() {
        assert_eq!(line("+new"), "\u{1b}[32m+new\u{1b}[0m");
        assert_eq!(line("-old"), "\u{1b}[31m-old\u{1b}[0m");
        assert_eq!(line(" same"), " same");
        assert!(line("--- a/x").starts_with("\u{1b}[1m"));
        assert!(!line("+\u{1b}[2J").contains("\u{1b}[2J"), "a guest wrote it");
    }

    #[test]
    fn each_file_and_link_has_a_line() {
        let link = || Some(Node::Symlink { target: "x".into() });
        let change = |path: &str, before, after| Change { path: path.into(), before, after };
        let text = list(&[
            change("a b", None, link()),
            change("c\nd\u{1b}", link(), link()),
            change("e", link(), None),
            change("f", None, Some(Node::Directory)),
        ]);
        assert_eq!(anstream::adapter::strip_str(&text).to_string(), "A a b\nM c\\nd\\x1b\nD e\n");
    }
}
