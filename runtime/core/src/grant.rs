//! What the operator grants to executors beyond their workspace: where they may send requests, secrets
//! for those, environment, room.
//!
//! Everything else is denied. Which grants there are, and who wrote them, is the business of whoever
//! implements [`Granting`].

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{ExecutorRef, Limits, Namespace};

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
    #[serde(rename_all = "snake_case")]
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
    ///
    /// # Errors
    /// With what is missing, where none does.
    pub fn allowing<'a>(
        &'a self,
        method: &str,
        endpoint: &Endpoint,
    ) -> Result<Vec<&'a HttpGrant>, Missing> {
        let there: Vec<&HttpGrant> =
            self.http.iter().filter(|grant| grant.url.covers(endpoint)).collect();
        if there.is_empty() {
            return Err(Missing::Endpoint);
        }
        let allows = |grant: &&HttpGrant| {
            grant.methods.is_empty() || grant.methods.iter().any(|one| one == method)
        };
        let allowed: Vec<&HttpGrant> = there.into_iter().filter(allows).collect();
        if allowed.is_empty() { Err(Missing::Method) } else { Ok(allowed) }
    }
}

/// What keeps a request from being allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// No grant covers its scheme, host and port.
    Endpoint,
    /// One does, for other methods.
    Method,
}

/// The name of a secret: 1 to 64 characters of `[a-z0-9_-]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretName(String);

impl SecretName {
    const MAX_CHARS: usize = 64;
    const BEFORE: &'static str = "<errand-secret:";
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

/// The schemes that requests are sent by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// Returns the scheme as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// Returns the port that is meant where none is written.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Where a request goes: scheme, host and port, none left open.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// How.
    pub scheme: Scheme,
    /// To whom: a name in lower case without a final dot, or an address; IPv6 without brackets.
    pub host: String,
    /// At which port.
    pub port: u16,
}

impl Endpoint {
    /// Returns the address that the host is written as, where it is one.
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, host, port } = self;
        write!(f, "{}://", scheme.as_str())?;
        if host.contains(':') {
            write!(f, "[{host}]")?
        } else {
            f.write_str(host)?
        }
        if *port == scheme.default_port() { Ok(()) } else { write!(f, ":{port}") }
    }
}

/// Which endpoints a grant is for: `SCHEME://HOST[:PORT]`. The host is a name, an address, `*.NAME` for all
/// names below it, or `*`; the port a number, or `*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EndpointPattern {
    scheme: Scheme,
    host: HostPattern,
    /// Nothing: any.
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum HostPattern {
    Any,
    /// All names that end so, after a dot.
    Below(String),
    Exact(String),
}

/// A text that is no [`EndpointPattern`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no SCHEME://HOST[:PORT]: {why}; write it as in `https://api.example.com`")]
pub struct InvalidEndpoint {
    text: String,
    why: &'static str,
}

impl EndpointPattern {
    /// Tells whether an endpoint is one of those.
    pub fn covers(&self, endpoint: &Endpoint) -> bool {
        let host = match &self.host {
            HostPattern::Any => true,
            HostPattern::Below(name) => endpoint
                .host
                .strip_suffix(name.as_str())
                .is_some_and(|before| before.len() > 1 && before.ends_with('.')),
            HostPattern::Exact(host) => *host == endpoint.host,
        };
        host && self.scheme == endpoint.scheme && self.port.is_none_or(|port| port == endpoint.port)
    }

    /// Tells whether it names this machine or an address, and so means it, wherever that is.
    pub fn is_explicit(&self) -> bool {
        match &self.host {
            HostPattern::Exact(host) => host == "localhost" || host.parse::<IpAddr>().is_ok(),
            HostPattern::Below(_) | HostPattern::Any => false,
        }
    }
}

impl FromStr for EndpointPattern {
    type Err = InvalidEndpoint;

    fn from_str(text: &str) -> Result<Self, InvalidEndpoint> {
        let invalid = |why| InvalidEndpoint { text: text.to_owned(), why };
        let (scheme, rest) = match text.split_once("://") {
            Some(("https", rest)) => (Scheme::Https, rest),
            Some(("http", rest)) => (Scheme::Http, rest),
            Some(_) => return Err(invalid("the scheme is `http` or `https`")),
            None => (Scheme::Https, text),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#', '@']) {
            return Err(invalid("it has a path, a query or a user, which grants don't"));
        }
        let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => match rest.rsplit_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            },
        };
        let port = match port {
            None => Some(scheme.default_port()),
            Some("*") => None,
            Some(port) => match port.parse() {
                Ok(0) | Err(_) => {
                    return Err(invalid("the port is a number from 1 to 65535, or `*`"));
                }
                Ok(port) => Some(port),
            },
        };
        let host = host.to_ascii_lowercase();
        let host = host.strip_suffix('.').unwrap_or(&host);
        let host = match host.strip_prefix("*.") {
            _ if host == "*" => HostPattern::Any,
            _ if !host.contains(':')
                && ends_in_a_number(host)
                && host.parse::<Ipv4Addr>().is_err() =>
            {
                return Err(invalid("an IPv4 address is written as in `127.0.0.1`"));
            }
            Some(name) if is_name(name) => HostPattern::Below(name.to_owned()),
            None if host.contains(':') => match host.parse::<IpAddr>() {
                // As requests are asked for: an IPv4 address written as an IPv6 one is that.
                Ok(address) => HostPattern::Exact(address.to_canonical().to_string()),
                Err(_) => return Err(invalid("the host is no name and no address")),
            },
            None if is_name(host) => HostPattern::Exact(host.to_owned()),
            _ => return Err(invalid("the host is a name, an address, `*.NAME` or `*`")),
        };
        Ok(Self { scheme, host, port })
    }
}

