//! Any types, and any values of them.

use errand_core::{Case, Field, TypeIndex, WitType};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::subsequence;
use wasmtime::component::Val;

use super::echoing;

/// A type as a tree, as WIT texts have it.
#[derive(Debug, Clone)]
pub(super) enum Tree {
    Plain(WitType),
    List(Box<Tree>),
    Option(Box<Tree>),
    Record(Vec<Tree>),
    Tuple(Vec<Tree>),
    Variant(Vec<Option<Tree>>),
    Enum(usize),
    Flags(usize),
    Result(Option<Box<Tree>>, Option<Box<Tree>>),
}

/// The names of fields and cases by their place: WIT's keywords and our own words among them.
pub(super) fn name(place: usize) -> String {
    const NAMES: [&str; 10] =
        ["some", "record", "ok", "err", "x-ray", "u8", "list", "resource", "a1", "type"];
    NAMES.get(place).map_or_else(|| format!("n{place}"), |name| (*name).to_owned())
}

pub(super) fn trees() -> impl Strategy<Value = Tree> {
    use WitType::{Bool, Char, F32, F64, S8, S16, S32, S64, String, U8, U16, U32, U64};
    let plain = proptest::sample::select(vec![
        Bool, S8, U8, S16, U16, S32, U32, S64, U64, F32, F64, Char, String,
    ]);
    let leaf = prop_oneof![
        6 => plain.prop_map(Tree::Plain),
        1 => (1..20_usize).prop_map(Tree::Enum),
        1 => (1..20_usize).prop_map(Tree::Flags),
    ];
    leaf.prop_recursive(5, 24, 4, |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        prop_oneof![
            boxed.clone().prop_map(Tree::List),
            Just(Tree::List(Box::new(Tree::Plain(U8)))),
            boxed.clone().prop_map(Tree::Option),
            boxed.clone().prop_map(|tree| Tree::Option(Box::new(Tree::Option(tree)))),
            vec(inner.clone(), 1..5).prop_map(Tree::Record),
            vec(inner.clone(), 1..4).prop_map(Tree::Tuple),
            vec(proptest::option::of(inner), 1..14).prop_map(Tree::Variant),
            (proptest::option::of(boxed.clone()), proptest::option::of(boxed))
                .prop_map(|(ok, err)| Tree::Result(ok, err)),
        ]
    })
}

/// Any value of a type.
pub(super) fn values(tree: &Tree) -> BoxedStrategy<Val> {
    match tree {
        Tree::Plain(ty) => plain(ty),
        Tree::List(item) => vec(values(item), 0..4).prop_map(Val::List).boxed(),
        Tree::Option(some) => proptest::option::of(values(some))
            .prop_map(|value| Val::Option(value.map(Box::new)))
            .boxed(),
        Tree::Record(fields) => all(fields)
            .prop_map(|values| {
                let named = values.into_iter().enumerate();
                Val::Record(named.map(|(place, value)| (name(place), value)).collect())
            })
            .boxed(),
        Tree::Tuple(members) => all(members).prop_map(Val::Tuple).boxed(),
        Tree::Variant(cases) => {
            let cases = cases.iter().enumerate().map(|(place, case)| {
                payload(case.as_ref())
                    .prop_map(move |value| Val::Variant(name(place), value))
                    .boxed()
            });
            proptest::strategy::Union::new(cases).boxed()
        }
        Tree::Enum(names) => (0..*names).prop_map(|place| Val::Enum(name(place))).boxed(),
        Tree::Flags(names) => {
            let all: Vec<String> = (0..*names).map(name).collect();
            subsequence(all, 0..=*names).prop_map(Val::Flags).boxed()
        }
        Tree::Result(ok, err) => prop_oneof![
            payload(ok.as_deref()).prop_map(|value| Val::Result(Ok(value))),
            payload(err.as_deref()).prop_map(|value| Val::Result(Err(value))),
        ]
        .boxed(),
    }
}

fn all(trees: &[Tree]) -> Vec<BoxedStrategy<Val>> {
    trees.iter().map(values).collect()
}

fn payload(tree: Option<&Tree>) -> BoxedStrategy<Option<Box<Val>>> {
    match tree {
        Some(tree) => values(tree).prop_map(|value| Some(Box::new(value))).boxed(),
        None => Just(None).boxed(),
    }
}

fn plain(ty: &WitType) -> BoxedStrategy<Val> {
    match ty {
        WitType::Bool => any::<bool>().prop_map(Val::Bool).boxed(),
        WitType::S8 => any::<i8>().prop_map(Val::S8).boxed(),
        WitType::U8 => any::<u8>().prop_map(Val::U8).boxed(),
        WitType::S16 => any::<i16>().prop_map(Val::S16).boxed(),
        WitType::U16 => any::<u16>().prop_map(Val::U16).boxed(),
        WitType::S32 => any::<i32>().prop_map(Val::S32).boxed(),
        WitType::U32 => any::<u32>().prop_map(Val::U32).boxed(),
        WitType::S64 => {
            prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX)].prop_map(Val::S64).boxed()
        }
        WitType::U64 => prop_oneof![any::<u64>(), Just(u64::MAX), Just((1 << 53) + 1)]
            .prop_map(Val::U64)
            .boxed(),
        WitType::F32 => any::<u32>().prop_map(|bits| Val::Float32(f32::from_bits(bits))).boxed(),
        WitType::F64 => any::<u64>().prop_map(|bits| Val::Float64(f64::from_bits(bits))).boxed(),
        WitType::Char => any::<char>().prop_map(Val::Char).boxed(),
        WitType::String => any::<String>().prop_map(Val::String).boxed(),
        other => unreachable!("{other:?} is not plain"),
    }
}

/// A function that takes and gives a type.
pub(super) fn signature(tree: &Tree) -> errand_core::Signature {
    let mut types = Vec::new();
    flatten(tree, &mut types);
    echoing(types)
}

/// Adds a type after those that it refers to.
fn flatten(tree: &Tree, types: &mut Vec<WitType>) -> TypeIndex {
    let ty = match tree {
        Tree::Plain(ty) => ty.clone(),
        Tree::List(item) => WitType::List(flatten(item, types)),
        Tree::Option(some) => WitType::Option(flatten(some, types)),
        Tree::Record(fields) => {
            let fields = fields.iter().enumerate();
            let field = |(place, tree)| Field { name: name(place), ty: flatten(tree, types) };
            WitType::Record(fields.map(field).collect())
        }
        Tree::Tuple(members) => {
            WitType::Tuple(members.iter().map(|tree| flatten(tree, types)).collect())
        }
        Tree::Variant(cases) => {
            let mut named = Vec::new();
            for (place, tree) in cases.iter().enumerate() {
                let ty = tree.as_ref().map(|tree| flatten(tree, types));
                named.push(Case { name: name(place), ty });
            }
            WitType::Variant(named)
        }
        Tree::Enum(names) => WitType::Enum((0..*names).map(name).collect()),
        Tree::Flags(names) => WitType::Flags((0..*names).map(name).collect()),
        Tree::Result(ok, err) => WitType::Result {
            ok: ok.as_ref().map(|tree| flatten(tree, types)),
            err: err.as_ref().map(|tree| flatten(tree, types)),
        },
    };
    types.push(ty);
    TypeIndex(u32::try_from(types.len()).unwrap() - 1)
}
