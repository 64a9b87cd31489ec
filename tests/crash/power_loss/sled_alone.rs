//! sled as the only truth, flushed and synced for each group: what the store would be without a
//! write-ahead log.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use super::super::chance::Chance;
use super::disk::Disk;
use super::recording::{Recording, Step, scratch};
use super::survey::points;
use super::workload::say;

/// How many groups are written.
const GROUPS: u64 = 4_000;
/// How many keys there are: they are overwritten again and again, as tasks are.
const KEYS: usize = 400;
/// How long opening may take before it counts as never.
const PATIENCE: Duration = Duration::from_secs(20);

/// Writes groups of keys, and says each when `flush` and `sync_data` are through.
pub(super) fn run() {
    let dir = std::env::var_os("ERRAND_POWER_LOSS_DIR").expect("where to");
    let db = open(Path::new(&dir)).expect("sled");
    // What sled leaves to its user: that its files and their names are on the disk at all.
    let dir = Path::new(&dir);
    for path in [dir.join("conf"), dir.join("db"), dir.to_owned()] {
        let file = std::fs::File::open(path).expect("sled's files");
        file.sync_all().expect("they are synced");
    }
    let file = std::fs::File::open(dir.join("db")).expect("sled's file");
    let mut chance = Chance(1);
    for group in 1..=GROUPS {
        let mut batch = sled::Batch::default();
        let mut keys = Vec::new();
        for _ in 0..8 {
            let key = chance.below(KEYS);
            let size = 100 + chance.below(1_500);
            batch.insert(
                &(key as u32).to_be_bytes(),
                [&group.to_be_bytes()[..], &vec![7; size]].concat(),
            );
            keys.push(key.to_string());
        }
        db.apply_batch(batch).expect("it is taken");
        db.flush().expect("it is flushed");
        file.sync_data().expect("it is synced");
        // Parsed by `survey` alone; `submitted` lines of the store's workload name ids.
        say(&format!("group {group} {}", keys.join(" ")));
    }
}

fn open(dir: &Path) -> sled::Result<sled::Db> {
    sled::Config::new().path(dir).flush_every_ms(None).cache_capacity(4 << 20).open()
}

/// What came of believing it.
#[derive(Default)]
pub(super) struct Findings {
    states: usize,
    unopened: usize,
    hung: usize,
    lost: usize,
    first: Option<String>,
}

/// Opens so many possible disks with sled.
pub(super) fn survey(recording: &Recording, states: usize) -> Findings {
    let steps = recording.steps();
    let mut chance = Chance(7);
    let points = points(steps, states, &mut chance);
    let mut findings = Findings::default();
    let (mut disk, mut expected) = (Disk::new(), HashMap::<u32, u64>::new());
    for (at, step) in steps.iter().enumerate() {
        disk.step(step);
        if let Step::Said(line) = step {
            let mut words = line.split(' ').skip(1).filter_map(|word| word.parse::<u64>().ok());
            let group = words.next().expect("the group");
            expected.extend(words.map(|key| (key as u32, group)));
        }
        for _ in 0..points.get(&at).copied().unwrap_or(0) {
            let dir = scratch();
            let fates = chance.fates();
            disk.crash(fates, &mut chance, dir.path());
            findings.states += 1;
            let problem = match look(dir.path(), &expected) {
                Ok(()) => continue,
                Err(Problem::Unopened(text)) => {
                    findings.unopened += 1;
                    text
                }
                Err(Problem::Hung) => {
                    findings.hung += 1;
                    "opening did not end".into()
                }
                Err(Problem::Lost(text)) => {
                    findings.lost += 1;
                    text
                }
            };
            findings.first.get_or_insert(format!("step {at}, {fates:?}: {problem}"));
        }
    }
    findings
}

enum Problem {
    Unopened(String),
    Hung,
    Lost(String),
}

fn look(dir: &Path, expected: &HashMap<u32, u64>) -> Result<(), Problem> {
    let (sender, receiver) = mpsc::channel();
    let path = dir.to_owned();
    std::thread::spawn(move || sender.send(open(&path)));
    let db = match receiver.recv_timeout(PATIENCE) {
        Ok(Ok(db)) => db,
        Ok(Err(error)) => return Err(Problem::Unopened(error.to_string())),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            return Err(Problem::Unopened("it panicked".into()));
        }
        Err(mpsc::RecvTimeoutError::Timeout) => return Err(Problem::Hung),
    };
    for (key, group) in expected {
        let found =
            db.get(key.to_be_bytes()).map_err(|error| Problem::Unopened(error.to_string()))?;
        let found = found.and_then(|value| Some(u64::from_be_bytes(*value.first_chunk()?)));
        if found.is_none_or(|found| found < *group) {
            let text = format!("key {key} is of group {found:?}, was acknowledged in {group}");
            return Err(Problem::Lost(text));
        }
    }
    Ok(())
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, unopened, hung, lost, first } = self;
        write!(
            f,
            "of {states} disks {unopened} could not be opened, {hung} did not end opening, {lost} had \
             lost something that was acknowledged"
        )?;
        first.as_ref().map_or(Ok(()), |first| write!(f, "\n  {first}"))
    }
}
