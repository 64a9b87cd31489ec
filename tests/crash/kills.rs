//! `kill -9` of the server at random instants, with clients at work: nothing that was acknowledged is
//! lost, nothing is done twice, and in the end everything has ended as it should.
//!
//! What each task says, leaves and answers is computed here from its plan; what each client was told is
//! in a ledger. After each kill a copy of the store is opened, and every log is held against both.
//!
//! `ERRAND_CRASH_KILLS` says how often the server is killed, `ERRAND_CRASH_SEED` from which seed: of it
//! are the tasks, the order of each client's requests, and how long each server lives. What coincides is
//! the machine's. `ERRAND_CRASH_KEEP` names a directory for the data of a run that fails.

#[path = "kills/caller.rs"]
mod caller;
#[path = "kills/falsified.rs"]
mod falsified;
#[path = "kills/ledger.rs"]
mod ledger;
#[path = "kills/life.rs"]
pub(super) mod life;
#[path = "kills/log.rs"]
mod log;
#[path = "kills/look.rs"]
mod look;
#[path = "kills/plan.rs"]
mod plan;
#[path = "kills/steps.rs"]
mod steps;

use std::path::Path;
use std::time::Duration;

use errand_store::Trust;

use super::chance::Chance;
use crate::harness::{Client, Server, plugin};
use caller::Caller;
use ledger::Ledger;
use life::{Closing, Door, Life};
use look::{Found, look};

/// How often the server is killed where nobody says it: about a minute.
const KILLS: usize = 50;
const CALLERS: usize = 4;
/// Every fifth server is killed while it starts or recovers, before a client is there.
const START_MS: usize = 80;
/// The others are killed so long after they are ready, at most.
const LIFE_MS: usize = 900;

#[test]
fn no_kill_loses_or_doubles_anything() {
    let kills = number("ERRAND_CRASH_KILLS").map_or(KILLS, |kills| kills as usize);
    let seed = number("ERRAND_CRASH_SEED").unwrap_or(11);
    let server = Server::start();
    for name in ["probe", "noop"] {
        server.operator().upload(name, &plugin(&format!("test/{name}"))).expect(201);
    }
    let token = server.operator_token();
    let data = server.kill();
    let (door, ledger) = (Door::default(), Ledger::default());
    let (mut worst, mut killed) = (Found::default(), 0);
    let last = std::thread::scope(|scope| {
        let closing = Closing(&door);
        for number in 0..CALLERS {
            let caller = Caller::new(number, seed, &door, &ledger);
            scope.spawn(move || caller.run());
        }
        let mut chance = Chance(seed);
        for kill in 1..=kills {
            live_and_die(data.path(), &token, &door, &mut chance);
            killed = kill;
            // Now and then as if the index were gone.
            let trust = if kill % 4 == 0 { Trust::Never } else { Trust::WhileUp };
            let found = look(&data.path().join("store"), trust, &ledger.book().clone());
            ledger.book().open = found.open;
            worst.take(found);
            if !worst.problems.is_empty() {
                break;
            }
        }
        let last = Life::begin(data.path());
        let client = ready(&last, &token);
        door.open(client.clone());
        drop(closing);
        (last, client)
    });
    let (server, client) = last;
    if worst.problems.is_empty() {
        finish_all(&client, &ledger);
    }
    server.stop();
    let found = look(&data.path().join("store"), Trust::IfClosed, &ledger.book().clone());
    let open = found.open;
    worst.take(found);
    eprintln!(
        "{killed} kills (seed {seed}), {} tasks, {} lost, {} doubled; {} given up after six crashes in a \
         row, as designed",
        ledger.book().tasks.len(),
        worst.lost,
        worst.doubled,
        worst.given_up,
    );
    let problems = &worst.problems;
    if !problems.is_empty()
        && let Some(keep) = std::env::var_os("ERRAND_CRASH_KEEP")
    {
        std::fs::rename(data.keep(), keep).expect("the data can be kept");
    }
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
    assert_eq!(open, 0, "everything ends");
}

impl Found {
    /// Keeps the worst of two looks.
    fn take(&mut self, other: Self) {
        self.lost = self.lost.max(other.lost);
        self.doubled = self.doubled.max(other.doubled);
        self.given_up = self.given_up.max(other.given_up);
        self.problems.extend(other.problems);
    }
}

/// Starts a server and kills it, while it starts or at work.
fn live_and_die(data: &Path, token: &str, door: &Door, chance: &mut Chance) {
    let millis = |ms: usize| Duration::from_millis(ms as u64);
    let (starting, lifetime) = (chance.one_in(5), chance.next() as usize);
    let life = Life::begin(data);
    if starting {
        return life.kill_after_start(millis(lifetime % START_MS));
    }
    door.open(ready(&life, token));
    life.kill_after(millis(lifetime % LIFE_MS));
    door.shut();
}

/// Waits until a server is ready.
fn ready(life: &Life, token: &str) -> Client {
    Client::new(&life.url(), token)
}

/// Waits until every task has ended, and sends some of their keys again.
fn finish_all(client: &Client, ledger: &Ledger) {
    let book = ledger.book().clone();
    for (number, (key, known)) in book.tasks.iter().enumerate() {
        let Some(id) = known.id.filter(|_| known.delete.sent == 0) else { continue };
        client.finish(&id.to_string());
        if number % 4 == 0 {
            let again = client.post("/v1/tasks", &caller::request(ledger, key)).expect(200);
            assert_eq!(again["id"], id.to_string(), "{key}");
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}
