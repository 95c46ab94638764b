//! Compares a component's types with the plan's, so that a component built from another .proto is refused at deploy with
//! both sides named.

use std::collections::HashMap;

use wasmtime::Engine;
use wasmtime::component::ResourceType;
use wasmtime::component::types::{ComponentFunc, ComponentInstance, ComponentItem, Type as Found};

use crate::link::canonical::{CanonicalType, TypeShape, VariantForm};
use crate::link::error::LinkMismatch;
use crate::link::function::{ComponentFunction, ResourceId};

/// The resource types that a component imports, by their numbers in the link.
pub(crate) type Resources = HashMap<ResourceId, ResourceType>;

/// Looks a function up in an interface of the component and compares its type.
///
/// # Errors
/// `None` when there is no such function, else where the types differ.
pub(crate) fn compare_function(
    engine: &Engine,
    interface: &str,
    instance: &ComponentInstance,
    function: &ComponentFunction,
    resources: &Resources,
) -> Result<(), Option<LinkMismatch>> {
    let item = instance.get_export(engine, &function.name).map(|item| item.ty);
    let Some(ComponentItem::ComponentFunc(found)) = item else { return Err(None) };
    compare(function, &found, resources).map_err(|difference| {
        Some(LinkMismatch::Type {
            interface: interface.to_owned(),
            function: function.name.clone(),
            place: difference.place,
            expected: difference.expected,
            found: difference.found,
        })
    })
}

/// Where two types differ.
struct Difference {
    place: String,
    expected: String,
    found: String,
}

impl Difference {
    fn new(place: &str, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { place: place.to_owned(), expected: expected.into(), found: found.into() }
    }
}

fn compare(function: &ComponentFunction, found: &ComponentFunc, resources: &Resources) -> Result<(), Difference> {
    if found.async_() {
        return Err(Difference::new("its kind", "a function", "an async function"));
    }
    let TypeShape::Tuple(expected) = &function.params.shape else { return Ok(()) };
    let params: Vec<_> = found.params().collect();
    if params.len() != expected.len() {
        let count = |count: usize| format!("{count} parameter{}", if count == 1 { "" } else { "s" });
        return Err(Difference::new("its parameters", count(expected.len()), count(params.len())));
    }
    for (member, (_, found)) in expected.iter().zip(&params) {
        compare_type("request", &member.ty, found, resources)?;
    }
    let mut results = found.results();
    match (results.next(), results.next()) {
        (Some(found), None) => compare_type("response", &function.result, &found, resources),
        _ => Err(Difference::new("its results", name(&function.result), "none or several")),
    }
}

