//! Opening many possible disks, and looking for what was acknowledged.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::path::Path;

use errand_core::{Status, Store, TaskId};
use errand_store::{SledOptions, SledStore, Trust};

use super::super::chance::Chance;
use super::disk::Disk;
use super::recording::{Recording, Step, scratch};
use super::{calls, workload};

/// What is wrong with what came back.
#[derive(Debug)]
#[expect(dead_code, reason = "the texts are for whoever reads a failed test")]
enum Loss {
    /// The store could not be opened.
    Unopened(String),
    /// Something that was acknowledged is not there.
    Lost(String),
    /// Something is there by half, or not in step with itself.
    Torn(String),
}

/// What many crashes came to.
pub(super) struct Survey {
    pub(super) states: usize,
    pub(super) acknowledged: usize,
    losses: Vec<(usize, Loss)>,
    writes: usize,
    syncs: usize,
}

/// What must be there at some point of the recording.
#[derive(Default)]
struct Expected {
    /// The acknowledged version of each task.
    versions: HashMap<TaskId, u64>,
    /// The acknowledged calls: an attempt, and the last of them.
    journals: HashMap<TaskId, (u32, u64)>,
    /// What somebody began to delete, and may be there or not.
    deleting: HashSet<TaskId>,
    deleted: HashSet<TaskId>,
    /// What was submitted together.
    batches: Vec<Vec<TaskId>>,
}

impl Survey {
    /// Builds and opens so many disks.
    pub(super) fn of(recording: &Recording, trust: Trust, states: usize) -> Self {
        let steps = recording.steps();
        let seed = std::env::var("ERRAND_POWER_LOSS_SEED").ok();
        let mut chance = Chance(seed.map_or(7, |text| text.parse().expect("the seed is a number")));
        let points = points(steps, states, &mut chance);
        let mut survey = Self {
            states: 0,
            acknowledged: 0,
            losses: Vec::new(),
            writes: steps.iter().filter(|step| matches!(step, Step::Write { .. })).count(),
            syncs: steps.iter().filter(|step| matches!(step, Step::Sync { .. })).count(),
        };
        let (mut disk, mut expected) = (Disk::new(), Expected::default());
        for (at, step) in steps.iter().enumerate() {
            disk.step(step);
            if let Step::Said(line) = step {
                expected.hear(line);
                survey.acknowledged += usize::from(!workload::acknowledged_by(line).is_empty());
            }
            for _ in 0..points.get(&at).copied().unwrap_or(0) {
                let dir = scratch();
                let fates = chance.fates();
                disk.crash(fates, &mut chance, dir.path());
                survey.states += 1;
                if let Err(loss) = expected.look(dir.path(), trust) {
                    if let Some(keep) = std::env::var_os("ERRAND_POWER_LOSS_KEEP") {
                        eprintln!("step {at} {fates:?}: {loss:?} is kept in {keep:?}");
                        std::fs::rename(dir.keep(), keep).expect("the disk can be kept");
                    }
                    survey.losses.push((at, loss));
                }
            }
        }
        survey
    }
}

/// Chooses at which steps power fails, and how often: mostly right after syncs and acknowledgements.
pub(super) fn points(steps: &[Step], states: usize, chance: &mut Chance) -> BTreeMap<usize, usize> {
    let weighty: Vec<usize> = (0..steps.len())
        .filter(|at| matches!(steps[*at], Step::Sync { .. } | Step::Said(_) | Step::Rename { .. }))
        .collect();
    let mut points = BTreeMap::new();
    for n in 0..states {
        let at = match n % 3 {
            0 => chance.below(steps.len()),
            _ => weighty[chance.below(weighty.len())],
        };
        *points.entry(at).or_default() += 1;
    }
    points
}

