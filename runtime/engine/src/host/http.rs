//! `wasi:http`: linked, so that guests that know it load, and denied.

use wasmtime_wasi_http::{Error, RequestOptions, Result, WasiBody, WasiHttpHooks};

/// Refuses every outgoing request.
#[derive(Debug)]
pub(crate) struct Denied;

type Sent = Result<(http::Response<WasiBody>, Transfer)>;
type Transfer = Box<dyn Future<Output = Result<()>> + Send>;

impl WasiHttpHooks for Denied {
    fn send_request(
        &mut self,
        _: http::Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Transfer,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        Box::new(std::future::ready(Err(Error::HttpRequestDenied)))
    }
}
