//! A unified diff, file by file, with its lines marked by what they do.

use maud::{Markup, html};

use crate::console::html::visible;

/// Most lines that are shown. Whoever needs more reads the diff with a tool made for it.
const MAX_LINES: usize = 3_000;
/// Most text that is shown.
const MAX_BYTES: usize = 512 << 10;
/// Longest line; what goes beyond is minified or generated.
const MAX_LINE_BYTES: usize = 2_000;
/// Files longer than this start closed.
const OPEN_LINES: usize = 400;

struct File<'a> {
    /// What git says of it before the first change: modes, renames, names.
    head: Vec<&'a str>,
    lines: Vec<(Kind, &'a str)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Hunk,
    Added,
    Removed,
    Same,
    Note,
}

/// Writes what a task changed.
pub(super) fn section(diff: &str) -> Markup {
    let (shown, lines_left) = capped(diff);
    let files = files(&shown);
    let count = |wanted| files.iter().map(|file| file.count(wanted)).sum::<usize>();
    html! {
        section.card aria-labelledby="changes" {
            div.headline {
                h2 #changes { "Changes so far" }
                p.tally { (files.len()) @if files.len() == 1 { " file " } @else { " files " }
                    (tally(count(Kind::Added), count(Kind::Removed))) }
            }
            (cut_note(lines_left))
            @for file in &files { (file.show()) }
            (cut_note(lines_left))
        }
    }
}

/// Says what is missing, above and below: nobody may take a part for the whole.
fn cut_note(lines_left: usize) -> Markup {
    html! {
        @if lines_left > 0 {
            p.cut { "This is not all: " (lines_left) @if lines_left == 1 { " line is" } @else { " lines are" }
                " not shown." }
        }
    }
}

fn tally(added: usize, removed: usize) -> Markup {
    html! {
        @if added > 0 { span.plus { "+" (added) span.unseen { " lines added" } } " " }
        @if removed > 0 { span.minus { "−" (removed) span.unseen { " lines removed" } } }
    }
}

/// Returns the lines that are shown, and how many are not.
fn capped(diff: &str) -> (Vec<&str>, usize) {
    let mut bytes = 0;
    let mut lines = diff.strip_suffix('\n').unwrap_or(diff).split('\n');
    let fits = |line: &&str| {
        bytes += line.len().min(MAX_LINE_BYTES);
        bytes <= MAX_BYTES
    };
    let shown: Vec<&str> = lines.by_ref().take(MAX_LINES).take_while(fits).collect();
    let all = diff.lines().count();
    let left = all.saturating_sub(shown.len());
    (shown, left)
}

fn files<'a>(lines: &[&'a str]) -> Vec<File<'a>> {
    let mut files: Vec<File<'a>> = Vec::new();
    // Lines that the hunk at hand still has, on either side; what looks like a heading inside is text.
    let (mut old, mut new) = (0_u64, 0_u64);
    for line in lines {
        let inside = old > 0 || new > 0;
        // No line of a hunk starts with a letter.
        let git_heading = line.starts_with("diff --git ");
        let bare_heading = !inside
            && line.starts_with("--- ")
            && files.last().is_none_or(|file| !file.lines.is_empty());
        if git_heading || bare_heading {
            (old, new) = (0, 0);
            files.push(File { head: vec![*line], lines: Vec::new() });
            continue;
        }
        if files.is_empty() {
            files.push(File { head: Vec::new(), lines: Vec::new() });
        }
        let Some(file) = files.last_mut() else { continue };
        let kind = match line.as_bytes().first() {
            Some(b'+') if inside => {
                new = new.saturating_sub(1);
                Kind::Added
            }
            Some(b'-') if inside => {
                old = old.saturating_sub(1);
                Kind::Removed
            }
            Some(b'\\') => Kind::Note,
            _ if inside => {
                (old, new) = (old.saturating_sub(1), new.saturating_sub(1));
                Kind::Same
            }
            Some(b'@') => match hunk(line) {
                Some(lengths) => {
                    (old, new) = lengths;
                    Kind::Hunk
                }
                None => Kind::Note,
            },
            _ if file.lines.is_empty() => {
                file.head.push(*line);
                continue;
            }
            _ => Kind::Note,
        };
        file.lines.push((kind, *line));
    }
    files
}

