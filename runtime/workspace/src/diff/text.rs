//! What differs between two texts, by lines.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use similar::{Algorithm, DiffOp, DiffTag, capture_diff_slices_deadline, group_diff_ops};

/// Texts of more are not compared: a hundred bytes or so are held of each line.
const MAX_LINES: usize = 1 << 20;
/// Lines around what differs by which a patch finds its place, as many as git writes.
const CONTEXT_LINES: usize = 3;

/// Tells whether these bytes are fit for a patch of lines.
///
/// A text that is not UTF-8 would be none in whatever shows or carries the patch.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    !bytes.contains(&0)
        && std::str::from_utf8(bytes).is_ok()
        && bytes.iter().filter(|byte| **byte == b'\n').count() < MAX_LINES
}

/// Writes what differs, and takes the time for the search off what is left of it.
pub(super) fn write_hunks(
    before: &[u8],
    after: &[u8],
    search_time: &mut Duration,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (before, after) = (lines(before), lines(after));
    let start = Instant::now();
    let deadline = Some(start + *search_time);
    let ops = capture_diff_slices_deadline(Algorithm::Myers, &before, &after, deadline);
    *search_time = search_time.saturating_sub(start.elapsed());
    for hunk in group_diff_ops(ops, CONTEXT_LINES) {
        write_hunk(&hunk, &before, &after, out)?;
    }
    Ok(())
}

fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').collect()
}

fn write_hunk(
    hunk: &[DiffOp],
    before: &[&[u8]],
    after: &[&[u8]],
    out: &mut dyn Write,
) -> io::Result<()> {
    let (Some(first), Some(last)) = (hunk.first(), hunk.last()) else { return Ok(()) };
    let old = range(first.old_range().start, last.old_range().end);
    let new = range(first.new_range().start, last.new_range().end);
    writeln!(out, "@@ -{old} +{new} @@")?;
    for op in hunk {
        if op.tag() == DiffTag::Equal {
            write_lines(b' ', &before[op.old_range()], out)?;
        } else {
            write_lines(b'-', &before[op.old_range()], out)?;
            write_lines(b'+', &after[op.new_range()], out)?;
        }
    }
    Ok(())
}

/// Lines from one to before another, both counted from nought, as a hunk's header says them.
fn range(start: usize, end: usize) -> String {
    match end - start {
        0 => format!("{start},0"),
        1 => format!("{end}"),
        count => format!("{},{count}", start + 1),
    }
}

fn write_lines(sign: u8, lines: &[&[u8]], out: &mut dyn Write) -> io::Result<()> {
    for line in lines {
        out.write_all(&[sign])?;
        out.write_all(line)?;
        if !line.ends_with(b"\n") {
            out.write_all(b"\n\\ No newline at end of file\n")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hunks(before: &str, after: &str, mut search_time: Duration) -> String {
        let mut out = Vec::new();
        write_hunks(before.as_bytes(), after.as_bytes(), &mut search_time, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn far_changes_are_hunks_of_their_own_and_a_missing_newline_is_told() {
        let before = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11";
        let after = "1\n2\nx\n4\n5\n6\n7\n8\n9\n10\n11\n";
        assert_eq!(
            hunks(before, after, Duration::from_secs(60)),
            "@@ -1,6 +1,6 @@\n 1\n 2\n-3\n+x\n 4\n 5\n 6\n\
             @@ -8,4 +8,4 @@\n 8\n 9\n 10\n-11\n\\ No newline at end of file\n+11\n"
        );
        assert_eq!(hunks("", "x\n", Duration::from_secs(60)), "@@ -0,0 +1 @@\n+x\n");
        assert_eq!(hunks("x\ny\n", "", Duration::from_secs(60)), "@@ -1,2 +0,0 @@\n-x\n-y\n");
    }

    #[test]
    fn without_time_all_is_replaced() {
        let (before, after) = ("a\nb\nc\nd\n".repeat(200), "d\nb\na\nb\n".repeat(200));
        let replaced = hunks(&before, &after, Duration::ZERO);
        assert!(replaced.starts_with("@@ -1,"), "{replaced}");
        assert_eq!(replaced.matches("@@ -").count(), 1);
    }

    #[test]
    fn what_is_no_text_is_told_from_what_is() {
        assert!(is_text("é\r\n".as_bytes()) && is_text(b""));
        for bytes in [&b"a\0"[..], b"\xff\n", &b"\n".repeat(MAX_LINES)] {
            assert!(!is_text(bytes));
        }
    }
}
