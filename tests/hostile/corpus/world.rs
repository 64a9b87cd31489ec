//! Guests that reach for what lies outside: paths, the network, the environment.

use serde_json::json;

use super::{Ends, Entry, ended};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::probe(
            "reaches_out_by_paths",
            json!({"do": "reach", "paths": [
                "..", "../..", "../../operator.token", "/", "/etc/passwd", "/proc/self/environ", "//etc",
                "a/../..", "./../.", "\u{0}", "a\u{0}b", "/workspace", "/WORKSPACE/../..", "..\u{0}",
                "", ".././", "~root/x", "/dev/null", "%2e%2e/x",
            ]}),
            Ends::Completed(json!([])),
        ),
        Entry::probe(
            "resolves_names",
            json!({"do": "resolve", "host": "localhost"}),
            Ends::Completed(json!({"err": "permanent-resolver-failure"})),
        ),
        Entry::probe(
            "connects_to_the_server",
            json!({"do": "connect", "address": "127.0.0.1:7420"}),
            Ends::Completed(json!({"err": "access-denied"})),
        ),
        Entry::probe(
            "asks_a_host_of_the_cloud",
            json!({"do": "http_get", "url": "http://169.254.169.254/latest/meta-data"}),
            Ends::Completed(
                json!({"err": "ErrorCode::InternalError(Some(\"denied: probe may not send \
                GET to http://169.254.169.254: grant it with `errand grant add probe \
                'http://169.254.169.254' --method GET`\"))"}),
            ),
        ),
        Entry::program("reads_its_environment", &["env"], Ends::Completed(ended())),
    ]
}

#[test]
fn guests_that_reach_out_reach_nothing() {
    super::running::run(&entries());
}