/// Reads how many old and new lines follow `@@ -1,3 +1,4 @@`.
fn hunk(line: &str) -> Option<(u64, u64)> {
    let mut words = line.strip_prefix("@@ ")?.split(' ');
    let length = |range: &str| match range.split_once(',') {
        Some((_, length)) => length.parse().ok(),
        None => Some(1),
    };
    let old = length(words.next()?.strip_prefix('-')?)?;
    Some((old, length(words.next()?.strip_prefix('+')?)?))
}

impl File<'_> {
    fn show(&self) -> Markup {
        let (added, removed) = (self.count(Kind::Added), self.count(Kind::Removed));
        let notes = self.notes();
        html! {
            details.file open[self.lines.len() <= OPEN_LINES] {
                summary {
                    span.path { (visible(&self.path())) }
                    @for note in &notes { span.badge { (visible(note)) } }
                    span.tally { (tally(added, removed)) }
                }
                @if !self.lines.is_empty() {
                    div.diff role="region" aria-label={ "Changes of " (visible(&self.path())) } tabindex="0" {
                        pre { @for (kind, line) in &self.lines { (show_line(*kind, line)) } }
                    }
                }
            }
        }
    }

    fn count(&self, wanted: Kind) -> usize {
        self.lines.iter().filter(|(kind, _)| *kind == wanted).count()
    }

    /// Returns the path that the file has now, or had.
    fn path(&self) -> String {
        let named = |prefix: &str, side: &str| {
            let name = self.head.iter().find_map(|line| line.strip_prefix(prefix))?;
            let name = name.split('\t').next().unwrap_or(name);
            (name != "/dev/null").then(|| without_side(name, side))
        };
        let first = || self.head.first()?.strip_prefix("diff --git ").map(one_name);
        named("+++ ", "b/")
            .or_else(|| named("rename to ", ""))
            .or_else(|| named("--- ", "a/"))
            .or_else(first)
            .unwrap_or_else(|| "Changes".to_owned())
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for line in &self.head {
            if line.starts_with("new file") {
                notes.push("new".to_owned());
            } else if line.starts_with("deleted file") {
                notes.push("deleted".to_owned());
            } else if let Some(from) = line.strip_prefix("rename from ") {
                notes.push(format!("was {from}"));
            } else if line.starts_with("Binary files") || line.starts_with("GIT binary") {
                notes.push("binary".to_owned());
            } else if let Some(mode) = line.strip_prefix("new mode ") {
                notes.push(format!("mode {mode}"));
            }
            if line.starts_with("new file mode 120000") {
                notes.push("symbolic link".to_owned());
            } else if line.starts_with("new file mode 100755") {
                notes.push("executable".to_owned());
            }
        }
        notes
    }
}

/// Cuts `a/` or `b/` off a path, inside of git's quotes too.
fn without_side(name: &str, side: &str) -> String {
    match name.strip_prefix('"') {
        Some(quoted) => format!("\"{}", quoted.strip_prefix(side).unwrap_or(quoted)),
        None => name.strip_prefix(side).unwrap_or(name).to_owned(),
    }
}

/// Returns the one name of `a/NAME b/NAME`, or both.
fn one_name(names: &str) -> String {
    let (old, new) = names.split_at(names.len() / 2);
    match (old.strip_prefix("a/"), new.strip_prefix(" b/")) {
        (Some(old), Some(new)) if old == new => new.to_owned(),
        _ => names.to_owned(),
    }
}

fn show_line(kind: Kind, line: &str) -> Markup {
    let end = line.floor_char_boundary(MAX_LINE_BYTES);
    let (shown, rest) = line.split_at(end);
    let text = html! {
        (visible(shown))
        @if !rest.is_empty() { span.cut { " … " (rest.len()) " more bytes" } }
        "\n"
    };
    match kind {
        Kind::Added => html! { ins { (text) } },
        Kind::Removed => html! { del { (text) } },
        Kind::Hunk => html! { span.hunk { (text) } },
        Kind::Note => html! { span.note { (text) } },
        Kind::Same => html! { span { (text) } },
    }
}
