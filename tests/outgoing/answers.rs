//! Answers that are too much, too strange or too large.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::{calls, grant, granted, id, result, run};
use crate::harness::{Peer, Reply};

#[test]
fn a_large_answer_is_kept_as_a_blob_and_read_in_pieces() {
    let body: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
    let digest = blake3::hash(&body).to_hex().to_string();
    let sent = body.clone();
    let peer = Peer::start(move |request| match request.path.as_str() {
        "/small" => Reply::new(200, &sent[..20_000]),
        _ => Reply::new(200, sent.clone()),
    });
    let server = granted(&peer);
    let task = run(
        &server,
        &peer,
        "
import hashlib, time, urllib.request
small = errand.http('GET', url + '/small').body
large = errand.http('GET', url + '/large').body
pieces = []
with urllib.request.urlopen(url + '/again') as answer:
    while piece := answer.read(100_000):
        pieces.append(len(piece))
time.sleep(0.3)
result = [len(small), len(large), large[:20_000] == small, sum(pieces)]
",
    );
    assert_eq!(*result(&task), json!([20_000, 3_000_000, true, 3_000_000]));
    let calls = calls(&server.agent(), id(&task));
    assert_eq!(calls[1]["response_blake3"], digest);
    assert_eq!(calls[2]["response_blake3"], digest);
    assert_eq!(peer.seen().len(), 3);
}

#[test]
fn what_is_compressed_comes_unpacked() {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all("x".repeat(100_000).as_bytes()).expect("it can be packed");
    let packed = packed.finish().expect("it can be packed");
    let peer =
        Peer::start(move |_| Reply::new(200, packed.clone()).with("content-encoding", "gzip"));
    let server = granted(&peer);
    let code = "r = errand.http('GET', url, {'Accept-Encoding': 'br'})\n\
                result = [len(r.body), r.headers.get('content-encoding')]";
    let task = run(&server, &peer, code);
    assert_eq!(*result(&task), json!([100_000, null]));
}

#[test]
fn an_answer_over_its_bound_is_stopped() {
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..200 {
        bomb.write_all(&[0; 1 << 20]).expect("it can be packed");
    }
    let bomb = bomb.finish().expect("it can be packed");
    let peer = Peer::start(move |request| match request.path.as_str() {
        "/bomb" => Reply::new(200, bomb.clone()).with("content-encoding", "gzip"),
        "/endless" => Reply::raw("HTTP/1.1 200 Ok\r\n", vec![b'x'; 100_000]).endless(),
        _ => Reply::raw("HTTP/1.1 200 Ok\r\ncontent-length: 99999999999\r\n", "x"),
    });
    let server = granted(&peer);
    let max: Value = json!({"http": [{"url": peer.url(), "max_response_bytes": 1_000_000}]});
    grant(&server.operator(), "python", max);
    let task = run(
        &server,
        &peer,
        "
result = []
for path in ('/bomb', '/endless', '/large'):
    try:
        errand.http('GET', url + path)
    except errand.Error as error:
        result.append(str(error))
",
    );
    let said = result(&task).as_array().expect("a list");
    assert_eq!(said.len(), 3, "{task:#}");
    let names_it = |text: &str| text.contains(": limit: ") && text.contains("1000000");
    assert!(said.iter().all(|text| text.as_str().is_some_and(names_it)), "{task:#}");
    for call in calls(&server.agent(), id(&task)) {
        assert_eq!(call["error"]["code"], "limit", "{call}");
        assert!(call["error"]["message"].as_str().is_some_and(|text| text.contains("1000000")));
    }
}
