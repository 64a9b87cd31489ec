//! Granting: what executors may do beyond their workspace. What grants mean is in `errand_core`; here they
//! are checked, written and read.

use std::collections::BTreeMap;
use std::sync::Arc;

use errand_core::{DocKind, ExecutorRef, Granting, Grants, HttpGrant, Namespace, StoreError};
use serde_json::Value;

use super::request::escaped;
use super::{Caller, Fault, Right, Service, ServiceError};
use crate::grants::Grantee;

const MAX_HTTP: usize = 256;
const MAX_METHODS: usize = 16;
const MAX_VARIABLES: usize = 128;
const MAX_VALUE_BYTES: usize = 32 << 10;
const MAX_SECRETS: usize = 32;
/// The largest body that a grant may let in.
const MAX_RESPONSE_BYTES: u64 = 1 << 30;
/// How often a write starts over because somebody else wrote the same document first.
const MAX_TRIES: usize = 16;

/// What one grantee is granted, by source.
#[derive(Debug, Clone, PartialEq)]
pub struct GrantsView {
    /// Who.
    pub grantee: Grantee,
    /// By the operator's configuration.
    pub configured: Grants,
    /// By what was written since.
    pub written: Grants,
}

impl Service {
    /// Returns what exactly this grantee is granted, in a namespace or in the caller's own.
    ///
    /// # Errors
    /// When the right `admin` is lacking, or the name is none.
    pub async fn grants(
        &self,
        caller: &Caller,
        namespace: Option<Namespace>,
        executor: &str,
    ) -> Result<GrantsView, ServiceError> {
        caller.require(Right::Admin)?;
        let grantee = grantee(caller, namespace, executor)?;
        let doc = self.store().doc(DocKind::Grant, grantee.to_string()).await?;
        let written = match doc {
            Some(doc) => serde_json::from_value(doc.value).map_err(ServiceError::internal)?,
            None => Grants::default(),
        };
        let configured = self.0.parts.grants.configured(&grantee);
        Ok(GrantsView { grantee, configured, written })
    }

    /// Replaces what was written for a grantee; with nothing, it is taken back. It holds from the next
    /// request of a guest on.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] with all that is wrong.
    pub async fn put_grants(
        &self,
        caller: &Caller,
        namespace: Option<Namespace>,
        executor: &str,
        grants: Grants,
    ) -> Result<GrantsView, ServiceError> {
        caller.require(Right::Admin)?;
        let grantee = grantee(caller, namespace, executor)?;
        let faults = self.faults(&grants);
        if !faults.is_empty() {
            return Err(ServiceError::Invalid { faults });
        }
        let value = match grants.is_empty() {
            true => None,
            false => Some(serde_json::to_value(&grants).map_err(ServiceError::internal)?),
        };
        let key = grantee.to_string();
        self.write_grants(&key, value).await?;
        self.refresh_grants().await?;
        tracing::info!(grantee = %grantee, by = %caller.principal, "grants were changed");
        let configured = self.0.parts.grants.configured(&grantee);
        Ok(GrantsView { grantee, configured, written: grants })
    }

    async fn write_grants(&self, key: &str, value: Option<Value>) -> Result<(), ServiceError> {
        for _ in 0..MAX_TRIES {
            let before = self.store().doc(DocKind::Grant, key.to_owned()).await?;
            if before.is_none() && value.is_none() {
                return Ok(());
            }
            let version = before.map(|doc| doc.version);
            let put = self.store().put_doc(DocKind::Grant, key.to_owned(), version, value.clone());
            match put.await {
                Ok(_) => return Ok(()),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ServiceError::conflict(format!(
            "the grants of `{key}` are being changed by many at once"
        )))
    }

    /// Returns all that an executor is granted, by whichever entry.
    pub fn granted(&self, namespace: &Namespace, executor: &ExecutorRef) -> Arc<Grants> {
        self.0.parts.grants.granted(namespace, executor)
    }

    /// Reads what is written: another process may have written it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn refresh_grants(&self) -> Result<(), ServiceError> {
        let docs = self.store().docs(DocKind::Grant, String::new()).await?;
        let mut written = BTreeMap::new();
        for (key, doc) in docs {
            match (key.parse::<Grantee>(), serde_json::from_value::<Grants>(doc.value)) {
                (Ok(grantee), Ok(grants)) => {
                    written.insert(grantee, grants);
                }
                // What is not understood grants nothing.
                (Err(error), _) => tracing::error!(key, %error, "a grant can't be read"),
                (_, Err(error)) => tracing::error!(key, %error, "a grant can't be read"),
            }
        }
        self.0.parts.grants.replace(written);
        Ok(())
    }

