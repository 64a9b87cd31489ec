//! What takes the room in a directory that is too large, so that a person knows what to leave out.

use std::collections::HashMap;

use crate::{Bounds, Exceeded, StartError};

/// Entries that are counted at most once it is known that there are too many.
pub(crate) const MAX_COUNTED: u64 = 1_000_000;
/// Directories that are told apart at most; what else there is counts towards the whole alone.
const MAX_PLACES: usize = 10_000;
/// How many are named.
const NAMED: usize = 3;
/// A directory is named instead of the one around it where it has this part of it, in per cent.
const MOST_OF_IT: u64 = 80;

/// Bytes and entries, of the whole and of the directories one and two levels down.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    whole: Weight,
    places: HashMap<String, Weight>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Weight {
    bytes: u64,
    entries: u64,
}

impl Tally {
    /// Counts an entry.
    pub(crate) fn add(&mut self, path: &str, bytes: u64) {
        self.whole.add(bytes);
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]).take(2);
        for end in ends {
            if self.places.len() < MAX_PLACES || self.places.contains_key(&path[..end]) {
                self.places.entry(path[..end].to_owned()).or_default().add(bytes);
            }
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.whole.bytes
    }

    /// Tells whether a bound is exceeded.
    pub(crate) fn exceeds(&self, bounds: &Bounds) -> Option<Exceeded> {
        if self.whole.bytes > bounds.bytes {
            Some(Exceeded { limit: "workspace_bytes", value: bounds.bytes })
        } else if self.whole.entries > bounds.files {
            Some(Exceeded { limit: "workspace_files", value: bounds.files })
        } else {
            None
        }
    }

    /// Tells whether enough was counted to say what is wrong.
    pub(crate) fn is_enough(&self) -> bool {
        self.whole.entries >= MAX_COUNTED
    }

    /// Says that a bound is exceeded, by what, and what to do.
    pub(crate) fn too_large(&self, exceeded: Exceeded) -> StartError {
        let at_least = if self.is_enough() { "at least " } else { "" };
        let what = format!("the directory has {at_least}");
        self.explain(exceeded, &what, "Leave out what is not needed with a `.gitignore` in it")
    }

    /// Says it of a commit that was looked at as far as that.
    pub(crate) fn commit_too_large(&self, exceeded: Exceeded) -> StartError {
        let what = "the commit has at least ";
        self.explain(exceeded, what, "Name the paths that are needed with `sparse`")
    }

    fn explain(&self, exceeded: Exceeded, what: &str, advice: &str) -> StartError {
        let by_bytes = exceeded.limit == "workspace_bytes";
        let weigh = |weight: &Weight| if by_bytes { weight.bytes } else { weight.entries };
        let text = |weight: &Weight| match by_bytes {
            true => size(weight.bytes),
            false => format!("{} files", grouped(weight.entries)),
        };
        let named: Vec<String> = self
            .largest(weigh)
            .iter()
            .map(|(place, weight)| format!("`{}` ({})", crate::start::shown(place), text(weight)))
            .collect();
        let (limit, bound) = match by_bytes {
            true => ("workspace_bytes", size(exceeded.value)),
            false => ("workspace_files", format!("{} files", grouped(exceeded.value))),
        };
        let otherwise = if by_bytes { ", or raise `workspace_bytes`" } else { "" };
        let message = format!(
            "{what}{}, and `{limit}` allows {bound}; the largest in it: {}. {advice}{otherwise}",
            text(&self.whole),
            named.join(", "),
        );
        StartError::TooLarge { exceeded, message }
    }

    fn largest(&self, weigh: impl Fn(&Weight) -> u64) -> Vec<(&str, Weight)> {
        let mut outer: Vec<(&str, Weight)> = self.level(|place| !place.contains('/')).collect();
        outer.sort_by_key(|(place, weight)| (std::cmp::Reverse(weigh(weight)), *place));
        outer.truncate(NAMED);
        outer.retain(|(_, weight)| weigh(weight) > 0);
        for (place, weight) in &mut outer {
            let inner = self
                .level(|other| other.strip_prefix(*place).is_some_and(|rest| rest.starts_with('/')))
                .max_by_key(|(_, inner)| weigh(inner));
            if let Some((inner, most)) = inner
                && weigh(&most) * 100 >= weigh(weight).saturating_mul(MOST_OF_IT)
            {
                (*place, *weight) = (inner, most);
            }
        }
        outer
    }

    fn level(&self, is_in: impl Fn(&str) -> bool) -> impl Iterator<Item = (&str, Weight)> {
        let places = self.places.iter().map(|(place, weight)| (place.as_str(), *weight));
        places.filter(move |(place, _)| is_in(place))
    }
}

impl Weight {
    fn add(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.entries += 1;
    }
}

/// Writes a size in the largest unit that it fills.
fn size(bytes: u64) -> String {
    for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] {
        if bytes >= 1 << shift {
            let tenths = (u128::from(bytes) * 10) >> shift;
            return match tenths % 10 {
                0 => format!("{} {unit}", tenths / 10),
                tenth => format!("{}.{tenth} {unit}", tenths / 10),
            };
        }
    }
    format!("{bytes} bytes")
}

/// Writes a number with its digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .filter_map(|group| std::str::from_utf8(group).ok())
        .collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_most_room_is_named_as_deep_as_it_lies_in_one_place() {
        let mut tally = Tally::default();
        for (path, bytes) in [
            ("web", 0),
            ("web/node_modules", 0),
            ("web/node_modules/a/b", 3 << 30),
            ("web/src", 10),
            ("data/a", 200 << 20),
            ("data/b", 200 << 20),
            ("small", 1),
            ("smaller", 0),
        ] {
            tally.add(path, bytes);
        }
        let exceeded = tally.exceeds(&Bounds::of_bytes(1 << 30)).unwrap();
        assert_eq!(
            tally.too_large(exceeded).to_string(),
            "the directory has 3.3 GiB, and `workspace_bytes` allows 1 GiB; the largest in it: \
             `web/node_modules` (3 GiB), `data` (400 MiB), `small` (1 bytes). Leave out what is not \
             needed with a `.gitignore` in it, or raise `workspace_bytes`"
        );
    }

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!((grouped(0), grouped(999)), ("0".into(), "999".into()));
        assert_eq!((size(1_023), size(1_536)), ("1023 bytes".into(), "1.5 KiB".into()));
        assert_eq!(size(u64::MAX), "17179869183.9 GiB");
    }
}
