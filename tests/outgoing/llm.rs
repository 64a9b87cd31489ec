//! The executor `llm` against servers that speak each API as it is documented.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{calls, grant, id};
use crate::harness::{Peer, Reply, Request, Server, archive, plugin};

const KEY: &str = "sk-paid-9c41d7e2";

/// A server with `llm`, which may send requests to a peer.
fn granted(peer: &Peer) -> Server {
    let server = Server::start();
    server.operator().upload("llm", &plugin("llm")).expect(201);
    grant(&server.operator(), "llm", json!({"http": [{"url": peer.url(), "methods": ["POST"]}]}));
    server
}

/// Starts a server again on the directory of one that was killed.
fn again(server: Server) -> Server {
    Server::start_on(server.kill(), &[])
}

/// What is asked of the peer as if it were OpenAI.
fn ask(peer: &Peer) -> Value {
    json!({
        "api": "openai", "model": "m-1", "prompt": "Which colour?",
        "base_url": format!("{}/v1", peer.url()),
    })
}

/// A completion as OpenAI documents it.
fn completion(text: &str) -> Reply {
    let body = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m-1-2026",
        "choices": [{
            "index": 0, "finish_reason": "stop", "logprobs": null,
            "message": {"role": "assistant", "content": text, "refusal": null},
        }],
        "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
    });
    Reply::new(200, body.to_string()).with("content-type", "application/json")
}

/// Answers a request as its API documents it, and one that does not fit as that refuses it.
fn endpoint(request: &Request) -> Reply {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
    let has_key = |header: &str, value: &str| request.header(header) == Some(value);
    let bearer = format!("Bearer {KEY}");
    match request.path.as_str() {
        "/v1/chat/completions" => {
            if !has_key("authorization", &bearer) {
                let error =
                    json!({"error": {"message": "Incorrect API key", "code": "invalid_api_key"}});
                return Reply::new(401, error.to_string());
            }
            let said = &body["messages"][0];
            assert_eq!((&said["role"], &body["model"]), (&json!("user"), &json!("m-1")), "{body}");
            completion(said["content"].as_str().unwrap_or_default())
        }
        "/v1/messages" => {
            assert!(has_key("x-api-key", KEY) && has_key("anthropic-version", "2023-06-01"));
            assert!(body["max_tokens"].is_u64(), "it is required: {body}");
            let said = json!({
                "id": "msg_1", "type": "message", "role": "assistant", "model": "m-1-2026",
                "content": [body["messages"][0]["content"][0]],
                "stop_reason": "end_turn", "stop_sequence": null,
                "usage": {"input_tokens": 9, "output_tokens": 2},
            });
            Reply::new(200, said.to_string())
        }
        "/v1beta/models/m-1:generateContent" | "/v1/p/models/m-1:generateContent" => {
            let header = if request.path.starts_with("/v1beta") {
                has_key("x-goog-api-key", KEY)
            } else {
                has_key("authorization", &bearer)
            };
            assert!(header, "{:?}", request.headers);
            let said = json!({
                "candidates": [{
                    "content": {"role": "model", "parts": body["contents"][0]["parts"]},
                    "finishReason": "STOP", "index": 0,
                }],
                "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 2, "totalTokenCount": 11},
                "modelVersion": "m-1-2026", "responseId": "r1",
            });
            Reply::new(200, said.to_string())
        }
        _ => Reply::new(404, "{\"error\": {\"message\": \"no such path\"}}"),
    }
}

#[test]
fn each_api_is_spoken_over_tls_with_a_key_that_the_task_never_sees() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let certificate = directory.path().join("peer.pem");
    let peer = Peer::start_tls(&certificate, endpoint);
    let server = with_key(&certificate);
    let secrets = json!({"key": ["authorization", "x-api-key", "x-goog-api-key"]});
    let key = json!({"secret": "key"});
    let variables = json!({
        "OPENAI_API_KEY": key, "ANTHROPIC_API_KEY": key, "GEMINI_API_KEY": key,
        "GOOGLE_OAUTH_ACCESS_TOKEN": key,
    });
    let grants = json!({
        "http": [{"url": peer.url(), "methods": ["POST"], "secrets": secrets}], "environment": variables,
    });
    grant(&server.operator(), "llm", grants);
    for (api, base) in
        [("openai", "/v1"), ("anthropic", ""), ("gemini", "/v1beta"), ("vertex", "/v1/p")]
    {
        let base = format!("{}{base}", peer.url());
        let input = json!({"api": api, "model": "m-1", "prompt": "Blue?", "base_url": base});
        let task = server.agent().run("llm", &input);
        assert_eq!(task["status"], "completed", "{api}: {task:#}");
        let output = &task["output"];
        assert_eq!(
            (&output["text"], &output["model"]),
            (&json!("Blue?"), &json!("m-1-2026")),
            "{api}"
        );
        assert_eq!((&output["finish"], &output["requests"]), (&json!("stop"), &json!(1)), "{api}");
        let usage = &output["usage"];
        assert_eq!(
            (&usage["input_tokens"], &usage["output_tokens"]),
            (&json!(9), &json!(2)),
            "{api}"
        );
        let events = Value::from(server.agent().events(id(&task))).to_string();
        assert!(!events.contains(KEY), "{events}");
    }
    assert_eq!(peer.seen().len(), 4);
}

