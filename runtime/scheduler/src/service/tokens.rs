//! Access tokens: made, listed, revoked, and turned into callers.
//!
//! A token reads `errand_<id>_<secret>`. The store keeps the BLAKE3 hash of the secret alone; hashes
//! are compared in constant time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use errand_core::{AccessToken, DocKind, Namespace, Principal, UnixMillis};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Caller, Right, Rights, Service, ServiceError};

/// After this time a token is read again: what another process revoked is refused then.
const MAX_AGE_MS: u64 = 1_000;
/// Most tokens kept in memory. Past it the cache starts anew.
const MAX_CACHED: usize = 4_096;
const PREFIX: &str = "errand_";

/// A wish for a token.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// The principal that it stands for.
    pub name: Principal,
    /// The tenant; nothing: all.
    pub namespace: Option<Namespace>,
    /// What it allows; at least one right.
    pub rights: Rights,
    /// When it ends.
    pub expires_at: Option<UnixMillis>,
}

/// A token without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenInfo {
    /// Its id.
    pub id: String,
    /// The principal that it stands for.
    pub name: Principal,
    /// The tenant; nothing: all.
    pub namespace: Option<Namespace>,
    /// What it allows.
    pub rights: Rights,
    /// When it was made.
    pub created_at: UnixMillis,
    /// When it ends.
    pub expires_at: Option<UnixMillis>,
}

/// A token with its secret, shown this once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// What it is.
    pub info: TokenInfo,
    /// What the bearer sends.
    pub token: AccessToken,
}

/// The two tokens of a new data directory.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    /// May read and submit, in the default namespace.
    pub agent: NewToken,
    /// May do everything, everywhere.
    pub operator: NewToken,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    name: Principal,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    namespace: Option<Namespace>,
    rights: Rights,
    secret_blake3: errand_core::Digest,
    created_at: UnixMillis,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<UnixMillis>,
}

/// Tokens by id, each with the moment when it was read.
#[derive(Default)]
pub(crate) struct TokenCache(Mutex<Cached>);

#[derive(Default)]
struct Cached {
    tokens: HashMap<String, (UnixMillis, Arc<Stored>)>,
    /// Revocations so far: what was read before one is not put in after it.
    revocations: u64,
}

impl TokenCache {
    fn lock(&self) -> std::sync::MutexGuard<'_, Cached> {
        self.0.lock().unwrap_or_else(|poison| poison.into_inner())
    }

    fn revoke(&self, id: &str) {
        let mut cached = self.lock();
        cached.tokens.remove(id);
        cached.revocations += 1;
    }
}

