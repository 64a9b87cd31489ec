//! A task that waits for an answer holds no slot.

use serde_json::json;

use super::{calls, granted_with, program, result, run};
use crate::harness::{Peer, Reply};

#[test]
fn many_tasks_wait_for_slow_answers_and_others_go_on() {
    const TASKS: usize = 60;
    let peer = Peer::start(|request| match request.path.as_str() {
        "/slow" => Reply::new(200, "at last").held(),
        _ => Reply::new(200, "at once"),
    });
    let server = granted_with(&peer, &["--slots", "2"]);
    let slow = program(&peer, "print('asking')\nresult = errand.http('POST', url + '/slow').text");
    let ids: Vec<String> = (0..TASKS)
        .map(|_| server.agent().submit(&json!({"executor": "python", "input": slow})))
        .collect();
    peer.wait_for(TASKS);
    // All of them are asking, far more than there are slots and room in memory; others still run.
    let quick = run(&server, &peer, "result = errand.http('GET', url + '/quick').text");
    assert_eq!(result(&quick), "at once");
    let statuses = ids.iter().map(|id| {
        let task = server.agent().get(&format!("/v1/tasks/{id}")).expect(200);
        (task["status"].clone(), task["waiting_for"].clone())
    });
    for (status, waiting_for) in statuses {
        let known = [(json!("running"), json!(null)), (json!("waiting"), json!("http"))];
        assert!(known.contains(&(status.clone(), waiting_for)), "{status}");
    }
    peer.open();
    for id in &ids {
        assert_eq!(result(&server.agent().finish(id)), "at last");
        assert_eq!(calls(&server.agent(), id).len(), 1);
    }
    let seen = peer.seen();
    assert_eq!(seen.len(), TASKS + 1, "each was asked once");
    assert!(seen[..TASKS].iter().all(|slow| slow.at <= seen[TASKS].at), "the quick one came last");
}
