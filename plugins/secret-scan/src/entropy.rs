//! How random a text is.

/// Returns Shannon's entropy of a text's bytes, in bits a byte: 0 for one letter again and again, 4 at most
/// for hexadecimal, 6 at most for base64.
pub fn bits_per_char(text: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in text {
        counts[usize::from(*byte)] += 1;
    }
    let length = text.len() as f64;
    let of = |count: &u32| {
        let share = f64::from(*count) / length;
        -share * share.log2()
    };
    counts.iter().filter(|count| **count > 0).map(of).sum()
}
