//! What a typed function takes and gives: its types, as WIT has them, in a form that can be stored.
//!
//! Owns the description and its bounds. How a type is written in JSON, and how one is read off a
//! component, is the engine's.

use serde::{Deserialize, Serialize};

/// A place in a [`Signature`]'s list of types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TypeIndex(pub u32);

/// A type of WIT. Types refer to each other by their place in the list, always to an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are WIT's own")]
pub enum WitType {
    Bool,
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
    F32,
    F64,
    Char,
    String,
    List(TypeIndex),
    Option(TypeIndex),
    Record(Vec<Field>),
    Tuple(Vec<TypeIndex>),
    Variant(Vec<Case>),
    Enum(Vec<String>),
    Flags(Vec<String>),
    Result { ok: Option<TypeIndex>, err: Option<TypeIndex> },
}

/// A field of a record, or a parameter of a function.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Field {
    /// Its name, in WIT's spelling.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: TypeIndex,
}

/// A case of a variant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Case {
    /// Its name, in WIT's spelling.
    pub name: String,
    /// The type of its payload, where it has one.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub ty: Option<TypeIndex>,
}

/// The parameters and the result of a typed function.
///
/// Each type refers to earlier ones alone and is nested [`Signature::MAX_DEPTH`] deep at most, so
/// whoever walks one comes to an end and does not run out of stack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct Signature {
    types: Vec<WitType>,
    params: Vec<Field>,
    result: Option<TypeIndex>,
    /// For each type with many names: their places, sorted by name.
    sorted: Vec<Box<[u16]>>,
}

/// Why types don't make a signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// A type refers to itself, to a later one or to none.
    #[error("type {0} refers to a type that does not come before it")]
    Unordered(usize),
    /// A type is nested too deep.
    #[error("has a type nested more than {} levels deep", Signature::MAX_DEPTH)]
    TooDeep,
    /// A type has too many parts.
    #[error("has a type or parameters of more than {} parts", Signature::MAX_PARTS)]
    TooWide,
    /// Two parts of a type have one name.
    #[error("has two parts of the name `{0}` in one type")]
    NotUnique(String),
}

impl Signature {
    /// How deep types may be nested. JSON Schema takes up to four levels for one of WIT, and a reader
    /// of JSON that bounds its depth commonly stops at 128.
    pub const MAX_DEPTH: usize = 24;
    /// Fields, cases, names or members that one type may have, and parameters of one function.
    pub const MAX_PARTS: usize = 1_000;
    /// Fewer names than these are quicker looked for one by one.
    const FEW: usize = 12;

    /// Makes a signature of a list of types.
    ///
    /// # Errors
    /// When the types refer to what does not come before them, or go over a bound.
    pub fn new(
        types: Vec<WitType>,
        params: Vec<Field>,
        result: Option<TypeIndex>,
    ) -> Result<Self, SignatureError> {
        let mut depths = Vec::with_capacity(types.len());
        let mut sorted = Vec::with_capacity(types.len());
        for (index, ty) in types.iter().enumerate() {
            let mut depth = 0;
            if let WitType::Tuple(members) = ty
                && members.len() > Self::MAX_PARTS
            {
                return Err(SignatureError::TooWide);
            }
            for part in ty.parts() {
                let below: &usize =
                    depths.get(part.0 as usize).ok_or(SignatureError::Unordered(index))?;
                depth = depth.max(*below);
            }
            if depth >= Self::MAX_DEPTH {
                return Err(SignatureError::TooDeep);
            }
            depths.push(depth + 1);
            sorted.push(sort_names(ty.names().collect())?);
        }
        let used = params.iter().map(|param| param.ty).chain(result);
        if used.into_iter().any(|ty| ty.0 as usize >= types.len()) {
            return Err(SignatureError::Unordered(types.len()));
        }
        sort_names(params.iter().map(|param| param.name.as_str()).collect())?;
        Ok(Self { types, params, result, sorted })
    }

    /// The parameters, in their order.
    pub fn params(&self) -> &[Field] {
        &self.params
    }

    /// The type of the result, where there is one.
    pub fn result(&self) -> Option<TypeIndex> {
        self.result
    }

    /// The types of the two sides of a result, where the function gives a `result`.
    pub fn fallible(&self) -> Option<(Option<TypeIndex>, Option<TypeIndex>)> {
        match self.result.map(|index| self.get(index)) {
            Some(WitType::Result { ok, err }) => Some((*ok, *err)),
            _ => None,
        }
    }

    /// The type at a place that this signature named.
    ///
    /// # Panics
    /// On the index of another signature.
    pub fn get(&self, index: TypeIndex) -> &WitType {
        &self.types[index.0 as usize]
    }

    /// Finds the place of a name among a type's fields, cases or names.
    pub fn position(&self, index: TypeIndex, name: &str) -> Option<usize> {
        let ty = self.get(index);
        let order = &self.sorted[index.0 as usize];
        if order.is_empty() {
            return ty.names().position(|known| known == name);
        }
        let found = order.binary_search_by(|&place| ty.name(place as usize).cmp(name)).ok()?;
        Some(order[found] as usize)
    }
}

