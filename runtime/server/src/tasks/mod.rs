//! `/v1/tasks`: a handler file per kind of call, beside its wire types.

mod artifact_archive;
pub(crate) mod artifacts;
pub(crate) mod control;
pub(crate) mod event_view;
pub(crate) mod events;
pub(crate) mod read;
pub(crate) mod request;
pub(crate) mod submit;
pub(crate) mod view;
pub(crate) mod workspace;

use view::{Link, TaskView};
