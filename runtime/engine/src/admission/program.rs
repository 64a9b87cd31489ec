//! Rewrites a preview 1 program so that the adapter serves it well.
//!
//! **Its heap.** The adapter keeps its state in pages that it adds to the program's memory, before the
//! program's first allocation. A C library of before 2023 takes everything from `__heap_base` to
//! `memory.size` as its heap at that moment, the adapter's pages too, and both write over each other. So
//! a program is made to see its memory as large as it declared it until it grows it itself; what it adds
//! then it is told by the result of `memory.grow`, as ever.
//!
//! **Its exit code.** The adapter knows success and failure alone. So `proc_exit` is bound to
//! `wasi:cli/exit` directly, which takes the code.

use std::convert::Infallible;

use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, GlobalSection, GlobalType, ImportSection, Instruction,
    Module, SectionId, ValType,
};
use wasmparser::{FunctionBody, GlobalSectionReader, Operator, Parser, Payload};
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// What must be known of a module to rewrite it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Memory {
    /// Pages that it declares.
    initial_pages: i32,
    /// Globals that it has, imported ones included: the index of a new one.
    globals: u32,
}

/// Rewrites a program.
pub(super) fn rewrite(module: &[u8]) -> Result<Vec<u8>, String> {
    let invalid = |error| format!("it is not valid wasm: {error}");
    let mut rewrite =
        Rewrite { memory: survey(module).map_err(invalid)?, global_added: false, exits: false };
    let mut rewritten = Module::new();
    rewrite
        .parse_core_module(&mut rewritten, Parser::new(0), module)
        .map_err(|error| format!("it is not valid wasm: {error}"))?;
    let mut bytes = rewritten.finish();
    if rewrite.exits {
        declare_exit(&mut bytes)?;
    }
    Ok(bytes)
}

/// Adds to a module the type of the one interface that it now imports itself.
fn declare_exit(module: &mut Vec<u8>) -> Result<(), String> {
    let mut resolve = Resolve::default();
    let mut declare = || {
        resolve.push_str("exit.wit", EXIT_WIT)?;
        let package = resolve.push_str("program.wit", PROGRAM_WIT)?;
        let world = resolve.select_world(&[package], Some("program"))?;
        embed_component_metadata(module, &resolve, world, StringEncoding::UTF8)
    };
    declare().map_err(|error| format!("it can't be rewritten: {error:#}"))
}

const PREVIEW_1: &str = "wasi_snapshot_preview1";
const EXIT: (&str, &str) = ("wasi:cli/exit@0.2.12", "exit-with-code");
const EXIT_WIT: &str = "package wasi:cli@0.2.12;
interface exit {
  exit: func(status: result);
  exit-with-code: func(status-code: u8);
}";
const PROGRAM_WIT: &str = "package errand:adapted;
world program {
  import wasi:cli/exit@0.2.12;
}";

/// Looks for a memory of its own, and for anything that makes a rewrite unnecessary.
fn survey(module: &[u8]) -> wasmparser::Result<Option<Memory>> {
    let mut globals = 0;
    let mut initial_pages = None;
    let mut asks_size = false;
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    globals += u32::from(matches!(import?.ty, wasmparser::TypeRef::Global(_)));
                }
            }
            Payload::GlobalSection(section) => globals += section.count(),
            Payload::MemorySection(memories) => {
                for memory in memories {
                    let memory = memory?;
                    if memory.memory64 || initial_pages.is_some() {
                        return Ok(None);
                    }
                    initial_pages = i32::try_from(memory.initial).ok();
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    // The adapter asks the program itself for memory then.
                    if export?.name == "cabi_realloc" {
                        return Ok(None);
                    }
                }
            }
            Payload::CodeSectionEntry(body) => {
                for operator in body.get_operators_reader()? {
                    asks_size |= matches!(operator?, Operator::MemorySize { .. });
                }
            }
            _ => {}
        }
    }
    Ok(initial_pages.filter(|_| asks_size).map(|initial_pages| Memory { initial_pages, globals }))
}

struct Rewrite {
    /// The memory to guard, where it needs that.
    memory: Option<Memory>,
    global_added: bool,
    /// Whether the program can exit with a code.
    exits: bool,
}

impl Rewrite {
    /// Adds the global that tells whether the program has grown its memory.
    fn add_global(&mut self, globals: &mut GlobalSection) {
        let mutable = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
        globals.global(mutable, &ConstExpr::i32_const(0));
        self.global_added = true;
    }
}

impl Reencode for Rewrite {
    type Error = Infallible;

