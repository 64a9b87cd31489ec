//! `/v1/tasks`.

mod batch;
mod cancel;
mod delete;
mod get;
mod idempotency;
mod list;
mod priority;
mod retry;
mod submit;

use super::{AN_HOUR_MS, ids, kinds, members, pointers, submit_for_later, submit_looping, text};
