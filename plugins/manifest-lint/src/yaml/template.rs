//! Reads a Helm template as if it were YAML, without rendering it.
//!
//! Lines that are only template code become blank, and an expression within a line becomes a placeholder,
//! so that lines keep their numbers. What a template would add is unknown, so whoever reads such a document
//! must not conclude anything from what is absent in it.

const PLACEHOLDER: &str = "errand-templated";

/// Returns whether a text holds an expression, or the placeholder of one.
pub(crate) fn is_templated(text: &str) -> bool {
    text.contains("{{") || text.contains(PLACEHOLDER)
}

/// Returns the line of the first template expression, from 1.
pub(crate) fn first_expression(text: &str) -> Option<usize> {
    text.lines().position(|line| line.contains("{{")).map(|index| index + 1)
}

/// Replaces template code by what YAML can read.
pub(crate) fn mask(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let (before, from) = rest.split_at(start);
        let end = from.find("}}").map_or(from.len(), |end| end + 2);
        let (expression, after) = from.split_at(end);
        let begins_line = before.rsplit('\n').next().unwrap_or(before).trim().is_empty()
            && (before.contains('\n')
                || masked.is_empty()
                || masked.ends_with('\n')
                || is_blank_line(&masked));
        let ends_line = after.split('\n').next().unwrap_or(after).trim().is_empty();
        masked.push_str(before);
        // An expression over several lines keeps as many.
        let breaks = expression.matches('\n').count();
        let stands_alone = begins_line && ends_line;
        if !stands_alone && !is_control(expression) {
            masked.push_str(PLACEHOLDER);
        }
        masked.extend(std::iter::repeat_n('\n', breaks));
        rest = after;
    }
    masked.push_str(rest);
    masked
}

fn is_blank_line(text: &str) -> bool {
    text.rsplit('\n').next().unwrap_or(text).trim().is_empty()
}

/// Returns whether an expression steers the template instead of printing something.
fn is_control(expression: &str) -> bool {
    let code = expression.trim_start_matches("{{").trim_start_matches('-').trim_start();
    let word = code.split(|letter: char| !letter.is_ascii_alphabetic()).next().unwrap_or_default();
    code.starts_with("/*")
        || code.starts_with('$') && code.contains(":=")
        || matches!(
            word,
            "if" | "else" | "end" | "range" | "with" | "define" | "block" | "template"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn template_code_goes_and_lines_stay() {
        let text = "{{- if .Values.on }}\nname: {{ .Release.Name }}-x\nlabels:\n  {{- include \"l\" . | nindent 2 }}\n{{- end }}\nlast: 1\n";
        let masked = mask(text);
        assert_eq!(masked.lines().count(), text.lines().count());
        assert_eq!(masked.lines().nth(1), Some("name: errand-templated-x"));
        assert_eq!(masked.lines().nth(3).map(str::trim), Some(""));
        assert_eq!(masked.lines().nth(5), Some("last: 1"));
    }

    #[test]
    fn an_expression_that_never_ends_ends_with_the_file() {
        assert_eq!(mask("a: {{ b"), "a: errand-templated");
    }
}
