//! Heads of requests and responses: what is sent of what a guest wrote, and what it is told of an answer.
//!
//! Owns the reading of URLs, as the URL standard (WHATWG) has it, so that each way to write an address
//! becomes one; the headers that are the host's own; and the finding and filling of placeholders.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use errand_core::{Endpoint, EndpointPattern, OutgoingError, OutgoingRequest, Scheme, SecretName};
use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, HeaderName, HeaderValue, RANGE, USER_AGENT};
use http::{HeaderMap, Method, Uri};
use memchr::memmem;
use url::{Host, Url};
use zeroize::Zeroizing;

use crate::veil::Value;

/// Headers that say how a connection is used, which is the host's business (RFC 9110, section 7.6.1).
const HOST_OWN: [&str; 8] = [
    "connection",
    "expect",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
const CODINGS: HeaderValue = HeaderValue::from_static("gzip, deflate");
const NO_CODING: HeaderValue = HeaderValue::from_static("identity");
const AGENT: HeaderValue = HeaderValue::from_static(concat!("errand/", env!("CARGO_PKG_VERSION")));

/// The head of a request, read.
pub(crate) struct Head {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) endpoint: Endpoint,
    /// Without those in which placeholders stand.
    pub(crate) headers: HeaderMap,
    /// Those in which placeholders stand.
    templates: Vec<(HeaderName, Template)>,
}

/// A value in which placeholders stand.
struct Template {
    text: String,
    /// Whether it is what stands behind `Basic`, unpacked.
    is_basic: bool,
}

impl Head {
    /// Reads a request's head.
    ///
    /// # Errors
    /// [`OutgoingError::Invalid`] for what can't be sent; [`OutgoingError::Denied`] for placeholders where
    /// no secret may be.
    pub(crate) fn read(request: &OutgoingRequest) -> Result<Self, OutgoingError> {
        let method = method(&request.method)?;
        let (uri, endpoint) = target(&request.url)?;
        if memmem::find(&request.body, SecretName::BEFORE.as_bytes()).is_some()
            && let Some(name) = placeholder(&String::from_utf8_lossy(&request.body))
        {
            return Err(OutgoingError::Denied(format!(
                "secret `{name}` stands in the body, where none is filled in: \
                 secrets are sent in headers alone"
            )));
        }
        let mut head =
            Self { method, uri, endpoint, headers: HeaderMap::new(), templates: Vec::new() };
        for (name, value) in &request.headers {
            head.add(name, value, request.body.len())?;
        }
        // What is packed can't be cut: a range of it would not be one of the body.
        let codings = if head.headers.contains_key(RANGE) { NO_CODING } else { CODINGS };
        head.headers.insert(ACCEPT_ENCODING, codings);
        head.headers.entry(USER_AGENT).or_insert(AGENT);
        Ok(head)
    }

    fn add(&mut self, name: &str, value: &Bytes, body_bytes: usize) -> Result<(), OutgoingError> {
        let invalid = |why: &str| OutgoingError::Invalid(format!("header {name:?} {why}"));
        let header =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid("is no header"))?;
        let text = std::str::from_utf8(value).ok();
        match header.as_str() {
            "accept-encoding" => return Ok(()),
            "content-length" => {
                let is_right = text == Some(body_bytes.to_string().as_str());
                return if is_right { Ok(()) } else { Err(invalid("is not the body's length")) };
            }
            "host" => {
                let is_right = text.is_some_and(|text| self.is_authority(text));
                return if is_right { Ok(()) } else { Err(invalid("is not the URL's host")) };
            }
            own if HOST_OWN.contains(&own) || own.starts_with("proxy-") => {
                return Err(invalid("is the host's own"));
            }
            _ => {}
        }
        let Some(template) = text.and_then(|text| Template::read(&header, text)) else {
            if let Some(secret) = placeholder(&String::from_utf8_lossy(value)) {
                return Err(OutgoingError::Denied(format!(
                    "secret `{secret}` stands in header {name:?} beside what is no text"
                )));
            }
            let value = HeaderValue::from_maybe_shared(value.clone())
                .map_err(|_| invalid("has a value that no header can have"))?;
            self.headers.append(header, value);
            return Ok(());
        };
        // A refusal's text names it, in a command for a shell.
        if !name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        {
            return Err(invalid("is none that a secret can be sent in"));
        }
        self.templates.push((header, template));
        Ok(())
    }

    fn is_authority(&self, text: &str) -> bool {
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        let with_port = format!("{}:{}", self.uri.host().unwrap_or_default(), self.endpoint.port);
        text.eq_ignore_ascii_case(authority) || text.eq_ignore_ascii_case(&with_port)
    }

    /// Returns the secrets that are to be filled in, and in which headers.
    pub(crate) fn secrets(&self) -> BTreeSet<(SecretName, String)> {
        let named = |(header, template): &(HeaderName, Template)| {
            let found = SecretName::placeholders(&template.text);
            let header = header.as_str().to_owned();
            found.into_iter().map(move |(_, name)| (name, header.clone())).collect::<Vec<_>>()
        };
        self.templates.iter().flat_map(named).collect()
    }

    /// Fills in all secrets.
    ///
    /// # Errors
    /// [`OutgoingError::Invalid`] when what comes of it is no header's value.
    pub(crate) fn fill(
        &mut self,
        values: &BTreeMap<SecretName, Value>,
    ) -> Result<(), OutgoingError> {
        for (header, template) in std::mem::take(&mut self.templates) {
            let filled = Bytes::from_owner(template.fill(values));
            let mut value = HeaderValue::from_maybe_shared(filled).map_err(|_| {
                OutgoingError::Invalid(format!(
                    "header `{header}` has a value that no header can have"
                ))
            })?;
            value.set_sensitive(true);
            self.headers.append(header, value);
        }
        Ok(())
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, endpoint, .. } = self;
        f.debug_struct("Head")
            .field("method", method)
            .field("endpoint", endpoint)
            .finish_non_exhaustive()
    }
}

