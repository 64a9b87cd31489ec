//! What a bearer sends.

use std::fmt;

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// An access token: wiped when it is let go of, and in no debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken(Zeroizing<String>);

impl AccessToken {
    /// Takes a token, without what surrounds it.
    pub fn new(text: String) -> Self {
        let text = Zeroizing::new(text);
        match text.trim() {
            trimmed if trimmed.len() == text.len() => Self(text),
            trimmed => Self(Zeroizing::new(trimmed.to_owned())),
        }
    }

    /// Returns it in the clear.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(…)")
    }
}

impl<'de> Deserialize<'de> for AccessToken {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_shown_to_whoever_asks_for_it_alone() {
        let token = AccessToken::new(" errand_0_1\n".to_owned());
        assert_eq!(token.expose(), "errand_0_1");
        assert_eq!(format!("{token:?} {:#?}", Some(&token)).matches("errand_").count(), 0);
    }
}
