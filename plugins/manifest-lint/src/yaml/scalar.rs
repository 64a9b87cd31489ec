//! How Kubernetes' tools read a scalar that stands without quotes. They follow YAML 1.1, where `yes` and
//! `on` are booleans too.

/// Returns the truth value that a text is.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => {
            Some(true)
        }
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" => {
            Some(false)
        }
        _ => None,
    }
}

pub(super) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

pub(super) fn is_string(text: &str) -> bool {
    // `y` and `n` alone are read as text by the parser that kubectl uses.
    let boolean = boolean(text).is_some() && text.len() > 1;
    !(is_null(text) || boolean || is_integer(text) || is_float(text))
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (digits, radix) = match digits.get(..2) {
        Some("0x") => (&digits[2..], 16),
        Some("0o") => (&digits[2..], 8),
        Some("0b") => (&digits[2..], 2),
        _ => (digits, 10),
    };
    digits.starts_with(|first: char| first.is_digit(radix))
        && digits.chars().all(|digit| digit.is_digit(radix) || digit == '_')
}

fn is_float(text: &str) -> bool {
    let number = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(number, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (number, None),
    };
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mantissa_is_number = (is_digits(whole) && (fraction.is_empty() || is_digits(fraction)))
        || (whole.is_empty() && is_digits(fraction));
    let exponent_is_number = exponent
        .is_none_or(|exponent| is_digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)));
    mantissa_is_number && exponent_is_number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_number_or_a_boolean_is_no_string() {
        for text in [
            "1", "-7", "0x1f", "1_000", "1.5", ".5", "1e3", "12e45", "true", "yes", "Off", "null",
            "~", "",
        ] {
            assert!(!is_string(text), "{text:?}");
        }
    }

    #[test]
    fn versions_addresses_and_words_are_strings() {
        for text in [
            "1.2.3", "10.0.0.1", "0xfg", "1e", "e3", "y", "truely", "1.5.", "100m", "-", "a1",
            "8080:80",
        ] {
            assert!(is_string(text), "{text:?}");
        }
    }
}
