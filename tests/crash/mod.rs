//! What crashes and power losses may do to the store's files.

mod failing_io;
mod power_loss;
