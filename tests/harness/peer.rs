//! A server on the other side: what tasks send their requests to. It counts, and answers as a test says.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// A running server.
pub(crate) struct Peer {
    url: String,
    shared: Arc<Shared>,
    /// Ends with it.
    _runtime: Runtime,
}

struct Shared {
    seen: Mutex<Vec<Request>>,
    came: Condvar,
    open: watch::Sender<bool>,
    answer: Box<Answering>,
}

type Answering = dyn Fn(&Request) -> Reply + Send + Sync;

/// What came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// When.
    pub(crate) at: Instant,
    pub(crate) method: String,
    /// The path with its query.
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// Returns a header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    head: String,
    body: Vec<u8>,
    /// Whether it waits until [`Peer::open`].
    held: bool,
    /// Whether the connection ends after it, or goes on with the body again and again.
    after: After,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    Next,
    Close,
    Repeat,
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let head = format!("HTTP/1.1 {status} Said\r\ncontent-length: {}\r\n", body.len());
        Self { head, body, held: false, after: After::Next }
    }

    /// Answers exactly these bytes, and closes.
    pub(crate) fn raw(head: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { head: head.to_owned(), body: body.into(), held: false, after: After::Close }
    }

    /// Adds a header.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.head.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    /// Answers once the peer is opened.
    pub(crate) fn held(mut self) -> Self {
        self.held = true;
        self
    }

    /// Says the body again and again, for ever.
    pub(crate) fn endless(mut self) -> Self {
        self.after = After::Repeat;
        self
    }
}

impl Peer {
    /// Starts one that answers as `answer` says.
    pub(crate) fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(None, answer)
    }

    /// Starts one that speaks TLS as `localhost`. Its certificate is written to a file, for those who are to
    /// trust it.
    pub(crate) fn start_tls(
        certificate: &Path,
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]);
        let own = own.expect("a certificate can be made");
        std::fs::write(certificate, own.cert.pem()).expect("it can be written");
        let key = PrivateKeyDer::Pkcs8(own.signing_key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("there are versions")
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)
            .expect("the key is the certificate's");
        Self::listen(Some(TlsAcceptor::from(Arc::new(config))), answer)
    }

    fn listen(
        tls: Option<TlsAcceptor>,
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime can be made");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"));
        let listener = listener.expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let url = match &tls {
            None => format!("http://{address}"),
            Some(_) => format!("https://localhost:{}", address.port()),
        };
        let shared = Arc::new(Shared {
            seen: Mutex::default(),
            came: Condvar::new(),
            open: watch::Sender::new(false),
            answer: Box::new(answer),
        });
        let serving = Arc::clone(&shared);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (shared, tls) = (Arc::clone(&serving), tls.clone());
                tokio::spawn(async move {
                    stream.set_nodelay(true)?;
                    // Who goes away has gone away.
                    match tls {
                        None => serve(stream, &shared).await,
                        Some(tls) => serve(tls.accept(stream).await?, &shared).await,
                    }
                });
            }
        });
        Self { url, shared, _runtime: runtime }
    }

    /// Starts one that answers everything with this text.
    pub(crate) fn saying(text: &'static str) -> Self {
        Self::start(move |_| Reply::new(200, text))
    }

    /// Returns `http://127.0.0.1:PORT`, or `https://localhost:PORT`.
    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// Lets held answers go, now and from now on.
    pub(crate) fn open(&self) {
        self.shared.open.send_replace(true);
    }

    /// Returns what came so far, in its order.
    pub(crate) fn seen(&self) -> Vec<Request> {
        self.lock().clone()
    }

    /// Waits until so many requests came.
    pub(crate) fn wait_for(&self, count: usize) {
        let seen = self.lock();
        let waited = self
            .shared
            .came
            .wait_timeout_while(seen, Duration::from_secs(60), |seen| seen.len() < count);
        let (seen, timed_out) = waited.unwrap_or_else(|poison| poison.into_inner());
        assert!(!timed_out.timed_out(), "{} of {count} requests came", seen.len());
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Request>> {
        self.shared.seen.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    shared: &Shared,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let mut words = line.split_whitespace().map(str::to_owned);
        let method = words.next().unwrap_or_default();
        let path = words.next().unwrap_or_default();
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut request = Request { at: Instant::now(), method, path, headers, body: Vec::new() };
        let length = request.header("content-length").and_then(|text| text.parse().ok());
        request.body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut request.body).await?;
        let reply = (shared.answer)(&request);
        let is_head = request.method == "HEAD";
        shared.seen.lock().unwrap_or_else(|poison| poison.into_inner()).push(request);
        shared.came.notify_all();
        if reply.held {
            let mut open = shared.open.subscribe();
            let _ = open.wait_for(|open| *open).await;
        }
        let mut bytes = format!("{}\r\n", reply.head).into_bytes();
        if !is_head {
            bytes.extend_from_slice(&reply.body);
        }
        stream.write_all(&bytes).await?;
        stream.flush().await?;
        match reply.after {
            After::Next => {}
            After::Close => return Ok(()),
            After::Repeat => loop {
                stream.write_all(&reply.body).await?;
            },
        }
    }
}
