//! The worlds that a core module says it implements, looked at before they are relied on.

use std::collections::{BTreeMap, BTreeSet};

use wasmparser::{BinaryReader, Parser, Payload};
use wit_parser::Resolve;
use wit_parser::decoding::{DecodedWasm, decode, decode_world};

/// Refuses packages that depend on each other in a circle. No WIT text can say that, a binary can, and what
/// orders packages by their dependencies would never come to an end.
///
/// What can't be decoded is left to the encoder, which says why.
pub(super) fn check(module: &[u8]) -> Result<(), String> {
    let mut dependencies = BTreeMap::<String, BTreeSet<String>>::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.map_err(|error| format!("it is not valid wasm: {error}"))?;
        if let Payload::CustomSection(section) = payload
            && section.name().starts_with("component-type")
            && let Some(world) = resolve(section.data())
        {
            for (id, package) in world.packages.iter() {
                let named = |id| world.packages[id].name.to_string();
                let needed = world.package_direct_deps(id).map(named);
                dependencies.entry(package.name.to_string()).or_default().extend(needed);
            }
        }
    }
    match in_a_circle(dependencies) {
        None => Ok(()),
        Some(name) => Err(format!(
            "the world that it says it implements is malformed: the package {name} depends on itself"
        )),
    }
}

/// Decodes a section in either of the forms that are in use.
fn resolve(section: &[u8]) -> Option<Resolve> {
    /// The form of old tools: a string encoding and the world's name come first.
    const NAMED: u8 = 3;
    let mut reader = BinaryReader::new(section, 0);
    if reader.read_u8().ok()? != NAMED {
        return decode_world(section).ok().map(|(resolve, _)| resolve);
    }
    reader.read_u8().ok()?;
    reader.read_string().ok()?;
    match decode(&section[reader.original_position()..]).ok()? {
        DecodedWasm::WitPackage(resolve, _) | DecodedWasm::Component(resolve, _) => Some(resolve),
    }
}

/// Names a package that is in a circle or needs one that is: taking away what needs nothing, over and
/// over, leaves those alone.
fn in_a_circle(mut dependencies: BTreeMap<String, BTreeSet<String>>) -> Option<String> {
    loop {
        let before = dependencies.len();
        let left: BTreeSet<String> = dependencies.keys().cloned().collect();
        dependencies.retain(|_, needed| needed.iter().any(|one| left.contains(one)));
        if dependencies.len() == before {
            return dependencies.into_keys().next();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circle(pairs: &[(&str, &[&str])]) -> Option<String> {
        let owned = |(name, needed): &(&str, &[&str])| {
            ((*name).to_owned(), needed.iter().map(|one| (*one).to_owned()).collect())
        };
        in_a_circle(pairs.iter().map(owned).collect())
    }

    #[test]
    fn a_circle_of_packages_is_found_and_a_chain_is_none() {
        assert_eq!(circle(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])]), None);
        assert_eq!(circle(&[("a", &["b"]), ("b", &["a"]), ("c", &[])]).as_deref(), Some("a"));
        assert_eq!(circle(&[("a", &["gone"])]), None);
    }
}
