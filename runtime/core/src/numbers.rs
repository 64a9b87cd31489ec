//! Sets of small numbers, in as little room as a bit for each.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A set of numbers from 1 on: children, or approvals, of one task.
///
/// Written as hexadecimal digits, those of the lowest numbers first.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct NumberSet(Vec<u8>);

impl NumberSet {
    /// The highest number that a set can have.
    pub const HIGHEST: u32 = 1 << 20;

    /// Puts a number in. 0 and what is beyond [`NumberSet::HIGHEST`] is passed over.
    pub fn insert(&mut self, number: u32) {
        if let Some((byte, bit)) = place(number) {
            if self.0.len() <= byte {
                self.0.resize(byte + 1, 0);
            }
            self.0[byte] |= bit;
        }
    }

    /// Takes a number out.
    pub fn remove(&mut self, number: u32) {
        if let Some((byte, bit)) = place(number)
            && let Some(there) = self.0.get_mut(byte)
        {
            *there &= !bit;
            while self.0.last() == Some(&0) {
                self.0.pop();
            }
        }
    }

    /// Tells whether a number is in it.
    pub fn contains(&self, number: u32) -> bool {
        place(number)
            .is_some_and(|(byte, bit)| self.0.get(byte).is_some_and(|there| there & bit != 0))
    }

    /// Tells whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells whether all of it is in another set.
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.iter().enumerate().all(|(at, byte)| byte & !other.0.get(at).unwrap_or(&0) == 0)
    }

    /// Tells whether something of it is in another set.
    pub fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(one, other)| one & other != 0)
    }

    /// Returns how many numbers are in it.
    pub fn len(&self) -> u32 {
        self.0.iter().map(|byte| byte.count_ones()).sum()
    }
}

/// Returns where a number's bit is: in which byte, and which of it.
fn place(number: u32) -> Option<(usize, u8)> {
    let at = number.checked_sub(1).filter(|_| number <= NumberSet::HIGHEST)?;
    Some((at as usize / 8, 1 << (at % 8)))
}

impl FromIterator<u32> for NumberSet {
    fn from_iter<I: IntoIterator<Item = u32>>(numbers: I) -> Self {
        let mut set = Self::default();
        numbers.into_iter().for_each(|number| set.insert(number));
        set
    }
}

impl fmt::Debug for NumberSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let highest = self.0.len() as u32 * 8;
        f.debug_set().entries((1..=highest).filter(|number| self.contains(*number))).finish()
    }
}

impl Serialize for NumberSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digit = |four: u8| char::from(b"0123456789abcdef"[usize::from(four & 15)]);
        let text: String =
            self.0.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect();
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for NumberSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let wrong =
            || de::Error::custom("a set of numbers is written in pairs of hexadecimal digits");
        let digit = |char: u8| char::from(char).to_digit(16).map(|digit| digit as u8);
        let byte = |pair: &[u8]| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        };
        if text.len() > 2 * (Self::HIGHEST as usize).div_ceil(8) {
            return Err(wrong());
        }
        let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(byte).collect();
        bytes.map(Self).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_and_go_and_the_written_form_comes_back() {
        let mut set: NumberSet = [1, 8, 9, 1_000].into_iter().collect();
        assert!(set.contains(9) && !set.contains(10) && !set.contains(0) && set.len() == 4);
        let text = serde_json::to_string(&set).unwrap();
        assert!(text.starts_with("\"8101"), "{text}");
        assert_eq!(serde_json::from_str::<NumberSet>(&text).unwrap(), set);
        for number in [1_000, 9, 8, 1] {
            set.remove(number);
        }
        assert_eq!(set, NumberSet::default());
        set.insert(0);
        set.insert(NumberSet::HIGHEST + 1);
        assert!(set.is_empty());
    }

    #[test]
    fn sets_are_compared_whatever_their_length() {
        let set = |numbers: &[u32]| numbers.iter().copied().collect::<NumberSet>();
        assert!(set(&[]).is_within(&set(&[])) && set(&[3]).is_within(&set(&[1, 3, 90])));
        assert!(!set(&[3, 90]).is_within(&set(&[3])));
        assert!(set(&[3, 90]).meets(&set(&[3])) && !set(&[4]).meets(&set(&[90, 3])));
    }

    #[test]
    fn what_is_no_set_is_refused() {
        for text in ["\"0\"", "\"zz\"", "\"é\"", "7"] {
            assert!(serde_json::from_str::<NumberSet>(text).is_err(), "{text}");
        }
    }
}