/// A server that trusts the certificate and has the key.
fn with_key(certificate: &std::path::Path) -> Server {
    let data: TempDir = tempfile::tempdir().expect("a temporary directory can be made");
    let path = data.path().join("key");
    std::fs::write(&path, KEY).expect("it can be written");
    let config = format!("[secrets.key]\nfile = '{}'\n", path.display());
    std::fs::write(data.path().join("errand.toml"), config).expect("it can be written");
    let server = Server::start_in(data, |server| _ = server.env("SSL_CERT_FILE", certificate));
    server.operator().upload("llm", &plugin("llm")).expect(201);
    server
}

#[test]
fn files_of_the_workspace_are_read_into_messages() {
    let peer = Peer::start(|request| {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        completion(&body["messages"][0]["content"][1]["text"].to_string())
    });
    let server = granted(&peer);
    let ask = |file: &str| {
        let mut input = ask(&peer);
        input.as_object_mut().expect("an object").remove("prompt");
        input["messages"] =
            json!([{"role": "user", "content": [{"text": "Sum up:"}, {"file": file}]}]);
        let files = archive::tar(&[archive::file("notes.md", "All is well.")]);
        let blob = server.agent().upload_blob(&files);
        let request = json!({
            "executor": "llm", "input": input, "workspace": {"from": "tar", "blob": blob},
        });
        server.agent().finish(&server.agent().submit(&request))
    };
    assert_eq!(ask("notes.md")["output"]["text"], "\"All is well.\"");
    let failed = ask("other.md");
    assert_eq!(failed["error"]["detail"]["code"], "invalid_input", "{failed:#}");
    assert_eq!(peer.seen().len(), 1);
}

/// The sixth time that it is asked the endpoint is down, so that there are two requests to be killed in.
#[test]
fn killed_ten_times_while_it_is_asked_it_is_paid_once_where_the_endpoint_heeds_keys() {
    let asked = AtomicUsize::new(0);
    let peer = Peer::start(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
        5 => Reply::new(503, "{\"error\": {\"message\": \"down\"}}"),
        _ => completion("Blue").held(),
    });
    let mut server = granted(&peer);
    let mut input = ask(&peer);
    input["idempotent"] = json!(true);
    let id = server.agent().submit(&json!({"executor": "llm", "input": input}));
    // One request between the fifth and the sixth is answered.
    for seen in [1, 2, 3, 4, 5, 7, 8, 9, 10, 11] {
        peer.wait_for(seen);
        server = again(server);
    }
    peer.wait_for(12);
    peer.open();
    let task = server.agent().finish(&id);
    assert_eq!(
        (&task["output"]["text"], &task["attempt"]),
        (&json!("Blue"), &json!(1)),
        "{task:#}"
    );
    let keys: Vec<_> =
        peer.seen().iter().map(|one| one.header("idempotency-key").map(str::to_owned)).collect();
    let (first, second) = keys.split_at(6);
    assert_eq!(keys.len(), 12);
    // For an endpoint that heeds keys each part is one request, and only the second is paid.
    for same in [first, second] {
        assert!(same[0].is_some() && same.iter().all(|key| *key == same[0]), "{keys:?}");
    }
    assert_ne!(first[0], second[0]);
    assert_eq!(calls(&server.agent(), &id).len(), 2);
}

#[test]
fn killed_while_it_is_asked_it_is_not_paid_twice_where_nobody_heeds_keys() {
    let peer = Peer::start(|_| completion("Blue").held());
    let server = granted(&peer);
    let request = |when: &str| {
        let mut input = ask(&peer);
        input["when_unknown"] = json!(when);
        json!({"executor": "llm", "input": input, "retry": {"max_attempts": 5, "backoff_ms": 1}})
    };
    let careful = server.agent().submit(&request("fail"));
    peer.wait_for(1);
    let server = again(server);
    let task = server.agent().finish(&careful);
    assert_eq!(task["error"]["detail"]["code"], "unknown_outcome", "{task:#}");
    assert!(
        task["error"]["message"].as_str().is_some_and(|said| said.contains("ask_again")),
        "{task:#}"
    );
    assert_eq!((peer.seen().len(), &task["attempt"]), (1, &json!(1)));
    // Whoever would rather pay twice says so.
    let careless = server.agent().submit(&request("ask_again"));
    peer.wait_for(2);
    let server = again(server);
    peer.wait_for(3);
    peer.open();
    let task = server.agent().finish(&careless);
    assert_eq!((&task["output"]["text"], &task["output"]["requests"]), (&json!("Blue"), &json!(2)));
    let events = Value::from(server.agent().events(&careless)).to_string();
    assert!(events.contains("asking again in"), "{events}");
    assert!(!events.contains("not asked for again"), "it is: {events}");
}