impl Template {
    /// Returns a value in which placeholders stand; nothing for another.
    fn read(header: &HeaderName, text: &str) -> Option<Self> {
        if placeholder(text).is_some() {
            return Some(Self { text: text.to_owned(), is_basic: false });
        }
        // A user and a password that a library has packed.
        let (scheme, packed) = text.split_once(' ')?;
        if *header != http::header::AUTHORIZATION || !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let text = String::from_utf8(STANDARD.decode(packed.trim()).ok()?).ok()?;
        placeholder(&text).is_some().then_some(Self { text, is_basic: true })
    }

    fn fill(&self, values: &BTreeMap<SecretName, Value>) -> Zeroizing<Vec<u8>> {
        let longest = values.values().map(|value| value.len()).max().unwrap_or(0);
        let found = SecretName::placeholders(&self.text);
        // Enough for all, so that nothing of it is left behind by growing.
        let mut filled =
            Zeroizing::new(Vec::with_capacity(self.text.len() + found.len() * longest));
        let mut at = 0;
        for (place, name) in found {
            filled.extend(&self.text.as_bytes()[at..place.start]);
            if let Some(value) = values.get(&name) {
                filled.extend(&***value);
            }
            at = place.end;
        }
        filled.extend(&self.text.as_bytes()[at..]);
        if !self.is_basic {
            return filled;
        }
        let mut packed = Zeroizing::new(vec![0; filled.len().div_ceil(3) * 4 + "Basic ".len()]);
        packed[.."Basic ".len()].copy_from_slice(b"Basic ");
        let written = STANDARD.encode_slice(&*filled, &mut packed["Basic ".len()..]);
        packed.truncate(written.map_or(0, |bytes| bytes + "Basic ".len()));
        packed
    }
}

/// Returns the first placeholder's name.
fn placeholder(text: &str) -> Option<SecretName> {
    SecretName::placeholders(text).into_iter().next().map(|(_, name)| name)
}

fn method(text: &str) -> Result<Method, OutgoingError> {
    match Method::from_bytes(text.as_bytes()) {
        Ok(Method::CONNECT | Method::TRACE) => {
            Err(OutgoingError::Invalid(format!("method {text} is not for guests")))
        }
        // Methods are told apart by case; `get` would be another one than grants name.
        Ok(method) if text.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'-' | b'_')) => {
            Ok(method)
        }
        _ => Err(OutgoingError::Invalid(format!("{text:?} is no method; they are in capitals"))),
    }
}

