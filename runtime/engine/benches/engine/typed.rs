//! A typed call whose arguments are JSON and whose result becomes JSON, and the same call with its values
//! ready: in a fresh instance each, on bare wasmtime both.

use errand_core::Signature;
use errand_engine::{Allocation, bare, typed};
use serde_json::{Value, json};
use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Linker, Val};

use super::{INSTANCES, Nothing, Ours};

/// The interface of `wordcount`, and the function that is called.
const INTERFACE: &str = "errand:wordcount/text@0.1.0";
const FUNCTION: &str = "analyse";
/// What the result's JSON may take up.
const OUTPUT_BYTES: u64 = 1 << 20;

/// The component, the function and what it is called with.
pub(super) struct Calls {
    linked: InstancePre<Nothing>,
    index: ComponentExportIndex,
    signature: Signature,
    input: Vec<u8>,
    ready: Vec<Val>,
}

impl Calls {
    pub(super) fn new(wasm: &[u8]) -> Self {
        let profile = Ours::new(wasm).profile;
        let function = profile.functions.into_iter().find(|function| function.name == FUNCTION);
        let signature = function.and_then(|function| function.signature);
        let signature = signature.expect("wordcount has the function");
        let make = || -> wasmtime::Result<(InstancePre<Nothing>, ComponentExportIndex)> {
            let allocation = Allocation::Pooled { instances: INSTANCES };
            let engine = bare::engine(allocation, wasm.len() as u64)?;
            let component = bare::component(wasm).map_err(wasmtime::Error::msg)?;
            let component = Component::new(&engine, component)?;
            let mut linker = Linker::new(&engine);
            wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
            let interface = component.get_export_index(None, INTERFACE);
            let index = component.get_export_index(interface.as_ref(), FUNCTION);
            Ok((linker.instantiate_pre(&component)?, index.expect("the function is exported")))
        };
        let (linked, index) = make().expect("wordcount can be linked");
        let input = json!({
            "text": "It is a truth universally acknowledged, that a single man in possession of a \
                     good fortune, must be in want of a wife.",
            "options": { "ignore": ["case", "stop-words"], "scope": { "whole": null }, "top": 10 },
        });
        let ready = typed::read(&signature, &input).expect("the input is the function's");
        Self { linked, index, signature, input: input.to_string().into_bytes(), ready }
    }

    pub(super) async fn with_values_ready(&self) {
        let result = self.call(&self.ready).await.expect("the call succeeds");
        assert!(matches!(result, Val::Result(Ok(_))), "{result:?}");
    }

    pub(super) async fn with_json(&self) {
        let input: Value = serde_json::from_slice(&self.input).expect("the input is JSON");
        let arguments = typed::read(&self.signature, &input).expect("the input is the function's");
        let result = self.call(&arguments).await.expect("the call succeeds");
        let output = typed::write(&self.signature, Some(result), OUTPUT_BYTES);
        let output = output.expect("the result is the function's").expect("the function succeeds");
        assert!(!output.to_string().is_empty());
    }

    async fn call(&self, arguments: &[Val]) -> wasmtime::Result<Val> {
        let mut store = Nothing::store(self.linked.engine())?;
        let instance = self.linked.instantiate_async(&mut store).await?;
        let function = instance.get_func(&mut store, self.index).expect("the function is there");
        let mut results = [Val::Bool(false)];
        function.call_async(&mut store, arguments, &mut results).await?;
        let [result] = results;
        Ok(result)
    }
}
