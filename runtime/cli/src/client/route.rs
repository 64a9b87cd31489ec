//! The path of a request, each part escaped.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but what RFC 3986 calls unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A path with its query.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    path: String,
    query: String,
}

impl Route {
    /// Starts from a fixed path.
    pub(crate) fn new(path: &str) -> Self {
        Self { path: path.to_owned(), query: String::new() }
    }

    /// Adds one segment; a `/` in it is escaped.
    pub(crate) fn segment(mut self, segment: &str) -> Self {
        self.path.push('/');
        // A client may drop `.` and `..`, escaped or not; no id or name is called that.
        let segment = if matches!(segment, "." | ".." | "") { "%00" } else { segment };
        self.path.extend(utf8_percent_encode(segment, RESERVED));
        self
    }

    /// Adds a path of several segments.
    pub(crate) fn segments(self, path: &str) -> Self {
        path.split('/').fold(self, Self::segment)
    }

    /// Adds a parameter.
    pub(crate) fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push(if self.query.is_empty() { '?' } else { '&' });
        self.query.extend(utf8_percent_encode(name, RESERVED));
        self.query.push('=');
        self.query.extend(utf8_percent_encode(value, RESERVED));
        self
    }

    /// Adds a parameter where there is a value.
    pub(crate) fn query_option(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.path, self.query)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_escaped() {
        let route =
            Route::new("/v1/tasks").segment("a/b?").segments("out/x y.md").query("label", "k:v&w");
        assert_eq!(route.to_string(), "/v1/tasks/a%2Fb%3F/out/x%20y.md?label=k%3Av%26w");
    }

    #[test]
    fn a_part_cannot_climb_out_of_its_route() {
        assert_eq!(Route::new("/v1/tasks").segment("..").to_string(), "/v1/tasks/%2500");
    }
}
