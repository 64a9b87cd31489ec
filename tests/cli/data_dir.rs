//! The data directory: who may read what in it, and how the local server is found through it.

use std::os::unix::fs::PermissionsExt;

use crate::harness::{Server, errand, shell};

#[test]
fn secrets_are_their_owners_alone() {
    let server = Server::start();
    for name in ["agent.token", "operator.token", "server.json"] {
        let path = server.data().join(name);
        let mode = path.metadata().expect("it is there").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
        let text = std::fs::read_to_string(path).expect("it can be read");
        assert_eq!(text.lines().count(), 1, "{name}");
        assert!(text.ends_with('\n'), "{name}");
    }
    assert_ne!(server.agent_token(), server.operator_token());
}

#[test]
fn a_new_directory_is_its_owners_alone() {
    let parent = tempfile::tempdir().expect("a temporary directory can be made");
    let data = parent.path().join("deep/er");
    std::fs::write(parent.path().join("a.py"), "").expect("it can be written");
    // Refused, but it has looked for what is compiled there.
    let mut command = errand(&["run", "a.wasm"]);
    std::fs::write(parent.path().join("a.wasm"), "no").expect("it can be written");
    shell::run(command.current_dir(&parent).env("ERRAND_DATA", &data)).expect(125);
    let mode = data.metadata().expect("it was made").permissions().mode() & 0o777;
    assert_eq!(mode, 0o700);
}

#[test]
fn tokens_and_tasks_survive_a_restart() {
    let server = Server::start();
    let tokens = (server.agent_token(), server.operator_token());
    let (status, data) = server.stop();
    assert!(status.success());
    assert!(
        !data.path().join("server.json").exists(),
        "nobody looks for a server that has stopped"
    );
    shell::run(errand(&["list"]).env("ERRAND_DATA", data.path())).fails(5, "no server runs");
    let server = Server::start_on(data, &[]);
    assert_eq!((server.agent_token(), server.operator_token()), tokens);
    shell::run(&mut server.command(&["list"])).expect(0);
}

#[test]
fn a_server_that_died_is_said_to_be_away() {
    let data = Server::start().kill();
    let ran = shell::run(errand(&["list"]).env("ERRAND_DATA", data.path()));
    ran.fails(5, "no server answers");
}

#[test]
fn a_remote_server_needs_a_token_of_its_own() {
    let server = Server::start();
    let nowhere = tempfile::tempdir().expect("a temporary directory can be made");
    let mut command = errand(&["--server", server.url(), "list"]);
    command.env("ERRAND_DATA", nowhere.path());
    shell::run(&mut command).fails(4, "token");
    shell::run(command.env("ERRAND_TOKEN", server.agent_token())).expect(0);
}
