//! What comes to a task from around it, and which of that ends a wait.
//!
//! Signals, ends of children and answers of people are events of the task that they come to. The fold counts
//! them, so that a run that looks and then waits can say how much it had seen; and it makes a waiting task
//! due when what it waits for has come, whichever process sees to that then.

use serde::{Deserialize, Serialize};

use crate::{EventBody, NumberSet, Status, Task, TaskId};

/// What has come to a task, and what it has started: the fold of the events about that.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Around {
    /// How many of these events there were.
    #[serde(skip_serializing_if = "is_zero")]
    pub news: u64,
    /// The numbers of the events that are signals.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<u64>,
    /// How many children it has spawned.
    #[serde(skip_serializing_if = "is_zero_u32")]
    pub spawned: u32,
    /// Which of them have ended.
    #[serde(skip_serializing_if = "NumberSet::is_empty")]
    pub ended: NumberSet,
    /// Which of those did not complete.
    #[serde(skip_serializing_if = "NumberSet::is_empty")]
    pub failed: NumberSet,
    /// Those that did not complete by the end of the last attempt, and were not tried again since.
    #[serde(skip_serializing_if = "NumberSet::is_empty")]
    pub failed_before: NumberSet,
    /// How many approvals it has asked for.
    #[serde(skip_serializing_if = "is_zero_u32")]
    pub asked: u32,
    /// Which of them are decided.
    #[serde(skip_serializing_if = "NumberSet::is_empty")]
    pub decided: NumberSet,
}

/// What of that which comes from around a task ends its wait.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Awaits {
    /// How many of the events had come when the run looked: another one since, and it looks again.
    pub seen: u64,
    /// Signals of these names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<String>,
    /// The ends of these children…
    #[serde(skip_serializing_if = "NumberSet::is_empty")]
    pub children: NumberSet,
    /// …or of how many of them.
    #[serde(skip_serializing_if = "Needs::is_one")]
    pub needs: Needs,
    /// Answers to these approvals.
    #[serde(skip_serializing_if = "NumberSet::is_empty")]
    pub approvals: NumberSet,
}

/// How many of several children must have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Needs {
    /// One.
    #[default]
    One,
    /// All.
    All,
    /// All, or one that did not complete.
    AllOrFailure,
}

impl Needs {
    fn is_one(&self) -> bool {
        *self == Self::One
    }

    /// Tells whether enough of these children have ended.
    pub fn are_met(self, children: &NumberSet, around: &Around) -> bool {
        match self {
            Self::One => children.meets(&around.ended),
            Self::All => children.is_within(&around.ended),
            Self::AllOrFailure => {
                children.is_within(&around.ended) || children.meets(&around.failed)
            }
        }
    }
}

impl Around {
    /// Tells whether nothing has come and nothing was started.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Tells whether the task may still have something that ends with it: children, open questions.
    pub fn is_alone(&self) -> bool {
        self.spawned == self.ended.len() + self.failed_before.len()
            && self.asked == self.decided.len()
    }

    /// Begins another attempt: what failed in the last one may be tried again.
    pub(crate) fn next_attempt(&mut self) {
        for number in 1..=self.spawned {
            if self.failed.contains(number) {
                self.failed_before.insert(number);
                self.ended.remove(number);
            }
        }
        self.failed = NumberSet::default();
    }

    /// Says what is wrong with an event about what is around a task, if something is.
    pub(crate) fn check(&self, body: &EventBody) -> Result<(), &'static str> {
        match body {
            EventBody::ChildSpawned { number, .. } if *number != self.spawned + 1 => {
                Err("the child's number does not follow the last one's")
            }
            EventBody::ChildFinished { number: Some(number), .. } if *number > self.spawned => {
                Err("the task has no such child")
            }
            EventBody::ApprovalRequested { approval_id, .. }
                if approval_id.number != self.asked + 1 =>
            {
                Err("the approval's number does not follow the last one's")
            }
            EventBody::ApprovalDecided { approval_id, .. } if approval_id.number > self.asked => {
                Err("the task did not ask for that approval")
            }
            EventBody::ApprovalDecided { approval_id, .. }
                if self.decided.contains(approval_id.number) =>
            {
                Err("the approval is decided")
            }
            _ => Ok(()),
        }
    }

    /// Folds an event in.
    pub(crate) fn fold(&mut self, seq: u64, body: &EventBody) {
        match body {
            EventBody::SignalReceived { .. } => self.signals.push(seq),
            EventBody::ChildSpawned { number, .. } => self.spawned = *number,
            EventBody::ChildFinished { number: Some(number), status, .. } => {
                self.ended.insert(*number);
                self.failed_before.remove(*number);
                match status {
                    Status::Completed => self.failed.remove(*number),
                    _ => self.failed.insert(*number),
                }
            }
            EventBody::ApprovalRequested { approval_id, .. } => self.asked = approval_id.number,
            EventBody::ApprovalDecided { approval_id, .. } => {
                self.decided.insert(approval_id.number);
            }
            _ => return,
        }
        let comes =
            !matches!(body, EventBody::ChildSpawned { .. } | EventBody::ApprovalRequested { .. });
        self.news += u64::from(comes);
    }
}

