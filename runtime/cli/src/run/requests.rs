//! Where a local run may send requests: to the hosts of `--allow-http`, and nowhere else.

use std::sync::Arc;

use errand_core::{
    BoxFuture, Egress, EndpointPattern, ExecutorRef, Granting, Grants, HttpGrant, Namespace,
    OutgoingError, OutgoingRequest, OutgoingResponse, Veil,
};
use errand_egress::{Client, EgressOptions, Secrets};
use tokio::runtime::Handle;

/// Makes what sends the requests, and says how to allow those that it does not send.
pub(super) fn egress(hosts: &[EndpointPattern], runtime: &Handle) -> Arc<dyn Egress> {
    // The platform's authorities are not read for a program that asks nobody.
    if hosts.is_empty() {
        return Arc::new(Nowhere);
    }
    let grants = Grants { http: hosts.iter().map(grant).collect(), ..Grants::default() };
    let client = Client::new(EgressOptions {
        granting: Arc::new(Allowed(Arc::new(grants))),
        secrets: Secrets::default(),
        nameserver: None,
        extra_roots_pem: Vec::new(),
        runtime: runtime.clone(),
    });
    Arc::new(Local(client))
}

fn grant(url: &EndpointPattern) -> HttpGrant {
    HttpGrant {
        url: url.clone(),
        methods: Vec::new(),
        // Who names one host of their network means it.
        private: !url.to_string().contains('*'),
        rate_per_minute: None,
        max_response_bytes: None,
        secrets: Default::default(),
    }
}

struct Allowed(Arc<Grants>);

impl Granting for Allowed {
    fn granted(&self, _: &Namespace, _: &ExecutorRef) -> Arc<Grants> {
        Arc::clone(&self.0)
    }
}

/// Says how to allow a request as `errand run` does.
struct Local(Client);

impl Egress for Local {
    fn send(
        &self,
        request: OutgoingRequest,
    ) -> BoxFuture<'static, Result<OutgoingResponse, OutgoingError>> {
        let host = host(&request.url).to_owned();
        let sent = self.0.send(request);
        Box::pin(async move {
            sent.await.map_err(|error| match error {
                OutgoingError::Denied(text) => {
                    let what = text.split_once(": grant it with").map_or(&*text, |(what, _)| what);
                    OutgoingError::Denied(format!("{what}: `--allow-http {host}` allows it"))
                }
                error => error,
            })
        })
    }

    fn veil(&self, _: &Namespace, _: &ExecutorRef) -> Option<Arc<dyn Veil>> {
        None
    }
}

/// Sends nothing.
struct Nowhere;

impl Egress for Nowhere {
    fn send(
        &self,
        request: OutgoingRequest,
    ) -> BoxFuture<'static, Result<OutgoingResponse, OutgoingError>> {
        let host = host(&request.url);
        let text = format!("no requests are allowed here: `--allow-http {host}` allows this one");
        Box::pin(std::future::ready(Err(OutgoingError::Denied(text))))
    }

    fn veil(&self, _: &Namespace, _: &ExecutorRef) -> Option<Arc<dyn Veil>> {
        None
    }
}

/// Returns a URL up to its path.
fn host(url: &str) -> &str {
    let begin = url.find("://").map_or(0, |at| at + "://".len());
    let length = url[begin..].find(['/', '?', '#']).unwrap_or(url.len() - begin);
    &url[..begin + length]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_url_up_to_its_path() {
        for (url, expected) in [
            ("https://a.b/c?d", "https://a.b"),
            ("http://[::1]:8?x", "http://[::1]:8"),
            ("https://a", "https://a"),
        ] {
            assert_eq!(host(url), expected);
        }
    }
}
