//! What the system says of names: its servers (`/etc/resolv.conf`) and its own list (`/etc/hosts`).
//!
//! Owns the reading of these two files, again after a while. Search lists and other options are not for
//! us: a granted name is asked for as it is written.

use std::collections::HashMap;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long what was read counts.
const FRESH: Duration = Duration::from_secs(5);
/// Servers that are asked at most, as by the system's own resolver.
const MAX_SERVERS: usize = 3;
/// Bytes of either file that are read: some block lists have a hundred thousand names.
const MAX_FILE_BYTES: u64 = 8 << 20;
const DNS_PORT: u16 = 53;

/// The system's configuration as it is.
#[derive(Default)]
pub(crate) struct System {
    read: Mutex<Option<(Instant, Arc<Names>)>>,
}

/// What was read.
pub(crate) struct Names {
    /// Whom to ask, in this order.
    pub(crate) servers: Vec<SocketAddr>,
    /// The addresses of names that need no question, in lower case.
    pub(crate) hosts: HashMap<String, Vec<IpAddr>>,
}

impl System {
    pub(crate) fn now(&self) -> Arc<Names> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, names)) = &*read
            && at.elapsed() < FRESH
        {
            return Arc::clone(names);
        }
        let names = Arc::new(Names {
            servers: servers(&text("/etc/resolv.conf")),
            hosts: hosts(&text("/etc/hosts")),
        });
        *read = Some((Instant::now(), Arc::clone(&names)));
        names
    }
}

/// Returns the text of a file; nothing where there is none.
fn text(path: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "two files of the system, named here alone")]
    let file = std::fs::File::open(path);
    let mut bytes = Vec::new();
    if let Ok(file) = file {
        // What was read before an error is what there is.
        let _ = file.take(MAX_FILE_BYTES).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn servers(text: &str) -> Vec<SocketAddr> {
    let address = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        (words.next() == Some("nameserver")).then(|| words.next()?.parse::<IpAddr>().ok())?
    };
    let mut servers: Vec<SocketAddr> = text
        .lines()
        .filter_map(address)
        .take(MAX_SERVERS)
        .map(|address| SocketAddr::new(address, DNS_PORT))
        .collect();
    if servers.is_empty() {
        // As resolv.conf(5) has it: the server on this machine.
        servers.push(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), DNS_PORT));
    }
    servers
}

fn hosts(text: &str) -> HashMap<String, Vec<IpAddr>> {
    let mut hosts: HashMap<String, Vec<IpAddr>> = HashMap::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_ascii_whitespace();
        let Some(address) = words.next().and_then(|word| word.parse::<IpAddr>().ok()) else {
            continue;
        };
        for name in words {
            let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
            hosts.entry(name).or_default().push(address);
        }
    }
    hosts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_the_system_are_read() {
        let found =
            servers("# c\nsearch a b\nnameserver 1.2.3.4\n nameserver ::1 # x\nnameserver y\n");
        assert_eq!(found, ["1.2.3.4:53".parse().unwrap(), "[::1]:53".parse().unwrap()]);
        assert_eq!(servers(""), ["127.0.0.1:53".parse().unwrap()]);
        let found = hosts("10.0.0.1 DB db.internal. # x\n::1 db\nnonsense here\n#1.1.1.1 no\n");
        let addresses: Vec<IpAddr> = vec!["10.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
        assert_eq!(found["db"], addresses);
        assert_eq!(found["db.internal"], addresses[..1]);
        assert_eq!(found.len(), 2);
    }
}
