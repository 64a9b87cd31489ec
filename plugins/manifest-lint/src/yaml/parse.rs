//! Builds trees from the events of the YAML parser.
//!
//! A broken document ends there: reading goes on at the next `---`, so that one mistake does not hide the
//! rest of a file.

use super::{Entry, Node, Scalar, Value};
use saphyr_parser::{Event, Parser, ScalarStyle};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// Deeper than any manifest; nodes are walked and freed by recursion, which must not end the stack.
const MAX_DEPTH: usize = 200;

/// What one file held.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    pub(crate) documents: Vec<Document>,
}

/// One document of a file, which may be empty or broken.
#[derive(Debug)]
pub(crate) struct Document {
    /// Its place among the file's documents, from 0.
    pub(crate) index: usize,
    /// Its content, as far as it could be read: nothing where it is empty or broken.
    pub(crate) root: Option<Rc<Node>>,
    pub(crate) error: Option<SyntaxError>,
    pub(crate) duplicate_keys: Vec<DuplicateKey>,
    /// Whether a mapping has a key that is no scalar. YAML permits it; in manifests it is `{{` without quotes.
    pub(crate) has_complex_keys: bool,
}

/// Why a document cannot be read.
#[derive(Debug, Clone)]
pub(crate) struct SyntaxError {
    pub(crate) line: usize,
    pub(crate) message: String,
}

/// A key that stands twice in one mapping.
#[derive(Debug)]
pub(crate) struct DuplicateKey {
    pub(crate) key: String,
    pub(crate) line: usize,
    pub(crate) first_line: usize,
}

/// Reads all documents of a file.
pub(crate) fn parse(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut rest, mut lines_before) = (text, 0);
    while let Some(error_line) = parse_until_error(rest, lines_before, &mut parsed) {
        match after_next_separator(rest, error_line - lines_before) {
            Some((from, lines_skipped)) => {
                rest = from;
                lines_before += lines_skipped;
            }
            None => break,
        }
    }
    parsed
}

/// Adds the documents of `text`. Answers the line of the error that it stopped at, if there was one.
fn parse_until_error(text: &str, lines_before: usize, parsed: &mut Parsed) -> Option<usize> {
    let mut builder = Builder::new(lines_before);
    for step in Parser::new_from_str(text) {
        let error = match step {
            Ok((Event::DocumentEnd, _)) => {
                parsed.documents.push(builder.finish(parsed.documents.len(), None));
                None
            }
            Ok((event, span)) => builder.take(event, lines_before + span.start.line()).err(),
            Err(error) => Some(SyntaxError {
                line: lines_before + error.marker().line().max(1),
                message: error.info().to_owned(),
            }),
        };
        if let Some(error) = error {
            let line = error.line;
            parsed.documents.push(builder.finish(parsed.documents.len(), Some(error)));
            return Some(line);
        }
    }
    None
}

/// Finds the first `---` below a line (from 1) and what follows from it on, with the lines before it.
fn after_next_separator(text: &str, line: usize) -> Option<(&str, usize)> {
    let mut offset = 0;
    for (index, content) in text.split_inclusive('\n').enumerate() {
        let is_separator = content.trim_end() == "---" || content.starts_with("--- ");
        if is_separator && index >= line {
            return Some((&text[offset..], index));
        }
        offset += content.len();
    }
    None
}

/// A mapping or list whose end has not come.
struct Open {
    line: usize,
    anchor: usize,
    /// For a mapping: the key whose value comes next.
    key: Option<(String, usize)>,
    /// Whether the next value is a key. False for lists.
    expects_key: bool,
    value: Value,
}

struct Builder {
    lines_before: usize,
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
    root: Option<Rc<Node>>,
    duplicate_keys: Vec<DuplicateKey>,
    has_complex_keys: bool,
}

impl Builder {
    fn new(lines_before: usize) -> Self {
        Self {
            lines_before,
            open: Vec::new(),
            anchors: HashMap::new(),
            root: None,
            duplicate_keys: Vec::new(),
            has_complex_keys: false,
        }
    }

    fn finish(&mut self, index: usize, error: Option<SyntaxError>) -> Document {
        let mut finished = std::mem::replace(self, Self::new(self.lines_before));
        let root = finished.root.take().filter(|root| !root.is_null() && error.is_none());
        Document {
            index,
            root,
            error,
            duplicate_keys: std::mem::take(&mut finished.duplicate_keys),
            has_complex_keys: finished.has_complex_keys,
        }
    }