impl WitType {
    /// The types that this one refers to.
    pub fn parts(&self) -> impl Iterator<Item = TypeIndex> {
        let (one, two, fields, members, cases): (_, _, &[Field], &[TypeIndex], &[Case]) = match self
        {
            Self::List(item) | Self::Option(item) => (Some(*item), None, &[], &[], &[]),
            Self::Result { ok, err } => (*ok, *err, &[], &[], &[]),
            Self::Record(fields) => (None, None, fields, &[], &[]),
            Self::Tuple(members) => (None, None, &[], members, &[]),
            Self::Variant(cases) => (None, None, &[], &[], cases),
            _ => (None, None, &[], &[], &[]),
        };
        let named = fields.iter().map(|field| field.ty);
        let payloads = cases.iter().filter_map(|case| case.ty);
        one.into_iter().chain(two).chain(named).chain(members.iter().copied()).chain(payloads)
    }

    /// The names of its fields, cases or values; none for types without.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        (0..self.named()).map(|place| self.name(place))
    }

    fn named(&self) -> usize {
        match self {
            Self::Record(fields) => fields.len(),
            Self::Variant(cases) => cases.len(),
            Self::Enum(names) | Self::Flags(names) => names.len(),
            _ => 0,
        }
    }

    fn name(&self, place: usize) -> &str {
        match self {
            Self::Record(fields) => &fields[place].name,
            Self::Variant(cases) => &cases[place].name,
            Self::Enum(names) | Self::Flags(names) => &names[place],
            _ => "",
        }
    }
}

/// Sorts names by their places, and answers nothing where they are few.
fn sort_names(names: Vec<&str>) -> Result<Box<[u16]>, SignatureError> {
    if names.len() > Signature::MAX_PARTS {
        return Err(SignatureError::TooWide);
    }
    let mut order: Vec<u16> = (0..names.len() as u16).collect();
    order.sort_unstable_by_key(|&place| names[place as usize]);
    for pair in order.windows(2) {
        let name = names[pair[0] as usize];
        if name == names[pair[1] as usize] {
            return Err(SignatureError::NotUnique(name.to_owned()));
        }
    }
    Ok(if names.len() > Signature::FEW { order.into() } else { Box::default() })
}

/// A signature as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    types: Vec<WitType>,
    params: Vec<Field>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    result: Option<TypeIndex>,
}

impl TryFrom<Parts> for Signature {
    type Error = SignatureError;

    fn try_from(parts: Parts) -> Result<Self, SignatureError> {
        Self::new(parts.types, parts.params, parts.result)
    }
}

impl From<Signature> for Parts {
    fn from(signature: Signature) -> Self {
        let Signature { types, params, result, .. } = signature;
        Self { types, params, result }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_that_refers_to_itself_or_ahead_is_refused() {
        let itself = vec![WitType::List(TypeIndex(0))];
        assert_eq!(Signature::new(itself, Vec::new(), None), Err(SignatureError::Unordered(0)));
        let nowhere = Some(TypeIndex(1));
        let refused = Signature::new(vec![WitType::Bool], Vec::new(), nowhere);
        assert_eq!(refused, Err(SignatureError::Unordered(1)));
        let stored = r#"{"types": [{"option": 1}, "bool"], "params": []}"#;
        assert!(serde_json::from_str::<Signature>(stored).is_err());
    }

    #[test]
    fn depth_and_width_are_bounded() {
        let nested = |levels: usize| {
            let mut types = vec![WitType::U8];
            types.extend((0..levels as u32).map(|below| WitType::List(TypeIndex(below))));
            Signature::new(types, Vec::new(), None)
        };
        assert!(nested(Signature::MAX_DEPTH - 1).is_ok());
        assert_eq!(nested(Signature::MAX_DEPTH), Err(SignatureError::TooDeep));
        let wide = (0..=Signature::MAX_PARTS).map(|name| format!("n{name}")).collect();
        let refused = Signature::new(vec![WitType::Enum(wide)], Vec::new(), None);
        assert_eq!(refused, Err(SignatureError::TooWide));
        let members = vec![TypeIndex(0); Signature::MAX_PARTS + 1];
        let refused = Signature::new(vec![WitType::U8, WitType::Tuple(members)], Vec::new(), None);
        assert_eq!(refused, Err(SignatureError::TooWide));
    }

    #[test]
    fn names_are_found_among_few_and_many_and_are_unique() {
        for count in [1, Signature::FEW, Signature::FEW + 1, Signature::MAX_PARTS] {
            let names: Vec<String> = (0..count).rev().map(|name| format!("n{name}")).collect();
            let types = vec![WitType::Enum(names.clone())];
            let signature = Signature::new(types, Vec::new(), None).unwrap();
            for (place, name) in names.iter().enumerate() {
                assert_eq!(signature.position(TypeIndex(0), name), Some(place));
            }
            assert_eq!(signature.position(TypeIndex(0), "nobody"), None);
        }
        let twice = vec![WitType::Flags(vec!["a".into(), "b".into(), "a".into()])];
        let refused = Signature::new(twice, Vec::new(), None);
        assert_eq!(refused, Err(SignatureError::NotUnique("a".into())));
    }

    #[test]
    fn what_is_stored_is_read_again() {
        let types = vec![WitType::U8, WitType::Result { ok: None, err: Some(TypeIndex(0)) }];
        let params = vec![Field { name: "a".into(), ty: TypeIndex(0) }];
        let signature = Signature::new(types, params, Some(TypeIndex(1))).unwrap();
        let stored = serde_json::to_string(&signature).unwrap();
        let expected = r#"{"types":["u8",{"result":{"ok":null,"err":0}}],"params":[{"name":"a","type":0}],"result":1}"#;
        assert_eq!(stored, expected);
        assert_eq!(serde_json::from_str::<Signature>(&stored).unwrap(), signature);
    }
}
