//! What happens to tasks: the one service that every front door calls, and the worker that claims
//! and runs tasks.
//!
//! [`Service`] owns what a caller may ask for: rights, checks of requests, executors, tokens, and
//! reading, following, cancelling and retrying tasks. [`Scheduler`] owns the worker's side: claim,
//! lease, run, retry, recover, drain. [`Collector`] removes what is old. All stand on the traits of `errand-core` alone: they know no
//! database, no wire format and no WebAssembly, and keep no truth of their own; they may be killed at
//! any moment.

mod chance;
mod collector;
mod grants;
mod runs;
mod service;
mod time;
mod worker;

pub use chance::{Random, SeededRandom, SystemRandom};
pub use collector::{Collector, CollectorConfig};
pub use grants::{GrantBook, Grantee};
pub use service::{
    ApprovalList, ApprovalState, ApprovalStatus, ArtifactReader, BatchRequest, Bootstrap,
    BulkFilter, Caller, Cancellation, Choice, Collected, ContextEvent, ContextEvents, ContextView,
    DecisionRequest, Fault, Follow, Followed, GrantsView, ListRequest, MountRequest, NewToken,
    OpenQuestions, Parts, QueueView, Right, Rights, RunningTask, Service, ServiceError, Settings,
    SignalRequest, TaskRequest, TokenInfo, TokenRequest, Tree, TreeBounds, Uploaded, UploadedBlob,
    WorkerView, WorkspaceRequest, check_grants, check_signal_name, schema_faults,
};
pub use time::{Timer, TokioTimer, WallClock};
pub use worker::{Scheduler, SchedulerConfig, WarmLimits};

#[cfg(test)]
mod tests;
