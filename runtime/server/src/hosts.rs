//! Which hosts and origins the server answers to.
//!
//! A web page can make a browser send requests to a server on the same machine, and a name that its
//! author rebinds can make them look like the page's own. So a request must name a host that is the
//! server's, and come from no page, or from a page of that very host.

use std::fmt;
use std::net::IpAddr;

use http::header::{HOST, HeaderMap, HeaderValue, ORIGIN};
use http::{StatusCode, Uri};

use crate::config::ServerConfig;
use crate::problem::{Code, Problem};

/// The names that the server answers to.
#[derive(Debug)]
pub(crate) struct Hosts {
    /// Lower case; with a port where only that port is meant.
    names: Vec<String>,
    scheme: &'static str,
}

impl Hosts {
    /// Takes the names of the configuration.
    pub(crate) fn new(config: &ServerConfig) -> Self {
        let names = config
            .public_hosts
            .iter()
            .chain([&config.listen])
            .map(|name| name.trim().to_ascii_lowercase())
            .collect();
        Self { names, scheme: if config.https { "https" } else { "http" } }
    }

    /// Checks the host and the origin of a request.
    ///
    /// # Errors
    /// 403 when one is foreign, 400 when the host is missing or given twice.
    pub(crate) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        let host = one_host(headers)?;
        let named = uri.authority().map(|authority| authority.as_str());
        if !self.answers_to(host) || named.is_some_and(|named| !self.answers_to(named)) {
            let detail = "this server does not answer to that host; `--public-host` adds one";
            return Err(Problem::new(StatusCode::FORBIDDEN, Code::ForeignHost, detail));
        }
        match headers.get(ORIGIN) {
            Some(origin) if !is_page_of(origin, host) => {
                let detail = "requests from web pages of another origin are refused";
                Err(Problem::new(StatusCode::FORBIDDEN, Code::ForeignOrigin, detail))
            }
            _ => Ok(()),
        }
    }

    /// Returns what links start with, for a request whose host was checked.
    pub(crate) fn base(&self, headers: &HeaderMap) -> Base {
        let host = headers.get(HOST).cloned().unwrap_or(HeaderValue::from_static("localhost"));
        Base { scheme: self.scheme, host }
    }

    fn answers_to(&self, authority: &str) -> bool {
        if is_loopback(without_port(authority)) {
            return true;
        }
        let known = |text: &str| self.names.iter().any(|name| name.eq_ignore_ascii_case(text));
        known(authority) || known(without_port(authority))
    }
}

/// What absolute links start with: the scheme, and the host that the client used.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    scheme: &'static str,
    host: HeaderValue,
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host.to_str().unwrap_or("localhost"))
    }
}

fn one_host(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next().map(HeaderValue::to_str), hosts.next()) {
        (Some(Ok(host)), None) => Ok(host),
        _ => Err(Problem::malformed("the request needs one `Host` header")),
    }
}

/// Tells whether a page of this origin was served under this host.
fn is_page_of(origin: &HeaderValue, host: &str) -> bool {
    let page = origin.to_str().ok().and_then(|origin| {
        origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"))
    });
    page.is_some_and(|page| page.eq_ignore_ascii_case(host))
}

/// Cuts `:port` off, and leaves `[::1]` in its brackets.
fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port))
            if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            host
        }
        _ => authority,
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(host: &str, origin: Option<&str>) -> bool {
        let config = ServerConfig {
            listen: "10.1.2.3:7420".to_owned(),
            public_hosts: vec!["Errand.example".to_owned(), "one.example:8443".to_owned()],
            ..ServerConfig::default()
        };
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        headers.extend(origin.map(|origin| (ORIGIN, origin.parse().unwrap())));
        Hosts::new(&config).check(&Uri::from_static("/"), &headers).is_ok()
    }

    #[test]
    fn loopback_names_the_listen_address_and_public_hosts_are_answered() {
        for host in [
            "localhost",
            "LOCALHOST:1",
            "127.0.0.1:7420",
            "127.9.9.9",
            "[::1]:7420",
            "[::1]",
            "10.1.2.3:7420",
            "errand.example",
            "errand.example:443",
            "one.example:8443",
        ] {
            assert!(check(host, None), "{host} was refused");
        }
    }

    #[test]
    fn hosts_that_only_look_like_it_are_refused() {
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.1.2.3",
            "0.0.0.0",
            "one.example",
            "one.example:1",
            "errand.example.evil.example",
            "errand.example@evil.example",
            "[::1",
            "evil.example:7420",
        ] {
            assert!(!check(host, None), "{host} was answered");
        }
    }

    #[test]
    fn only_pages_of_the_same_host_are_answered() {
        assert!(check("127.0.0.1:7420", Some("http://127.0.0.1:7420")));
        assert!(check("errand.example", Some("https://errand.example")));
        for origin in ["null", "http://evil.example", "http://127.0.0.1:3000", "127.0.0.1:7420"] {
            assert!(!check("127.0.0.1:7420", Some(origin)), "{origin} was answered");
        }
    }
}
