//! The mapping between WIT and JSON, by its rules one by one and by any types and values at all.

mod components;
mod echo;
mod exporting;
mod properties;
mod rules;
mod strategies;

use errand_core::{Field, Signature, TypeIndex, WitType};

/// A function with one parameter `x` of the last type, which it returns.
fn echoing(types: Vec<WitType>) -> Signature {
    let last = TypeIndex(u32::try_from(types.len()).unwrap() - 1);
    let params = vec![Field { name: "x".into(), ty: last }];
    Signature::new(types, params, Some(last)).unwrap()
}
