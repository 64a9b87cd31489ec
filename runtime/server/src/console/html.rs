//! Small pieces of HTML: moments, spans of time, sizes, and texts in which nothing hides.

use std::borrow::Cow;

use errand_core::UnixMillis;
use jiff::Timestamp;
use maud::{Markup, html};

use crate::time::Rfc3339;

/// Shows every character that is not seen, or that makes others be seen elsewhere, by its number.
///
/// An agent that writes what a person decides on could otherwise show them one thing and mean another.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        if is_hidden(letter) {
            shown.push_str(&format!("⟨U+{:04X}⟩", u32::from(letter)));
        } else {
            shown.push(letter);
        }
    }
    Cow::Owned(shown)
}

/// Tells whether a character is not seen, or makes others be seen elsewhere.
pub(crate) fn is_hidden(letter: char) -> bool {
    match letter {
        '\n' | '\t' => false,
        // Embeddings, overrides and isolates of the direction; marks of it; joiners are letters' own.
        '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{061c}' => true,
        '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{00ad}' | '\u{180e}' => true,
        '\u{3164}' | '\u{ffa0}' | '\u{115f}' | '\u{1160}' => true,
        '\u{2028}' | '\u{2029}' => true,
        '\u{e0000}'..='\u{e0fff}' => true,
        letter => letter.is_control(),
    }
}

/// Writes what stands between backticks as code.
pub(crate) fn with_code(text: &str) -> Markup {
    html! {
        @for (at, part) in text.split('`').enumerate() {
            @if at % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// Makes the first letter a capital.
pub(crate) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    first + letters.as_str()
}

/// Writes a moment for people and for programs.
pub(crate) fn moment(at: UnixMillis) -> Markup {
    let millisecond = i64::try_from(at.0).unwrap_or(i64::MAX);
    let timestamp = Timestamp::from_millisecond(millisecond).unwrap_or(Timestamp::MAX);
    let text = timestamp.strftime("%-d %B %Y, %H:%M UTC");
    html! { time datetime=(Rfc3339(at)) { (text.to_string()) } }
}

/// Says how far a moment is from now: `in 5 minutes`, `2 hours ago`.
pub(crate) fn distance(now: UnixMillis, at: UnixMillis) -> String {
    if at > now {
        format!("in {}", span(at.since_ms(now)))
    } else if now.since_ms(at) < 60_000 {
        "just now".to_owned()
    } else {
        format!("{} ago", span(now.since_ms(at)))
    }
}

fn span(ms: u64) -> String {
    let minutes = ms / 60_000;
    let (count, unit) = match minutes {
        0 => return "less than a minute".to_owned(),
        1..=119 => (minutes, "minute"),
        120..=2_879 => (minutes / 60, "hour"),
        _ => (minutes / 1_440, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// Writes a size as people read it.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1_000 {
        return format!("{bytes} B");
    }
    let (mut amount, mut unit) = (bytes as f64 / 1e3, 0);
    while amount >= 999.95 && unit + 1 < UNITS.len() {
        amount /= 1e3;
        unit += 1;
    }
    format!("{amount:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_is_shown() {
        assert_eq!(visible("a\u{202e}b\u{0}\r"), "a⟨U+202E⟩b⟨U+0000⟩⟨U+000D⟩");
        assert_eq!(visible("\u{e0041}\u{200b}\u{feff}"), "⟨U+E0041⟩⟨U+200B⟩⟨U+FEFF⟩");
        for plain in ["", "a\tb\n", "שלום", "👩‍💻 naïve", "<b>&"] {
            assert!(matches!(visible(plain), Cow::Borrowed(same) if same == plain));
        }
    }

    #[test]
    fn moments_spans_and_sizes_read_well() {
        let now = UnixMillis(1_700_000_000_000);
        assert_eq!(
            moment(now).into_string(),
            "<time datetime=\"2023-11-14T22:13:20.000Z\">14 November 2023, 22:13 UTC</time>"
        );
        for (ms, expected) in [
            (30_000, "in less than a minute"),
            (60_000, "in 1 minute"),
            (90 * 60_000, "in 90 minutes"),
            (5 * 3_600_000, "in 5 hours"),
            (3 * 86_400_000, "in 3 days"),
        ] {
            assert_eq!(distance(now, now.plus_ms(ms)), expected);
        }
        assert_eq!(distance(now, now), "just now");
        assert_eq!(distance(now.plus_ms(3_600_000), now), "60 minutes ago");
        for (bytes, expected) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (999_960, "1.0 MB"),
            (4 << 30, "4.3 GB"),
        ] {
            assert_eq!(size(bytes), expected);
        }
    }
}
