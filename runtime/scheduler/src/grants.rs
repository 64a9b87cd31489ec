//! All grants: those of the operator's configuration, and those that were written over REST.
//!
//! A copy of what is stored, kept at hand: requests of guests ask it each time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, RwLock, RwLockReadGuard};

use errand_core::{
    ExecutorName, ExecutorRef, Granting, Grants, InvalidName, Namespace, SecretName,
};

/// Whom a grant is for: `python`, `python@DIGEST-PREFIX`, or `*` for every executor, in one namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Grantee {
    /// The tenant.
    pub namespace: Namespace,
    /// Nothing: every executor.
    name: Option<ExecutorName>,
    /// The beginning of its digest in hexadecimal, empty for any.
    digest_prefix: String,
}

/// What a grantee looks like.
const RULE: &str = "an executor's name, `NAME@DIGEST-PREFIX` (at least 8 digits) or `*`";
const LEAST_PREFIX: usize = 8;

impl Grantee {
    /// Reads who is meant in a namespace.
    ///
    /// # Errors
    /// When the text is no name, no name with a digest and no `*`.
    pub fn new(namespace: Namespace, text: &str) -> Result<Self, InvalidName> {
        let invalid = || InvalidName { what: "who is granted something", rule: RULE };
        if text == "*" {
            return Ok(Self { namespace, name: None, digest_prefix: String::new() });
        }
        let (name, prefix) = text.split_once('@').unwrap_or((text, ""));
        let is_prefix = prefix.len() <= 64
            && prefix.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let long_enough = prefix.len() >= LEAST_PREFIX || !text.contains('@');
        if !is_prefix || !long_enough {
            return Err(invalid());
        }
        let name = ExecutorName::new(name).map_err(|_| invalid())?;
        Ok(Self { namespace, name: Some(name), digest_prefix: prefix.to_owned() })
    }

    /// Returns who is meant, without the namespace.
    pub fn selector(&self) -> String {
        match (&self.name, self.digest_prefix.as_str()) {
            (None, _) => "*".into(),
            (Some(name), "") => name.to_string(),
            (Some(name), prefix) => format!("{name}@{prefix}"),
        }
    }

    fn is(&self, namespace: &Namespace, executor: &ExecutorRef) -> bool {
        self.namespace == *namespace
            && self.name.as_ref().is_none_or(|name| *name == executor.name)
            && (self.digest_prefix.is_empty()
                || executor.digest.to_string().starts_with(&self.digest_prefix))
    }
}

/// `NAMESPACE/EXECUTOR`.
impl fmt::Display for Grantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.selector())
    }
}

/// `EXECUTOR` or `NAMESPACE/EXECUTOR`.
impl FromStr for Grantee {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        match text.split_once('/') {
            Some((namespace, rest)) => Self::new(Namespace::new(namespace)?, rest),
            None => Self::new(Namespace::default(), text),
        }
    }
}

/// All grants.
#[derive(Default)]
pub struct GrantBook {
    configured: BTreeMap<Grantee, Grants>,
    secrets: BTreeSet<SecretName>,
    written: RwLock<BTreeMap<Grantee, Grants>>,
    none: Arc<Grants>,
}

impl GrantBook {
    /// Makes a book of what the operator has configured, and of the secrets that grants may name.
    pub fn new(configured: BTreeMap<Grantee, Grants>, secrets: BTreeSet<SecretName>) -> Self {
        Self { configured, secrets, ..Self::default() }
    }

    /// Returns what is configured for exactly this grantee.
    pub(crate) fn configured(&self, grantee: &Grantee) -> Grants {
        self.configured.get(grantee).cloned().unwrap_or_default()
    }

    /// Tells whether there is a secret of this name.
    pub(crate) fn knows(&self, secret: &SecretName) -> bool {
        self.secrets.contains(secret)
    }

    /// Replaces what was written.
    pub(crate) fn replace(&self, written: BTreeMap<Grantee, Grants>) {
        *self.written.write().unwrap_or_else(|poison| poison.into_inner()) = written;
    }

    fn written(&self) -> RwLockReadGuard<'_, BTreeMap<Grantee, Grants>> {
        self.written.read().unwrap_or_else(|poison| poison.into_inner())
    }
}

impl Granting for GrantBook {
    fn granted(&self, namespace: &Namespace, executor: &ExecutorRef) -> Arc<Grants> {
        let written = self.written();
        let entries = self.configured.iter().chain(written.iter());
        let mut granted: Option<Grants> = None;
        for (_, grants) in entries.filter(|(grantee, _)| grantee.is(namespace, executor)) {
            granted.get_or_insert_default().add(grants);
        }
        granted.map_or_else(|| Arc::clone(&self.none), Arc::new)
    }
}

#[cfg(test)]
mod tests {
    use errand_core::Digest;

    use super::*;

    fn grants(url: &str) -> Grants {
        serde_json::from_value(serde_json::json!({ "http": [{ "url": url }] })).unwrap()
    }

    fn executor(name: &str, wasm: &[u8]) -> ExecutorRef {
        ExecutorRef { name: ExecutorName::new(name).unwrap(), digest: Digest::of(wasm) }
    }

    #[test]
    fn all_entries_for_an_executor_add_up_and_others_are_left_out() {
        let pinned = format!("python@{}", &Digest::of(b"one").to_string()[..12]);
        let configured =
            [("python", "https://a"), (&pinned, "https://b"), ("other/*", "https://c")];
        let configured = configured.map(|(grantee, url)| (grantee.parse().unwrap(), grants(url)));
        let book = GrantBook::new(configured.into(), BTreeSet::new());
        book.replace([("*".parse().unwrap(), grants("https://d"))].into());
        let urls = |namespace: &str, name: &str, wasm: &[u8]| {
            let namespace = Namespace::new(namespace).unwrap();
            let granted = book.granted(&namespace, &executor(name, wasm));
            granted.http.iter().map(|grant| grant.url.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(urls("default", "python", b"one"), ["https://a", "https://b", "https://d"]);
        assert_eq!(urls("default", "python", b"two"), ["https://a", "https://d"]);
        assert_eq!(urls("default", "ruby", b"one"), ["https://d"]);
        assert_eq!(urls("other", "python", b"one"), ["https://c"]);
    }

    #[test]
    fn grantees_are_written_as_they_are_read_and_others_refused() {
        for text in ["default/*", "a/python", "default/python@01234567"] {
            assert_eq!(text.parse::<Grantee>().unwrap().to_string(), text);
        }
        for text in ["", "Python", "python@", "python@0123", "python@0123456g", "a/b/c", "**"] {
            assert!(text.parse::<Grantee>().is_err(), "{text}");
        }
    }
}
