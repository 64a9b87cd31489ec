//! Markdown that an agent wrote, as HTML that can do nothing.
//!
//! The parser finds the structure; what is written here can only be one of the tags below, around text
//! that was escaped. Raw HTML is shown as the text that it is, pictures become links, and links lead to
//! `http`, `https` and `mailto` alone, each followed by the host that it really leads to. What a text may
//! cost is bounded: its length, how deep it nests, and how much HTML comes out.

use maud::{Escaper, Markup, PreEscaped};
use pulldown_cmark::{
    Alignment, CodeBlockKind, Event, HeadingLevel, LinkType, Options, Parser, Tag, TextMergeStream,
};
use std::fmt::Write;

use super::html::{is_hidden, visible};

/// Longest text that is read; the rest is cut off and the page says so.
const MAX_BYTES: usize = 64 << 10;
/// Most HTML that is written, as a table of short rows grows with the square of its text.
const MAX_HTML_BYTES: usize = 1 << 20;
/// How deep lists, quotes and emphases nest before further ones are written flat.
const MAX_DEPTH: usize = 16;
const TABLE_END: &str = "</tbody></table></div>";
/// Headings of a text stand below those of its page; texts begin with either of the first two.
const HEADINGS: [(&str, &str); 6] = [
    ("<h3>", "</h3>"),
    ("<h3>", "</h3>"),
    ("<h4>", "</h4>"),
    ("<h5>", "</h5>"),
    ("<h6>", "</h6>"),
    ("<h6>", "</h6>"),
];

/// Writes Markdown (GitHub's: tables, lists, task lists, code, strikethrough, bare addresses) as HTML.
pub(crate) fn markdown(text: &str) -> Markup {
    let read = &text[..text.floor_char_boundary(MAX_BYTES)];
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut writer = Writer::default();
    let mut whole = read.len() == text.len();
    for event in TextMergeStream::new(Parser::new_ext(read, options)) {
        if writer.html.len() > MAX_HTML_BYTES {
            whole = false;
            break;
        }
        writer.event(event);
    }
    writer.finish();
    if !whole {
        writer.html.push_str("<p class=\"cut\">The text goes on; it is too long to be shown.</p>");
    }
    PreEscaped(writer.html)
}

#[derive(Default)]
struct Writer {
    html: String,
    /// What closes each open tag of the text; empty for those that were not written.
    open: Vec<&'static str>,
    /// Hosts to be named when the links end, outermost first.
    links: Vec<Option<String>>,
    in_code: bool,
    in_table: bool,
    in_table_head: bool,
    alignments: Vec<Alignment>,
    cell: usize,
}

