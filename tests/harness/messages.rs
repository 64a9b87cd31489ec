//! Server-sent events as a client reads them.

use std::io::{BufRead, BufReader, Read};

use serde_json::Value;

/// One message of an event stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    /// The event's number; live progress has none.
    pub(crate) id: Option<u64>,
    /// Its kind.
    pub(crate) event: String,
    /// Its data.
    pub(crate) data: Value,
}

/// A stream of messages, open until it is dropped or the server ends it.
pub(crate) struct Messages(BufReader<Box<dyn Read>>);

impl Messages {
    pub(super) fn new(body: Box<dyn Read>) -> Self {
        Self(BufReader::new(body))
    }

    /// Returns the next message that `wanted` holds for. The stream must not end before.
    pub(crate) fn until(&mut self, wanted: impl Fn(&Message) -> bool) -> Message {
        self.find(wanted).expect("the stream goes on until the message comes")
    }

    /// Waits for an event of a kind.
    pub(crate) fn until_event(&mut self, kind: &str) -> Message {
        self.until(|message| message.event == kind)
    }

    /// Waits until the task has started, on record, and is seen to execute: its fuel is reported live.
    pub(crate) fn until_it_runs(&mut self) -> Message {
        self.until_event("started");
        self.until(|message| {
            message.event == "progress" && message.data["fuel_used"].as_u64() > Some(0)
        })
    }
}

impl Iterator for Messages {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        let (mut id, mut event, mut data) = (None, None, String::new());
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).expect("the stream can be read") == 0 {
                return None;
            }
            let line = line.trim_end_matches(['\r', '\n']);
            match line.split_once(':') {
                None if line.is_empty() => match event.take() {
                    Some(event) => {
                        let data = serde_json::from_str(&data).expect("the data is JSON");
                        return Some(Message { id, event, data });
                    }
                    // A comment that keeps the connection open.
                    None => continue,
                },
                Some(("id", value)) => id = Some(value.trim().parse().expect("an id is a number")),
                Some(("event", value)) => event = Some(value.trim().to_owned()),
                Some(("data", value)) => data.push_str(value.strip_prefix(' ').unwrap_or(value)),
                Some(("", _)) => {}
                _ => panic!("{line:?} is no line of an event stream"),
            }
        }
    }
}