#[test]
fn killed_ten_times_while_it_waits_to_ask_again_it_is_paid_once() {
    let asked = AtomicUsize::new(0);
    let peer = Peer::start(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
        0..10 => {
            Reply::new(429, "{\"error\": {\"message\": \"slow down\"}}").with("retry-after", "1")
        }
        _ => completion("Blue"),
    });
    let mut server = granted(&peer);
    let mut input = ask(&peer);
    input["retries"] = json!(10);
    let id = server.agent().submit(&json!({"executor": "llm", "input": input}));
    for kills in 1..=10 {
        // The refusal is on record, and the pause has begun.
        let mut events = server.agent().follow(&id, &[]);
        (0..kills).for_each(|_| _ = events.until_event("http_called"));
        drop(events);
        server = again(server);
    }
    let task = server.agent().finish(&id);
    assert_eq!(
        (&task["output"]["text"], &task["attempt"]),
        (&json!("Blue"), &json!(1)),
        "{task:#}"
    );
    assert_eq!((&task["output"]["requests"], peer.seen().len()), (&json!(11), 11));
}

#[test]
fn what_the_endpoint_refuses_is_said_in_its_words() {
    let peer = Peer::start(|request| match request.path.as_str() {
        "/v1/quota/chat/completions" => Reply::new(
            429,
            "{\"error\": {\"message\": \"You exceeded your quota\", \"code\": \"insufficient_quota\"}}",
        ),
        "/v1/strange/chat/completions" => Reply::new(200, "<html>Hello</html>"),
        "/v1/empty/chat/completions" => Reply::new(200, "{\"choices\": []}"),
        "/v1/down/chat/completions" => Reply::new(503, "{\"error\": {\"message\": \"busy\"}}"),
        _ => endpoint(request),
    });
    let server = granted(&peer);
    let failed = |path: &str, retries: u32| {
        let mut input = ask(&peer);
        input["base_url"] = json!(format!("{}{path}", peer.url()));
        input["retries"] = json!(retries);
        let request = json!({"executor": "llm", "input": input, "retry": {"max_attempts": 1}});
        let task = server.agent().finish(&server.agent().submit(&request));
        let error = &task["error"];
        (error["detail"]["code"].clone(), error["message"].as_str().unwrap_or_default().to_owned())
    };
    let (code, said) = failed("/v1", 0);
    assert_eq!(code, "unauthorized");
    assert!(said.contains("Incorrect API key") && said.contains("has no OPENAI_API_KEY"), "{said}");
    let (code, said) = failed("/v1/quota", 5);
    assert_eq!(code, "quota_exhausted");
    assert!(said.contains("You exceeded your quota"), "{said}");
    assert_eq!(failed("/v1/strange", 5).0, "malformed_answer");
    assert_eq!(failed("/v1/empty", 5).0, "malformed_answer");
    assert_eq!(failed("/nowhere", 5).0, "rejected");
    assert_eq!(peer.seen().len(), 5, "none of these is asked again");
    assert_eq!(failed("/v1/down", 1).0, "unavailable");
    assert_eq!(peer.seen().len(), 7, "this one is");
    let mut elsewhere = ask(&peer);
    elsewhere["base_url"] = json!("https://api.example.com/v1");
    let task = server.agent().run("llm", &elsewhere);
    let said = task["error"]["message"].as_str().unwrap_or_default();
    assert_eq!(task["error"]["detail"]["code"], "denied", "{task:#}");
    assert!(
        said.contains("errand grant add llm 'https://api.example.com' --method POST"),
        "{said}"
    );
}

#[test]
fn an_input_that_does_not_fit_is_refused_at_the_door() {
    let peer = Peer::start(endpoint);
    let server = granted(&peer);
    for (field, value) in [
        ("api", json!("other")),
        ("model", json!("")),
        ("temperature", json!(3)),
        ("retries", json!(99)),
        ("messages", json!([{"role": "user", "content": "both"}])),
        ("stream", json!(true)),
    ] {
        let mut input = ask(&peer);
        input[field] = value;
        let request = json!({"executor": "llm", "input": input});
        server.agent().post("/v1/tasks", &request).problem(422, "invalid");
    }
    let mut input = ask(&peer);
    input["extra"] = json!({"tools": []});
    let task = server.agent().run("llm", &input);
    assert_eq!(task["error"]["detail"]["code"], "invalid_input", "{task:#}");
    assert!(peer.seen().is_empty());
}
