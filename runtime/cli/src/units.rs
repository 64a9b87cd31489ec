//! Sizes, durations and amounts of fuel as people write and read them.

use std::time::Duration;

use bytesize::ByteSize;

/// Reads a size: `1048576`, `256MiB`, `1.5 GB`.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    text.trim()
        .parse::<ByteSize>()
        .map(|size| size.as_u64())
        .map_err(|_| "not a size; write it as in `256MiB`, `1.5GB` or `1048576`".to_owned())
}

/// Reads a duration: `10m`, `1h 30m`, `250ms`, `0`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text.trim())
        .map_err(|error| format!("{error}; write it as in `250ms`, `90s` or `1h 30m`"))
}

/// Reads an amount of fuel: `5000000`, `5_000_000`, `5M`, `10T`.
pub(crate) fn parse_fuel(text: &str) -> Result<u64, String> {
    let wrong = || "not an amount of fuel; write it as in `5000000`, `5M` or `10T`".to_owned();
    let text = text.trim();
    let (digits, factor) = match text.char_indices().last().ok_or_else(wrong)? {
        (at, 'k' | 'K') => (&text[..at], 1_000),
        (at, 'M') => (&text[..at], 1_000_000),
        (at, 'G') => (&text[..at], 1_000_000_000),
        (at, 'T') => (&text[..at], 1_000_000_000_000),
        _ => (text, 1),
    };
    let number: u64 = digits.trim_end().replace('_', "").parse().map_err(|_| wrong())?;
    number.checked_mul(factor).ok_or_else(|| "more fuel than can be counted".to_owned())
}

/// Reads a pair: `key=value`.
pub(crate) fn parse_pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("not a pair; write it as in `key=value`".to_owned()),
    }
}

/// Writes a size: `1.2 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    ByteSize::b(bytes).display().iec().to_string()
}

/// Writes an amount of fuel: `3.2G`.
pub(crate) fn fuel(amount: u64) -> String {
    const STEPS: [(u64, &str); 4] =
        [(1_000_000_000_000, "T"), (1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")];
    for (step, suffix) in STEPS {
        if amount >= step {
            let tenths = amount / (step / 10);
            return match (tenths / 10, tenths % 10) {
                (whole, 0) => format!("{whole}{suffix}"),
                (whole, _) if whole >= 100 => format!("{whole}{suffix}"),
                (whole, tenth) => format!("{whole}.{tenth}{suffix}"),
            };
        }
    }
    amount.to_string()
}

/// Writes how long something took, short: `340ms`, `3.4s`, `2m 05s`, `3h 12m`, `4d 2h`.
pub(crate) fn duration(millis: u64) -> String {
    let seconds = millis / 1_000;
    match seconds {
        0 => format!("{millis}ms"),
        1..10 => format!("{seconds}.{}s", millis % 1_000 / 100),
        10..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h {:02}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// Writes an age in one unit: `3s`, `12m`, `5h`, `4d`.
pub(crate) fn age(millis: u64) -> String {
    let seconds = millis / 1_000;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_a_unit() {
        assert_eq!(parse_size("1048576"), Ok(1 << 20));
        assert_eq!(parse_size("256MiB"), Ok(256 << 20));
        assert_eq!(parse_size("1.5 GB"), Ok(1_500_000_000));
        assert!(parse_size("much").is_err());
        assert!(parse_size("-1").is_err());
        assert!(parse_size("").is_err());
    }

    #[test]
    fn durations_are_read() {
        assert_eq!(parse_duration("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(parse_duration("1h 30m"), Ok(Duration::from_secs(5_400)));
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration("0"), Ok(Duration::ZERO));
        assert!(parse_duration("10").is_err(), "a number without a unit says nothing");
        assert!(parse_duration("soon").is_err());
    }

    #[test]
    fn fuel_is_read_with_a_suffix() {
        assert_eq!(parse_fuel("5_000_000"), Ok(5_000_000));
        assert_eq!(parse_fuel("5M"), Ok(5_000_000));
        assert_eq!(parse_fuel("10T"), Ok(10_000_000_000_000));
        for bad in ["", "M", "-5", "1.5M", "99999999999999999999", "99999999999T"] {
            assert!(parse_fuel(bad).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn amounts_are_written_short() {
        assert_eq!(
            [0, 999, 1_000, 1_250_000, 125_900_000, 10_000_000_000_000].map(fuel),
            ["0", "999", "1k", "1.2M", "125M", "10T"]
        );
        assert_eq!(
            [0, 999, 3_460, 59_999, 125_000, 11_520_000, 360_000_000].map(duration),
            ["0ms", "999ms", "3.4s", "59s", "2m 05s", "3h 12m", "4d 4h"]
        );
        assert_eq!([0, 61_000, 7_200_000, 172_800_000].map(age), ["0s", "1m", "2h", "2d"]);
        assert_eq!(size(1_258_291), "1.2 MiB");
    }
}
