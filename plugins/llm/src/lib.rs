//! Asks a language model: one chat completion over an HTTP API, without tools and without streaming.
//!
//! [`Ask`] is what a task wants, whichever API it is for; `api` writes it as each API documents it, and reads
//! what that answers into one [`Answer`]. Both are functions without effects. `executor` is the edge: it
//! reads files of the workspace, sends, and tries again what is known not to have been done.
//!
//! It holds no key. What it sends as one is what its environment has, which is a placeholder where the
//! operator granted a secret.

mod answer;
mod api;
mod ask;
mod executor;
mod failure;

pub use answer::{Answer, Finish, Usage};
pub use api::{Api, Prepared};
pub use ask::{Ask, InvalidAsk, Message, Part, Role, WhenUnknown};
pub use failure::{Failure, Kind};
