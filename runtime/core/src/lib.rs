//! The rules of Errand: what a task is, which events it may meet, and the traits behind which the
//! rest of the system stands.
//!
//! Owns the words (task, attempt, run, event, lease, executor), the one transition function
//! ([`Task::apply`]) and the traits [`Store`], [`Blobs`], [`Runner`], [`Egress`], [`Granting`] and
//! [`Clock`]. Does no I/O, knows no runtime, no database, no wire format and no WebAssembly.

mod approval;
mod awaits;
mod blobs;
mod checkpoint;
mod endpoint;
mod event;
mod executor;
mod grant;
mod id;
mod journal;
mod limits;
mod manifest;
mod numbers;
mod outgoing;
mod retention;
mod runner;
mod signature;
mod snapshot;
mod store;
mod submission;
mod task;
mod time;
mod token;
mod transition;
mod world;

use std::future::Future;
use std::pin::Pin;

pub use approval::{Approval, Closed, Shown};
pub use awaits::{Around, Awaits, Needs};
pub use blobs::{BlobError, BlobRecord, Blobs};
pub use checkpoint::{AroundThen, Checkpoint, Published, Saved};
pub use endpoint::{Endpoint, EndpointPattern, InvalidEndpoint, Scheme};
pub use event::{
    Artifact, Draft, ErrorCode, Event, EventBody, HttpFault, InterruptReason, Level, LogLine,
    Stream, TaskError, Verdict, WaitingFor,
};
pub use executor::{
    ExecutorKind, ExecutorProfile, ExecutorRecord, ExecutorVersion, FunctionProfile,
};
pub use grant::{Granting, Grants, HttpGrant, Raised, SecretName, Variable};
pub use id::{
    ApprovalId, ContextId, Digest, ExecutorName, ExecutorRef, InvalidName, Namespace, Principal,
    TaskId, WorkerId,
};
pub use journal::{Answer, JournalEntry, Kept, LogOffsets, Wait};
pub use limits::{Bound, Limits, Retry};
pub use manifest::{Change, Entry, Manifest, Missing, Node, Placed, Placing};
pub use numbers::NumberSet;
pub use outgoing::{
    Egress, OutgoingBody, OutgoingError, OutgoingRequest, OutgoingResponse, Timeouts, Veil,
};
pub use retention::{CollectedBlobs, ExpiredCursor, ExpiredPage, ExpiredQuery};
pub use runner::{
    AdmissionError, Answered, Failure, Held, InputFault, Job, Meter, Outcome, Outside, Ran, Record,
    RunHost, Runner, Seed, Staged, StartRefused, Stopped, UnderWay, Unreadable,
};
pub use signature::{Case, Field, Signature, SignatureError, TypeIndex, WitType};
pub use snapshot::{ChangeCounts, Content, Left, LeftBy, Origin, Snapshot, SnapshotRef, combined};
pub use store::{
    Append, AttemptStart, Claim, Claimed, Claims, ContextEntry, Doc, DocChange, DocKind, Due,
    Epoch, Guard, HeldLease, Idempotency, Lease, ListFilter, ListQuery, NewTask, Page, QueueDepth,
    Store, StoreError, Submitted,
};
pub use submission::{Lineage, Mount, Notify, Submission, WorkspaceSource};
pub use task::{Progress, Status, Task};
pub use time::{Clock, UnixMillis};
pub use token::AccessToken;
pub use transition::IllegalTransition;
pub use world::{
    Asked, CallError, ChildEnd, ChildLimits, ChildRequest, ChildView, ChildWorkspace, ContextState,
    Decision, Question, QuestionView, Signal, Spawned, World, WorldError,
};

/// A boxed future, as the traits of this crate return it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