impl Service {
    /// Makes a token.
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] without the right `admin`, or when it would allow more than the
    /// caller may do.
    pub async fn create_token(
        &self,
        caller: &Caller,
        request: TokenRequest,
    ) -> Result<NewToken, ServiceError> {
        caller.require(Right::Admin)?;
        if request.rights.is_empty() {
            return Err(ServiceError::invalid("/rights", "must name at least one right"));
        }
        let namespace = request.namespace.or_else(|| caller.namespace.clone());
        if !request.rights.within(caller.rights)
            || namespace.as_ref().is_some_and(|namespace| !caller.sees(namespace))
        {
            let message = "a token can't allow more than the one that makes it".into();
            return Err(ServiceError::Forbidden { message });
        }
        let mut random = Zeroizing::new([0; 40]);
        self.0.parts.random.fill(&mut *random);
        let (id, secret) = (hex(&random[..8]), Zeroizing::new(hex(&random[8..])));
        let stored = Stored {
            name: request.name,
            namespace,
            rights: request.rights,
            secret_blake3: errand_core::Digest::of(secret.as_bytes()),
            created_at: self.now(),
            expires_at: request.expires_at,
        };
        let value = serde_json::to_value(&stored).map_err(ServiceError::internal)?;
        self.store().put_doc(DocKind::Token, id.clone(), None, Some(value)).await?;
        // In one piece, so that none is left behind where it grew.
        let mut token = String::with_capacity(PREFIX.len() + id.len() + 1 + secret.len());
        token.extend([PREFIX, &id, "_", &secret]);
        Ok(NewToken { info: stored.info(id), token: AccessToken::new(token) })
    }

    /// Returns all tokens that the caller may administer.
    ///
    /// # Errors
    /// When the right `admin` is lacking.
    pub async fn tokens(&self, caller: &Caller) -> Result<Vec<TokenInfo>, ServiceError> {
        caller.require(Right::Admin)?;
        let docs = self.store().docs(DocKind::Token, String::new()).await?;
        let mut tokens = Vec::with_capacity(docs.len());
        for (id, doc) in docs {
            let stored: Stored =
                serde_json::from_value(doc.value).map_err(ServiceError::internal)?;
            if administers(caller, stored.namespace.as_ref()) {
                tokens.push(stored.info(id));
            }
        }
        Ok(tokens)
    }

    /// Revokes a token, from now on.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`].
    pub async fn revoke_token(&self, caller: &Caller, id: &str) -> Result<(), ServiceError> {
        caller.require(Right::Admin)?;
        let missing = || ServiceError::NotFound { what: format!("token `{id}`") };
        let doc = self.store().doc(DocKind::Token, id.to_owned()).await?.ok_or_else(missing)?;
        let stored: Stored = serde_json::from_value(doc.value).map_err(ServiceError::internal)?;
        if !administers(caller, stored.namespace.as_ref()) {
            return Err(missing());
        }
        let written =
            self.store().put_doc(DocKind::Token, id.to_owned(), Some(doc.version), None).await;
        self.0.tokens.revoke(id);
        written?;
        Ok(())
    }

    /// Turns what a bearer sent into a caller.
    ///
    /// # Errors
    /// [`ServiceError::Unauthenticated`].
    pub async fn authenticate(&self, token: &str) -> Result<Caller, ServiceError> {
        let (id, secret) = token
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split_once('_'))
            .filter(|(id, secret)| id.len() == 16 && secret.len() == 64)
            .ok_or(ServiceError::Unauthenticated)?;
        let now = self.now();
        let stored = self.stored_token(id, now).await?.ok_or(ServiceError::Unauthenticated)?;
        // Equality of digests takes constant time.
        if stored.secret_blake3 != errand_core::Digest::of(secret.as_bytes())
            || stored.expires_at.is_some_and(|end| end <= now)
        {
            return Err(ServiceError::Unauthenticated);
        }
        Ok(Caller {
            principal: stored.name.clone(),
            namespace: stored.namespace.clone(),
            rights: stored.rights,
        })
    }

    /// Makes the two tokens of a new data directory. Where they are kept is the caller's business.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn bootstrap_tokens(&self) -> Result<Bootstrap, ServiceError> {
        let request = |name: &str, namespace, rights| TokenRequest {
            name: Principal::new(name).expect("the name is printable"),
            namespace,
            rights,
            expires_at: None,
        };
        let agent_rights = [Right::Read, Right::Submit].into_iter().collect();
        let agent = request("agent", Some(Namespace::default()), agent_rights);
        let operator = request("operator", None, Rights::ALL);
        let system = Caller::system();
        Ok(Bootstrap {
            agent: self.create_token(&system, agent).await?,
            operator: self.create_token(&system, operator).await?,
        })
    }

    async fn stored_token(
        &self,
        id: &str,
        now: UnixMillis,
    ) -> Result<Option<Arc<Stored>>, ServiceError> {
        let (known, revocations) = {
            let cached = self.0.tokens.lock();
            (cached.tokens.get(id).cloned(), cached.revocations)
        };
        if let Some((read_at, stored)) = known
            && now.since_ms(read_at) < MAX_AGE_MS
        {
            return Ok(Some(stored));
        }
        let Some(doc) = self.store().doc(DocKind::Token, id.to_owned()).await? else {
            self.0.tokens.lock().tokens.remove(id);
            return Ok(None);
        };
        let stored: Stored = serde_json::from_value(doc.value).map_err(ServiceError::internal)?;
        let stored = Arc::new(stored);
        let mut cached = self.0.tokens.lock();
        if cached.revocations == revocations {
            if cached.tokens.len() >= MAX_CACHED {
                cached.tokens.clear();
            }
            cached.tokens.insert(id.to_owned(), (now, Arc::clone(&stored)));
        }
        Ok(Some(stored))
    }
}

impl Stored {
    fn info(self, id: String) -> TokenInfo {
        TokenInfo {
            id,
            name: self.name,
            namespace: self.namespace,
            rights: self.rights,
            created_at: self.created_at,
            expires_at: self.expires_at,
        }
    }
}

/// A caller of one namespace administers its tokens alone.
fn administers(caller: &Caller, namespace: Option<&Namespace>) -> bool {
    match (&caller.namespace, namespace) {
        (None, _) => true,
        (Some(own), Some(namespace)) => own == namespace,
        (Some(_), None) => false,
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string does not fail");
        text
    })
}
