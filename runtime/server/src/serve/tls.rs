//! TLS for a server that listens beyond its own machine and has no proxy in front.

use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};
use tokio_rustls::server::TlsStream;

/// A certificate with its key. TLS 1.2 and 1.3, HTTP/1.1.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

/// A certificate or key that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate chain is not PEM.
    #[error("read the certificate: {0}")]
    Certificate(String),
    /// The key is not PEM.
    #[error("read the private key: {0}")]
    Key(String),
    /// They don't go together, or are of a kind that is not spoken.
    #[error("use the certificate: {0}")]
    Unusable(#[from] rustls::Error),
}

impl Tls {
    /// Takes a certificate chain, the server's own first, and its private key, both as PEM.
    ///
    /// # Errors
    /// When one of them can't be read, or they don't go together.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<_, _>>()
            .map_err(|error| TlsError::Certificate(error.to_string()))?;
        let key =
            PrivateKeyDer::from_pem_slice(key).map_err(|error| TlsError::Key(error.to_string()))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    pub(super) async fn accept(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        self.0.accept(stream).await
    }
}
