//! The requests of a run: begun in the order in which their bodies are finished, under way side by side,
//! and seen by the guest in an order that is journaled.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use errand_core::{
    Answer, BoxFuture, Egress, ErrorCode, HttpFault, JournalEntry, OutgoingRequest, Outside,
    UnderWay, UnixMillis,
};
use futures_util::future::select_all;
use serde_json::{Value, json};

use super::exchange::{Bodies, HttpAnswer, Send, Sending, Told, unknown};
use super::request::{Gathered, Prepared, Room, Taken};
use super::response::Stored;
use crate::ended::Ended;
use crate::journal::{self, Begun, Call, journaled};
use crate::state::RunState;

/// What a request is called in the journal.
const HTTP: &str = "http";
/// Requests of one run that may be there at once, answered and not yet taken ones included.
pub(super) const MAX_REQUESTS: usize = 64;
/// What all answers to one attempt may have in their bodies.
const MAX_RECEIVED_BYTES: u64 = 1 << 30;
/// Headers that make a request one that may be sent again, and name it.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The outgoing requests of a run.
pub(crate) struct Outgoing {
    egress: Option<Arc<dyn Egress>>,
    pub(super) bodies: Bodies,
    /// The bodies of requests that are not handed over yet, by the request's number in the table.
    pub(super) unsent: HashMap<u32, Gathered>,
    /// The bodies of responses that are not taken yet, by the response's number in the table.
    pub(super) responses: HashMap<u32, Stored>,
    pub(super) flights: BTreeMap<Flight, State>,
    /// Which request a pollable is of.
    pub(crate) pollables: HashMap<u32, Flight>,
    handed_over: u64,
    received_bytes: u64,
    /// What bodies of requests take that are not answered yet.
    pub(super) room: Room,
}

/// A request that was handed over, numbered in that order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Flight(u64);

/// Where a request is.
pub(super) enum State {
    /// Its body is not finished.
    Unsent(Box<Prepared>, Gathered),
    /// It was sent, or is to be answered from the journal.
    Begun { ordinal: u64, answer: Pending },
    /// The guest was told that it is answered.
    Seen { answer: HttpAnswer },
    /// The guest has the answer.
    Taken,
}

/// An answer that the guest does not know of yet.
pub(super) enum Pending {
    Known { answer: HttpAnswer, at: UnixMillis },
    Coming(Arc<Sending>),
}

impl Outgoing {
    pub(crate) fn new(bodies: Bodies) -> Self {
        Self {
            egress: None,
            bodies,
            unsent: HashMap::new(),
            responses: HashMap::new(),
            flights: BTreeMap::new(),
            pollables: HashMap::new(),
            handed_over: 0,
            received_bytes: 0,
            room: Room::default(),
        }
    }

    pub(crate) fn set_egress(&mut self, egress: Option<Arc<dyn Egress>>) {
        self.egress = egress;
    }

    /// Takes a request over.
    pub(super) fn add(&mut self, prepared: Prepared, body: Gathered) -> Flight {
        let flight = Flight(self.handed_over);
        self.handed_over += 1;
        self.flights.insert(flight, State::Unsent(Box::new(prepared), body));
        flight
    }

    /// Returns the request that a body is of, once it was handed over.
    pub(super) fn flight_of(&self, body: &Gathered) -> Option<Flight> {
        let of = |state: &State| matches!(state, State::Unsent(_, own) if own.is(body));
        self.flights.iter().find(|(_, state)| of(state)).map(|(flight, _)| *flight)
    }

    /// Returns the bytes that answers to the attempt had so far.
    pub(crate) fn received_bytes(&self) -> u64 {
        self.received_bytes
    }

    /// Goes on counting where a checkpoint was taken.
    pub(crate) fn restore(&mut self, received_bytes: u64) {
        self.received_bytes = received_bytes;
    }

    fn receive(&mut self, bytes: u64) -> Result<(), Ended> {
        self.received_bytes = self.received_bytes.saturating_add(bytes);
        if self.received_bytes > MAX_RECEIVED_BYTES {
            let code = ErrorCode::OutputLimit;
            return Err(Ended::bound(code, "http_received_bytes", MAX_RECEIVED_BYTES));
        }
        Ok(())
    }

    fn sending(&self, flight: Flight) -> Option<&Arc<Sending>> {
        match self.flights.get(&flight) {
            Some(State::Begun { answer: Pending::Coming(sending), .. }) => Some(sending),
            _ => None,
        }
    }

    fn under_way(&self) -> Vec<Arc<dyn UnderWay>> {
        let sending =
            |flight: &Flight| self.sending(*flight).map(|one| Arc::clone(one) as Arc<dyn UnderWay>);
        self.flights.keys().filter_map(sending).collect()
    }

