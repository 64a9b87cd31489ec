//! What the contract names and this version does not do yet is answered, not left to guess.

use crate::harness::{Client, shared};

const LATER: &[(&str, &str)] = &[
    ("GET", "/v1/schedules"),
    ("POST", "/v1/schedules"),
    ("GET", "/v1/schedules/{id}"),
    ("PATCH", "/v1/schedules/{id}"),
    ("DELETE", "/v1/schedules/{id}"),
    ("GET", "/.well-known/agent-card.json"),
    ("GET", "/"),
];

#[test]
fn calls_of_later_versions_are_called_unsupported() {
    for (method, path) in LATER {
        let path = path.replace("{id}", "01aaaaaaaaaaaaaaaaaaaaaaaa").replace("{executor}", "noop");
        shared::operator().ask(method, &path, &[]).problem(422, "unsupported");
    }
}

#[test]
fn they_need_a_token_as_they_will() {
    let anonymous = Client::anonymous(shared::server().url());
    anonymous.get("/v1/schedules").problem(401, "unauthenticated");
    anonymous.get("/.well-known/agent-card.json").problem(422, "unsupported");
}
