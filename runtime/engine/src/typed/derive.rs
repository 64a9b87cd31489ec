//! From a component's own types to a [`Signature`], within bounds.

use std::collections::HashMap;

use errand_core::{Case, Field, Signature, TypeIndex, WitType};
use wasmtime::component::Type;
use wasmtime::component::types::ComponentFunc;

/// JSON that the schemas of one executor's functions may take, about. Types can share others, so that a
/// small component has schemas of any size.
const SCHEMA_BYTES: usize = 1 << 20;
/// The least that a type adds to a schema, and a name to its type.
const TYPE_BYTES: usize = 40;
const NAME_BYTES: usize = 60;

/// What is left of the bounds that an executor's functions share.
pub(super) struct Budget {
    left_bytes: usize,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { left_bytes: SCHEMA_BYTES }
    }

    fn take(&mut self, bytes: usize) -> Result<(), String> {
        self.left_bytes = self.left_bytes.checked_sub(bytes).ok_or_else(|| {
            format!(
                "has types that are too large: the JSON Schemas of all functions may take {} KiB",
                SCHEMA_BYTES >> 10
            )
        })?;
        Ok(())
    }
}

/// Reads a function's types, or says what it has that JSON can't carry: a text that follows the
/// function's name.
pub(super) fn signature(
    function: &ComponentFunc,
    budget: &mut Budget,
) -> Result<Signature, String> {
    if function.async_() {
        return Err("is asynchronous (WASI 0.3); only synchronous functions can be called".into());
    }
    let mut types = Types { list: Vec::new(), known: HashMap::new(), budget };
    let mut params = Vec::new();
    for (name, ty) in function.params() {
        types.named(params.len(), name)?;
        params.push(Field { name: name.to_owned(), ty: types.add(&ty, 0)? });
    }
    let mut results = function.results();
    let result = results.next().map(|ty| types.add(&ty, 0)).transpose()?;
    Signature::new(types.list, params, result).map_err(|error| error.to_string())
}

struct Types<'a> {
    list: Vec<WitType>,
    known: HashMap<WitType, TypeIndex>,
    budget: &'a mut Budget,
}

impl Types<'_> {
    /// Adds a type after those that it refers to; one that is known already is the same.
    fn add(&mut self, ty: &Type, depth: usize) -> Result<TypeIndex, String> {
        if depth >= Signature::MAX_DEPTH {
            return Err(format!(
                "has a type nested more than {} levels deep",
                Signature::MAX_DEPTH
            ));
        }
        self.budget.take(TYPE_BYTES)?;
        let below = depth + 1;
        let ty = match ty {
            Type::Bool => WitType::Bool,
            Type::S8 => WitType::S8,
            Type::U8 => WitType::U8,
            Type::S16 => WitType::S16,
            Type::U16 => WitType::U16,
            Type::S32 => WitType::S32,
            Type::U32 => WitType::U32,
            Type::S64 => WitType::S64,
            Type::U64 => WitType::U64,
            Type::Float32 => WitType::F32,
            Type::Float64 => WitType::F64,
            Type::Char => WitType::Char,
            Type::String => WitType::String,
            Type::List(list) => WitType::List(self.add(&list.ty(), below)?),
            Type::Option(option) => WitType::Option(self.add(&option.ty(), below)?),
            Type::Record(record) => {
                let mut fields = Vec::new();
                for field in record.fields() {
                    self.named(fields.len(), field.name)?;
                    let ty = self.add(&field.ty, below)?;
                    fields.push(Field { name: field.name.to_owned(), ty });
                }
                WitType::Record(fields)
            }
            Type::Tuple(tuple) => {
                let mut members = Vec::new();
                for ty in tuple.types() {
                    self.named(members.len(), "")?;
                    members.push(self.add(&ty, below)?);
                }
                WitType::Tuple(members)
            }
            Type::Variant(variant) => {
                let mut cases = Vec::new();
                for case in variant.cases() {
                    self.named(cases.len(), case.name)?;
                    let ty = case.ty.as_ref().map(|ty| self.add(ty, below)).transpose()?;
                    cases.push(Case { name: case.name.to_owned(), ty });
                }
                WitType::Variant(cases)
            }
            Type::Enum(names) => WitType::Enum(self.names(names.names())?),
            Type::Flags(names) => WitType::Flags(self.names(names.names())?),
            Type::Result(result) => WitType::Result {
                ok: result.ok().map(|ty| self.add(&ty, below)).transpose()?,
                err: result.err().map(|ty| self.add(&ty, below)).transpose()?,
            },
            Type::Own(_) | Type::Borrow(_) => return Err(refused("a resource")),
            Type::Future(_) => return Err(refused("a future")),
            Type::Stream(_) => return Err(refused("a stream")),
            Type::ErrorContext => return Err(refused("an error-context")),
            Type::Map(_) => return Err(refused("a map")),
            Type::FixedLengthList(_) => return Err(refused("a list of fixed length")),
        };
        if let Some(index) = self.known.get(&ty) {
            return Ok(*index);
        }
        let index = TypeIndex(u32::try_from(self.list.len()).map_err(|error| error.to_string())?);
        self.list.push(ty.clone());
        self.known.insert(ty, index);
        Ok(index)
    }

    fn names<'n>(&mut self, names: impl Iterator<Item = &'n str>) -> Result<Vec<String>, String> {
        let mut kept = Vec::new();
        for name in names {
            self.named(kept.len(), name)?;
            kept.push(name.to_owned());
        }
        Ok(kept)
    }

    /// Counts one more part of a type, after so many.
    fn named(&mut self, before: usize, name: &str) -> Result<(), String> {
        if before >= Signature::MAX_PARTS {
            return Err(errand_core::SignatureError::TooWide.to_string());
        }
        self.budget.take(NAME_BYTES + 2 * name.len())
    }
}

fn refused(what: &str) -> String {
    format!("takes or gives {what}, which JSON can't carry")
}
