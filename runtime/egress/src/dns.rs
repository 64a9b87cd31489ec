//! Names made addresses: one question to the servers that the operator names, or that the system has.
//!
//! Owns the questions and their answers on the wire (RFC 1035), over UDP and, where an answer does not fit,
//! TCP. Keeps no answers: connections are kept instead. Names are asked for as they are written: search
//! lists would make of a granted name another. Does not judge addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use crate::hosts::System;

/// How long one question to one server may take.
const QUESTION_MS: u64 = 2_000;
/// How often the list of servers is gone through.
const ROUNDS: usize = 2;
/// Records of an answer that are looked at.
const MAX_RECORDS: u16 = 256;
/// The longest answer over UDP that is read; RFC 1035 has 512 bytes.
const MAX_DATAGRAM_BYTES: usize = 4_096;

/// Asks for addresses.
pub(crate) struct Resolver {
    /// The operator's own server; nothing: the system's configuration.
    nameserver: Option<SocketAddr>,
    system: System,
}

/// Why there is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoAddress {
    /// There is no such name, or it has no address.
    #[error("has no address")]
    Unknown,
    /// It can't be asked for.
    #[error("is no name that can be asked for")]
    Malformed,
    /// No server answered.
    #[error("could not be looked up: no name server answered")]
    Unanswered,
}

impl Resolver {
    pub(crate) fn new(nameserver: Option<SocketAddr>) -> Self {
        Self { nameserver, system: System::default() }
    }

    /// Returns all addresses of a name, IPv6 first.
    pub(crate) async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, NoAddress> {
        let servers = match self.nameserver {
            Some(server) => vec![server],
            None => {
                let system = self.system.now();
                if let Some(addresses) = system.hosts.get(name) {
                    return Ok(addresses.clone());
                }
                system.servers.clone()
            }
        };
        let [v4, v6] =
            [Kind::A, Kind::Aaaa].map(|kind| Question::new(name, kind).ok_or(NoAddress::Malformed));
        let (v4, v6) = (v4?, v6?);
        for server in servers.iter().cycle().take(servers.len() * ROUNDS) {
            let (v4, v6) = tokio::join!(v4.ask(*server), v6.ask(*server));
            let answered = v4.is_some() || v6.is_some();
            let mut addresses = v6.unwrap_or_default();
            addresses.extend(v4.unwrap_or_default());
            if !addresses.is_empty() {
                return Ok(addresses);
            }
            if answered {
                return Err(NoAddress::Unknown);
            }
        }
        Err(NoAddress::Unanswered)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
enum Kind {
    A = 1,
    Aaaa = 28,
}

struct Question {
    kind: Kind,
    /// The question's part of a message: the name, the kind, the class.
    bytes: Vec<u8>,
}

impl Question {
    fn new(name: &str, kind: Kind) -> Option<Self> {
        if name.is_empty() || name.len() > 253 {
            return None;
        }
        let mut bytes = Vec::with_capacity(name.len() + 6);
        for label in name.split('.') {
            if !(1..=63).contains(&label.len()) {
                return None;
            }
            bytes.push(u8::try_from(label.len()).ok()?);
            bytes.extend(label.bytes().map(|byte| byte.to_ascii_lowercase()));
        }
        bytes.push(0);
        bytes.extend((kind as u16).to_be_bytes());
        bytes.extend(CLASS_IN.to_be_bytes());
        Some(Self { kind, bytes })
    }

    /// Returns what a server answers; nothing when it doesn't.
    async fn ask(&self, server: SocketAddr) -> Option<Vec<IpAddr>> {
        let limit = Duration::from_millis(QUESTION_MS);
        tokio::time::timeout(limit, self.ask_now(server)).await.ok()?
    }

    async fn ask_now(&self, server: SocketAddr) -> Option<Vec<IpAddr>> {
        let id: u16 = rand::random();
        let message = self.message(id);
        // A socket of its own, at a port that the system chooses by chance.
        let any: IpAddr = if server.is_ipv4() {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            Ipv6Addr::UNSPECIFIED.into()
        };
        let socket = UdpSocket::bind((any, 0)).await.ok()?;
        socket.connect(server).await.ok()?;
        socket.send(&message).await.ok()?;
        let mut buffer = vec![0; MAX_DATAGRAM_BYTES];
        loop {
            let length = socket.recv(&mut buffer).await.ok()?;
            match self.read(id, &buffer[..length]) {
                Read::Addresses(addresses) => return Some(addresses),
                Read::Truncated => break,
                Read::Refused => return None,
                Read::NotOurs => {}
            }
        }
        let mut stream = TcpStream::connect(server).await.ok()?;
        let mut framed = u16::try_from(message.len()).ok()?.to_be_bytes().to_vec();
        framed.extend(message);
        stream.write_all(&framed).await.ok()?;
        let length = stream.read_u16().await.ok()?;
        let mut answer = vec![0; usize::from(length)];
        stream.read_exact(&mut answer).await.ok()?;
        match self.read(id, &answer) {
            Read::Addresses(addresses) => Some(addresses),
            _ => None,
        }
    }

    fn message(&self, id: u16) -> Vec<u8> {
        let mut message = id.to_be_bytes().to_vec();
        // Recursion desired; one question, nothing else.
        message.extend([0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0]);
        message.extend(&self.bytes);
        message
    }

    fn read(&self, id: u16, message: &[u8]) -> Read {
        let mut reader = Reader { message, at: 0 };
        self.read_from(id, &mut reader).unwrap_or(Read::NotOurs)
    }

    fn read_from(&self, id: u16, reader: &mut Reader<'_>) -> Option<Read> {
        let own_id = reader.u16()? == id;
        let flags = reader.u16()?;
        let (questions, answers) = (reader.u16()?, reader.u16()?);
        reader.skip(4)?;
        let question = reader.take(self.bytes.len())?;
        let is_answer = flags & 0x8000 != 0 && flags & 0x7800 == 0;
        if !own_id || !is_answer || questions != 1 || !question.eq_ignore_ascii_case(&self.bytes) {
            return Some(Read::NotOurs);
        }
        match flags & 0x000f {
            // No such name is an answer.
            3 => return Some(Read::Addresses(Vec::new())),
            0 if flags & 0x0200 != 0 => return Some(Read::Truncated),
            0 => {}
            _ => return Some(Read::Refused),
        }
        let mut addresses = Vec::new();
        for _ in 0..answers.min(MAX_RECORDS) {
            reader.skip_name()?;
            let (kind, class) = (reader.u16()?, reader.u16()?);
            reader.skip(4)?;
            let length = reader.u16()?;
            let data = reader.take(usize::from(length))?;
            if kind != self.kind as u16 || class != CLASS_IN {
                continue;
            }
            addresses.push(match self.kind {
                Kind::A => IpAddr::from(<[u8; 4]>::try_from(data).ok()?),
                Kind::Aaaa => IpAddr::from(<[u8; 16]>::try_from(data).ok()?),
            });
        }
        Some(Read::Addresses(addresses))
    }
}

const CLASS_IN: u16 = 1;

/// What a message is.
#[derive(Debug, PartialEq, Eq)]
enum Read {
    Addresses(Vec<IpAddr>),
    /// The answer is longer; to be asked for over TCP.
    Truncated,
    /// The server can't or won't say.
    Refused,
    /// Another's, or nonsense: waited past.
    NotOurs,
}

struct Reader<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let taken = self.message.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(taken)
    }

