//! `GET /v1/tasks/{id}/artifacts` and `…/artifacts/{path}`.

use serde_json::{Value, json};

use super::{kinds, text};
use crate::harness::{Answer, Client, shared};

/// A task that has left one file of ten bytes.
fn with_one_file(client: &Client) -> String {
    let id = client.submit(&json!({
        "executor": shared::command_probe(),
        "input": {"args": ["write", "page.html", "0123456789"]},
        "artifacts": ["*.html"],
    }));
    client.finish(&id);
    id
}

fn fetch(client: &Client, id: &str, headers: &[(&str, &str)]) -> Answer {
    client.ask("GET", &format!("/v1/tasks/{id}/artifacts/page.html"), headers)
}

#[test]
fn files_that_the_globs_name_are_kept_listed_and_served() {
    let client = shared::agent();
    let id = client.submit(&json!({
        "executor": shared::python(),
        "input": {"code": "
import os
os.makedirs('out/deep')
for name in ['report.md', 'out/a.txt', 'out/deep/ü & b.json', 'not-asked-for.txt']:
    with open(name, 'w') as file:
        file.write(name)
"},
        "artifacts": ["report.md", "out/**", "nothing-there-*"],
    }));
    assert_eq!(client.finish(&id)["status"], "completed");
    let list = client.get(&format!("/v1/tasks/{id}/artifacts")).expect(200);
    let mut items = list["items"].as_array().expect("a list").clone();
    items.sort_by_key(|item| text(&item["path"]));
    let expected = [
        ("out/a.txt", "text/plain"),
        ("out/deep/ü & b.json", "application/json"),
        ("report.md", "text/markdown"),
    ];
    assert_eq!(items.len(), expected.len(), "{list}");
    for (item, (path, media_type)) in items.iter().zip(expected) {
        assert_eq!(item["path"], path);
        assert_eq!(item["size_bytes"], path.len());
        assert_eq!(item["blake3"], blake3::hash(path.as_bytes()).to_string());
        assert!(text(&item["media_type"]).starts_with(media_type), "{item}");
    }
    for (path, encoded) in
        [("report.md", "report.md"), ("out/deep/ü & b.json", "out/deep/%C3%BC%20%26%20b.json")]
    {
        let answer = client.get(&format!("/v1/tasks/{id}/artifacts/{encoded}"));
        assert_eq!((answer.status, answer.bytes.as_slice()), (200, path.as_bytes()));
    }
    let events = client.events(&id);
    let published = kinds(&events).into_iter().filter(|kind| *kind == "artifact_published");
    assert_eq!(published.count(), 3);
}

#[test]
fn a_file_is_served_so_that_a_browser_neither_runs_nor_guesses_it() {
    let client = shared::agent();
    let id = with_one_file(&client);
    let answer = fetch(&client, &id, &[]);
    assert_eq!((answer.status, answer.bytes.as_slice()), (200, &b"0123456789"[..]));
    let header = |name: &str| answer.header(name).unwrap_or_default();
    assert!(header("content-type").starts_with("text/html"), "{}", header("content-type"));
    assert!(header("content-disposition").starts_with("attachment"));
    assert!(header("content-disposition").contains("page.html"));
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert!(header("content-security-policy").contains("sandbox"));
    assert_eq!(header("accept-ranges"), "bytes");
    assert_eq!(header("content-length"), "10");
    assert!(header("etag").starts_with('"'), "a strong one: {}", header("etag"));

    let head = client.ask("HEAD", &format!("/v1/tasks/{id}/artifacts/page.html"), &[]);
    assert_eq!((head.status, head.bytes.len()), (200, 0));
    assert_eq!(head.header("content-length").as_deref(), Some("10"));
    assert_eq!(head.header("etag"), answer.header("etag"));
}

#[test]
fn a_client_that_has_the_file_is_told_so() {
    let client = shared::agent();
    let id = with_one_file(&client);
    let etag = fetch(&client, &id, &[]).header("etag").expect("it has a tag");
    for tags in [etag.clone(), format!("\"other\", {etag}"), format!("W/{etag}"), "*".into()] {
        let answer = fetch(&client, &id, &[("if-none-match", &tags)]);
        assert_eq!((answer.status, answer.bytes.len()), (304, 0), "{tags}");
        assert_eq!(answer.header("etag"), Some(etag.clone()));
    }
    assert_eq!(fetch(&client, &id, &[("if-none-match", "\"other\"")]).status, 200);
}

#[test]
fn a_range_of_a_file_is_served() {
    let client = shared::agent();
    let id = with_one_file(&client);
    let etag = fetch(&client, &id, &[]).header("etag").expect("it has a tag");
    for (range, bytes, content_range) in [
        ("bytes=0-3", "0123", "bytes 0-3/10"),
        ("bytes=4-", "456789", "bytes 4-9/10"),
        ("bytes=-2", "89", "bytes 8-9/10"),
        ("bytes=8-99", "89", "bytes 8-9/10"),
    ] {
        let answer = fetch(&client, &id, &[("range", range)]);
        assert_eq!(answer.status, 206, "{range}");
        assert_eq!(String::from_utf8_lossy(&answer.bytes), bytes);
        assert_eq!(answer.header("content-range").as_deref(), Some(content_range));
        assert_eq!(answer.header("content-length"), Some(bytes.len().to_string()));
        assert_eq!(answer.header("etag"), Some(etag.clone()));
    }
    let outside = fetch(&client, &id, &[("range", "bytes=10-")]);
    assert_eq!(outside.header("content-range").as_deref(), Some("bytes */10"));
    outside.problem(416, "range_not_satisfiable");
    let other = fetch(&client, &id, &[("range", "bytes=0-3"), ("if-range", "\"other\"")]);
    assert_eq!((other.status, other.bytes.len()), (200, 10), "the file has changed: all of it");
}

#[test]
fn all_files_are_fetched_as_one_archive() {
    let client = shared::agent();
    let long = format!("out/{}/{}.txt", "d".repeat(90), "n".repeat(90));
    let code = format!(
        "
import os
for name in ['z.md', 'out/ü.json', 'a.txt', '{long}']:
    os.makedirs(os.path.dirname('./' + name), exist_ok=True)
    with open(name, 'w') as file:
        file.write(name)
"
    );
    let id = client.submit(&json!({
        "executor": shared::python(), "input": {"code": code}, "artifacts": ["**"],
    }));
    assert_eq!(client.finish(&id)["status"], "completed");
    let path = format!("/v1/tasks/{id}/artifacts");
    let as_tar = ("accept", "application/x-tar");
    let answer = client.ask("GET", &path, &[as_tar]);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type").as_deref(), Some("application/x-tar"));
    assert_eq!(answer.header("content-length"), Some(answer.bytes.len().to_string()));
    assert_eq!(answer.header("x-content-type-options").as_deref(), Some("nosniff"));
    let mut archive = tar::Archive::new(answer.bytes.as_slice());
    let mut found = Vec::new();
    for entry in archive.entries().expect("it is an archive") {
        let mut entry = entry.expect("it is whole");
        let name = String::from_utf8(entry.path_bytes().into_owned()).expect("it is text");
        let mut content = String::new();
        std::io::Read::read_to_string(&mut entry, &mut content).expect("it is text");
        assert_eq!(content, name);
        let header = entry.header();
        assert_eq!((header.mtime().ok(), header.mode().ok()), (Some(0), Some(0o644)));
        found.push(name);
    }
    assert_eq!(found, ["a.txt", long.as_str(), "out/ü.json", "z.md"]);

    let etag = answer.header("etag").expect("it has a tag");
    let again = client.ask("GET", &path, &[as_tar, ("if-none-match", &etag)]);
    assert_eq!((again.status, again.bytes.len()), (304, 0));
    let head = client.ask("HEAD", &path, &[as_tar]);
    assert_eq!((head.status, head.header("etag")), (200, Some(etag)));
    assert_eq!(head.header("content-length"), answer.header("content-length"));
    let list = client.ask("GET", &path, &[("accept", "*/*")]);
    assert_eq!(list.expect(200)["items"].as_array().map(Vec::len), Some(4));
}

#[test]
fn a_task_that_failed_leaves_its_files_too() {
    let client = shared::agent();
    let id = client.submit(&json!({
        "executor": shared::command_probe(),
        "input": {"args": ["write", "report.md", "why", "exit", "3"]},
        "artifacts": ["report.md"],
    }));
    assert_eq!(client.finish(&id)["status"], "failed");
    assert_eq!(client.get(&format!("/v1/tasks/{id}/artifacts/report.md")).bytes, b"why");
}

#[test]
fn a_file_that_the_guest_publishes_is_there_while_it_still_runs() {
    let client = shared::agent();
    let id = client.submit(&json!({
        "executor": shared::python(),
        "input": {"code": "
import errand
with open('early.svg', 'w') as file:
    file.write('<svg/>')
errand.publish('early.svg', media_type='image/svg+xml', description='a drawing')
while True:
    pass
"},
    }));
    client.follow(&id, &[]).until_event("artifact_published");
    let list = client.get(&format!("/v1/tasks/{id}/artifacts")).expect(200);
    let item = &list["items"][0];
    assert_eq!((&item["path"], &item["description"]), (&json!("early.svg"), &json!("a drawing")));
    assert_eq!(item["media_type"], "image/svg+xml");
    let answer = client.get(&format!("/v1/tasks/{id}/artifacts/early.svg"));
    assert_eq!((answer.status, answer.bytes.as_slice()), (200, &b"<svg/>"[..]));
    assert_eq!(client.get(&format!("/v1/tasks/{id}")).expect(200)["status"], "running");
    client.post(&format!("/v1/tasks/{id}/cancel"), &json!({})).expect(202);
    client.finish(&id);
    assert_eq!(client.get(&format!("/v1/tasks/{id}/artifacts/early.svg")).status, 200);
}

#[test]
fn publishing_what_is_not_there_or_outside_is_refused_to_the_guest() {
    let client = shared::agent();
    for path in ["nothing", "/etc/passwd", "../operator.token", "a/../../x", ""] {
        let task = client.run(shared::probe(), &json!({"do": "publish", "path": path}));
        assert_eq!(task["status"], "completed", "{task}");
        assert_ne!(task["output"]["err"], Value::Null, "{path}: {task}");
    }
}

#[test]
fn what_was_not_kept_is_not_found() {
    let client = shared::agent();
    let id = with_one_file(&client);
    for path in
        ["other", "page.html/", "../page.html", "..%2f..%2foperator.token", "%2Fetc%2Fpasswd"]
    {
        client.get(&format!("/v1/tasks/{id}/artifacts/{path}")).problem(404, "not_found");
    }
    client.get("/v1/tasks/nobody/artifacts").problem(404, "not_found");
}
