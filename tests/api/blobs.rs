//! `/v1/blobs`: who may upload, and who may name what was uploaded.

use serde_json::json;

use super::pointers;
use crate::harness::{Client, archive, shared};

/// A client for one namespace alone, with the executor that does nothing in it.
fn tenant(namespace: &str) -> Client {
    let request = json!({
        "name": namespace, "namespace": namespace, "rights": ["read", "submit", "upload"],
    });
    let token = shared::operator().post("/v1/tokens", &request).expect(201);
    let token = token["token"].as_str().expect("it is shown once");
    let client = Client::new(shared::server().url(), token);
    client.upload("noop", &crate::harness::plugin("test/noop"));
    client
}

#[test]
fn the_same_bytes_have_the_same_name_and_may_come_again() {
    let client = shared::agent();
    let bytes = archive::tar(&[archive::file("a", "the same bytes")]);
    let name = client.upload_blob(&bytes);
    assert_eq!(name, blake3::hash(&bytes).to_string());
    assert_eq!(client.upload_blob(&bytes), name);
}

#[test]
fn a_blob_is_its_namespaces_alone_and_nothing_tells_of_it_elsewhere() {
    let (ours, theirs) = (tenant("blobs-ours"), tenant("blobs-theirs"));
    let blob = ours.upload_blob(&archive::tar(&[archive::file("a", "of one namespace")]));
    let request =
        |blob: &str| json!({"executor": "noop", "workspace": {"from": "tar", "blob": blob}});
    let done = ours.finish(&ours.submit(&request(&blob)));
    assert_eq!(done["status"], "completed", "{done}");
    let missing = |blob: &str| {
        let problem = theirs.post("/v1/tasks", &request(blob)).problem(422, "invalid");
        assert_eq!(pointers(&problem), ["/workspace/blob"]);
        problem["errors"].clone()
    };
    assert_eq!(missing(&blob), missing(&"0".repeat(64)));
}

#[test]
fn uploading_needs_the_right_to_submit() {
    let request = json!({"name": "reader", "namespace": "default", "rights": ["read"]});
    let token = shared::operator().post("/v1/tokens", &request).expect(201);
    let reader = Client::new(shared::server().url(), token["token"].as_str().expect("a token"));
    let upload = |client: &Client| client.send("/v1/blobs", "application/x-tar", b"bytes");
    upload(&reader).problem(403, "forbidden");
    upload(&Client::anonymous(shared::server().url())).problem(401, "unauthenticated");
    upload(&shared::agent()).expect(201);
}
