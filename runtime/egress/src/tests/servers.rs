//! Servers for the tests: raw ones that write what they are told, one that speaks HTTP over TLS, and one
//! for names.

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

/// A server that hands every connection, with its number, to a function.
pub(super) async fn raw<F, Fut>(handle: F) -> SocketAddr
where
    F: Fn(usize, TcpStream) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for number in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(handle(number, stream));
        }
    });
    address
}

/// A server that reads a request of each connection, writes this and closes.
pub(super) async fn saying(answer: impl Into<Vec<u8>>) -> SocketAddr {
    let answer: Arc<[u8]> = answer.into().into();
    raw(move |_, mut stream| {
        let answer = Arc::clone(&answer);
        async move {
            read_head(&mut stream).await;
            // The client may have seen enough before all is written.
            let _ = stream.write_all(&answer).await;
            let _ = stream.shutdown().await;
        }
    })
    .await
}

/// A server that answers every request of a connection with the number of the connection and the head.
pub(super) async fn echoing() -> SocketAddr {
    raw(|number, mut stream| async move {
        loop {
            let head = read_head(&mut stream).await;
            if head.is_empty() {
                return;
            }
            let text = format!("{number}\r\n{head}");
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    })
    .await
}

/// Reads up to the end of a head; nothing when the connection ends.
pub(super) async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return String::new(),
        }
    }
    String::from_utf8(head).unwrap()
}

/// A server over TLS, by HTTP/2 or 1.1, and the authority that vouches for it.
pub(super) struct TlsServer {
    pub(super) address: SocketAddr,
    pub(super) root_pem: String,
    pub(super) connections: Arc<AtomicUsize>,
}

/// Answers requests over TLS, for `localhost` and these names.
pub(super) async fn tls<F>(names: &[&str], protocols: &[&str], answer: F) -> TlsServer
where
    F: Fn(Request<Bytes>) -> Response<Bytes> + Clone + Send + Sync + 'static,
{
    let mut names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    names.push("localhost".to_owned());
    let own = rcgen::generate_simple_self_signed(names).unwrap();
    let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key.into())
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let address = raw(move |_, stream| {
        let (acceptor, answer) = (acceptor.clone(), answer.clone());
        counted.fetch_add(1, Ordering::Relaxed);
        async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let service = service_fn(move |request: Request<Incoming>| {
                let answer = answer.clone();
                async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await.unwrap().to_bytes();
                    let (head, body) = answer(Request::from_parts(head, body)).into_parts();
                    Ok::<_, Infallible>(Response::from_parts(head, Full::new(body)))
                }
            });
            let server = auto::Builder::new(TokioExecutor::new());
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        }
    })
    .await;
    TlsServer { address, root_pem: own.cert.pem(), connections }
}

/// A server of names that answers from a list of answers, each once, the last for ever; and how often it
/// was asked for IPv4 addresses. It knows a name that begins with `missing` not.
pub(super) async fn names(answers: &[&[&str]]) -> (SocketAddr, Arc<AtomicUsize>) {
    let answers: Vec<Vec<IpAddr>> = answers
        .iter()
        .map(|one| one.iter().map(|address| address.parse().unwrap()).collect())
        .collect();
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = [Arc::clone(&asked), Arc::new(AtomicUsize::new(0))];
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        loop {
            let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
            let question = &buffer[..length];
            let is_v6 = question[length - 4..length - 2] == [0, 28];
            let turn = counted[usize::from(is_v6)].fetch_add(1, Ordering::Relaxed);
            let addresses = &answers[turn.min(answers.len() - 1)];
            let is_missing = question[13..].starts_with(b"missing");
            socket.send_to(&reply(question, addresses, is_v6, is_missing), from).await.unwrap();
        }
    });
    (address, asked)
}

/// Makes an answer of a question.
pub(super) fn reply(
    question: &[u8],
    addresses: &[IpAddr],
    is_v6: bool,
    is_missing: bool,
) -> Vec<u8> {
    let addresses: Vec<_> = addresses.iter().filter(|one| one.is_ipv6() == is_v6).collect();
    let mut reply = question.to_vec();
    reply[2..4].copy_from_slice(&[0x81, if is_missing { 0x83 } else { 0x80 }]);
    if is_missing {
        return reply;
    }
    reply[7] = u8::try_from(addresses.len()).unwrap();
    for address in addresses {
        reply.extend([0xc0, 12, 0, if is_v6 { 28 } else { 1 }, 0, 1, 0, 0, 0, 0]);
        match address {
            IpAddr::V4(address) => {
                reply.extend([0, 4]);
                reply.extend(address.octets());
            }
            IpAddr::V6(address) => {
                reply.extend([0, 16]);
                reply.extend(address.octets());
            }
        }
    }
    reply
}

/// What a server was sent.
#[derive(Clone, Default)]
pub(super) struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    pub(super) fn add(&self, text: String) {
        self.0.lock().unwrap().push(text);
    }

    pub(super) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}
