//! The edge to the host: reads the input and the files that it names, sends, and waits where it may ask
//! again.

use crate::answer::{Answer, OUTPUT_SCHEMA};
use crate::api::Prepared;
use crate::ask::{Ask, INPUT_SCHEMA, Part, WhenUnknown};
use crate::failure::{Failure, Kind};
use requests::Request;
use requests::bindings::errand::task::execution::{Descriptor, Failure as Told, Persistence};
use requests::bindings::errand::task::progress;
use requests::bindings::errand::task::timers;
use requests::bindings::errand::task::types::Level;
use requests::bindings::wasi::random::random::get_random_u64;
use requests::bindings::{Guest, export};
use serde::Serialize;
use std::path::Path;
use std::time::Duration;

mod exported {
    use super::{Executor, export};
    export!(Executor with_types_in requests::bindings);
}

const WORKSPACE: &str = "/workspace";
/// The most of an error's body that is looked at.
const MAX_REFUSAL_BYTES: usize = 64 * 1024;
/// The most of an answer that is read; the host has a bound of its own.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// Who wants to be asked later than this is left to whoever asked: an hour.
const MAX_PAUSE_MS: u64 = 3_600_000;
const FIRST_PAUSE_MS: u64 = 1_000;

struct Executor;

#[derive(Serialize)]
struct Output {
    #[serde(flatten)]
    answer: Answer,
    requests: u32,
}

impl Guest for Executor {
    fn describe() -> Descriptor {
        Descriptor {
            description: "Asks a language model: one chat completion over OpenAI's, Anthropic's or Gemini's API."
                .to_owned(),
            input_schema: INPUT_SCHEMA.to_owned(),
            output_schema: OUTPUT_SCHEMA.to_owned(),
        }
    }

    fn run(input: String) -> Result<String, Told> {
        let output = run(&input).map_err(told)?;
        serde_json::to_string(&output)
            .map_err(|error| told(Failure::new(Kind::MalformedAnswer, error.to_string())))
    }
}

fn run(input: &str) -> Result<Output, Failure> {
    let invalid = |message: String| Failure::new(Kind::InvalidInput, message);
    let ask = Ask::from_json(input).map_err(|error| invalid(error.to_string()))?;
    let texts = texts(&ask)?;
    let variable = ask.key_variable.as_deref().unwrap_or(ask.api.key_variable());
    let key = std::env::var(variable).ok().filter(|key| !key.is_empty());
    let prepared = ask
        .api
        .prepare(&ask, &texts, key.as_deref())
        .map_err(|error| invalid(error.to_string()))?;
    let mut requests = 0;
    let mut key_of_request = new_key();
    loop {
        requests += 1;
        match send(&ask, &prepared, &key_of_request) {
            Ok(answer) => return Ok(Output { answer, requests }),
            Err(failure) if may_ask_again(&ask, &failure) && requests <= ask.retries => {
                // What was refused is another request when it comes again, for who remembers by the key.
                if failure.kind.is_transient() {
                    key_of_request = new_key();
                }
                pause(requests, failure)?;
            }
            Err(failure) => return Err(explained(failure, &ask, variable, key.is_some())),
        }
    }
}

/// Reads the texts of each message, those of files included.
fn texts(ask: &Ask) -> Result<Vec<Vec<String>>, Failure> {
    let text = |part: &Part| match part {
        Part::Text(text) => Ok(text.clone()),
        Part::File(name) => {
            std::fs::read_to_string(Path::new(WORKSPACE).join(name)).map_err(|error| {
                let message = format!("{name} can't be read from the workspace: {error}");
                Failure::new(Kind::InvalidInput, message)
            })
        }
    };
    ask.messages.iter().map(|message| message.content.iter().map(text).collect()).collect()
}

fn send(ask: &Ask, prepared: &Prepared, key_of_request: &str) -> Result<Answer, Failure> {
    let mut request = Request::post_json(prepared.url.clone(), prepared.body.to_string().into())
        .header("accept", "application/json")
        .timeout(Duration::from_secs(ask.timeout_s));
    for (name, value) in &prepared.headers {
        request = request.header(name, value);
    }
    if ask.idempotent {
        request = request.header("idempotency-key", key_of_request);
    }
    let mut response = request.send().map_err(Failure::from_fault)?;
    let status = response.status();
    if !(200..300).contains(&status) {
        let after_s = response.header("retry-after").and_then(|text| text.parse().ok());
        let body = response.rest(MAX_REFUSAL_BYTES).map_err(Failure::from_fault)?;
        return Err(Failure::from_status(ask.api, status, &body, after_s));
    }
    let body = response.rest(MAX_ANSWER_BYTES).map_err(Failure::from_fault)?;
    let value = serde_json::from_slice(&body)
        .map_err(|error| Failure::malformed(&format!("it is no JSON: {error}"), &body))?;
    ask.api.answer(&value).map_err(|why| Failure::malformed(&why, &body))
}

/// Names a request: another name in each attempt, the same where an attempt is replayed.
fn new_key() -> String {
    format!("{:016x}{:016x}", get_random_u64(), get_random_u64())
}

fn may_ask_again(ask: &Ask, failure: &Failure) -> bool {
    match failure.kind {
        Kind::UnknownOutcome => asks_where_unknown(ask),
        kind => kind.is_transient() && failure.after_ms.is_none_or(|ms| ms <= MAX_PAUSE_MS),
    }
}

/// Tells whether it is asked for again where nobody knows whether it was done.
fn asks_where_unknown(ask: &Ask) -> bool {
    ask.idempotent || ask.when_unknown == WhenUnknown::AskAgain
}

/// Sleeps as long as the endpoint wants, or longer each time: without a slot, and through restarts.
fn pause(requests: u32, failure: Failure) -> Result<(), Failure> {
    let pause_ms = failure.after_ms.unwrap_or_else(|| {
        let longest = FIRST_PAUSE_MS << (requests - 1).min(6);
        // Up to a quarter less, so that many that were refused together don't come back together.
        longest - get_random_u64() % (longest / 4)
    });
    progress::log(Level::Warn, &format!("{failure}; asking again in {pause_ms} ms"));
    timers::sleep(pause_ms).map_err(|_| failure)
}

/// Says what can be done about a failure that is not tried again.
fn explained(failure: Failure, ask: &Ask, variable: &str, has_key: bool) -> Failure {
    let what = match failure.kind {
        Kind::Unauthorized if has_key => {
            format!("the key in {variable} is not accepted, or may not use this model")
        }
        Kind::Unauthorized => format!(
            "no key was sent: the executor's environment has no {variable}, which the operator grants"
        ),
        Kind::UnknownOutcome if !asks_where_unknown(ask) => {
            "it is not asked for again, because it may be paid twice; \"when_unknown\": \"ask_again\" does"
                .to_owned()
        }
        _ => return failure,
    };
    Failure { message: format!("{}; {what}", failure.message), ..failure }
}

fn told(failure: Failure) -> Told {
    Told {
        code: failure.kind.code().to_owned(),
        detail: (!failure.detail.is_null()).then(|| failure.detail.to_string()),
        persistence: if failure.kind.is_transient() {
            Persistence::Transient
        } else {
            Persistence::Permanent
        },
        message: failure.message,
    }
}
