//! What a wasm is, told from its first bytes and from what it exports.

use errand_core::ExecutorKind;
use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use crate::config::{
    MAX_MEMORY_BYTES, MEMORIES_PER_COMPONENT, PARTS_PER_COMPONENT, TABLE_ELEMENTS,
};

const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// The two forms of wasm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Module,
    Component,
}

/// Tells the form of an upload, or what is wrong with it, from its first bytes.
pub(super) fn sniff(wasm: &[u8]) -> Result<Form, String> {
    if wasm.starts_with(CORE_MODULE) {
        Ok(Form::Module)
    } else if wasm.starts_with(COMPONENT) {
        Ok(Form::Component)
    } else if wasm.is_empty() {
        Err("it is empty".into())
    } else if wasm.starts_with(b"\x7fELF") {
        Err("it is native code; compiled wasm (.cwasm) is never accepted, upload the .wasm".into())
    } else if wasm.starts_with(b"\0asm") {
        Err("it is wasm of a version that is not supported".into())
    } else {
        Err("it is not wasm: it does not start with \\0asm".into())
    }
}

/// Tells the kind of a component from what it exports.
pub(super) fn kind(engine: &Engine, component: &Component) -> Result<ExecutorKind, String> {
    if component.get_export_index(None, "run").is_some()
        && component.get_export_index(None, "describe").is_some()
    {
        return Ok(ExecutorKind::Native);
    }
    let mut functions = false;
    for (name, item) in component.component_type().exports(engine) {
        if name.starts_with("wasi:cli/run@0.2") {
            return Ok(ExecutorKind::Command);
        }
        functions |= match item.ty {
            ComponentItem::ComponentFunc(_) => true,
            ComponentItem::ComponentInstance(instance) => instance
                .exports(engine)
                .any(|(_, item)| matches!(item.ty, ComponentItem::ComponentFunc(_))),
            _ => false,
        };
    }
    if functions {
        Ok(ExecutorKind::Functions)
    } else {
        Err("it exports nothing that can be run: neither `errand:task/executor`, nor \
             `wasi:cli/run`, nor a function"
            .into())
    }
}

/// Checks that instances of a component fit a slot of the pool.
pub(super) fn fits(component: &Component) -> Result<(), String> {
    let Some(needs) = component.resources_required() else {
        return Err("it imports core modules, which nothing provides".into());
    };
    if needs.num_memories > MEMORIES_PER_COMPONENT || needs.num_tables > PARTS_PER_COMPONENT {
        return Err(format!(
            "it has {} memories and {} tables; at most {MEMORIES_PER_COMPONENT} and \
             {PARTS_PER_COMPONENT} are allowed",
            needs.num_memories, needs.num_tables
        ));
    }
    let pages_bytes = needs.max_initial_memory_size.unwrap_or(0);
    if pages_bytes > MAX_MEMORY_BYTES as u64 {
        return Err(format!("one of its memories starts with more than {MAX_MEMORY_BYTES} bytes"));
    }
    if needs.max_initial_table_size.unwrap_or(0) > TABLE_ELEMENTS as u64 {
        return Err(format!("one of its tables starts with more than {TABLE_ELEMENTS} elements"));
    }
    Ok(())
}

/// The interfaces that a component imports, by name.
pub(super) fn imports(engine: &Engine, component: &Component) -> Vec<String> {
    component.component_type().imports(engine).map(|(name, _)| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_wasm_is_told_apart() {
        assert_eq!(sniff(b"\0asm\x01\0\0\0rest"), Ok(Form::Module));
        assert_eq!(sniff(b"\0asm\x0d\0\x01\0"), Ok(Form::Component));
        assert!(sniff(b"").unwrap_err().contains("empty"));
        assert!(sniff(b"\x7fELF\x02").unwrap_err().contains(".cwasm"));
        assert!(sniff(b"hello").unwrap_err().contains("not wasm"));
        assert!(sniff(b"\0asm\x02\0\0\0").unwrap_err().contains("version"));
    }
}
