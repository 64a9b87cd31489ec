//! A connection on which a test says what it likes, also what no HTTP client would.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use super::Server;

/// A connection to a server.
pub(crate) struct Raw(TcpStream);

impl Raw {
    pub(crate) fn connect(server: &Server) -> Self {
        let address = server.url().trim_start_matches("http://");
        let stream = TcpStream::connect(address).expect("the server accepts connections");
        // Ends a hang, times nothing.
        stream.set_read_timeout(Some(Duration::from_secs(120))).expect("a timeout can be set");
        Self(stream)
    }

    /// Sends the head of a request with the operator's token, and no `connection: close`.
    pub(crate) fn send_head(&mut self, server: &Server, line: &str, headers: &str) {
        let token = server.operator_token();
        let head = format!(
            "{line} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n{headers}\r\n"
        );
        self.send(head.as_bytes());
    }

    /// Sends bytes. A server that has answered and closed may not take them all.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes);
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish(&self) {
        let _ = self.0.shutdown(Shutdown::Write);
    }

    /// Reads an answer's status and head; nothing where the server closed without one.
    pub(crate) fn head(&mut self) -> Option<(u16, String)> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            match self.0.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                _ => return None,
            }
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Some((status.unwrap_or_else(|| panic!("{head:?} is no answer")), head))
    }

    /// Reads until the server closes.
    pub(crate) fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        // A reset is an end too.
        let _ = self.0.read_to_end(&mut rest);
        String::from_utf8_lossy(&rest).into_owned()
    }
}