    fn skip(&mut self, length: usize) -> Option<()> {
        self.take(length).map(drop)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    /// Goes past a name, which ends at a zero or a reference to elsewhere.
    fn skip_name(&mut self) -> Option<()> {
        loop {
            match *self.take(1)?.first()? {
                0 => return Some(()),
                length @ 1..=63 => self.skip(usize::from(length))?,
                192..=255 => return self.skip(1),
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(question: &Question, id: u16, flags: u16, records: &[(u16, &[u8])]) -> Vec<u8> {
        let mut message = id.to_be_bytes().to_vec();
        message.extend(flags.to_be_bytes());
        message.extend([0, 1]);
        message.extend(u16::try_from(records.len()).unwrap().to_be_bytes());
        message.extend([0; 4]);
        message.extend(&question.bytes);
        for (kind, data) in records {
            message.extend([0xc0, 12]);
            message.extend(kind.to_be_bytes());
            message.extend([0, 1, 0, 0, 0, 0]);
            message.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            message.extend(*data);
        }
        message
    }

    #[test]
    fn addresses_are_read_past_aliases() {
        let question = Question::new("Example.com", Kind::A).unwrap();
        let message = answer(&question, 7, 0x8180, &[(5, &[1, b'x', 0]), (1, &[1, 2, 3, 4])]);
        let address: IpAddr = "1.2.3.4".parse().unwrap();
        assert_eq!(question.read(7, &message), Read::Addresses(vec![address]));
    }

    #[test]
    fn what_answers_another_question_is_waited_past() {
        let question = Question::new("example.com", Kind::A).unwrap();
        let other = Question::new("example.org", Kind::A).unwrap();
        let records: &[(u16, &[u8])] = &[(1, &[1, 2, 3, 4])];
        assert_eq!(question.read(8, &answer(&question, 7, 0x8180, records)), Read::NotOurs);
        assert_eq!(question.read(7, &answer(&other, 7, 0x8180, records)), Read::NotOurs);
        assert_eq!(question.read(7, &answer(&question, 7, 0x0100, records)), Read::NotOurs);
        assert_eq!(question.read(7, &question.message(7)), Read::NotOurs);
    }

    #[test]
    fn no_cut_or_changed_answer_is_a_panic() {
        let question = Question::new("example.com", Kind::Aaaa).unwrap();
        let whole = answer(&question, 7, 0x8180, &[(28, &[0; 16]), (28, &[1; 16])]);
        for length in 0..whole.len() {
            assert_eq!(question.read(7, &whole[..length]), Read::NotOurs, "{length}");
        }
        for at in 0..whole.len() {
            for byte in [0, 1, 63, 64, 192, 255] {
                let mut changed = whole.clone();
                changed[at] = byte;
                question.read(7, &changed);
            }
        }
    }

    #[test]
    fn errors_of_the_server_are_no_answers() {
        let question = Question::new("example.com", Kind::A).unwrap();
        assert_eq!(question.read(7, &answer(&question, 7, 0x8182, &[])), Read::Refused);
        assert_eq!(question.read(7, &answer(&question, 7, 0x8183, &[])), Read::Addresses(vec![]));
        assert_eq!(question.read(7, &answer(&question, 7, 0x8380, &[])), Read::Truncated);
    }

    #[test]
    fn names_that_fit_no_question_are_not_asked_for() {
        for name in ["", ".", "a..b", "a.", &"a".repeat(64), &"a.".repeat(127)] {
            assert!(Question::new(name, Kind::A).is_none(), "{name}");
        }
    }
}
