//! Components for tests, made of a WIT text and a core module as text.

use std::fmt::Write as _;

use wasmtime::Engine;
use wasmtime::component::Component;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::strategies::{Tree, name};
use crate::config::{self, Allocation, Footprint};

pub(super) fn engine() -> Engine {
    config::engine(Allocation::OnDemand, Footprint::Small).unwrap()
}

/// Makes a component of its text.
pub(super) fn from_text(engine: &Engine, text: &str) -> Component {
    let wasm = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"));
    Component::from_binary(engine, &wasm).unwrap_or_else(|error| panic!("{error:#}"))
}

/// Makes a component of the last package's only world.
pub(super) fn component(engine: &Engine, wits: &[&str], module: &str) -> Component {
    let mut resolve = Resolve::default();
    let mut package = None;
    for (index, wit) in wits.iter().enumerate() {
        let pushed = resolve.push_str(format!("{index}.wit"), wit);
        package = Some(pushed.unwrap_or_else(|error| panic!("{error:#}\n{wit}")));
    }
    let world = resolve.select_world(&[package.unwrap()], None).unwrap();
    let mut module = wat::parse_str(module).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    let wasm = ComponentEncoder::default().validate(true).module(&module).unwrap().encode();
    Component::from_binary(engine, &wasm.unwrap()).unwrap()
}

/// Writes a type as WIT, with the named types that it needs before it.
pub(super) fn wit(tree: &Tree, named: &mut String, count: &mut usize) -> String {
    let mut define = |keyword: &str, body: String, named: &mut String| {
        *count += 1;
        writeln!(named, "{keyword} t{count} {{ {body} }}").unwrap();
        format!("t{count}")
    };
    let names =
        |count: usize| (0..count).map(|place| format!("%{}", name(place))).collect::<Vec<_>>();
    match tree {
        Tree::Plain(ty) => format!("{ty:?}").to_lowercase(),
        Tree::Enum(count) => define("enum", names(*count).join(", "), named),
        Tree::Flags(count) => define("flags", names(*count).join(", "), named),
        Tree::List(item) => format!("list<{}>", wit(item, named, count)),
        Tree::Option(some) => format!("option<{}>", wit(some, named, count)),
        Tree::Tuple(members) => {
            let members: Vec<_> = members.iter().map(|tree| wit(tree, named, count)).collect();
            format!("tuple<{}>", members.join(", "))
        }
        Tree::Record(fields) => {
            let types: Vec<_> = fields.iter().map(|tree| wit(tree, named, count)).collect();
            let fields = types.iter().enumerate();
            let fields: Vec<_> =
                fields.map(|(place, ty)| format!("%{}: {ty}", name(place))).collect();
            *count += 1;
            writeln!(named, "record t{count} {{ {} }}", fields.join(", ")).unwrap();
            format!("t{count}")
        }
        Tree::Variant(cases) => {
            let mut texts = Vec::new();
            for (place, case) in cases.iter().enumerate() {
                let payload = case.as_ref().map(|tree| format!("({})", wit(tree, named, count)));
                texts.push(format!("%{}{}", name(place), payload.unwrap_or_default()));
            }
            *count += 1;
            writeln!(named, "variant t{count} {{ {} }}", texts.join(", ")).unwrap();
            format!("t{count}")
        }
        Tree::Result(ok, err) => {
            let mut side = |tree: &Option<Box<Tree>>| match tree {
                Some(tree) => wit(tree, named, count),
                None => "_".to_owned(),
            };
            match (side(ok), side(err)) {
                (ok, err) if ok == "_" && err == "_" => "result".to_owned(),
                (ok, err) if err == "_" => format!("result<{ok}>"),
                (ok, err) => format!("result<{ok}, {err}>"),
            }
        }
    }
}
