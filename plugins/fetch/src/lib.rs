//! Fetches a page or a file into the workspace, and keeps it as an artifact.
//!
//! [`Robots`] is what a site's `robots.txt` says, [`Input`] what a task wants, and [`file_name`] how a file is
//! named after where it is; all three are functions without effects. `executor` is the edge: it asks for
//! `robots.txt` before anything else of a site, follows redirects one by one, so that each is judged like
//! the first, and stops at the bound of the size.
//!
//! It runs no script of a page and follows no link in it.

mod executor;
mod input;
mod name;
mod robots;

pub use input::{Input, InvalidInput};
pub use name::file_name;
pub use robots::Robots;