    /// Tells whether the guest was told that a request is answered.
    pub(crate) fn is_seen(&self, flight: Flight) -> bool {
        matches!(self.flights.get(&flight), None | Some(State::Seen { .. } | State::Taken))
    }
}

/// Begins a request whose body is finished.
pub(super) async fn begin(state: &mut RunState, flight: Flight) -> Result<(), Ended> {
    let Some(State::Unsent(prepared, body)) = state.outgoing.flights.remove(&flight) else {
        return Ok(());
    };
    let (body, taken) = body.take();
    let begun = journal::begin(state, HTTP, &prepared.arguments(&body))?;
    let ordinal = state.journal.calls();
    let answer = match begun {
        Begun::Answered { answer, at } => {
            let answer: HttpAnswer = journal::read(HTTP, answer)?;
            state.outgoing.receive(answer.bytes())?;
            Pending::Known { answer, at }
        }
        Begun::Open(entry) => send(state, *prepared, (body, taken), entry).await?,
    };
    state.outgoing.flights.insert(flight, State::Begun { ordinal, answer });
    Ok(())
}

/// Sends a request, unless an earlier run may have done so and it is not one to be sent twice.
async fn send(
    state: &mut RunState,
    prepared: Prepared,
    (body, taken): (bytes::Bytes, Taken),
    mut entry: JournalEntry,
) -> Result<Pending, Ended> {
    let now = state.host.now();
    let Prepared { method, url, host, mut headers, mut timeouts } = prepared;
    // The attempt ends then in any case.
    let left = Duration::from_millis(state.job.limits.timeout_ms).saturating_sub(state.fuel.ran());
    let left_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX).max(1);
    timeouts.total_ms = timeouts.total_ms.min(left_ms);
    let told = Told { method: method.clone(), host, request_bytes: body.len() as u64 };
    let named = headers.iter().position(|(name, _)| name == IDEMPOTENCY_KEY);
    let repeatable =
        named.is_some() || matches!(method.as_str(), "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE");
    // What an earlier run began says until when; a fresh one does not.
    let began_before = matches!(entry.answer, Answer::Awaited { until: Some(_) });
    let egress = match state.outgoing.egress.clone() {
        _ if began_before && !repeatable => Err(unknown(&method)),
        Some(egress) => Ok(egress),
        None => {
            let message = "no requests can be sent here".into();
            Err(HttpAnswer::Fault(HttpFault { code: "denied".into(), message }))
        }
    };
    let egress = match egress {
        Ok(egress) => egress,
        Err(answer) => {
            let entry = journal::answer(entry, &answer, true, now)?;
            journal::record(state, vec![told.event(&answer, 0)], entry).await?;
            return Ok(Pending::Known { answer, at: now });
        }
    };
    let key = bytes::Bytes::from(key_of(state, &entry));
    match named {
        Some(at) if headers[at].1.is_empty() => headers[at].1 = key,
        None if matches!(method.as_str(), "POST" | "PATCH") => {
            headers.push((IDEMPOTENCY_KEY.into(), key));
        }
        _ => {}
    }
    let until = now.plus_ms(timeouts.total_ms);
    if !began_before {
        entry.answer = Answer::Awaited { until: Some(until) };
        let _waiting = state.fuel.waiting();
        if repeatable {
            // Sent again is sent once: what came before must be durable, this need not be.
            state.host.durable().await?;
            state.host.record(entry.clone().into()).await?;
        } else {
            state.host.record(entry.clone().into()).await?;
            state.host.durable().await?;
        }
    }
    Ok(Pending::Coming(Sending::start(Send {
        egress,
        bodies: state.outgoing.bodies.clone(),
        host: Arc::clone(&state.host),
        request: OutgoingRequest {
            namespace: state.job.namespace.clone(),
            executor: state.job.executor.clone(),
            method,
            url,
            headers,
            body,
            timeouts,
        },
        told,
        entry,
        until,
        taken,
    })))
}

/// Names a request: the same for the same request of a task, in each run and attempt. Numbers begin anew
/// after a checkpoint, names don't.
fn key_of(state: &RunState, entry: &JournalEntry) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("errand 2026 idempotency-key");
    hasher.update(&state.job.task.to_bytes());
    let saved = state.job.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.number);
    hasher.update(&saved.to_le_bytes());
    hasher.update(&entry.ordinal.to_le_bytes());
    hasher.update(entry.arguments.as_bytes());
    hasher.finalize().to_hex()[..32].to_owned()
}

/// Waits until a request is answered, and tells the guest so. Answers when that was, where it is news.
pub(crate) async fn settle(
    state: &mut RunState,
    flight: Flight,
) -> Result<Option<UnixMillis>, Ended> {
    if let Some(sending) = state.outgoing.sending(flight) {
        let any = sending.arrival();
        wait(state, any).await?;
    }
    see(state, flight).await
}

