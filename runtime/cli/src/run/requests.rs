//! Where a local run may send requests: to the hosts of `--allow-http`, and nowhere else.

use std::sync::Arc;

use errand_core::{Egress, EndpointPattern, ExecutorRef, Granting, Grants, HttpGrant, Namespace};
use errand_egress::{Client, EgressOptions, Secrets};
use tokio::runtime::Handle;

struct Allowed(Arc<Grants>);

impl Granting for Allowed {
    fn granted(&self, _: &Namespace, _: &ExecutorRef) -> Arc<Grants> {
        Arc::clone(&self.0)
    }
}

/// Makes what sends the requests; nothing where none are allowed.
pub(super) fn egress(hosts: &[EndpointPattern], runtime: &Handle) -> Option<Arc<dyn Egress>> {
    if hosts.is_empty() {
        return None;
    }
    let grant = |url: &EndpointPattern| HttpGrant {
        url: url.clone(),
        methods: Vec::new(),
        private: false,
        rate_per_minute: None,
        max_response_bytes: None,
        secrets: Default::default(),
    };
    let grants = Grants { http: hosts.iter().map(grant).collect(), ..Grants::default() };
    let client = Client::new(EgressOptions {
        granting: Arc::new(Allowed(Arc::new(grants))),
        secrets: Secrets::default(),
        nameserver: None,
        extra_roots_pem: Vec::new(),
        runtime: runtime.clone(),
    });
    Some(Arc::new(client))
}
