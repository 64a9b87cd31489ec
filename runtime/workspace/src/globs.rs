//! Globs that name the files to keep.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// A set of globs over paths relative to the workspace: `*` stays in a directory, `**` does not.
#[derive(Debug, Clone)]
pub struct Globs(GlobSet);

/// A glob that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read glob {index}: {reason}")]
pub struct InvalidGlob {
    /// Which one, from 0.
    pub index: usize,
    /// What is wrong with it.
    pub reason: String,
}

impl Globs {
    /// Reads globs.
    ///
    /// # Errors
    /// When one can't be read, is absolute or has a `..`.
    pub fn new(patterns: &[String]) -> Result<Self, InvalidGlob> {
        let mut set = GlobSetBuilder::new();
        for (index, pattern) in patterns.iter().enumerate() {
            let invalid = |reason: String| InvalidGlob { index, reason };
            if pattern.starts_with('/') || pattern.split('/').any(|part| part == "..") {
                return Err(invalid("it must stay inside the workspace".into()));
            }
            let pattern = pattern.strip_prefix("./").unwrap_or(pattern);
            let glob = GlobBuilder::new(pattern)
                .literal_separator(true)
                .build()
                .map_err(|error| invalid(error.kind().to_string()))?;
            set.add(glob);
        }
        set.build().map(Self).map_err(|error| InvalidGlob { index: 0, reason: error.to_string() })
    }

    /// Tells whether there is nothing to match.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells whether a path is named.
    pub fn matches(&self, path: &str) -> bool {
        self.0.is_match(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_star_stays_in_its_directory_and_two_do_not() {
        let globs = Globs::new(&["report.md".into(), "out/**".into(), "*.csv".into()]).unwrap();
        for kept in ["report.md", "out/a", "out/b/c", "x.csv"] {
            assert!(globs.matches(kept), "{kept}");
        }
        for passed in ["a/report.md", "sub/x.csv", "outer/a"] {
            assert!(!globs.matches(passed), "{passed}");
        }
    }

    #[test]
    fn globs_that_lead_out_are_refused() {
        for bad in ["../x", "/etc/passwd", "a/../../b", "a["] {
            assert_eq!(Globs::new(&["ok".into(), bad.into()]).unwrap_err().index, 1, "{bad}");
        }
    }
}
