//! What a form posted: names and texts, in order.

/// Most fields of one form; more are not read. The forms written here are far smaller.
const MAX_FIELDS: usize = 1_000;

/// The fields of a posted form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Posted(Vec<(String, String)>);

impl Posted {
    /// Reads a body of type `application/x-www-form-urlencoded`. Every body is one.
    pub(crate) fn parse(body: &[u8]) -> Self {
        let fields = form_urlencoded::parse(body).take(MAX_FIELDS);
        let owned =
            fields.map(|(name, text)| (name.into_owned(), with_plain_line_ends(text.into_owned())));
        Self(owned.collect())
    }

    /// Returns the first text of a name, empty where there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(given, _)| given == name);
        found.map(|(_, text)| text.as_str()).unwrap_or_default()
    }

    /// Returns every text of a name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.0.iter().filter(move |(given, _)| given == name).map(|(_, text)| text.as_str())
    }
}

/// Browsers send every line's end as CR LF; nobody typed a CR.
fn with_plain_line_ends(text: String) -> String {
    if text.contains('\r') { text.replace("\r\n", "\n") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_decoded_in_order() {
        let posted = Posted::parse(b"a=1+2&b=%C3%A9%0D%0A%0D%0Ax&a=%26&c");
        assert_eq!(posted.text("a"), "1 2");
        assert_eq!(posted.all("a").collect::<Vec<_>>(), ["1 2", "&"]);
        assert_eq!(posted.text("b"), "é\n\nx");
        assert_eq!(posted.text("c"), "");
        assert_eq!(posted.text("d"), "");
    }
}