/// Types are equal when they lie in memory alike *and* are called alike: a renamed field is a difference.
fn compare_type(place: &str, expected: &CanonicalType, found: &Found, resources: &Resources) -> Result<(), Difference> {
    let differ = || Err(Difference::new(place, name(expected), found_name(found)));
    match (&expected.shape, found) {
        (TypeShape::Bool, Found::Bool)
        | (TypeShape::U8, Found::U8)
        | (TypeShape::S32, Found::S32)
        | (TypeShape::U32, Found::U32)
        | (TypeShape::S64, Found::S64)
        | (TypeShape::U64, Found::U64)
        | (TypeShape::F32, Found::Float32)
        | (TypeShape::F64, Found::Float64)
        | (TypeShape::String, Found::String) => Ok(()),
        (TypeShape::List(element), Found::List(list)) => {
            compare_type(&format!("{place}[]"), element, &list.ty(), resources)
        }
        (TypeShape::Handle { resource, own: false }, Found::Borrow(found))
        | (TypeShape::Handle { resource, own: true }, Found::Own(found))
            if resources.get(resource) == Some(found) =>
        {
            Ok(())
        }
        (TypeShape::Record(members), Found::Record(record)) => {
            let fields: Vec<_> = record.fields().collect();
            for (index, member) in members.iter().enumerate() {
                let Some(field) = fields.get(index) else {
                    return Err(Difference::new(place, format!("a field `{}`", member.name), "no such field"));
                };
                if field.name != member.name {
                    let (expected, found) = (format!("a field `{}`", member.name), format!("`{}` there", field.name));
                    return Err(Difference::new(place, expected, found));
                }
                compare_type(&format!("{place}.{}", member.name), &member.ty, &field.ty, resources)?;
            }
            match fields.get(members.len()) {
                Some(more) => Err(Difference::new(place, "no more fields", format!("a field `{}`", more.name))),
                None => Ok(()),
            }
        }
        (TypeShape::Tuple(members), Found::Tuple(tuple)) => {
            let types: Vec<_> = tuple.types().collect();
            if types.len() != members.len() {
                return differ();
            }
            members.iter().zip(&types).try_for_each(|(member, found)| {
                compare_type(&format!("{place}.{}", member.name), &member.ty, found, resources)
            })
        }
        (TypeShape::Variant(variant), _) => {
            let cases: Vec<(String, Option<Found>)> = match (variant.form, found) {
                (VariantForm::Variant, Found::Variant(found)) => {
                    found.cases().map(|case| (case.name.to_owned(), case.ty)).collect()
                }
                (VariantForm::Enum, Found::Enum(found)) => found.names().map(|name| (name.to_owned(), None)).collect(),
                (VariantForm::Option, Found::Option(found)) => {
                    vec![("none".into(), None), ("some".into(), Some(found.ty()))]
                }
                (VariantForm::Result, Found::Result(found)) => {
                    vec![("ok".into(), found.ok()), ("error".into(), found.err())]
                }
                _ => return differ(),
            };
            for (index, (expected_name, payload)) in variant.cases.iter().enumerate() {
                let Some((found_case, found_payload)) = cases.get(index) else {
                    return Err(Difference::new(place, format!("a case `{expected_name}`"), "no such case"));
                };
                if found_case != expected_name {
                    let (expected, found) = (format!("a case `{expected_name}`"), format!("`{found_case}` there"));
                    return Err(Difference::new(place, expected, found));
                }
                let inner = match variant.form {
                    VariantForm::Option => place.to_owned(),
                    _ => format!("{place}.{expected_name}"),
                };
                match (payload, found_payload) {
                    (None, None) => {}
                    (Some(expected), Some(found)) => compare_type(&inner, expected, found, resources)?,
                    (Some(expected), None) => return Err(Difference::new(&inner, name(expected), "nothing")),
                    (None, Some(found)) => return Err(Difference::new(&inner, "nothing", found_name(found))),
                }
            }
            match cases.get(variant.cases.len()) {
                Some((more, _)) => Err(Difference::new(place, "no more cases", format!("a case `{more}`"))),
                None => Ok(()),
            }
        }
        _ => differ(),
    }
}

fn name(ty: &CanonicalType) -> String {
    let plain = match &ty.shape {
        TypeShape::Bool => "bool",
        TypeShape::U8 => "u8",
        TypeShape::S32 => "s32",
        TypeShape::U32 => "u32",
        TypeShape::S64 => "s64",
        TypeShape::U64 => "u64",
        TypeShape::F32 => "f32",
        TypeShape::F64 => "f64",
        TypeShape::String => "string",
        TypeShape::List(element) => return format!("list<{}>", name(element)),
        TypeShape::Handle { own: false, .. } => "a borrowed stream",
        TypeShape::Handle { own: true, .. } => "a stream",
        TypeShape::Record(_) => "a record",
        TypeShape::Tuple(_) => "a tuple",
        TypeShape::Variant(variant) => match variant.form {
            VariantForm::Variant => "a variant",
            VariantForm::Enum => "an enum",
            VariantForm::Result => "a result",
            VariantForm::Option => {
                let some = variant.cases.get(1).and_then(|(_, some)| some.as_ref());
                return format!("option<{}>", some.map_or_else(|| "_".to_owned(), |some| name(some)));
            }
        },
    };
    plain.to_owned()
}

fn found_name(ty: &Found) -> String {
    let plain = match ty {
        Found::List(list) => return format!("list<{}>", found_name(&list.ty())),
        Found::Option(option) => return format!("option<{}>", found_name(&option.ty())),
        Found::Bool => "bool",
        Found::S8 => "s8",
        Found::U8 => "u8",
        Found::S16 => "s16",
        Found::U16 => "u16",
        Found::S32 => "s32",
        Found::U32 => "u32",
        Found::S64 => "s64",
        Found::U64 => "u64",
        Found::Float32 => "f32",
        Found::Float64 => "f64",
        Found::Char => "char",
        Found::String => "string",
        Found::Record(_) => "a record",
        Found::Tuple(_) => "a tuple",
        Found::Variant(_) => "a variant",
        Found::Enum(_) => "an enum",
        Found::Result(_) => "a result",
        Found::Flags(_) => "flags",
        Found::Own(_) => "a resource",
        Found::Borrow(_) => "a borrowed resource",
        Found::Future(_) => "a future",
        Found::Stream(_) => "a stream",
        _ => "another type",
    };
    plain.to_owned()
}
