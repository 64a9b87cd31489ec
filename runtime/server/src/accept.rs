//! Choosing a media type by the `Accept` header.

use http::StatusCode;
use http::header::{ACCEPT, HeaderMap};

use crate::problem::{Code, Problem};

/// Returns the offered media type that the client likes best; the first where it does not care.
///
/// # Errors
/// 406 when it accepts none of them.
pub(crate) fn choose<'a>(headers: &HeaderMap, offers: &[&'a str]) -> Result<&'a str, Problem> {
    let accepted: Vec<&str> =
        headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    if accepted.iter().all(|value| value.trim().is_empty()) {
        return Ok(offers[0]);
    }
    let accepted: Vec<&str> = accepted.iter().flat_map(|value| value.split(',')).collect();
    let mut best: Option<(&str, u16)> = None;
    for &offer in offers {
        let quality = quality_of(offer, &accepted);
        if quality > best.map_or(0, |(_, quality)| quality) {
            best = Some((offer, quality));
        }
    }
    best.map(|(offer, _)| offer).ok_or_else(|| {
        let detail = format!("this can be given as {}", offers.join(" or "));
        Problem::new(StatusCode::NOT_ACCEPTABLE, Code::NotAcceptable, detail)
    })
}

/// Returns the quality, in thousandths, of the most specific range that covers an offer.
fn quality_of(offer: &str, accepted: &[&str]) -> u16 {
    let (offered_type, _) = offer.split_once('/').unwrap_or((offer, ""));
    let covering = accepted.iter().filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let essence = parts.next()?;
        let rank = match essence.split_once('/') {
            Some(("*", "*")) => 1,
            Some((kind, "*")) if kind.eq_ignore_ascii_case(offered_type) => 2,
            _ if essence.eq_ignore_ascii_case(offer) => 3,
            _ => return None,
        };
        let quality = parts
            .find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
            .map_or(1.0, |quality| quality.parse::<f32>().unwrap_or(0.0));
        Some((rank, (quality.clamp(0.0, 1.0) * 1_000.0) as u16))
    });
    covering.max_by_key(|(rank, _)| *rank).map_or(0, |(_, quality)| quality)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(accept: &str) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        choose(&headers, &["application/json", "text/event-stream"]).ok()
    }

    #[test]
    fn the_most_specific_range_decides_and_the_first_offer_wins_a_tie() {
        let (json, sse) = (Some("application/json"), Some("text/event-stream"));
        assert_eq!(choose(&HeaderMap::new(), &["a/b", "c/d"]).ok(), Some("a/b"));
        assert_eq!(chosen(""), json);
        assert_eq!(chosen("*/*"), json);
        assert_eq!(chosen("text/*"), sse);
        assert_eq!(chosen("Text/Event-Stream"), sse);
        assert_eq!(chosen("application/json;q=0.5, text/event-stream"), sse);
        assert_eq!(chosen("text/event-stream, */*;q=0.1"), sse);
        assert_eq!(chosen("application/json;q=0, */*"), sse);
        assert_eq!(chosen("text/html, application/xml"), None);
        assert_eq!(chosen("text/event-stream;q=nonsense"), None);
    }
}