/// Tells whether a text can be a host's name or an IPv4 address.
fn is_name(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    host.len() <= 253 && host.split('.').all(label)
}

/// Tells whether a URL's host would be read as an IPv4 address, however that is written.
fn ends_in_a_number(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let hexadecimal = last.strip_prefix("0x");
    (!last.is_empty() && digits(last))
        || hexadecimal.is_some_and(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

impl fmt::Display for EndpointPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme.as_str())?;
        match &self.host {
            HostPattern::Any => f.write_str("*")?,
            HostPattern::Below(name) => write!(f, "*.{name}")?,
            HostPattern::Exact(host) if host.contains(':') => write!(f, "[{host}]")?,
            HostPattern::Exact(host) => f.write_str(host)?,
        }
        match self.port {
            None => f.write_str(":*"),
            Some(port) if port == self.scheme.default_port() => Ok(()),
            Some(port) => write!(f, ":{port}"),
        }
    }
}

impl TryFrom<String> for EndpointPattern {
    type Error = InvalidEndpoint;

    fn try_from(text: String) -> Result<Self, InvalidEndpoint> {
        text.parse()
    }
}

impl From<EndpointPattern> for String {
    fn from(pattern: EndpointPattern) -> Self {
        pattern.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Endpoint {
        let pattern: EndpointPattern = text.parse().unwrap();
        let HostPattern::Exact(host) = pattern.host else { panic!("{text}") };
        Endpoint { scheme: pattern.scheme, host, port: pattern.port.unwrap() }
    }

    fn covers(pattern: &str, text: &str) -> bool {
        pattern.parse::<EndpointPattern>().unwrap().covers(&endpoint(text))
    }

    #[test]
    fn a_pattern_covers_its_scheme_host_and_port_alone() {
        assert!(covers("https://api.example.com", "https://API.example.com.:443"));
        assert!(covers("api.example.com", "https://api.example.com"));
        assert!(!covers("https://api.example.com", "http://api.example.com"));
        assert!(!covers("https://api.example.com", "https://api.example.com:8443"));
        assert!(!covers("https://api.example.com", "https://x.api.example.com"));
        assert!(covers("https://api.example.com:*", "https://api.example.com:8443"));
        assert!(covers("https://*.example.com", "https://a.b.example.com"));
        assert!(!covers("https://*.example.com", "https://example.com"));
        assert!(!covers("https://*.example.com", "https://badexample.com"));
        assert!(covers("http://*:*", "http://[::1]:9"));
        assert!(covers("http://[0:0::1]:9", "http://[::1]:9"));
        assert!(covers("http://[::ffff:127.0.0.1]", "http://127.0.0.1"));
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_a_reason() {
        for text in [
            "",
            "ftp://a",
            "https://",
            "https://a/b",
            "https://u@a",
            "https://a:0",
            "https://a:99999",
            "https://a..b",
            "https://*a.b",
            "https://[::g]",
            "https://a b",
            "https://*.*",
            "https://a?x",
            "http://2130706433",
            "http://127.1",
            "http://0x7f.1",
            "http://0x7F000001",
            "http://a.1",
            "http://256.0.0.1",
            "http://*.0.0.1",
        ] {
            let error = text.parse::<EndpointPattern>().unwrap_err().to_string();
            assert!(error.contains("https://api.example.com"), "{error}");
        }
    }

    #[test]
    fn a_pattern_is_written_as_it_is_read() {
        for text in ["https://*", "http://[::1]:8080", "https://*.a.b:*", "http://localhost:1"] {
            assert_eq!(text.parse::<EndpointPattern>().unwrap().to_string(), text);
        }
        assert_eq!("a.b:443".parse::<EndpointPattern>().unwrap().to_string(), "https://a.b");
    }

    #[test]
    fn methods_are_told_apart_from_endpoints() {
        let grants: Grants = serde_json::from_value(serde_json::json!({
            "http": [{"url": "https://a.b", "methods": ["GET"]}]
        }))
        .unwrap();
        assert!(grants.allowing("GET", &endpoint("https://a.b")).is_ok());
        assert_eq!(grants.allowing("POST", &endpoint("https://a.b")), Err(Missing::Method));
        assert_eq!(grants.allowing("GET", &endpoint("https://a.c")), Err(Missing::Endpoint));
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
