//! `plugin` and `token`: what the operator's token is for.

use serde_json::json;

use super::completed;
use crate::harness::{Server, plugin_path, shared, shell, wasm};

/// Writes a wasm to a file in a directory of its own.
fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let path = directory.path().join(name);
    std::fs::write(&path, bytes).expect("it can be written");
    let path = path.to_str().expect("its path is text").to_owned();
    (directory, path)
}

#[test]
fn an_executor_is_added_listed_shown_and_removed() {
    let (_kept, path) = file("Cli_Added.component.wasm", &wasm::ends_at_once("cli-added"));
    let added = shell::shared(&["plugin", "add", &path]).ok();
    assert!(added.contains("cli_added") && added.contains("command"), "{added}");
    let again = shell::shared(&["plugin", "add", &path]).expect(0);
    assert!(again.stderr.contains("already"), "{}", again.stderr);

    let list = shell::shared(&["plugin", "list"]).ok();
    assert!(list.lines().any(|line| line.starts_with("cli_added ")), "{list}");
    let all = shell::shared(&["plugin", "list", "--json"]).json();
    assert!(
        all["items"].as_array().is_some_and(|all| all.iter().any(|one| one["name"] == "cli_added"))
    );
    let shown = shell::shared(&["plugin", "show", "cli_added", "--json"]).json();
    assert_eq!(
        (&shown["kind"], &shown["functions"][0]["name"]),
        (&json!("command"), &json!("run"))
    );
    assert!(shell::shared(&["plugin", "show", "cli_added"]).ok().contains("args?, env?, stdin?"));

    let id = completed(&["cli_added"]);
    shell::shared(&["plugin", "remove", "cli_added"]).fails(4, &format!("task `{id}` is pinned"));
    shell::shared(&["delete", &id]).expect(0);
    shell::shared(&["plugin", "remove", "cli_added"]).expect(0);
    shell::shared(&["plugin", "show", "cli_added"]).fails(3, "no executor `cli_added`");
    shell::shared(&["plugin", "remove", "cli_added"]).fails(3, "no executor `cli_added`");
}

#[test]
fn a_name_can_be_chosen_and_another_upload_is_another_version() {
    let (_first, one) = file("a.wasm", &wasm::ends_at_once("cli-one"));
    let (_second, two) = file("b.wasm", &wasm::ends_at_once("cli-two"));
    let add = |path: &str| {
        shell::shared(&["plugin", "add", path, "--name", "cli-versions", "--json"]).json()
    };
    let (first, second) = (add(&one), add(&two));
    assert_ne!(first["digest"], second["digest"]);
    let shown = shell::shared(&["plugin", "show", "cli-versions"]).ok();
    for digest in [&first["digest"], &second["digest"]] {
        assert!(shown.contains(digest.as_str().expect("text")), "{shown}");
    }
    // An earlier version can be named by the first digits of its digest.
    let digest = &first["digest"].as_str().expect("text")[..12];
    let pinned = shell::shared(&["submit", &format!("cli-versions@{digest}"), "--json"]).json();
    assert_eq!(
        pinned["executor"],
        format!("cli-versions@{}", first["digest"].as_str().expect("text"))
    );
}

#[test]
fn what_can_not_be_run_is_refused_with_a_reason() {
    let probe = std::fs::read(plugin_path("test/command-probe")).expect("it is there");
    for (bytes, part) in [
        (&b"hello"[..], "not wasm"),
        (b"", "empty"),
        (&probe[..5_000], "not valid wasm"),
        (b"\x7fELF\x02\x01\x01", ".cwasm"),
    ] {
        let (_kept, path) = file("cli-bad.wasm", bytes);
        shell::shared(&["plugin", "add", &path]).fails(4, part);
    }
    shell::shared(&["plugin", "show", "cli-bad"]).expect(3);
}

#[test]
fn the_agents_token_can_not_administer() {
    let server = shared::server();
    let (_kept, path) = file("cli-agent.wasm", &wasm::ends_at_once("cli-agent"));
    for line in [
        &["plugin", "add", &path][..],
        &["plugin", "remove", "noop"],
        &["token", "list"],
        &["token", "create", "x", "--right", "read"],
        &["token", "revoke", "x"],
    ] {
        let mut command = server.command(line);
        shell::run(command.env("ERRAND_TOKEN", server.agent_token())).fails(4, "right");
    }
    shell::shared(&["plugin", "show", "cli-agent"]).expect(3);
}

#[test]
fn a_wrong_token_is_refused_and_never_printed() {
    let server = shared::server();
    for token in ["nonsense", "errand_0123456789abcdef_00", &server.agent_token()[..60]] {
        let ran = shell::run(server.command(&["list"]).env("ERRAND_TOKEN", token));
        let ran = ran.fails(4, "token");
        assert!(!ran.stderr.contains(token), "{}", ran.stderr);
    }
    let odd = shell::run(server.command(&["list"]).env("ERRAND_TOKEN", "errand_0\n1"));
    assert_eq!(odd.fails(2, "a character that none has").stderr.matches("errand_0").count(), 0);
    let help = shell::run(server.command(&["--help"]).env("ERRAND_TOKEN", server.agent_token()));
    assert!(!help.ok().contains(&server.agent_token()), "help shows variables, not secrets");
}

#[test]
fn a_token_is_created_once_used_and_revoked() {
    let server = Server::start();
    let run = |args: &[&str]| shell::run(&mut server.command(args));
    let created = run(&["token", "create", "ci", "--right", "read", "--expires", "1h"]).expect(0);
    let token = created.stdout.trim_end();
    assert!(!created.stderr.contains(token), "the secret is data: {}", created.stderr);
    let as_ci = |args: &[&str]| shell::run(server.command(args).env("ERRAND_TOKEN", token));
    as_ci(&["list"]).expect(0);
    as_ci(&["submit", "noop"]).fails(4, "`submit`");

    let list = run(&["token", "list"]).ok();
    assert!(list.contains("ci") && list.contains("agent") && list.contains("operator"), "{list}");
    assert!(!list.contains(token), "{list}");
    let all = run(&["token", "list", "--json"]).json();
    let all = all["items"].as_array().expect("a list");
    let id = all.iter().find(|one| one["name"] == "ci").expect("it is there")["id"].as_str();
    let id = id.expect("text");
    assert!(all.iter().all(|one| one.get("token").is_none()), "{all:?}");

    run(&["token", "revoke", id]).expect(0);
    as_ci(&["list"]).fails(4, "revoked");
    run(&["token", "revoke", id]).fails(3, id);
}
