//! A program that saves its state again and again, under a server that is killed meanwhile.

use serde_json::{Value, json};

use crate::harness::{Client, Server, plugin};

/// Checkpoints of the program.
const LEGS: u64 = 60;
/// After how many of them the server is killed.
const KILLS: [u64; 5] = [1, 7, 20, 21, 45];

const PROGRAM: &str = r"
import errand, random
state = errand.restored()
n, drawn = (0, []) if state is None else eval(state)
print('leg', n)
open('log', 'a').write(f'{n} ')
errand.emit('leg', n)
drawn.append(random.getrandbits(64))
if n < LEGS:
    if n % 10 == 0:
        errand.sleep(0.3)
    errand.checkpoint(repr((n + 1, drawn)).encode())
result = [open('log').read(), len(set(drawn))]
";

#[test]
fn what_was_saved_is_gone_on_from_whenever_the_server_dies() {
    let server = Server::start();
    server.operator().upload("python", &plugin("python")).expect(201);
    let code = PROGRAM.replace("LEGS", &LEGS.to_string());
    let id = server.agent().submit(&json!({"executor": "python", "input": {"code": code}}));
    let mut data = None;
    let mut server = Some(server);
    for kill in KILLS {
        let running = server
            .take()
            .unwrap_or_else(|| Server::start_on(data.take().expect("it is one of the two"), &[]));
        let client = running.agent();
        until_saved(&client, &id, kill);
        data = Some(running.kill());
    }
    let server = Server::start_on(data.expect("it was killed"), &[]);
    let client = server.agent();
    let task = client.finish(&id);
    assert_eq!(task["status"], "completed", "{task}");
    assert_eq!(task["attempt"], 1);
    let log: String = (0..=LEGS).map(|leg| format!("{leg} ")).collect();
    assert_eq!(task["output"]["result"], json!([log, LEGS + 1]));
    let events = client.events(&id);
    let of = |kind: &str| events.iter().filter(|event| event["kind"] == kind).collect::<Vec<_>>();
    let legs: Vec<_> = of("emitted").iter().map(|event| event["data"]["data"].clone()).collect();
    assert_eq!(legs, (0..=LEGS).map(Value::from).collect::<Vec<_>>(), "each once");
    assert_eq!(of("checkpoint_saved").len() as u64, LEGS);
    let said: String = of("log").iter().filter_map(|line| line["data"]["text"].as_str()).collect();
    assert_eq!(said, (0..=LEGS).map(|leg| format!("leg {leg}\n")).collect::<String>());
    let (status, _) = server.stop();
    assert!(status.success());
}

/// Answers when the task has saved so often.
fn until_saved(client: &Client, id: &str, times: u64) {
    let mut seen = 0;
    let mut messages = client.follow(id, &[]);
    while seen < times {
        let message = messages.next().expect("the task goes on");
        seen += u64::from(message.event == "checkpoint_saved");
    }
}