impl Expected {
    fn hear(&mut self, line: &str) {
        match workload::Line::read(line) {
            workload::Line::Submitting(ids) => self.batches.push(ids),
            workload::Line::Submitted(ids) => {
                self.versions.extend(ids.into_iter().map(|id| (id, 1)));
            }
            workload::Line::Appended(id, version) => drop(self.versions.insert(id, version)),
            workload::Line::Journaled(id, attempt, last) => {
                let known = self.journals.entry(id).or_default();
                *known = (*known).max((attempt, last));
            }
            workload::Line::Deleting(id) => drop(self.deleting.insert(id)),
            workload::Line::Deleted(id) => drop(self.deleted.insert(id)),
            workload::Line::Closed => {}
        }
    }

    /// Opens a disk and looks.
    fn look(&self, dir: &Path, trust: Trust) -> Result<(), Loss> {
        let options = SledOptions { trust, ..workload::options(workload::Syncing::Full) };
        let opened = std::panic::catch_unwind(|| SledStore::open(dir, options));
        let store = match opened {
            Ok(opened) => opened.map_err(|error| Loss::Unopened(error.to_string()))?,
            Err(_) => return Err(Loss::Unopened("it panicked".into())),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let found = runtime.block_on(self.look_into(&store));
        drop(store);
        found
    }

    async fn look_into(&self, store: &SledStore) -> Result<(), Loss> {
        let torn = |error: errand_core::StoreError| Loss::Torn(error.to_string());
        for (id, version) in &self.versions {
            let task = store.task(*id).await.map_err(torn)?;
            match task {
                Some(_) if self.deleted.contains(id) => {
                    return Err(Loss::Lost(format!("the deletion of {id}")));
                }
                Some(task) if task.version < *version => {
                    let is = task.version;
                    return Err(Loss::Lost(format!(
                        "{id} is at {is}, was acknowledged at {version}"
                    )));
                }
                Some(task) => {
                    let events = store.events(*id, 0, usize::MAX).await.map_err(torn)?;
                    if !events.iter().map(|event| event.seq).eq(1..=task.version) {
                        return Err(Loss::Torn(format!("the log of {id} has a hole")));
                    }
                    let journal = store.journal(*id).await.map_err(torn)?;
                    let acknowledged = self.journals.get(id).copied();
                    if let Some(fault) = calls::fault(&task, &journal, acknowledged) {
                        return Err(Loss::Torn(fault));
                    }
                    let output = workload::output(*id);
                    if task.status == Status::Completed && task.output.as_deref() != Some(&output) {
                        return Err(Loss::Torn(format!("the output of {id}")));
                    }
                }
                None if self.deleting.contains(id) => {}
                None => return Err(Loss::Lost(format!("{id}, acknowledged at {version}"))),
            }
        }
        for batch in &self.batches {
            let mut found = 0;
            for id in batch {
                let there = store.task(*id).await.map_err(torn)?.is_some();
                found += usize::from(there || self.deleting.contains(id));
            }
            if found != batch.len() && found != 0 {
                return Err(Loss::Torn(format!("{found} of a batch of {}", batch.len())));
            }
        }
        let findings = store.verify().await.map_err(torn)?;
        if let Some(finding) = findings.first() {
            return Err(Loss::Torn(format!("{}: {}", finding.what, finding.problem)));
        }
        // And it goes on.
        workload::submit_one(store).await.map_err(|error| Loss::Unopened(error.to_string()))?;
        store.close().await.map_err(|error| Loss::Unopened(error.to_string()))
    }
}

impl Survey {
    /// Returns on how many disks something was wrong.
    pub(super) fn losses(&self) -> usize {
        self.losses.len()
    }
}

impl fmt::Display for Survey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, acknowledged, losses, writes, syncs } = self;
        let of = |kind: fn(&Loss) -> bool| losses.iter().filter(|(_, loss)| kind(loss)).count();
        write!(
            f,
            "{writes} writes, {syncs} syncs, {acknowledged} acknowledgements; of {states} disks {} could \
             not be opened, {} had lost something, {} had something torn",
            of(|loss| matches!(loss, Loss::Unopened(_))),
            of(|loss| matches!(loss, Loss::Lost(_))),
            of(|loss| matches!(loss, Loss::Torn(_))),
        )?;
        for (at, loss) in losses.iter().take(5) {
            write!(f, "\n  step {at}: {loss:?}")?;
        }
        Ok(())
    }
}
