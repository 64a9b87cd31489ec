//! What executors that check files share: rules and how bad it is to break them, the files of a workspace,
//! and reports for people.
//!
//! It knows nothing of the host, and of no kind of file.

mod counts;
mod input;
pub mod markdown;
mod rule;
mod workspace;

pub use counts::Counts;
pub use input::InvalidInput;
pub use rule::{Rule, Severity};
pub use workspace::{Bounds, Unread, read};
