//! Kubernetes quantities: `500m`, `1.5Gi`, `2e3`.

const SUFFIXES: &[(&str, f64)] = &[
    ("Ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("Pi", 1_125_899_906_842_624.0),
    ("Ei", 1_152_921_504_606_846_976.0),
    ("n", 1e-9),
    ("u", 1e-6),
    ("m", 1e-3),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("P", 1e15),
    ("E", 1e18),
    ("", 1.0),
];

/// Returns the value of a quantity, nothing where the text is none.
pub(crate) fn parse(text: &str) -> Option<f64> {
    let (suffix, factor) = SUFFIXES.iter().find(|(suffix, _)| text.ends_with(suffix))?;
    let number = &text[..text.len() - suffix.len()];
    let is_number = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+');
    // An exponent and a suffix exclude each other.
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((mantissa, exponent)) if suffix.is_empty() => (mantissa, exponent),
        Some(_) => return None,
        None => (number, "0"),
    };
    if !mantissa.bytes().all(is_number) || exponent.is_empty() || exponent.contains('.') {
        return None;
    }
    let value: f64 = mantissa.parse().ok()?;
    let exponent: i32 = exponent.parse().ok()?;
    Some(value * 10_f64.powi(exponent) * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_have_values() {
        for (text, value) in [
            ("500m", 0.5),
            ("1Ki", 1024.0),
            ("2e3", 2000.0),
            ("0.1", 0.1),
            (".5", 0.5),
            ("1E", 1e18),
        ] {
            let parsed = parse(text).expect(text);
            assert!((parsed - value).abs() < 1e-9 * value, "{text}: {parsed}");
        }
    }

    #[test]
    fn what_the_api_refuses_is_none() {
        for text in [
            "", "1GB", "100 Mi", "1gi", "Mi", "1e", "1e3m", "half", "1K", "500MB", "inf", "NaN",
            "1.2.3",
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
