//! What crashes and power losses may do to the store's files.

mod around;
pub(crate) mod chance;
mod checkpoints;
mod failing_io;
mod kills;
mod power_loss;
mod replay;
