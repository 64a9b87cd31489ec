//! A connection that sends the same kind of request over and over, at as little cost as possible: the
//! client shares the machine with what it measures.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A kept-alive HTTP/1.1 connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(url: &str) -> Self {
        let address = url.strip_prefix("http://").expect("a local server speaks plain HTTP");
        let stream = TcpStream::connect(address).await.expect("the server accepts");
        stream.set_nodelay(true).expect("TCP has no delay");
        Self { stream, buffer: Vec::with_capacity(16 << 10) }
    }

    /// Sends a prepared request and reads the whole answer. Returns its status and body.
    pub(crate) async fn call(&mut self, request: &[u8]) -> (u16, &[u8]) {
        self.stream.write_all(request).await.expect("the server reads");
        self.buffer.clear();
        loop {
            let read = self.stream.read_buf(&mut self.buffer).await.expect("the server answers");
            assert!(read > 0, "the server closed the connection");
            let Some(head) = find(&self.buffer, b"\r\n\r\n") else { continue };
            let length = content_length(&self.buffer[..head]);
            if self.buffer.len() >= head + 4 + length {
                let status = std::str::from_utf8(&self.buffer[9..12])
                    .ok()
                    .and_then(|digits| digits.parse().ok())
                    .expect("a status line has a status");
                return (status, &self.buffer[head + 4..head + 4 + length]);
            }
        }
    }

    /// Sends a prepared request for a stream and reads until `mark` has come. Consumes the connection.
    pub(crate) async fn read_until(mut self, request: &[u8], mark: &[u8]) {
        self.stream.write_all(request).await.expect("the server reads");
        self.buffer.clear();
        while find(&self.buffer, mark).is_none() {
            let read = self.stream.read_buf(&mut self.buffer).await.expect("the server answers");
            let ended = String::from_utf8_lossy(&self.buffer);
            assert!(read > 0 || find(&self.buffer, mark).is_some(), "the stream ended: {ended}");
        }
    }
}

/// Prepares a request.
pub(crate) fn request(method: &str, path: &str, token: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

fn content_length(head: &[u8]) -> usize {
    let head = std::str::from_utf8(head).expect("a head is text").to_ascii_lowercase();
    head.lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .and_then(|length| length.trim().parse().ok())
        .expect("the answer has a length")
}

fn find(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    bytes.windows(mark.len()).position(|window| window == mark)
}