    fn faults(&self, grants: &Grants) -> Vec<Fault> {
        let mut faults = check_grants(grants);
        for (index, grant) in grants.http.iter().enumerate() {
            for secret in grant.secrets.keys().filter(|name| !self.0.parts.grants.knows(name)) {
                let pointer = format!("/http/{index}/secrets/{secret}");
                faults.push(Fault::new(pointer, unknown_secret()));
            }
        }
        for (name, variable) in &grants.environment {
            if let errand_core::Variable::Secret { secret } = variable
                && !self.0.parts.grants.knows(secret)
            {
                let pointer = format!("/environment/{}/secret", escaped(name));
                faults.push(Fault::new(pointer, unknown_secret()));
            }
        }
        faults.truncate(Fault::MOST);
        faults
    }
}

fn unknown_secret() -> &'static str {
    "there is no such secret; `[secrets]` in the server's errand.toml says where each comes from"
}

fn grantee(
    caller: &Caller,
    namespace: Option<Namespace>,
    executor: &str,
) -> Result<Grantee, ServiceError> {
    let namespace = match namespace {
        Some(namespace) => caller.within(namespace)?.home(),
        None => caller.home(),
    };
    Grantee::new(namespace, executor).map_err(|error| ServiceError::invalid("", error.to_string()))
}

/// Tells what is wrong with grants by themselves.
pub fn check_grants(grants: &Grants) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut fault = |pointer: String, message: String| faults.push(Fault::new(pointer, message));
    if grants.http.len() > MAX_HTTP {
        fault("/http".into(), format!("must be at most {MAX_HTTP}"));
    }
    for (index, grant) in grants.http.iter().take(MAX_HTTP).enumerate() {
        let HttpGrant { methods, rate_per_minute, max_response_bytes, secrets, .. } = grant;
        let method = |method: &String| {
            (1..=32).contains(&method.len()) && method.bytes().all(|byte| byte.is_ascii_uppercase())
        };
        if methods.len() > MAX_METHODS || !methods.iter().all(method) {
            let rule = format!("must be at most {MAX_METHODS} methods in capitals, such as `GET`");
            fault(format!("/http/{index}/methods"), rule);
        }
        if *rate_per_minute == Some(0) {
            fault(format!("/http/{index}/rate_per_minute"), "must be at least 1".into());
        }
        if max_response_bytes.is_some_and(|bytes| bytes == 0 || bytes > MAX_RESPONSE_BYTES) {
            let rule = format!("must be from 1 to {MAX_RESPONSE_BYTES}");
            fault(format!("/http/{index}/max_response_bytes"), rule);
        }
        let header = |name: &String| {
            (1..=64).contains(&name.len())
                && name.bytes().all(|byte| {
                    byte.is_ascii_lowercase()
                        || byte.is_ascii_digit()
                        || matches!(byte, b'-' | b'_')
                })
        };
        if secrets.len() > MAX_SECRETS
            || secrets.values().any(|headers| headers.is_empty() || !headers.iter().all(header))
        {
            let rule = "must name the headers that each may be put into, in lower case";
            fault(format!("/http/{index}/secrets"), rule.into());
        }
    }
    if grants.environment.len() > MAX_VARIABLES {
        fault("/environment".into(), format!("must be at most {MAX_VARIABLES}"));
    }
    for (name, value) in grants.environment.iter().take(MAX_VARIABLES) {
        let pointer = format!("/environment/{}", escaped(name));
        if name.is_empty() || name.len() > 256 || name.contains(['=', '\0']) {
            fault(pointer, "must have a name of 1 to 256 bytes without `=`".into());
        } else if let errand_core::Variable::Text(text) = value
            && (text.len() > MAX_VALUE_BYTES || text.contains('\0'))
        {
            fault(pointer, format!("must be at most {MAX_VALUE_BYTES} bytes without NUL"));
        }
    }
    let least = [("memory_bytes", grants.limits.memory_bytes), ("fuel", grants.limits.fuel)];
    for (name, value) in least {
        if value == Some(0) {
            fault(format!("/limits/{name}"), "must be at least 1".into());
        }
    }
    faults
}