    fn parse_imports(
        &mut self,
        section: &mut ImportSection,
        imports: wasmparser::Imports<'_>,
    ) -> Result<(), Error<Infallible>> {
        match imports {
            wasmparser::Imports::Single(_, import)
                if (import.module, import.name) == (PREVIEW_1, "proc_exit") =>
            {
                self.exits = true;
                section.import(EXIT.0, EXIT.1, self.entity_type(import.ty)?);
                Ok(())
            }
            others => utils::parse_imports(self, section, others),
        }
    }

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: GlobalSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        utils::parse_global_section(self, globals, section)?;
        if self.memory.is_some() {
            self.add_global(globals);
        }
        Ok(())
    }

    fn intersperse_section_hook(
        &mut self,
        module: &mut Module,
        _: Option<SectionId>,
        before: Option<SectionId>,
    ) -> Result<(), Error<Infallible>> {
        // A module without globals gets a section of them where it belongs: before its exports.
        let follows_globals = matches!(
            before,
            None | Some(
                SectionId::Export
                    | SectionId::Start
                    | SectionId::Element
                    | SectionId::DataCount
                    | SectionId::Code
                    | SectionId::Data
            )
        );
        if follows_globals && self.memory.is_some() && !self.global_added {
            let mut globals = GlobalSection::new();
            self.add_global(&mut globals);
            module.section(&globals);
        }
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), Error<Infallible>> {
        let Some(Memory { initial_pages, globals: grown }) = self.memory else {
            return utils::parse_function_body(self, code, body);
        };
        let mut function = self.new_function_with_parsed_locals(&body)?;
        for operator in body.get_operators_reader()? {
            match operator? {
                Operator::MemorySize { mem: 0 } => {
                    function
                        .instruction(&Instruction::GlobalGet(grown))
                        .instruction(&Instruction::If(BlockType::Result(ValType::I32)))
                        .instruction(&Instruction::MemorySize(0))
                        .instruction(&Instruction::Else)
                        .instruction(&Instruction::I32Const(initial_pages))
                        .instruction(&Instruction::End);
                }
                Operator::MemoryGrow { mem: 0 } => {
                    function
                        .instruction(&Instruction::I32Const(1))
                        .instruction(&Instruction::GlobalSet(grown))
                        .instruction(&Instruction::MemoryGrow(0));
                }
                other => {
                    function.instruction(&self.instruction(other)?);
                }
            }
        }
        code.function(&function);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD_PROGRAM: &str = r#"(module
        (memory (export "memory") 2)
        (func (export "_start") (drop (memory.size)) (drop (memory.grow (i32.const 1)))))"#;

    #[test]
    fn a_program_that_asks_for_its_size_is_rewritten_and_stays_valid() {
        let module = wat::parse_str(OLD_PROGRAM).unwrap();
        assert_eq!(survey(&module).unwrap(), Some(Memory { initial_pages: 2, globals: 0 }));
        let guarded = rewrite(&module).unwrap();
        assert_ne!(guarded, module);
        wasmparser::validate(&guarded).unwrap();
    }

    #[test]
    fn it_sees_what_it_declared_until_it_grows_its_memory() {
        let module = wat::parse_str(
            r#"(module
                (import "host" "grow" (func $grow))
                (global i32 (i32.const 7))
                (memory (export "memory") 2)
                (func (export "size") (result i32) (memory.size))
                (func (export "grow") (result i32) (memory.grow (i32.const 1))))"#,
        )
        .unwrap();
        let engine = wasmtime::Engine::default();
        let module = wasmtime::Module::new(&engine, rewrite(&module).unwrap()).unwrap();
        let mut store = wasmtime::Store::new(&engine, ());
        let host = wasmtime::Func::wrap(&mut store, || {});
        let instance = wasmtime::Instance::new(&mut store, &module, &[host.into()]).unwrap();
        let size = instance.get_typed_func::<(), i32>(&mut store, "size").unwrap();
        let grow = instance.get_typed_func::<(), i32>(&mut store, "grow").unwrap();
        let memory = instance.get_memory(&mut store, "memory").unwrap();
        // As the adapter does.
        memory.grow(&mut store, 1).unwrap();
        assert_eq!(size.call(&mut store, ()).unwrap(), 2);
        assert_eq!(grow.call(&mut store, ()).unwrap(), 3);
        assert_eq!(size.call(&mut store, ()).unwrap(), 4);
    }

    #[test]
    fn its_exit_code_goes_past_the_adapter() {
        let module = wat::parse_str(
            r#"(module
                (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))
                (memory (export "memory") 1)
                (func (export "_start") (call 0 (i32.const 7))))"#,
        )
        .unwrap();
        let component = super::super::adapt::adapt(&module).unwrap();
        let text = String::from_utf8_lossy(&component);
        assert!(text.contains("exit-with-code"), "the component binds the code");
        assert!(!text.contains("proc_exit"), "the adapter is not asked");
    }

    #[test]
    fn a_program_that_allocates_for_the_adapter_is_left_as_it_is() {
        let module = wat::parse_str(
            r#"(module (memory 1) (func (drop (memory.size)))
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable))"#,
        )
        .unwrap();
        assert_eq!(survey(&module).unwrap(), None);
        assert_eq!(rewrite(&module).unwrap(), module);
    }
}
