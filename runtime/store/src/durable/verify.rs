//! Checking all that is stored against itself, for `errand doctor`.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use errand_core::{Event, Status, StoreError, Task, TaskId};

use crate::blobs::DirBlobs;
use crate::codec::series::{self, Counts};
use crate::codec::{event, keys, task};
use crate::read::View;
use crate::state::Place;
use crate::state::waits::Waits;
use crate::wal;

/// A part of a store, by what helps where it is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The write-ahead log and its snapshots: what is lost there is lost.
    Wal,
    /// A blob: lost too.
    Blob,
    /// The index, or a record that is read through it: made anew from the write-ahead log.
    Index,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub part: Part,
    /// What: a task, a blob, a counter.
    pub what: String,
    /// What is wrong with it.
    pub problem: String,
}

struct Check<'a> {
    view: &'a View,
    findings: Vec<Finding>,
    counted: HashMap<u32, Counts>,
}

/// Goes over everything.
pub(super) fn verify(
    view: &View,
    blobs: &DirBlobs,
    wal: &Path,
) -> Result<Vec<Finding>, StoreError> {
    let mut check = Check { view, findings: Vec::new(), counted: HashMap::new() };
    if let Err(error) = wal::check(wal) {
        check.found_in(Part::Wal, "the write-ahead log", error);
    }
    check.tasks()?;
    check.index()?;
    check.counts()?;
    check.sealed()?;
    check.blobs(blobs)?;
    Ok(check.findings)
}

