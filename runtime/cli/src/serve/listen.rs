//! The front door: the socket, TLS, and the REST interface behind them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::Context;
use errand_core::Principal;
use errand_scheduler::{Caller, Rights, Service};
use errand_server::{Console, ServeOptions, ServerConfig, Tls, router_with_console};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::config::{Settings, TlsFiles};
use crate::errors::{CommandError, Exit, Result};
use crate::files;

/// Binds the first address that the setting means and that can be had.
pub(super) async fn bind(settings: &Settings) -> Result<TcpListener> {
    let listen = &settings.listen;
    let addresses: Vec<SocketAddr> = tokio::net::lookup_host(listen.as_str())
        .await
        .map_err(|error| {
            CommandError::usage(format_args!("listen on `{listen}`: {error}"))
                .hint("write it as in `127.0.0.1:7420`")
        })?
        .collect();
    for address in &addresses {
        settings.check_exposure(*address)?;
    }
    TcpListener::bind(addresses.as_slice()).await.map_err(|error| {
        CommandError::refused(format_args!("listen on {listen}: {error}"))
            .hint("choose another address with `--listen`; port 0 picks a free one")
    })
}

/// Reads the certificate and its key, where TLS is to be spoken.
pub(super) fn tls(settings: &Settings) -> Result<Option<Tls>> {
    let Some(TlsFiles { certificate, key }) = &settings.tls else { return Ok(None) };
    let (chain, secret) = (files::read_bytes(certificate)?, files::read_bytes(key)?);
    Tls::from_pem(&chain, &secret).map(Some).map_err(|error| {
        CommandError::usage(format_args!("speak TLS with `{}`: {error}", certificate.display()))
    })
}

/// The server's front, answering.
pub(super) struct Front {
    address: SocketAddr,
    scheme: &'static str,
    serving: JoinHandle<std::io::Result<()>>,
    console: Console,
}

impl Front {
    /// Starts to answer, until the token is cancelled.
    pub(super) fn start(
        listener: TcpListener,
        service: &Service,
        settings: &Settings,
        tls: Option<Tls>,
        stopping: CancellationToken,
    ) -> Result<Self> {
        let address = listener.local_addr().context("learn the address")?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let config = ServerConfig {
            listen: address.to_string(),
            public_hosts: settings.public_hosts.clone(),
            exposed: settings.exposed.clone(),
            https: tls.is_some() || settings.behind_proxy,
            stopping: stopping.clone(),
            ..ServerConfig::default()
        };
        let console = Console::new(service);
        let router = router_with_console(service.clone(), config, console.clone());
        let options = ServeOptions { tls, ..ServeOptions::default() };
        let serving = tokio::spawn(errand_server::serve(listener, router, options, stopping));
        Ok(Self { address, scheme, serving, console })
    }

    /// Makes a code with which one browser may act as the operator.
    pub(super) fn operator_code(&self) -> String {
        let principal = Principal::new("operator").expect("`operator` is a principal");
        self.console.issue_code(Caller { principal, namespace: None, rights: Rights::ALL })
    }

    /// Returns where it listens.
    pub(super) fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Returns where clients of this machine reach it.
    pub(super) fn local_url(&self) -> String {
        let ip = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        format!("{}://{}", self.scheme, SocketAddr::new(ip, self.address.port()))
    }

    /// Answers when it has ended without having been told to.
    pub(super) async fn failed(&mut self) -> CommandError {
        let why = match (&mut self.serving).await {
            Ok(Ok(())) => "it ended".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        CommandError::new(Exit::Internal, format_args!("accept connections: {why}"))
    }

    /// Answers when requests under way have been answered, once the token is cancelled.
    pub(super) async fn stopped(self) {
        if self.serving.is_finished() {
            return;
        }
        if let Err(error) = self.serving.await {
            tracing::error!(%error, "the front ended early");
        }
    }
}
