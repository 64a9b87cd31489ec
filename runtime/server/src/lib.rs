//! Errand's front door: REST over HTTP/1.1, with server-sent events, problem details and metrics.
//!
//! [`router`] builds the routes over an [`errand_scheduler::Service`], [`serve`] accepts connections
//! for them. The server decides nothing: it reads a request, calls the service and writes the answer.
//! Rights, namespaces and every rule about tasks are the service's; wire types live here and nowhere
//! else.
//!
//! ```no_run
//! # async fn example(service: errand_scheduler::Service) -> std::io::Result<()> {
//! use errand_server::{ServeOptions, ServerConfig, router, serve};
//!
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:7420").await?;
//! let config = ServerConfig::default();
//! let shutdown = config.stopping.clone();
//! serve(listener, router(service, config), ServeOptions::default(), shutdown).await
//! # }
//! ```

mod accept;
mod app;
mod approvals;
mod backup;
mod blobs;
mod body;
mod call;
mod config;
mod console;
mod console_codes;
mod contexts;
mod cursor;
mod executors;
mod fault;
mod front;
mod grants;
mod health;
mod hosts;
mod mcp;
mod metrics;
mod openapi;
mod problem;
mod query;
mod queue;
mod reply;
mod router;
mod serve;
mod streamed;
mod tasks;
mod time;
mod tokens;
mod unread;
mod unsupported;
mod wire;

pub use config::ServerConfig;
pub use console::Console;
pub use router::{router, router_with_console};
pub use serve::{ServeOptions, Tls, TlsError, serve};
pub use wire::{event_on_the_wire, executor_on_the_wire};

#[cfg(test)]
mod tests;
