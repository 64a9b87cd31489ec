//! What the operator grants to executors beyond their workspace: where they may send requests, secrets
//! for those, environment, room.
//!
//! Everything else is denied. Which grants there are, and who wrote them, is the business of whoever
//! implements [`Granting`].

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Endpoint, EndpointPattern, ExecutorRef, Limits, Namespace};

/// Tells what is granted.
pub trait Granting: Send + Sync {
    /// Returns all that is granted to an executor in a namespace at this moment, by whichever entry.
    fn granted(&self, namespace: &Namespace, executor: &ExecutorRef) -> Arc<Grants>;
}

/// What an executor is granted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grants {
    /// Where it may send requests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<HttpGrant>,
    /// Variables of its environment, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, Variable>,
    /// Bounds that its tasks may ask for beyond the server's own.
    #[serde(skip_serializing_if = "Raised::is_empty")]
    pub limits: Raised,
}

/// Where requests may be sent, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpGrant {
    /// The scheme, the host and the port: `https://api.example.com`, `https://*.example.com:8443`.
    pub url: EndpointPattern,
    /// The methods, in capitals; any where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// Whether a name may lead to an address of a private network or of this machine. A host that is
    /// written as an address, and `localhost`, say so themselves.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub private: bool,
    /// Requests a minute at most, of all tasks of the executor together.
    #[serde(default, alias = "rate-per-minute", skip_serializing_if = "Option::is_none")]
    pub rate_per_minute: Option<u32>,
    /// Bytes of an answer's body at most, unpacked.
    #[serde(default, alias = "max-response-bytes", skip_serializing_if = "Option::is_none")]
    pub max_response_bytes: Option<u64>,
    /// Secrets that may be put into requests to there, and into which headers, in lower case.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<SecretName, Vec<String>>,
}

/// The value of a variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Variable {
    /// This text.
    Text(String),
    /// What stands for a secret: the guest sees a placeholder.
    Secret {
        /// Which.
        secret: SecretName,
    },
}

/// Bounds beyond the server's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Raised {
    /// Linear memories and tables of an instance together.
    #[serde(alias = "memory-bytes", skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Fuel units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
}

impl Raised {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns bounds that are at least these.
    pub fn over(&self, limits: Limits) -> Limits {
        Limits {
            memory_bytes: self
                .memory_bytes
                .map_or(limits.memory_bytes, |own| own.max(limits.memory_bytes)),
            fuel: self.fuel.map_or(limits.fuel, |own| own.max(limits.fuel)),
            ..limits
        }
    }
}

impl Grants {
    /// Tells whether nothing is granted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what another entry grants.
    pub fn add(&mut self, other: &Self) {
        for grant in &other.http {
            if !self.http.contains(grant) {
                self.http.push(grant.clone());
            }
        }
        self.environment.extend(other.environment.clone());
        self.limits.memory_bytes = self.limits.memory_bytes.max(other.limits.memory_bytes);
        self.limits.fuel = self.limits.fuel.max(other.limits.fuel);
    }

    /// Returns the environment as a guest sees it.
    pub fn visible_environment(&self) -> Vec<(String, String)> {
        let visible = |(name, value): (&String, &Variable)| {
            let value = match value {
                Variable::Text(text) => text.clone(),
                Variable::Secret { secret } => secret.placeholder(),
            };
            (name.clone(), value)
        };
        self.environment.iter().map(visible).collect()
    }

    /// Returns the grants that allow a request, in their order.
    pub fn allowing(&self, method: &str, endpoint: &Endpoint) -> Vec<&HttpGrant> {
        let allows = |grant: &&HttpGrant| {
            grant.url.covers(endpoint)
                && (grant.methods.is_empty() || grant.methods.iter().any(|one| one == method))
        };
        self.http.iter().filter(allows).collect()
    }

    /// Returns the secrets that they name: those that are sent, and those that are shown.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretName> {
        let sent = self.http.iter().flat_map(|grant| grant.secrets.keys());
        sent.chain(self.environment.values().filter_map(|variable| match variable {
            Variable::Secret { secret } => Some(secret),
            Variable::Text(_) => None,
        }))
    }
}

/// The name of a secret: 1 to 64 characters of `[a-z0-9_-]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretName(String);

impl SecretName {
    const MAX_CHARS: usize = 64;
    /// What a placeholder begins with.
    pub const BEFORE: &'static str = "<errand-secret:";
    const AFTER: char = '>';

    /// Checks a name.
    ///
    /// # Errors
    /// When it is empty, too long or has other characters.
    pub fn new(name: &str) -> Result<Self, crate::InvalidName> {
        let valid = |char: char| matches!(char, 'a'..='z' | '0'..='9' | '_' | '-');
        if (1..=Self::MAX_CHARS).contains(&name.len()) && name.chars().all(valid) {
            return Ok(Self(name.to_owned()));
        }
        Err(crate::InvalidName {
            what: "a secret's name",
            rule: "1 to 64 characters of `[a-z0-9_-]`",
        })
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns what guests see in the secret's place.
    pub fn placeholder(&self) -> String {
        format!("{}{}{}", Self::BEFORE, self.0, Self::AFTER)
    }

    /// Finds the placeholders in a text: where each begins and ends, and the name in it.
    pub fn placeholders(text: &str) -> Vec<(std::ops::Range<usize>, Self)> {
        let mut found = Vec::new();
        let mut from = 0;
        while let Some(at) = text[from..].find(Self::BEFORE).map(|at| at + from) {
            let name_at = at + Self::BEFORE.len();
            from = name_at;
            if let Some(length) = text[name_at..].find(Self::AFTER)
                && let Ok(name) = Self::new(&text[name_at..name_at + length])
            {
                from = name_at + length + Self::AFTER.len_utf8();
                found.push((at..from, name));
            }
        }
        found
    }
}

impl TryFrom<String> for SecretName {
    type Error = crate::InvalidName;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::new(&name)
    }
}

impl From<SecretName> for String {
    fn from(name: SecretName) -> Self {
        name.0
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scheme;

    #[test]
    fn methods_and_endpoints_are_both_looked_at() {
        let grants: Grants = serde_json::from_value(serde_json::json!({
            "http": [{"url": "https://a.b", "methods": ["GET"]}]
        }))
        .unwrap();
        let endpoint =
            |host: &str| Endpoint { scheme: Scheme::Https, host: host.into(), port: 443 };
        assert_eq!(grants.allowing("GET", &endpoint("a.b")).len(), 1);
        assert_eq!(grants.allowing("POST", &endpoint("a.b")).len(), 0);
        assert_eq!(grants.allowing("GET", &endpoint("a.c")).len(), 0);
    }

    #[test]
    fn placeholders_are_found_and_what_looks_like_one_is_left() {
        let text =
            "Bearer <errand-secret:open-ai><errand-secret:A><errand-secret:b_2> <errand-secret:";
        let found = SecretName::placeholders(text);
        let names: Vec<&str> = found.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!(names, ["open-ai", "b_2"]);
        assert_eq!(&text[found[0].0.clone()], found[0].1.placeholder());
    }
}
