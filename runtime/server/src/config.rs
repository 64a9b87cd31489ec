//! What the operator decides about the front door: names it answers to, and its bounds.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// How the server answers. Every field has a default that suits one machine.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// The address that it listens on, as clients of this machine name it: `127.0.0.1:7420`.
    pub listen: String,
    /// Further host names that clients may use, with or without a port.
    pub public_hosts: Vec<String>,
    /// Whether clients reach it over TLS, here or at a proxy in front; decides the scheme of links.
    pub https: bool,
    /// Largest JSON body.
    pub max_json_bytes: usize,
    /// Largest uploaded wasm.
    pub max_upload_bytes: usize,
    /// How many uploads are read and compiled at a time; further ones wait unread.
    pub max_uploads: usize,
    /// Largest blob.
    pub max_blob_bytes: u64,
    /// How many blobs are read at a time; further ones wait unread.
    pub max_blob_uploads: usize,
    /// Diffs and workspaces that are written at a time; further ones are told to come back.
    pub max_workspaces: usize,
    /// How long a blob may take to arrive.
    pub blob_timeout: Duration,
    /// How long a blob's body may stand still.
    pub blob_piece_timeout: Duration,
    /// How long a JSON body may take to arrive.
    pub json_body_timeout: Duration,
    /// How long an upload may take to arrive.
    pub upload_timeout: Duration,
    /// The wait between two comments that keep a silent event stream open.
    pub sse_keep_alive: Duration,
    /// The executors whose functions are tools of MCP; nothing: all.
    pub exposed: Option<Vec<String>>,
    /// Cancelled when event streams and waits are to end, because the server stops.
    pub stopping: CancellationToken,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:7420".to_owned(),
            public_hosts: Vec::new(),
            https: false,
            max_json_bytes: 8 << 20,
            max_upload_bytes: 64 << 20,
            max_uploads: 8,
            max_blob_bytes: 4 << 30,
            max_blob_uploads: 16,
            max_workspaces: 16,
            blob_timeout: Duration::from_secs(3_600),
            blob_piece_timeout: Duration::from_secs(30),
            json_body_timeout: Duration::from_secs(30),
            upload_timeout: Duration::from_secs(300),
            sse_keep_alive: Duration::from_secs(15),
            exposed: None,
            stopping: CancellationToken::new(),
        }
    }
}