impl Writer {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => {
                let close = self.start(tag);
                self.open.push(close);
            }
            Event::End(_) => self.end(),
            Event::Text(text) if self.in_code || !self.links.is_empty() => self.text(&text),
            Event::Text(text) => self.text_with_addresses(&text),
            // Raw HTML is what somebody typed, no more.
            Event::Html(text) | Event::InlineHtml(text) => self.text(&text),
            Event::Code(text) | Event::InlineMath(text) | Event::DisplayMath(text) => {
                self.html.push_str("<code>");
                self.text(&text);
                self.html.push_str("</code>");
            }
            Event::FootnoteReference(text) => self.text(&text),
            Event::SoftBreak => self.html.push('\n'),
            Event::HardBreak => self.html.push_str("<br>"),
            Event::Rule => self.html.push_str("<hr>"),
            Event::TaskListMarker(true) => self.html.push_str("<span class=\"tick\">☑</span> "),
            Event::TaskListMarker(false) => self.html.push_str("<span class=\"tick\">☐</span> "),
        }
    }

    /// Opens a tag, and returns what will close it.
    fn start(&mut self, tag: Tag<'_>) -> &'static str {
        match tag {
            Tag::Link { link_type, dest_url, .. } => return self.start_link(link_type, &dest_url),
            Tag::Image { dest_url, .. } => {
                let close = self.start_link(LinkType::Inline, &dest_url);
                self.html.push_str("<span class=\"picture\">picture</span> ");
                return close;
            }
            Tag::CodeBlock(kind) => {
                self.in_code = true;
                self.html.push_str("<pre tabindex=\"0\"><code>");
                // What names the language of a fence says nothing to a reader, unless it is long.
                if let CodeBlockKind::Fenced(info) = kind
                    && info.contains(char::is_whitespace)
                {
                    self.text(&info);
                    self.html.push('\n');
                }
                return "</code></pre>";
            }
            Tag::TableHead | Tag::TableRow | Tag::TableCell if !self.in_table => return "",
            Tag::TableHead | Tag::TableRow | Tag::TableCell => {}
            _ if self.open.len() >= MAX_DEPTH => return "",
            _ => {}
        }
        let (open, close) = match tag {
            Tag::Paragraph | Tag::HtmlBlock => ("<p>", "</p>"),
            Tag::Heading { level, .. } => heading(level),
            Tag::BlockQuote(_) => ("<blockquote>", "</blockquote>"),
            Tag::List(None) => ("<ul>", "</ul>"),
            Tag::List(Some(first)) => {
                // Writing to a string can't fail.
                let _ = write!(self.html, "<ol start=\"{first}\">");
                ("", "</ol>")
            }
            Tag::Item => ("<li>", "</li>"),
            Tag::Emphasis => ("<em>", "</em>"),
            Tag::Strong => ("<strong>", "</strong>"),
            Tag::Strikethrough => ("<del>", "</del>"),
            Tag::Table(alignments) => {
                (self.alignments, self.in_table) = (alignments, true);
                ("<div class=\"wide\" tabindex=\"0\"><table>", TABLE_END)
            }
            Tag::TableHead => {
                (self.in_table_head, self.cell) = (true, 0);
                ("<thead><tr>", "</tr></thead><tbody>")
            }
            Tag::TableRow => {
                (self.in_table_head, self.cell) = (false, 0);
                ("<tr>", "</tr>")
            }
            Tag::TableCell => self.cell(),
            _ => ("", ""),
        };
        self.html.push_str(open);
        close
    }

    fn cell(&mut self) -> (&'static str, &'static str) {
        let alignment = self.alignments.get(self.cell);
        self.cell += 1;
        match (self.in_table_head, alignment) {
            (true, Some(Alignment::Right)) => ("<th scope=\"col\" class=\"right\">", "</th>"),
            (true, Some(Alignment::Center)) => ("<th scope=\"col\" class=\"center\">", "</th>"),
            (true, _) => ("<th scope=\"col\">", "</th>"),
            (false, Some(Alignment::Right)) => ("<td class=\"right\">", "</td>"),
            (false, Some(Alignment::Center)) => ("<td class=\"center\">", "</td>"),
            (false, _) => ("<td>", "</td>"),
        }
    }

    /// Opens a link, unless it leads nowhere safe or stands in another.
    fn start_link(&mut self, kind: LinkType, to: &str) -> &'static str {
        if !self.links.is_empty() || !is_safe(to) {
            return "";
        }
        // An address between angle brackets is its own text.
        let shown = matches!(kind, LinkType::Autolink | LinkType::Email);
        self.links.push(if shown { None } else { Some(leads_to(to)) });
        self.open_link(to);
        "</a>"
    }

    fn open_link(&mut self, to: &str) {
        self.html.push_str("<a rel=\"noopener noreferrer nofollow\" href=\"");
        self.escaped(to);
        self.html.push_str("\">");
    }

    fn end(&mut self) {
        let close = self.open.pop().unwrap_or_default();
        self.html.push_str(close);
        match close {
            "</code></pre>" => self.in_code = false,
            TABLE_END => self.in_table = false,
            "</a>" => {
                if let Some(host) = self.links.pop().flatten() {
                    self.html.push_str(" <span class=\"host\">(");
                    self.text(&host);
                    self.html.push_str(")</span>");
                }
            }
            _ => {}
        }
    }

    fn finish(&mut self) {
        while !self.open.is_empty() {
            self.end();
        }
    }

    /// Writes a text in which bare addresses become links.
    fn text_with_addresses(&mut self, mut text: &str) {
        while let Some((before, address, rest)) = next_address(text) {
            self.text(before);
            self.open_link(address);
            self.text(address);
            self.html.push_str("</a>");
            text = rest;
        }
        self.text(text);
    }

    fn text(&mut self, text: &str) {
        self.escaped(&visible(text));
    }

    fn escaped(&mut self, text: &str) {
        // Writing to a string can't fail.
        let _ = Escaper::new(&mut self.html).write_str(text);
    }
}

fn heading(level: HeadingLevel) -> (&'static str, &'static str) {
    HEADINGS[(level as usize).clamp(1, HEADINGS.len()) - 1]
}

/// Tells whether a link may lead there: an address without blanks and controls, of a scheme that only
/// shows or writes to.
fn is_safe(to: &str) -> bool {
    let scheme = |scheme: &str| {
        to.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
            && to.len() > scheme.len()
    };
    (scheme("https://") || scheme("http://") || scheme("mailto:"))
        && !to.contains(|letter: char| letter.is_whitespace() || is_hidden(letter))
}

/// Returns what an address really leads to: its host, or who gets the mail.
fn leads_to(to: &str) -> String {
    let Some((_, rest)) = to.split_once("://") else {
        return to.split_once(':').map_or(to, |(_, whom)| whom).to_owned();
    };
    // Browsers take a backslash for a slash.
    let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default().to_owned()
}

/// Finds the first bare address: what stands before it, the address, and the rest.
fn next_address(text: &str) -> Option<(&str, &str, &str)> {
    let mut starts = text.match_indices("http").map(|(at, _)| text.split_at(at));
    let (before, rest) = starts.find(|(before, rest)| {
        let host = rest.strip_prefix("http://").or_else(|| rest.strip_prefix("https://"));
        !before.ends_with(char::is_alphanumeric)
            && host.is_some_and(|host| host.starts_with(char::is_alphanumeric))
    })?;
    let ends =
        |letter: char| letter.is_whitespace() || is_hidden(letter) || "<>\"'`|".contains(letter);
    let address = without_punctuation(&rest[..rest.find(ends).unwrap_or(rest.len())]);
    Some((before, address, &rest[address.len()..]))
}

/// Cuts off what ends the sentence and not the address.
fn without_punctuation(mut address: &str) -> &str {
    let count = |bracket| address.matches(bracket).count();
    let mut unmatched = count(')').saturating_sub(count('('));
    loop {
        let cut = address.trim_end_matches(['.', ',', ';', ':', '!', '?', '*', '_', '~']);
        match cut.strip_suffix(')') {
            Some(shorter) if unmatched > 0 => {
                unmatched -= 1;
                address = shorter;
            }
            _ => return cut,
        }
    }
}

#[cfg(test)]
mod tests;
