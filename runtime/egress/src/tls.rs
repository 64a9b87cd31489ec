//! Whom to trust: the platform's authorities, and those that the operator adds.
//!
//! Owns TLS's configuration, which is made at the first connection that needs it: reading the platform's
//! store takes milliseconds, which a run that sends nothing should not pay.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

/// Makes connections into TLS connections.
pub(crate) struct Tls {
    extra_roots_pem: Vec<u8>,
    connector: OnceLock<Result<TlsConnector, String>>,
}

impl Tls {
    pub(crate) fn new(extra_roots_pem: Vec<u8>) -> Self {
        Self { extra_roots_pem, connector: OnceLock::new() }
    }

    /// Makes a connection one to a host that has shown who it is.
    pub(crate) async fn connect(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, String> {
        let connector = self.connector.get_or_init(|| connector(&self.extra_roots_pem)).clone()?;
        let name = match host.parse::<IpAddr>() {
            Ok(address) => ServerName::IpAddress(address.into()),
            Err(_) => ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?,
        };
        connector.connect(name, stream).await.map_err(|error| {
            let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
            cause.map_or_else(|| error.to_string(), rustls::Error::to_string)
        })
    }
}

fn connector(extra_roots_pem: &[u8]) -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    // `SSL_CERT_FILE` and `SSL_CERT_DIR` name others in the platform's place.
    let platform = rustls_native_certs::load_native_certs();
    for error in &platform.errors {
        tracing::warn!(%error, "an authority of the platform can't be read");
    }
    roots.add_parsable_certificates(platform.certs);
    for certificate in CertificateDer::pem_slice_iter(extra_roots_pem) {
        let certificate = certificate.map_err(|error| format!("an added authority: {error}"))?;
        roots.add(certificate).map_err(|error| format!("an added authority: {error}"))?;
    }
    if roots.is_empty() {
        return Err("the platform has no certificate authorities; \
                    install its `ca-certificates`, or name a file in `SSL_CERT_FILE`"
            .to_owned());
    }
    // Named, so that it is the same whatever else is compiled in.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}
