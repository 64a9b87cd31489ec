//! The client against servers that tell the truth, and against liars; all on this machine.

mod addresses;
mod answers;
mod connections;
mod grants;
mod secrets;
mod servers;
mod surroundings;

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use errand_core::{
    Digest, Egress, ExecutorName, ExecutorRef, Granting, Grants, Namespace, OutgoingError,
    OutgoingRequest, OutgoingResponse, SecretName, Timeouts,
};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::client::Client;
use crate::connect::Dialler;
use crate::dns::Resolver;
use crate::secrets::{SecretSource, Secrets};
use crate::tls::Tls;

/// What everyone is granted.
struct Granted(Mutex<Arc<Grants>>);

impl Granting for Granted {
    fn granted(&self, _: &Namespace, _: &ExecutorRef) -> Arc<Grants> {
        Arc::clone(&self.0.lock().unwrap())
    }
}

/// A client with its surroundings.
struct Setup {
    http: Value,
    secrets: BTreeMap<SecretName, SecretSource>,
    nameserver: Option<SocketAddr>,
    instead: HashMap<IpAddr, IpAddr>,
    roots: Vec<u8>,
}

impl Setup {
    fn granting(http: Value) -> Self {
        Self {
            http,
            secrets: BTreeMap::new(),
            nameserver: None,
            instead: HashMap::new(),
            roots: Vec::new(),
        }
    }

    fn secret(mut self, name: &str, source: SecretSource) -> Self {
        self.secrets.insert(SecretName::new(name).unwrap(), source);
        self
    }

    fn client(self) -> Client {
        let grants: Grants = serde_json::from_value(json!({"http": self.http})).unwrap();
        let dialler = Dialler {
            resolver: Resolver::new(self.nameserver),
            tls: Tls::new(self.roots),
            instead: self.instead,
        };
        let granting = Arc::new(Granted(Mutex::new(Arc::new(grants))));
        Client::with_dialler(granting, Secrets::new(self.secrets), Handle::current(), dialler)
    }
}

fn executor() -> ExecutorRef {
    ExecutorRef { name: ExecutorName::new("python").unwrap(), digest: Digest::of(b"python") }
}

fn request(method: &str, url: &str) -> OutgoingRequest {
    OutgoingRequest {
        namespace: Namespace::default(),
        executor: executor(),
        method: method.to_owned(),
        url: url.to_owned(),
        headers: Vec::new(),
        body: Bytes::new(),
        timeouts: Timeouts {
            connect_ms: 20_000,
            first_byte_ms: 20_000,
            between_bytes_ms: 20_000,
            total_ms: 60_000,
        },
    }
}

fn with_header(mut request: OutgoingRequest, name: &str, value: &str) -> OutgoingRequest {
    request.headers.push((name.to_owned(), Bytes::from(value.to_owned())));
    request
}

async fn get(client: &Client, url: &str) -> Result<OutgoingResponse, OutgoingError> {
    client.send(request("GET", url)).await
}

/// Returns the text of a refusal.
fn denied<T>(answer: Result<T, OutgoingError>) -> String {
    match answer {
        Err(OutgoingError::Denied(text)) => text,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was let through"),
    }
}

fn error<T>(answer: Result<T, OutgoingError>) -> OutgoingError {
    match answer {
        Err(error) => error,
        Ok(_) => panic!("it was answered"),
    }
}

async fn body(response: &mut OutgoingResponse) -> Result<Vec<u8>, OutgoingError> {
    let mut all = Vec::new();
    while let Some(piece) = response.body.next().await? {
        assert!(!piece.is_empty());
        all.extend(piece);
    }
    Ok(all)
}

async fn text(answer: Result<OutgoingResponse, OutgoingError>) -> String {
    let mut response = answer.unwrap();
    String::from_utf8(body(&mut response).await.unwrap()).unwrap()
}

fn header<'a>(response: &'a OutgoingResponse, name: &str) -> Option<&'a str> {
    let found = response.headers.iter().find(|(header, _)| header == name)?;
    std::str::from_utf8(&found.1).ok()
}
