//! `errand.http` and `fetch` in javascript.

use serde_json::{Value, json};

use super::{calls, grant, id, result};
use crate::harness::{Peer, Reply, Server, plugin};

fn granted(peer: &Peer) -> Server {
    let server = Server::start_with(&[]);
    server.operator().upload("javascript", &plugin("javascript")).expect(201);
    grant(&server.operator(), "javascript", json!({"http": [{"url": peer.url()}]}));
    server
}

fn run(server: &Server, peer: &Peer, code: &str) -> Value {
    let code = format!("const url = {:?};\n{code}", peer.url());
    server.agent().run("javascript", &json!({ "code": code }))
}

fn echo() -> Peer {
    Peer::start(|request| match request.path.as_str() {
        "/once" => Reply::new(302, "").with("location", "/there?x=1"),
        _ => {
            let body = json!({
                "method": request.method,
                "path": request.path,
                "mine": request.header("x-mine"),
                "type": request.header("content-type"),
                "body": String::from_utf8_lossy(&request.body),
            });
            Reply::new(201, body.to_string()).with("x-yours", "a").with("x-yours", "b")
        }
    })
}

#[test]
fn a_request_is_answered_and_on_the_log() {
    let peer = echo();
    let server = granted(&peer);
    let task = run(
        &server,
        &peer,
        "const r = errand.http('post', url + '/é?a=b c', {headers: {'X-Mine': 'h'}, body: {k: 1}});
         const result = [r.status, r.headers['x-yours'], r.json()]",
    );
    let body = json!({
        "method": "POST", "path": "/%C3%A9?a=b%20c", "mine": "h", "type": "application/json",
        "body": "{\"k\":1}",
    });
    assert_eq!(*result(&task), json!([201, "a, b", body]));
    let calls = calls(&server.agent(), id(&task));
    assert_eq!(calls.len(), 1);
    assert_eq!((&calls[0]["method"], &calls[0]["status"]), (&json!("POST"), &json!(201)));
    assert_eq!(calls[0]["request_bytes"], 7);
}

#[test]
fn fetch_speaks_through_the_host_and_follows_redirects() {
    let peer = echo();
    let server = granted(&peer);
    let task = run(
        &server,
        &peer,
        "const first = await fetch(url + '/once', {headers: {'X-Mine': 'f'}});
         const second = await fetch(url, {method: 'PUT', body: new URLSearchParams({a: 'é'})});
         const [one, two] = [await first.json(), await second.json()];
         const result = [first.ok, first.redirected, one.path, one.mine, two.method, two.type, two.body]",
    );
    let expected = json!([
        true,
        true,
        "/there?x=1",
        "f",
        "PUT",
        "application/x-www-form-urlencoded;charset=UTF-8",
        "a=%C3%A9",
    ]);
    assert_eq!(*result(&task), expected);
}

#[test]
fn what_is_not_granted_is_denied_and_says_what_to_grant() {
    let peer = echo();
    let server = granted(&peer);
    let task = run(
        &server,
        &peer,
        "const seen = [];
         try { errand.http('GET', 'https://other.example/') } catch (e) { seen.push(e instanceof errand.Denied, e.message.includes('errand grant add javascript')) }
         try { await fetch('https://other.example/') } catch (e) { seen.push(e.name, e.cause instanceof errand.Denied) }
         try { errand.http('GET', 'nowhere') } catch (e) { seen.push(e instanceof errand.Invalid) }
         const result = seen",
    );
    assert_eq!(*result(&task), json!([true, true, "TypeError", true, true]));
    assert!(peer.seen().is_empty(), "nothing was sent");
}
