//! One client: it asks for things in an order that its seed gives, each until it is answered.

use errand_core::{Status, TaskId};
use serde_json::{Value, json};

use super::super::chance::Chance;
use super::ledger::{Asked, Known, Ledger};
use super::life::Door;
use super::plan::Plan;
use crate::harness::{Answer, archive, wasm};

/// Requests of one client in one life of the server.
const REQUESTS_PER_LIFE: usize = 14;
/// With so many tasks that have not ended, no more are submitted.
const MAX_OPEN: usize = 60;
/// Executors that one client uploads at most, as each is compiled.
const MAX_UPLOADS: usize = 8;

/// A client, with what is its alone.
pub(super) struct Caller<'a> {
    name: String,
    chance: Chance,
    door: &'a Door,
    ledger: &'a Ledger,
    /// Keys of its tasks that it has not deleted.
    keys: Vec<String>,
    submitted: usize,
    /// Digests of archives that it uploaded, with the text in each.
    blobs: Vec<(String, String)>,
    /// Executors that it uploaded.
    commands: Vec<String>,
}

impl<'a> Caller<'a> {
    pub(super) fn new(number: usize, seed: u64, door: &'a Door, ledger: &'a Ledger) -> Self {
        let chance = Chance(seed ^ (number as u64 + 1).wrapping_mul(0x5851_f42d_4c95_7f2d));
        let (keys, blobs, commands) = Default::default();
        let name = format!("caller-{number}");
        Self { name, chance, door, ledger, keys, submitted: 0, blobs, commands }
    }

    /// Asks until the door is closed.
    pub(super) fn run(mut self) {
        let mut life = 0;
        while let Some(next) = self.door.next(life) {
            life = next;
            for _ in 0..REQUESTS_PER_LIFE {
                if self.ask_for_something().is_none() {
                    return;
                }
            }
        }
    }

    fn ask_for_something(&mut self) -> Option<()> {
        let choice = self.chance.below(20);
        match choice {
            0..=10 if self.ledger.book().open >= MAX_OPEN => self.read(),
            0..=7 => self.submit(1),
            8..=10 => {
                let count = 2 + self.chance.below(4);
                self.submit(count)
            }
            11 => self.submit_again(),
            12 => self.cancel(),
            13 | 14 => self.retry(),
            15 => self.delete(),
            16 => self.upload_executor(),
            17 => self.upload_blob(),
            _ => self.read(),
        }
    }

    fn submit(&mut self, count: usize) -> Option<()> {
        let mut keys = Vec::new();
        for _ in 0..count {
            let key = format!("{}-{}", self.name, self.submitted);
            self.submitted += 1;
            let plan = Plan::draw(&mut self.chance, &self.blobs, &self.commands);
            self.ledger.book().tasks.insert(key.clone(), Known::new(plan));
            keys.push(key);
        }
        if count > 1 {
            self.ledger.book().batches.push(keys.clone());
        }
        self.send(&keys)?;
        self.keys.extend(keys);
        Some(())
    }

    /// The same keys with the same requests are the same tasks.
    fn submit_again(&mut self) -> Option<()> {
        let Some(key) = self.any_key() else { return Some(()) };
        self.send(&[key])
    }