    fn take(&mut self, event: Event<'_>, line: usize) -> Result<(), SyntaxError> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && tag.is_none();
                let scalar = Scalar { text: text.into_owned(), plain };
                self.add(Rc::new(Node { line, value: Value::Scalar(scalar) }), line, anchor);
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(node) => self.add(Rc::clone(node), line, 0),
                None => {
                    let message = "an alias stands inside of what it names".to_owned();
                    return Err(SyntaxError { line, message });
                }
            },
            Event::SequenceStart(anchor, _) => {
                self.open(line, anchor, Value::Sequence(Vec::new()))?
            }
            Event::MappingStart(anchor, _) => {
                self.open(line, anchor, Value::Mapping(Vec::new()))?
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, line: usize, anchor: usize, value: Value) -> Result<(), SyntaxError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(SyntaxError {
                line,
                message: format!("nested deeper than {MAX_DEPTH} levels"),
            });
        }
        let expects_key = matches!(value, Value::Mapping(_));
        self.open.push(Open { line, anchor, key: None, expects_key, value });
        Ok(())
    }

    fn close(&mut self) {
        let Some(mut closed) = self.open.pop() else { return };
        if let Value::Mapping(entries) = &mut closed.value {
            self.find_duplicates(entries);
            merge(entries);
        }
        let first_line = match &closed.value {
            Value::Mapping(entries) => entries.first().map(|entry| entry.line),
            Value::Sequence(items) => items.first().map(|item| item.line),
            Value::Scalar(_) => None,
        };
        // What an alias or a merge brought in stands elsewhere.
        let line = first_line.filter(|first| *first >= closed.line).unwrap_or(closed.line);
        self.add(Rc::new(Node { line, value: closed.value }), line, closed.anchor);
    }

    /// Puts a finished node where it belongs.
    fn add(&mut self, node: Rc<Node>, line: usize, anchor: usize) {
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        match &mut parent.value {
            Value::Sequence(items) => items.push(node),
            Value::Mapping(_) if parent.expects_key => {
                self.has_complex_keys |= node.text().is_none();
                parent.key = Some((node.text().unwrap_or_default().to_owned(), line));
                parent.expects_key = false;
            }
            Value::Mapping(entries) => {
                let (key, line) = parent.key.take().unwrap_or_default();
                entries.push(Entry { key, line, node });
                parent.expects_key = true;
            }
            Value::Scalar(_) => {}
        }
    }

    fn find_duplicates(&mut self, entries: &[Entry]) {
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for entry in entries.iter().filter(|entry| entry.key != "<<") {
            if let Some(first_line) = seen.get(entry.key.as_str()) {
                let (key, line, first_line) = (entry.key.clone(), entry.line, *first_line);
                self.duplicate_keys.push(DuplicateKey { key, line, first_line });
            } else {
                seen.insert(&entry.key, entry.line);
            }
        }
    }
}

/// Replaces `<<: *anchor` with the keys that it brings in and the mapping does not have itself.
fn merge(entries: &mut Vec<Entry>) {
    let (merges, own): (Vec<Entry>, Vec<Entry>) =
        std::mem::take(entries).into_iter().partition(|e| e.key == "<<");
    *entries = own;
    if merges.is_empty() {
        return;
    }
    let mut known: HashSet<String> = entries.iter().map(|entry| entry.key.clone()).collect();
    for merge in merges {
        let sources = match &merge.node.value {
            Value::Sequence(sources) => sources.clone(),
            _ => vec![merge.node],
        };
        for entry in sources.iter().flat_map(|source| source.entries()) {
            if known.insert(entry.key.clone()) {
                entries.push(entry.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(text: &str) -> Rc<Node> {
        let mut parsed = parse(text);
        assert_eq!(parsed.documents.len(), 1);
        parsed.documents.remove(0).root.expect("a document")
    }

    #[test]
    fn keys_and_values_know_their_lines() {
        let root = only("# comment\na:\n  b: 1\n\n  c:\n  - x: 2\n    y: 3\n  - z\n");
        let a = root.get("a").expect("a");
        assert_eq!(root.entry("a").expect("a").line, 2);
        assert_eq!(a.line, 3);
        assert_eq!(a.entry("c").expect("c").line, 5);
        let items = a.get("c").expect("c").items();
        assert_eq!((items[0].line, items[1].line), (6, 8));
        assert_eq!(items[0].entry("y").expect("y").line, 7);
    }

    #[test]
    fn a_broken_document_does_not_hide_the_next() {
        let parsed = parse("a: 1\n---\nb: [1,\n---\nc: 3\n---\nd: 4\n");
        let good: Vec<usize> =
            parsed.documents.iter().filter(|d| d.root.is_some()).map(|d| d.index).collect();
        let errors: Vec<_> = parsed.documents.iter().filter_map(|d| d.error.as_ref()).collect();
        assert_eq!(errors.len(), 1, "{parsed:?}");
        assert!(good.len() >= 2);
        let last = parsed.documents.last().and_then(|d| d.root.clone()).expect("d");
        assert_eq!(last.entry("d").expect("d").line, 7);
    }

    #[test]
    fn merges_and_aliases_are_resolved() {
        let root = only("base: &base\n  a: 1\n  b: 2\nuse:\n  <<: *base\n  b: 3\nsame: *base\n");
        let used = root.get("use").expect("use");
        assert_eq!((used.text_of("a"), used.text_of("b")), (Some("1"), Some("3")));
        assert_eq!(root.get("same").expect("same").text_of("b"), Some("2"));
    }

    #[test]
    fn a_billion_laughs_stays_small() {
        let mut text = String::from("a0: &a0 [x, x]\n");
        for level in 1..60 {
            text.push_str(&format!("a{level}: &a{level} [*a{0}, *a{0}]\n", level - 1));
        }
        assert_eq!(only(&text).entries().len(), 60);
    }

    #[test]
    fn endless_nesting_is_an_error() {
        let parsed = parse(&"[".repeat(100_000));
        assert!(parsed.documents[0].error.is_some());
        let parsed = parse(&"- ".repeat(100_000));
        assert!(parsed.documents[0].error.is_some());
    }

    #[test]
    fn duplicate_keys_are_listed_with_both_lines() {
        let parsed = parse("a: 1\nb: 2\na: 3\n");
        let duplicate = &parsed.documents[0].duplicate_keys[0];
        assert_eq!((duplicate.key.as_str(), duplicate.first_line, duplicate.line), ("a", 1, 3));
    }
}
