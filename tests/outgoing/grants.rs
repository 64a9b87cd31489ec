//! Granting over the command line, and what a task is told that lacks a grant.

use serde_json::json;

use super::{grant, program, result};
use crate::harness::{Peer, Server, plugin};

#[test]
fn a_task_without_a_grant_is_told_what_to_grant_and_that_helps() {
    let peer = Peer::saying("hello");
    let server = Server::start();
    server.operator().upload("python", &plugin("python")).expect(201);
    let code = "
try:
    result = errand.http('GET', url + '/x').text
except errand.Denied as error:
    result = str(error)
";
    let denied = server.agent().run("python", &program(&peer, code));
    let told = result(&denied).as_str().unwrap_or_default().to_owned();
    let wanted = format!("errand grant add python '{}' --method GET", peer.url());
    assert!(told.contains(&wanted), "{told}");
    assert!(peer.seen().is_empty());

    let status = server
        .command(&["grant", "add", "python", &peer.url(), "--method", "GET"])
        .status()
        .expect("the command runs");
    assert!(status.success());
    assert_eq!(result(&server.agent().run("python", &program(&peer, code))), "hello");

    let code = code.replace("'GET'", "'DELETE'");
    let denied = server.agent().run("python", &program(&peer, &code));
    assert!(result(&denied).as_str().is_some_and(|told| told.contains("DELETE")), "{denied}");
    let shown = server.command(&["plugin", "show", "python"]).output().expect("the command runs");
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains(&format!("granted     {}  GET", peer.url())), "{shown}");
    assert!(shown.contains("wasi:http"), "{shown}");

    let status = server.command(&["grant", "remove", "python", &peer.url()]).status();
    assert!(status.expect("the command runs").success());
    let again = server.agent().run("python", &program(&peer, "errand.http('GET', url)"));
    assert_eq!(again["error"]["detail"]["type"], "errand.Denied", "{again:#}");
    assert_eq!(peer.seen().len(), 1);
}

#[test]
fn a_granted_environment_is_there_and_a_secret_only_as_a_placeholder() {
    let server = Server::start_in(
        {
            let data = tempfile::tempdir().expect("a temporary directory can be made");
            let config = "[secrets.openai]\nenvironment = 'TEST_KEY'\n\
                          [grants.python.environment]\nOPENAI_API_KEY = { secret = 'openai' }\n";
            std::fs::write(data.path().join("errand.toml"), config).expect("it can be written");
            data
        },
        |server| _ = server.env("TEST_KEY", "sk-very-secret"),
    );
    server.operator().upload("python", &plugin("python")).expect(201);
    grant(&server.operator(), "python", json!({"environment": {"MODE": "test"}}));
    let code = "import os\nresult = [os.environ['MODE'], os.environ['OPENAI_API_KEY']]";
    let task = server.agent().run("python", &json!({ "code": code }));
    assert_eq!(*result(&task), json!(["test", "<errand-secret:openai>"]));
}

#[test]
fn more_memory_may_be_asked_for_where_it_is_granted() {
    let server = Server::start();
    server.operator().upload("noop", &plugin("test/noop")).expect(201);
    let wish = json!({"executor": "noop", "input": {}, "limits": {"memory_bytes": 3_u64 << 30}});
    let problem = server.agent().post("/v1/tasks", &wish).problem(422, "invalid");
    assert!(problem.to_string().contains("can be granted"), "{problem}");
    grant(&server.operator(), "noop", json!({"limits": {"memory_bytes": 4_u64 << 30}}));
    server.agent().post("/v1/tasks", &wish).expect(202);
}

#[test]
fn wrong_grants_are_refused_on_the_command_line() {
    let server = Server::start();
    for (line, told) in [
        ("grant add python ftp://x", "no SCHEME://HOST"),
        ("grant add Python https://x", "executor's name"),
        ("grant add python https://x --secret none=authorization", "no such secret"),
        ("grant remove python https://x", "was not granted"),
        ("grant set python", "nothing to set"),
    ] {
        let arguments: Vec<&str> = line.split(' ').collect();
        let output = server.command(&arguments).output().expect("the command runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(told), "{line}: {said}");
    }
}
