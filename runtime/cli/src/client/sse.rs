//! Server-sent events, as far as Errand's server sends them: fields `id`, `event`, `data`, and comments.

use std::io::{self, BufRead, BufReader, Read};

/// No message of the server's is longer; more is a broken server, not a reason to fill the memory.
const LINE_BYTES: u64 = 64 << 20;

/// One message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SseMessage {
    /// `id`, where it has one.
    pub(crate) id: Option<String>,
    /// `event`; `message` where it has none.
    pub(crate) event: String,
    /// `data`, its lines joined.
    pub(crate) data: String,
}

/// Reads messages from a body.
pub(crate) struct SseReader<R> {
    lines: BufReader<R>,
}

impl<R: Read> SseReader<R> {
    /// Reads from a body.
    pub(crate) fn new(body: R) -> Self {
        Self { lines: BufReader::new(body) }
    }

    /// Returns the next message; nothing at the end. A message cut off by the end is dropped.
    pub(crate) fn next(&mut self) -> io::Result<Option<SseMessage>> {
        let mut message = SseMessage::default();
        let mut data: Option<String> = None;
        loop {
            let mut line = Vec::new();
            (&mut self.lines).take(LINE_BYTES).read_until(b'\n', &mut line)?;
            if line.pop() != Some(b'\n') {
                return Ok(None);
            }
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            let line = String::from_utf8_lossy(&line);
            if line.is_empty() {
                match data.take() {
                    Some(data) => {
                        if message.event.is_empty() {
                            message.event.push_str("message");
                        }
                        return Ok(Some(SseMessage { data, ..message }));
                    }
                    None => message = SseMessage::default(),
                }
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "id" => message.id = Some(value.to_owned()),
                "event" => value.clone_into(&mut message.event),
                "data" => match &mut data {
                    Some(data) => {
                        data.push('\n');
                        data.push_str(value);
                    }
                    None => data = Some(value.to_owned()),
                },
                // Comments keep the connection open; other fields are not Errand's.
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<SseMessage> {
        let mut reader = SseReader::new(text.as_bytes());
        std::iter::from_fn(|| reader.next().expect("memory can be read")).collect()
    }

    #[test]
    fn messages_are_told_apart() {
        let messages = read(
            ": hello\n\nid: 1\nevent: started\ndata: {\"seq\":1}\n\nevent:progress\r\ndata:a\r\ndata: b\r\n\r\n",
        );
        assert_eq!(messages.len(), 2);
        assert_eq!(messages[0].id.as_deref(), Some("1"));
        assert_eq!(messages[0].event, "started");
        assert_eq!(messages[0].data, "{\"seq\":1}");
        assert_eq!(
            messages[1],
            SseMessage { id: None, event: "progress".into(), data: "a\nb".into() }
        );
    }

    #[test]
    fn a_message_that_was_cut_off_is_dropped() {
        assert_eq!(read("id: 1\ndata: x\n"), []);
        assert_eq!(read("id: 1\ndata: x\n\nid: 2\ndata: y").len(), 1);
    }
}