impl Task {
    /// Returns what is said of the end of a task in its parent's log; nothing before its end.
    pub fn end_for_parent(&self) -> Option<(TaskId, EventBody)> {
        let parent = self.parent_id.filter(|_| self.status.is_terminal())?;
        let number = self.lineage.as_ref().and_then(|lineage| lineage.number);
        Some((parent, EventBody::ChildFinished { child_id: self.id, number, status: self.status }))
    }
}

impl Awaits {
    /// Tells whether an event that was just folded in is what is waited for.
    pub(crate) fn are_met_by(&self, body: &EventBody, around: &Around) -> bool {
        match body {
            EventBody::SignalReceived { name, .. } => self.signals.contains(name),
            EventBody::ChildFinished { number: Some(number), .. } => {
                self.children.contains(*number) && self.needs.are_met(&self.children, around)
            }
            EventBody::ApprovalDecided { approval_id, .. } => {
                self.approvals.contains(approval_id.number)
            }
            _ => false,
        }
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_zero_u32(number: &u32) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{ApprovalId, Digest, Verdict};

    fn id(number: u64) -> TaskId {
        TaskId::from_parts(number, 0)
    }

    fn spawned(number: u32) -> EventBody {
        EventBody::ChildSpawned { child_id: id(number.into()), number, name: None }
    }

    fn finished(number: u32, status: Status) -> EventBody {
        EventBody::ChildFinished { child_id: id(number.into()), number: Some(number), status }
    }

    fn signal(name: &str) -> EventBody {
        EventBody::SignalReceived { name: name.into(), payload: Value::Null }
    }

    fn around(bodies: &[EventBody]) -> Around {
        let mut around = Around::default();
        for (seq, body) in (1..).zip(bodies) {
            around.check(body).unwrap_or_else(|why| panic!("{body:?}: {why}"));
            around.fold(seq, body);
        }
        around
    }

    #[test]
    fn a_wait_for_children_ends_with_as_many_as_it_needs() {
        let three = [spawned(1), spawned(2), spawned(3)];
        let wait =
            |needs| Awaits { children: [1, 2].into_iter().collect(), needs, ..Awaits::default() };
        let met = |needs, ends: &[EventBody]| {
            let around = around(&[&three, ends].concat());
            wait(needs).are_met_by(ends.last().unwrap(), &around)
        };
        let done = |number| finished(number, Status::Completed);
        let failed = |number| finished(number, Status::Failed);
        assert!(met(Needs::One, &[done(2)]) && !met(Needs::One, &[done(3)]));
        assert!(!met(Needs::All, &[failed(1)]) && met(Needs::All, &[failed(1), done(2)]));
        assert!(met(Needs::AllOrFailure, &[failed(1)]) && !met(Needs::AllOrFailure, &[done(1)]));
        assert!(!met(Needs::AllOrFailure, &[failed(3)]), "that one is not waited for");
    }

    #[test]
    fn signals_and_answers_end_a_wait_for_them_alone() {
        let wait = Awaits {
            signals: vec!["go".into()],
            approvals: [1].into_iter().collect(),
            ..Awaits::default()
        };
        let approval_id = ApprovalId { task: id(1), number: 1 };
        let asked = EventBody::ApprovalRequested {
            approval_id,
            title: "?".into(),
            digest: Digest::of(b""),
            expires_at: None,
        };
        let verdict = Verdict::Denied;
        let decided = EventBody::ApprovalDecided { approval_id, verdict, via: None, comment: None };
        let around = around(&[asked.clone(), decided.clone()]);
        assert!(
            wait.are_met_by(&signal("go"), &around) && !wait.are_met_by(&signal("no"), &around)
        );
        assert!(wait.are_met_by(&decided, &around));
        assert_eq!(around.check(&decided), Err("the approval is decided"));
        assert!(around.check(&asked).is_err(), "its number was given");
    }

    #[test]
    fn what_was_asked_for_comes_with_the_number_that_follows() {
        let around = around(&[spawned(1)]);
        assert!(around.check(&spawned(1)).is_err() && around.check(&spawned(3)).is_err());
        assert!(around.check(&finished(2, Status::Failed)).is_err(), "there is no such child");
    }

    #[test]
    fn another_attempt_may_try_again_what_failed() {
        let mut around = around(&[
            spawned(1),
            spawned(2),
            finished(1, Status::Failed),
            finished(2, Status::Completed),
        ]);
        around.next_attempt();
        assert!(around.failed_before.contains(1) && !around.ended.contains(1));
        assert!(around.ended.contains(2) && around.is_alone());
        around.fold(9, &finished(1, Status::Completed));
        assert!(around.failed_before.is_empty() && around.failed.is_empty());
        assert!(around.ended.contains(1));
    }
}
