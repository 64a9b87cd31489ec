//! Makes components of WASI preview 1 modules.

use std::borrow::Cow;

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
    WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasmparser::{ExternalKind, Parser, Payload};
use wit_component::ComponentEncoder;

use super::{program, worlds};

/// Wraps a core module as a component, with the adapter that turns preview 1 calls into WASI 0.2.
///
/// A module with `_start` is a program; another must say which world it implements.
pub(super) fn adapt(module: &[u8]) -> Result<Vec<u8>, String> {
    worlds::check(module)?;
    let (module, adapter) = if exports_start(module)? {
        (Cow::Owned(program::rewrite(module)?), WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER)
    } else {
        (Cow::Borrowed(module), WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)
    };
    let encode = || {
        ComponentEncoder::default()
            .validate(true)
            .module(&module)?
            .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, adapter)?
            .encode()
    };
    encode().map_err(|error| format!("it can't be made a component: {error:#}"))
}

fn exports_start(module: &[u8]) -> Result<bool, String> {
    let malformed = |error| format!("it is not valid wasm: {error}");
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ExportSection(exports) = payload.map_err(malformed)? {
            for export in exports {
                let export = export.map_err(malformed)?;
                if export.name == "_start" && export.kind == ExternalKind::Func {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}
