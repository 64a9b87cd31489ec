//! What crashes and power losses may do to the store's files.

mod power_loss;