impl Check<'_> {
    fn found(&mut self, what: impl ToString, problem: impl ToString) {
        self.found_in(Part::Index, what, problem);
    }

    fn found_in(&mut self, part: Part, what: impl ToString, problem: impl ToString) {
        let (what, problem) = (what.to_string(), problem.to_string());
        self.findings.push(Finding { part, what, problem });
    }

    /// Folds every log and compares it with the record.
    fn tasks(&mut self) -> Result<(), StoreError> {
        let view = self.view;
        for pair in view.kv.range(keys::SUBMISSIONS, &keys::after(keys::SUBMISSIONS)) {
            let Some(id) = keys::task_at_end(&pair?.0) else { continue };
            let problem = match (view.task(id), self.fold(id)) {
                (Ok(Some(record)), Ok(fold)) if record == fold => continue,
                (Ok(Some(_)), Ok(_)) => "its record is not what its log makes of it".into(),
                (Ok(None), _) => "it can't be found".into(),
                (Err(error), _) | (_, Err(error)) => error.to_string(),
            };
            self.found(format!("task {id}"), problem);
        }
        Ok(())
    }

    fn fold(&self, id: TaskId) -> Result<Task, StoreError> {
        let view = self.view;
        let first = view.events(id, 0, 1)?;
        let mut task = Task::begin(id, first.first().ok_or(StoreError::NotFound(id))?)?;
        let log = keys::chunks(id);
        for pair in view.kv.range(&log, &keys::after(&log)) {
            let (key, value) = pair?;
            let events: Vec<Event> = event::read_chunk(&key, &value, &*view.blobs)?;
            if events.first().is_none_or(|event| event.seq != keys::chunk_seq(&key)) {
                return Err(StoreError::Corrupt("a part of its log is in the wrong place".into()));
            }
            for event in events {
                let event = view.whole(id, event)?.ok_or(StoreError::NotFound(id))?;
                task.apply(&event)?;
            }
        }
        Ok(task)
    }

    /// Looks up every index entry's task, and counts.
    fn index(&mut self) -> Result<(), StoreError> {
        let view = self.view;
        let all = view.series.snapshot();
        let mut indexed = HashSet::new();
        for (number, series) in (0..).zip(&all) {
            for status in Status::ALL {
                let prefix = keys::index_of(number, status);
                for pair in view.kv.range(&prefix, &keys::after(&prefix)) {
                    let (key, value) = pair?;
                    let Some(id) = keys::task_at_end(&key) else { continue };
                    self.counted.entry(number).or_default()[status as usize] += 1;
                    let twice = !indexed.insert(id);
                    let fits = view.task(id).ok().flatten().is_some_and(|task| {
                        let place = Place::of(&task).map(|place| place.to_bytes().to_vec());
                        let place = place.or_else(|| Some(Waits::to_bytes(task.wait_until)));
                        task.status == status
                            && task.namespace == series.namespace
                            && task.executor == series.executor
                            && place.unwrap_or_default() == value[..]
                    });
                    if twice || !fits {
                        self.found(format!("task {id}"), "its index entry does not fit it");
                    }
                }
            }
        }
        for pair in view.kv.range(keys::SUBMISSIONS, &keys::after(keys::SUBMISSIONS)) {
            let Some(id) = keys::task_at_end(&pair?.0) else { continue };
            if !indexed.contains(&id) {
                self.found(format!("task {id}"), "it is not in the index");
            }
            if let Ok(Some(task)) = view.task(id) {
                for prefix in crate::state::secondary(&task) {
                    if view.kv.get(&keys::entry(&prefix, id))?.is_none() {
                        self.found(format!("task {id}"), "an index of its own lacks it");
                    }
                }
            }
        }
        for tag in *b"pcl" {
            for pair in view.kv.range(&[tag], &[tag + 1]) {
                let (key, _) = pair?;
                if keys::task_at_end(&key).is_none_or(|id| !indexed.contains(&id)) {
                    self.found(keys::describe(&key), "it is of a task that is not there");
                }
            }
        }
        Ok(())
    }

    fn counts(&mut self) -> Result<(), StoreError> {
        let view = self.view;
        for pair in view.kv.range(keys::COUNTS, &keys::after(keys::COUNTS)) {
            let (key, value) = pair?;
            let (number, counts) = series::open_counts(&key, &value)?;
            if self.counted.remove(&number).unwrap_or_default() != counts {
                self.found(format!("series {number}"), "its tasks are not as many as counted");
            }
        }
        for number in std::mem::take(&mut self.counted).into_keys() {
            self.found(format!("series {number}"), "its tasks are not counted");
        }
        Ok(())
    }

    /// Checks the seals of what is not a task's.
    fn sealed(&mut self) -> Result<(), StoreError> {
        let view = self.view;
        for tag in *b"ejskDtid" {
            for pair in view.kv.range(&[tag], &[tag + 1]) {
                let (key, value) = pair?;
                if let Err(error) = crate::codec::seal::open(&key, &value) {
                    self.found(keys::describe(&key), error);
                }
            }
        }
        for tag in *b"tejs" {
            for pair in view.kv.range(&[tag], &[tag + 1]) {
                let (key, _) = pair?;
                let id = key.get(1..17).and_then(|id| id.try_into().ok()).map(TaskId::from_bytes);
                let known = match id {
                    Some(id) => task::read_submission(&*view.kv, &*view.blobs, id)?.is_some(),
                    None => false,
                };
                if !known {
                    self.found(keys::describe(&key), "it is of a task that is not there");
                }
            }
        }
        Ok(())
    }

    fn blobs(&mut self, blobs: &DirBlobs) -> Result<(), StoreError> {
        for digest in blobs.check().map_err(crate::failure::blob)? {
            self.found_in(
                Part::Blob,
                blobs.path(&digest).display(),
                "its bytes are not what its name says",
            );
        }
        let mut missing = HashSet::new();
        for pair in self.view.kv.range(keys::BLOB_REFS, &keys::after(keys::BLOB_REFS)) {
            let Some(digest) = keys::referenced(&pair?.0) else { continue };
            if !blobs.path(&digest).is_file() && missing.insert(digest) {
                let path = blobs.path(&digest);
                self.found_in(Part::Blob, path.display(), "it is needed and missing");
            }
        }
        Ok(())
    }
}