/// Reads a URL. Errors say nothing of its path and query.
fn target(text: &str) -> Result<(Uri, Endpoint), OutgoingError> {
    let invalid = |why: String| OutgoingError::Invalid(format!("the URL {why}"));
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8_lossy();
    if let Some(name) = placeholder(text).or_else(|| placeholder(&decoded)) {
        return Err(OutgoingError::Denied(format!(
            "secret `{name}` stands in the URL, where none is filled in: URLs are logged on their way"
        )));
    }
    let mut url = Url::parse(text).map_err(|error| invalid(format!("can't be read: {error}")))?;
    let scheme = match url.scheme() {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => return Err(invalid(format!("is neither http nor https, but {other:?}"))),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("has a user or a password, which belong into a header".to_owned()));
    }
    let host = match url.host() {
        Some(Host::Domain(name)) => name.strip_suffix('.').unwrap_or(name).to_owned(),
        Some(Host::Ipv4(address)) => address.to_string(),
        // An IPv4 address written as an IPv6 one is that IPv4 address.
        Some(Host::Ipv6(address)) => IpAddr::V6(address).to_canonical().to_string(),
        None => return Err(invalid("has no host".to_owned())),
    };
    let endpoint = Endpoint {
        scheme,
        host,
        port: url.port_or_known_default().unwrap_or(scheme.default_port()),
    };
    // What no grant can name is not asked for: a refusal's text holds a command for a shell.
    let can_be_granted =
        !endpoint.host.contains('*') && endpoint.to_string().parse::<EndpointPattern>().is_ok();
    let is_set = match endpoint.address() {
        Some(address) => url.set_ip_host(address).is_ok(),
        None => url.set_host(Some(&endpoint.host)).is_ok(),
    };
    if !can_be_granted || !is_set {
        return Err(invalid("has no host that can be asked for".to_owned()));
    }
    url.set_fragment(None);
    let uri =
        Uri::try_from(url.as_str()).map_err(|error| invalid(format!("can't be sent: {error}")))?;
    Ok((uri, endpoint))
}

/// Names of headers of a response that are about its connection, not about it.
const CONNECTION_OWN: [&str; 6] =
    ["connection", "keep-alive", "proxy-connection", "trailer", "transfer-encoding", "upgrade"];

/// Returns the headers of a response as the guest is told them.
pub(crate) fn told(headers: &HeaderMap) -> Vec<(String, Bytes)> {
    headers
        .iter()
        .filter(|(name, _)| !CONNECTION_OWN.contains(&name.as_str()))
        .map(|(name, value)| (name.as_str().to_owned(), Bytes::copy_from_slice(value.as_bytes())))
        .collect()
}

/// Returns the length that a response says its body has.
pub(crate) fn said_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(url: &str) -> String {
        target(url)
            .map(|(_, endpoint)| endpoint.to_string())
            .unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn every_way_to_write_an_address_is_that_address() {
        for url in [
            "http://127.0.0.1/",
            "http://127.0.0.1./",
            "http://2130706433/",
            "http://0x7f000001",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://0177.0.0.01/",
            "http://127.1/",
            "http://127.0.1/",
            "http://%31%32%37.0.0.1/",
            "http://127%2e0%2e0%2e1/",
            "http://１２７.０.０.１/",
            "http://127。0。0。1/",
            "http://①②⑦.0.0.1/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:7f00:1]/",
            "http://[0:0:0:0:0:ffff:7f00:0001]:80/",
            "HTTP://127.0.0.1:80/",
            "http:\\\\127.0.0.1\\x",
            "http://127.0.0.1\t/",
        ] {
            assert_eq!(endpoint(url), "http://127.0.0.1", "{url}");
            assert_eq!(target(url).unwrap().0.host(), Some("127.0.0.1"), "{url}");
        }
        assert_eq!(endpoint("http://[0:0::1]:81/"), "http://[::1]:81");
        assert_eq!(endpoint("https://LOCALHOST./x?y#z"), "https://localhost");
        assert_eq!(endpoint("https://Bücher.example/"), "https://xn--bcher-kva.example");
    }

    #[test]
    fn what_is_no_url_to_send_to_is_refused_without_its_query() {
        for url in [
            "ftp://a/?KEY",
            "file:///etc/passwd?KEY",
            "/relative?KEY",
            "http://?KEY",
            "http://.?KEY",
            "http://a..b.?KEY#",
            "http://256.0.0.1?KEY",
            "http://1.2.3.4.5?KEY",
            "http://user@a/?KEY",
            "http://user:KEY@a/",
            "http://a:99999/?KEY",
            "http://[::1%25eth0]/?KEY",
            "http://a b/?KEY",
            "http://*/?KEY",
            "http://*.a/?KEY",
            "http://a';reboot;'/?KEY",
            "http://a`reboot`/?KEY",
        ] {
            let error = target(url).map(|(uri, _)| uri).unwrap_err();
            assert_eq!(error.code(), "invalid", "{url}");
            assert!(!error.to_string().contains("KEY"), "{error}");
        }
    }
}
