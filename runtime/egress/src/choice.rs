//! Which grant carries a request, and what to grant where none does.
//!
//! One grant carries a request whole: its rate, its bound and its reach, never parts of several. Of those
//! that allow it and its secrets, one with a wider reach goes first, and then the order counts.

use std::collections::BTreeSet;

use errand_core::{Endpoint, ExecutorRef, Grants, HttpGrant, Namespace, Scheme, SecretName};

use crate::address::{self, Kind};
use crate::connect::{Reach, is_localhost};

/// Who asks for what.
pub(crate) struct Asked<'a> {
    pub(crate) namespace: &'a Namespace,
    pub(crate) executor: &'a ExecutorRef,
    pub(crate) method: &'a str,
    pub(crate) endpoint: &'a Endpoint,
    /// Secrets, and the headers that they are to be put into.
    pub(crate) secrets: &'a BTreeSet<(SecretName, String)>,
}

/// A grant that carries a request.
#[derive(Debug)]
pub(crate) struct Chosen<'a> {
    pub(crate) grant: &'a HttpGrant,
    pub(crate) reach: Reach,
}

impl Asked<'_> {
    /// Chooses a grant.
    ///
    /// # Errors
    /// With a text that says what to grant.
    pub(crate) fn choose<'a>(&self, grants: &'a Grants) -> Result<Chosen<'a>, String> {
        let Self { method, endpoint, .. } = self;
        let mut allowing = grants.allowing(method, endpoint);
        if allowing.is_empty() {
            let what = format!("send {method} to {endpoint}");
            return Err(self.refusal(&what, &format!(" --method {method}")));
        }
        if let Some((secret, _)) = self.secrets.first()
            && self.endpoint.scheme == Scheme::Http
        {
            return Err(format!(
                "secret `{secret}` is sent over https alone, and not to {}",
                self.endpoint
            ));
        }
        for (secret, header) in self.secrets {
            let has = |grant: &&HttpGrant| {
                grant.secrets.get(secret).is_some_and(|headers| headers.contains(header))
            };
            allowing.retain(has);
            if allowing.is_empty() {
                let what = format!("send secret `{secret}` in header `{header}` to {endpoint}");
                let all: Vec<String> = self
                    .secrets
                    .iter()
                    .map(|(secret, header)| format!(" --secret {secret}={header}"))
                    .collect();
                return Err(self.refusal(&what, &all.concat()));
            }
        }
        if let Some(grant) = allowing.iter().find(|grant| self.reach(grant) == Some(Reach::Private))
        {
            return Ok(Chosen { grant, reach: Reach::Private });
        }
        match allowing.iter().find(|grant| self.reach(grant).is_some()) {
            Some(grant) => Ok(Chosen { grant, reach: Reach::Public }),
            None => Err(self.not_private(None)),
        }
    }

    /// Returns where a grant lets the endpoint lead; nothing where the endpoint is written as an address
    /// that it does not allow.
    fn reach(&self, grant: &HttpGrant) -> Option<Reach> {
        let written = grant.url.is_explicit();
        let kind = match self.endpoint.address() {
            Some(address) => address::kind(address),
            None if is_localhost(&self.endpoint.host) => Some(Kind::Private),
            None => return Some(if grant.private { Reach::Private } else { Reach::Public }),
        };
        match kind {
            None => Some(Reach::Public),
            Some(Kind::Private) => (written || grant.private).then_some(Reach::Private),
            Some(Kind::Unusable) => written.then_some(Reach::Private),
        }
    }

    /// Returns what to say of a host that leads to addresses that a grant with this reach, or none, does
    /// not allow. It says nothing of which addresses these are.
    pub(crate) fn not_private(&self, granted: Option<Reach>) -> String {
        let Endpoint { host, .. } = self.endpoint;
        if granted == Some(Reach::Private) {
            return format!("{host} leads to a reserved address, which can't be granted by name");
        }
        // Who writes an address out means it.
        let is_written = self.endpoint.address().is_some() || host == "localhost";
        let what = format!("reach {host}, which leads to a private or reserved address");
        self.refusal(&what, if is_written { "" } else { " --private" })
    }

    fn refusal(&self, what: &str, flags: &str) -> String {
        let Self { namespace, executor, endpoint, .. } = self;
        let name = &executor.name;
        let elsewhere = match **namespace == Namespace::default() {
            true => String::new(),
            false => format!(" --namespace {namespace}"),
        };
        format!(
            "{name} may not {what}: grant it with `errand grant add {name} \
             '{endpoint}'{flags}{elsewhere}`"
        )
    }
}