/// Waits until all requests that are on their way are answered, and records the answers.
pub(crate) async fn settle_all(state: &mut RunState) -> Result<(), Ended> {
    let begun = |state: &State| matches!(state, State::Begun { .. });
    let flights = state.outgoing.flights.iter().filter(|(_, state)| begun(state));
    let flights: Vec<Flight> = flights.map(|(flight, _)| *flight).collect();
    for flight in flights {
        settle(state, flight).await?;
    }
    Ok(())
}

/// Records the answer to a request that has one, and takes note that the guest knows.
async fn see(state: &mut RunState, flight: Flight) -> Result<Option<UnixMillis>, Ended> {
    let (answer, at) = match state.outgoing.flights.remove(&flight) {
        Some(State::Begun { answer: Pending::Known { answer, at }, .. }) => (answer, Some(at)),
        Some(State::Begun { answer: Pending::Coming(sending), .. }) => {
            let errand_core::Answered { events, entry } = sending.answered().await;
            let at = entry.at;
            let (Answer::Given(kept) | Answer::Failed(kept)) = entry.answer.clone() else {
                return Err(Ended::Host("an answered request has no answer".into()));
            };
            let answer: HttpAnswer = journal::read(HTTP, kept)?;
            state.outgoing.receive(answer.bytes())?;
            journal::record(state, events, entry).await?;
            (answer, Some(at))
        }
        Some(State::Unsent(..)) => {
            let message = "its body was not finished before its answer was waited for".into();
            (HttpAnswer::Fault(HttpFault { code: "invalid".into(), message }), None)
        }
        Some(seen @ (State::Seen { .. } | State::Taken)) => {
            state.outgoing.flights.insert(flight, seen);
            return Ok(None);
        }
        None => return Ok(None),
    };
    state.outgoing.flights.insert(flight, State::Seen { answer });
    Ok(at)
}

async fn wait(state: &mut RunState, any: BoxFuture<'static, ()>) -> Result<(), Ended> {
    let outside = Outside {
        any,
        under_way: state.outgoing.under_way(),
        memory_bytes: state.memory.used_bytes(),
    };
    let _waiting = state.fuel.waiting();
    Ok(state.host.outside(outside).await?)
}

/// What a wait for several came to.
pub(crate) struct Polled {
    /// The requests that are answered.
    pub(crate) ready: Vec<Flight>,
    /// When that was.
    pub(crate) at: UnixMillis,
}

/// Waits until one of several requests is answered, or so long. Which are is an answer of its own.
pub(crate) async fn any_of(
    state: &mut RunState,
    flights: &[Flight],
    for_ns: Option<u64>,
) -> Result<Polled, Ended> {
    let ordinals = flights.iter().map(|flight| match state.outgoing.flights.get(flight) {
        Some(State::Begun { ordinal, .. }) => *ordinal,
        _ => 0,
    });
    let poll = Poll { flights: flights.to_vec(), ordinals: ordinals.collect(), for_ns };
    let (ready, at) = journaled(state, &poll).await?;
    let ready: Vec<Flight> =
        ready.into_iter().filter_map(|position| flights.get(position).copied()).collect();
    for flight in &ready {
        settle(state, *flight).await?;
    }
    Ok(Polled { ready, at })
}

/// A wait for several things. Its answer is the positions of those that came.
struct Poll {
    flights: Vec<Flight>,
    ordinals: Vec<u64>,
    for_ns: Option<u64>,
}

impl Poll {
    fn ready(&self, state: &RunState) -> Vec<usize> {
        let is_ready = |flight: &Flight| {
            state.outgoing.sending(*flight).is_none_or(|sending| sending.is_answered())
        };
        self.flights
            .iter()
            .enumerate()
            .filter(|(_, flight)| is_ready(flight))
            .map(|(at, _)| at)
            .collect()
    }
}

impl Call for Poll {
    const NAME: &'static str = "http.poll";
    type Answer = Vec<usize>;

    fn arguments(&self) -> Value {
        json!([self.ordinals, self.for_ns])
    }

    async fn perform(&self, state: &mut RunState, _: &JournalEntry) -> Result<Vec<usize>, Ended> {
        if self.ready(state).is_empty() {
            let arrivals = self.flights.iter().filter_map(|flight| state.outgoing.sending(*flight));
            let mut any: Vec<BoxFuture<'static, ()>> = arrivals.map(|one| one.arrival()).collect();
            if let Some(ns) = self.for_ns {
                any.push(Box::pin(tokio::time::sleep(Duration::from_nanos(ns))));
            }
            wait(state, Box::pin(async move { drop(select_all(any).await) })).await?;
        }
        let ready = self.ready(state);
        // What the guest is told of must be on record before that it was told.
        for position in &ready {
            see(state, self.flights[*position]).await?;
        }
        Ok(ready)
    }
}
