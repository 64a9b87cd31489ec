//! Actions that try to reach the network.
//!
//! `http_get {url}` through `wasi:http/outgoing-handler`, `http_get_often {url, times}` one after the other ·
//! `resolve {host}` and `connect {address}` through WASI's sockets.

use crate::bindings::Failure;
use crate::bindings::wasi::http::outgoing_handler;
use crate::bindings::wasi::http::types::{Fields, IncomingResponse, OutgoingRequest, Scheme};
use crate::bindings::wasi::sockets::network::{
    IpAddressFamily, IpSocketAddress, Ipv4SocketAddress,
};
use crate::bindings::wasi::sockets::{instance_network, ip_name_lookup, tcp_create_socket};
use crate::{Arguments, Performed, wrong};
use serde_json::{Value, json};
use std::net::SocketAddrV4;

const CHUNK_BYTES: u64 = 64 * 1024;
const MAX_BODY_BYTES: usize = 1024 * 1024;

pub(crate) fn perform(action: &str, arguments: &Arguments<'_>) -> Performed {
    let answer = match action {
        "http_get" => match get(arguments.text("url")?)? {
            Ok(response) => json!({"ok": response}),
            Err(error) => json!({"err": error}),
        },
        "http_get_often" => {
            let url = arguments.text("url")?;
            for _ in 0..arguments.number("times")? {
                if let Err(error) = get(url)? {
                    return Ok(Some(json!({"err": error})));
                }
            }
            json!("ok")
        }
        "resolve" => {
            let network = instance_network::instance_network();
            match ip_name_lookup::resolve_addresses(&network, arguments.text("host")?) {
                Ok(_) => json!({"ok": "started"}),
                Err(code) => json!({"err": code.name()}),
            }
        }
        "connect" => match connect(arguments.text("address")?)? {
            Ok(()) => json!({"ok": "started"}),
            Err(error) => json!({"err": error}),
        },
        _ => return Ok(None),
    };
    Ok(Some(answer))
}

/// Fails on a malformed URL; what the host answers is the inner result.
fn get(url: &str) -> Result<Result<Value, String>, Failure> {
    let (scheme, rest) =
        url.split_once("://").ok_or_else(|| wrong("\"url\" must be a URL".to_owned()))?;
    let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let request = OutgoingRequest::new(Fields::new());
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    };
    let set = request
        .set_scheme(Some(&scheme))
        .and_then(|()| request.set_authority(Some(authority)))
        .and_then(|()| request.set_path_with_query(Some(path)));
    if set.is_err() {
        return Err(wrong(format!("{url:?} is no URL that a request takes")));
    }
    Ok(send(request))
}

fn send(request: OutgoingRequest) -> Result<Value, String> {
    let future = outgoing_handler::handle(request, None).map_err(|code| format!("{code:?}"))?;
    future.subscribe().block();
    let response = match future.get() {
        Some(Ok(Ok(response))) => response,
        Some(Ok(Err(code))) => return Err(format!("{code:?}")),
        _ => return Err("the answer was taken before".to_owned()),
    };
    let status = response.status();
    Ok(json!({"status": status, "body": String::from_utf8_lossy(&body(&response)?)}))
}

fn body(response: &IncomingResponse) -> Result<Vec<u8>, String> {
    let body = response.consume().map_err(|()| "the body was taken before".to_owned())?;
    let stream = body.stream().map_err(|()| "the stream was taken before".to_owned())?;
    let mut bytes = Vec::new();
    // An error here is the end of the stream too; which of both it was does not matter to a test.
    while let Ok(chunk) = stream.blocking_read(CHUNK_BYTES) {
        bytes.extend(chunk);
        if bytes.len() > MAX_BODY_BYTES {
            break;
        }
    }
    Ok(bytes)
}

fn connect(address: &str) -> Result<Result<(), String>, Failure> {
    let address: SocketAddrV4 =
        address.parse().map_err(|_| wrong(format!("{address:?} is no IPv4:port")))?;
    let [a, b, c, d] = address.ip().octets();
    let remote =
        IpSocketAddress::Ipv4(Ipv4SocketAddress { port: address.port(), address: (a, b, c, d) });
    let network = instance_network::instance_network();
    Ok(tcp_create_socket::create_tcp_socket(IpAddressFamily::Ipv4)
        .and_then(|socket| socket.start_connect(&network, remote))
        .map_err(|code| code.name().to_owned()))
}
