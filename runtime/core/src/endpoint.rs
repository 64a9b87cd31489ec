//! Where a request goes, and the patterns that grants write of that.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

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
}
