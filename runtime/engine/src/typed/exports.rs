//! Which functions a component exports, and what each is called.
//!
//! A function goes by its own name. Where several have one name, those in interfaces are called
//! `interface.function`; where that is not enough `namespace:package/interface.function`, and at last
//! the same with the version. A function outside an interface keeps its name.

use std::collections::HashMap;

use errand_core::Signature;
use wasmtime::Engine;
use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{Component, ComponentExportIndex};

use super::derive::{self, Budget};

/// Functions that one executor may export.
const MAX_FUNCTIONS: usize = 1_000;
/// Longest name of an interface or a function.
const NAME_BYTES: usize = 256;
/// Interfaces of WASI are how hosts call a component, not what it offers to tasks.
const WASI: &str = "wasi:";

/// A function that a task can call.
pub(crate) struct Export {
    /// What it is called, unique in the component.
    pub(crate) name: String,
    /// The interface that it is in.
    pub(crate) interface: Option<String>,
    pub(crate) signature: Signature,
    pub(crate) index: ComponentExportIndex,
}

/// Reads a component's functions and their types.
///
/// Those in interfaces of WASI are left out where there are others. None are left of a component that
/// has no function, or none but `wasi:cli/run`'s.
///
/// # Errors
/// What is wrong with the first function that can't be called, by name.
pub(crate) fn exports(engine: &Engine, component: &Component) -> Result<Vec<Export>, String> {
    let found = find(engine, component)?;
    let names = name(&found);
    let mut budget = Budget::new();
    let mut exports = Vec::with_capacity(found.len());
    for (found, name) in found.into_iter().zip(names) {
        let Found { interface, function, ty } = found;
        let called = match &interface {
            Some(interface) => format!("`{function}` of `{interface}`"),
            None => format!("`{function}`"),
        };
        let wrong = |what| format!("its function {called} {what}");
        // `[constructor]`, `[method]` and `[static]` belong to a resource, even without one in sight.
        if function.starts_with('[') {
            return Err(wrong("belongs to a resource, which JSON can't carry".into()));
        }
        let signature = derive::signature(&ty, &mut budget).map_err(wrong)?;
        let inside = match &interface {
            Some(interface) => component.get_export_index(None, interface),
            None => None,
        };
        let index = component
            .get_export_index(inside.as_ref(), &function)
            .ok_or_else(|| wrong("can't be found".into()))?;
        exports.push(Export { name, interface, signature, index });
    }
    Ok(exports)
}

struct Found {
    interface: Option<String>,
    function: String,
    ty: ComponentFunc,
}

fn find(engine: &Engine, component: &Component) -> Result<Vec<Found>, String> {
    let mut own = Vec::new();
    let mut wasi = Vec::new();
    let mut keep = |interface: Option<&str>, function: &str, ty| {
        if own.len() + wasi.len() >= MAX_FUNCTIONS {
            return Err(format!("it exports more than {MAX_FUNCTIONS} functions"));
        }
        if function.len() > NAME_BYTES || interface.is_some_and(|name| name.len() > NAME_BYTES) {
            return Err(format!("it exports a name of more than {NAME_BYTES} bytes"));
        }
        let list = match interface.is_some_and(|name| name.starts_with(WASI)) {
            true => &mut wasi,
            false => &mut own,
        };
        let interface = interface.map(str::to_owned);
        list.push(Found { interface, function: function.to_owned(), ty });
        Ok(())
    };
    let mut runs = false;
    for (name, item) in component.component_type().exports(engine) {
        match item.ty {
            ComponentItem::ComponentFunc(ty) => keep(None, name, ty)?,
            ComponentItem::ComponentInstance(_) if name.starts_with(super::PROGRAM) => runs = true,
            ComponentItem::ComponentInstance(interface) => {
                for (function, item) in interface.exports(engine) {
                    if let ComponentItem::ComponentFunc(ty) = item.ty {
                        keep(Some(name), function, ty)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(if own.is_empty() && !runs { wasi } else { own })
}

/// Gives each function the shortest name that no other has.
fn name(found: &[Found]) -> Vec<String> {
    let candidates: Vec<Vec<String>> = found.iter().map(candidates).collect();
    let mut chosen = vec![0; found.len()];
    loop {
        let mut users: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, names) in candidates.iter().enumerate() {
            users.entry(&names[chosen[index]]).or_default().push(index);
        }
        let mut changed = false;
        for clashing in users.values().filter(|users| users.len() > 1) {
            for &index in clashing {
                if chosen[index] + 1 < candidates[index].len() {
                    chosen[index] += 1;
                    changed = true;
                }
            }
        }
        if !changed {
            let chosen = chosen.into_iter();
            return candidates
                .into_iter()
                .zip(chosen)
                .map(|(mut names, one)| names.swap_remove(one))
                .collect();
        }
    }
}

/// What a function can be called, shortest first. The last one is unique: exports have unique names.
fn candidates(Found { interface, function, .. }: &Found) -> Vec<String> {
    let mut names = vec![function.clone()];
    let Some(full) = interface else { return names };
    let unversioned = full.split_once('@').map_or(full.as_str(), |(name, _)| name);
    let short = unversioned.rsplit_once('/').map_or(unversioned, |(_, name)| name);
    names.extend([short, unversioned, full].map(|interface| format!("{interface}.{function}")));
    names.dedup();
    names
}
