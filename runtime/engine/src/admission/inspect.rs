//! What a wasm is, told from its first bytes and from what it exports.

use errand_core::ExecutorKind;
use wasmparser::{Parser, Payload};
use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Type};

use crate::config::{
    MAX_MEMORY_BYTES, MEMORIES_PER_COMPONENT, PARTS_PER_COMPONENT, TABLE_ELEMENTS,
};
use crate::typed::{self, Export, PROGRAM};

/// A page of linear memory, as a component's needs are counted.
const PAGE_BYTES: u64 = 64 << 10;

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

const NOTHING: &str = "it exports nothing that can be run: neither `errand:task/executor`, nor \
                       `wasi:cli/run`, nor a function";

/// What a component is to tasks.
pub(super) enum Offer {
    Native,
    Functions(Vec<Export>),
    Command,
}

impl Offer {
    pub(super) fn kind(&self) -> ExecutorKind {
        match self {
            Self::Native => ExecutorKind::Native,
            Self::Functions(_) => ExecutorKind::Functions,
            Self::Command => ExecutorKind::Command,
        }
    }
}

/// Tells what a component is from what it exports: the world `errand:task/executor` goes before
/// functions, and these before `wasi:cli/run`. A program that exports functions besides which can't be
/// called is still a program.
pub(super) fn offer(engine: &Engine, component: &Component) -> Result<Offer, String> {
    if is_native(engine, component) {
        return Ok(Offer::Native);
    }
    let mut program = None;
    for (name, item) in component.component_type().exports(engine) {
        if name.starts_with(PROGRAM) {
            program = Some((name.to_owned(), is_program(engine, &item.ty)));
        }
    }
    match (typed::exports(engine, component), program) {
        (Ok(functions), _) if !functions.is_empty() => Ok(Offer::Functions(functions)),
        (_, Some((_, true))) => Ok(Offer::Command),
        (_, Some((name, false))) => {
            Err(format!("its `{name}` has no function `run: func() -> result`"))
        }
        (Err(why), None) => Err(why),
        (Ok(_), None) => Err(NOTHING.into()),
    }
}

/// Tells whether an exported interface has the function that a program is run by.
fn is_program(engine: &Engine, item: &ComponentItem) -> bool {
    let ComponentItem::ComponentInstance(interface) = item else { return false };
    let Some(run) = interface.get_export(engine, "run") else { return false };
    let ComponentItem::ComponentFunc(run) = run.ty else { return false };
    let mut results = run.results();
    let bare = |ty| matches!(ty, Type::Result(ty) if ty.ok().is_none() && ty.err().is_none());
    run.params().len() == 0 && results.next().is_some_and(bare) && results.next().is_none()
}

/// Whether a component exports `describe` and `run` as `errand:task/executor` has them, by and large:
/// what is amiss in their records is told when it is linked.
fn is_native(engine: &Engine, component: &Component) -> bool {
    let exports = component.component_type();
    let function = |name| match exports.get_export(engine, name).map(|item| item.ty) {
        Some(ComponentItem::ComponentFunc(function)) => Some(function),
        _ => None,
    };
    let (Some(describe), Some(run)) = (function("describe"), function("run")) else { return false };
    let takes: Vec<Type> = run.params().map(|(_, ty)| ty).collect();
    describe.params().len() == 0
        && takes == [Type::String]
        && run.results().any(|ty| matches!(ty, Type::Result(_)))
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
    let initial_pages = needs.max_initial_memory_size.unwrap_or(0);
    if initial_pages.saturating_mul(PAGE_BYTES) > MAX_MEMORY_BYTES as u64 {
        return Err(large_memory());
    }
    if needs.max_initial_table_size.unwrap_or(0) > TABLE_ELEMENTS as u64 {
        return Err(format!("one of its tables starts with more than {TABLE_ELEMENTS} elements"));
    }
    Ok(())
}

/// Checks that each core module fits a slot too, also one that is never instantiated: the pool asks it of
/// every one.
pub(super) fn modules_fit(wasm: &[u8]) -> Result<(), String> {
    let malformed = |error: wasmparser::BinaryReaderError| format!("it is not valid wasm: {error}");
    for payload in Parser::new(0).parse_all(wasm) {
        let (count, most, what) = match payload.map_err(malformed)? {
            Payload::MemorySection(memories) => {
                for memory in memories.clone() {
                    let memory = memory.map_err(malformed)?;
                    let page_bytes = memory.page_size_log2.map_or(PAGE_BYTES, |log2| 1 << log2);
                    if memory.initial.saturating_mul(page_bytes) > MAX_MEMORY_BYTES as u64 {
                        return Err(large_memory());
                    }
                }
                (memories.count(), MEMORIES_PER_COMPONENT, "memories")
            }
            Payload::TableSection(tables) => {
                for table in tables.clone() {
                    if table.map_err(malformed)?.ty.initial > TABLE_ELEMENTS as u64 {
                        return Err(format!(
                            "one of its tables starts with more than {TABLE_ELEMENTS} elements"
                        ));
                    }
                }
                (tables.count(), PARTS_PER_COMPONENT, "tables")
            }
            _ => continue,
        };
        if count > most {
            return Err(format!(
                "one of its modules has {count} {what}; at most {most} are allowed"
            ));
        }
    }
    Ok(())
}

fn large_memory() -> String {
    format!("one of its memories starts with more than {MAX_MEMORY_BYTES} bytes")
}

/// The interfaces that a component imports, by name.
pub(super) fn imports(engine: &Engine, component: &Component) -> Vec<String> {
    component.component_type().imports(engine).map(|(name, _)| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_that_is_never_instantiated_must_fit_too() {
        let component = |module: &str| {
            let text = format!("(component (core module {module}))");
            modules_fit(&wat::parse_str(text).unwrap())
        };
        assert_eq!(component(&"(memory 1)".repeat(16)), Ok(()));
        assert!(component(&"(memory 1)".repeat(17)).unwrap_err().contains("17 memories"));
        assert!(component(&"(table 1 funcref)".repeat(65)).unwrap_err().contains("65 tables"));
        assert!(component("(table 65537 funcref)").unwrap_err().contains("elements"));
        assert_eq!(component("(memory 65536)"), Ok(()));
        assert!(component("(memory i64 65537)").unwrap_err().contains("4294967296 bytes"));
    }

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