    fn send(&mut self, keys: &[String]) -> Option<()> {
        let requests: Vec<Value> = keys.iter().map(|key| request(self.ledger, key)).collect();
        let (path, body) = match requests.as_slice() {
            [one] => ("/v1/tasks", one.clone()),
            all => ("/v1/tasks/batch", json!({"tasks": all})),
        };
        let answer = self.post(path, &body, || ())?;
        assert!(matches!(answer.status, 200 | 202), "{answer:?}");
        let answer = answer.json();
        let tasks =
            answer["items"].as_array().map_or(vec![&answer], |items| items.iter().collect());
        assert_eq!(tasks.len(), keys.len(), "{answer}");
        for (key, task) in keys.iter().zip(tasks) {
            let id: TaskId = task["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
            let before = self.ledger.note(key, |known| known.id.replace(id));
            assert!(before.is_none_or(|before| before == id), "{key} was {before:?}, is {id}");
            self.see(key, task);
        }
        Some(())
    }

    fn cancel(&mut self) -> Option<()> {
        let Some(key) = self.any_key() else { return Some(()) };
        let path = format!("{}/cancel", self.path(&key));
        let sent = || self.ledger.note(&key, |known| known.cancels.sent += 1);
        let answer = self.post(&path, &json!({}), sent)?;
        assert!(matches!(answer.status, 200 | 202), "{answer:?}");
        self.done(&key, answer.status == 202, |known| &mut known.cancels);
        self.see(&key, &answer.json());
        Some(())
    }

    fn retry(&mut self) -> Option<()> {
        let over =
            |known: &Known| matches!(known.seen, Some((_, Status::Failed | Status::Cancelled)));
        let Some(key) = self.any_key_that(over) else { return self.read() };
        let path = format!("{}/retry", self.path(&key));
        let sent = || self.ledger.note(&key, |known| known.retries.sent += 1);
        let answer = self.post(&path, &json!({}), sent)?;
        assert!(matches!(answer.status, 202 | 409), "{answer:?}");
        self.done(&key, answer.status == 202, |known| &mut known.retries);
        if answer.status == 202 {
            self.see(&key, &answer.json());
        }
        Some(())
    }

    fn delete(&mut self) -> Option<()> {
        let over = |known: &Known| known.seen.is_some_and(|(_, status)| status.is_terminal());
        let Some(key) = self.any_key_that(over) else { return self.read() };
        let path = self.path(&key);
        let mut tries = 0;
        let sent = || {
            tries += 1;
            self.ledger.note(&key, |known| known.delete.sent += 1);
        };
        let answer = self.door.ask(("DELETE", &path), ("application/json", b""), sent)?;
        // Gone already: by the time before, whose answer never came.
        let gone = answer.status == 204 || (answer.status == 404 && tries > 1);
        assert!(gone, "{key}: {answer:?}");
        self.done(&key, true, |known| &mut known.delete);
        self.keys.retain(|kept| *kept != key);
        Some(())
    }

    fn read(&mut self) -> Option<()> {
        let Some(key) = self.any_key() else { return Some(()) };
        let path = self.path(&key);
        let get = |path: &str| self.door.ask(("GET", path), ("application/json", b""), || ());
        self.see(&key, &get(&path)?.expect(200));
        let events = get(&format!("{path}/events"))?.expect(200);
        let last = events["items"].as_array().and_then(|items| items.last()).expect("an event");
        let version = last["seq"].as_u64().expect("an event has a number");
        self.ledger.note(&key, |known| known.version = known.version.max(version));
        Some(())
    }

    fn upload_executor(&mut self) -> Option<()> {
        if self.commands.len() >= MAX_UPLOADS {
            return self.read();
        }
        let name = format!("{}-{}", self.name, self.commands.len());
        let bytes = wasm::ends_at_once(&name);
        let path = format!("/v1/executors?name={name}");
        let answer = self.door.ask(("POST", &path), ("application/wasm", &bytes), || ())?;
        assert!(matches!(answer.status, 200 | 201), "{answer:?}");
        self.ledger.book().executors.push(name.clone());
        self.commands.push(name);
        Some(())
    }

    fn upload_blob(&mut self) -> Option<()> {
        let text = format!("seeded by {} {}\n", self.name, self.chance.next());
        let bytes = archive::tar(&[archive::file(super::steps::SEEDED, &text)]);
        let kind = "application/octet-stream";
        let answer = self.door.ask(("POST", "/v1/blobs"), (kind, &bytes), || ())?;
        assert!(matches!(answer.status, 200 | 201), "{answer:?}");
        let digest = blake3::hash(&bytes).to_string();
        assert_eq!(answer.json()["blake3"], digest);
        self.ledger.book().blobs.push(digest.clone());
        self.blobs.push((digest, text));
        Some(())
    }

    fn post(&self, path: &str, body: &Value, before: impl FnMut()) -> Option<Answer> {
        let body = body.to_string();
        self.door.ask(("POST", path), ("application/json", body.as_bytes()), before)
    }

    fn done(&self, key: &str, done: bool, of: impl FnOnce(&mut Known) -> &mut Asked) {
        self.ledger.note(key, |known| of(known).done += usize::from(done));
    }

    /// Keeps what an answer shows of a task, which must never be older than what was shown before.
    fn see(&self, key: &str, task: &Value) {
        let attempt = task["attempt"].as_u64().expect("a task has an attempt");
        let status = serde_json::from_value(task["status"].clone()).expect("a task has a status");
        let before = self.ledger.note(key, |known| known.seen.replace((attempt, status)));
        let newer = before.is_none_or(|(before, _)| before <= attempt);
        assert!(newer, "{key} was seen at {before:?} and then at attempt {attempt}");
    }

    fn path(&self, key: &str) -> String {
        let id = self.ledger.note(key, |known| known.id).expect("it is acknowledged");
        format!("/v1/tasks/{id}")
    }

    /// Chooses one of its tasks, sooner a late one.
    fn any_key(&mut self) -> Option<String> {
        let ago = self.chance.below(self.keys.len()).min(self.chance.below(self.keys.len()));
        self.keys.iter().rev().nth(ago).cloned()
    }

    fn any_key_that(&mut self, fits: impl Fn(&Known) -> bool) -> Option<String> {
        let skipped = self.chance.below(3);
        let book = self.ledger.book();
        let fitting = self.keys.iter().rev().filter(|key| fits(&book.tasks[*key]));
        fitting.take(skipped + 1).last().cloned()
    }
}

/// The request under a key.
pub(super) fn request(ledger: &Ledger, key: &str) -> Value {
    let mut request = ledger.note(key, |known| known.plan.request.clone());
    request["idempotency_key"] = json!(key);
    request["labels"] = json!({"key": key});
    request
}
