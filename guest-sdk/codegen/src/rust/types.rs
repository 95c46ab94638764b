//! Which types there are, and how Rust names them.

use super::names::{self, snake, type_name, wit_module};
use crate::schema::{Cardinality, Field, Kind, Member, MessageId, Oneof, Package, Scalar, Schema};

/// Path of the standard library's types.
pub(super) const VEC: &str = "::std::vec::Vec";
pub(super) const BOX: &str = "::std::boxed::Box";
pub(super) const OPTION: &str = "::std::option::Option";
pub(super) const STRING: &str = "::std::string::String";
pub(super) const RESULT: &str = "::std::result::Result";
pub(super) const ERROR: &str = "::okra_guest::Error";

/// A schema, with what Rust needs to know of its messages.
pub(super) struct Types<'a> {
    pub(super) schema: &'a Schema,
    /// By message: whether it is a type of its own and not wit-bindgen's.
    own: Vec<bool>,
    /// By message: whether there is memory behind it, so that wit-bindgen passes it by reference.
    has_list: Vec<bool>,
}

impl<'a> Types<'a> {
    pub(super) fn new(schema: &'a Schema) -> Self {
        let mut own: Vec<_> = schema.messages.iter().map(|message| !message.in_wit).collect();
        let mut has_list = vec![false; schema.messages.len()];
        let is_list = |field: &Field| {
            matches!(field.cardinality, Cardinality::Repeated { .. } | Cardinality::Map { .. })
                || matches!(
                    field.kind,
                    Kind::Scalar(Scalar::String | Scalar::Bytes)
                        | Kind::Wrapper(Scalar::String | Scalar::Bytes)
                        | Kind::FieldMask
                        | Kind::Json(_)
                        | Kind::Encoded { .. }
                )
        };
        spread(schema, &mut own, |field| matches!(field.kind, Kind::Encoded { .. }));
        spread(schema, &mut has_list, is_list);
        Self { schema, own, has_list }
    }

    /// Whether a message is a type of its own, with one of wit-bindgen beside it if it is in WIT.
    pub(super) fn is_own(&self, message: usize) -> bool {
        self.own.get(message).copied().unwrap_or_default()
    }

    /// Whether a value holds a message that is a type of its own.
    pub(super) fn is_own_kind(&self, kind: &Kind) -> bool {
        matches!(kind, Kind::Message { message, .. } if self.is_own(message.0))
    }

    /// Whether a oneof's enum is a type of its own.
    pub(super) fn is_own_oneof(&self, message: usize, oneof: &Oneof) -> bool {
        let is_in_wit = self.schema.messages.get(message).is_some_and(|message| message.in_wit);
        !is_in_wit
            || oneof.cases.iter().any(|case| matches!(case.kind, Kind::Encoded { .. }) || self.is_own_kind(&case.kind))
    }

    /// The message that the SDK has a type for.
    pub(super) fn sdk_type(full_name: &str) -> Option<&'static str> {
        match full_name {
            "google.protobuf.Timestamp" => Some("::okra_guest::well_known::Timestamp"),
            "google.protobuf.Duration" => Some("::okra_guest::well_known::Duration"),
            "google.protobuf.Any" => Some("::okra_guest::well_known::Any"),
            _ => None,
        }
    }

    fn package_type(&self, package: usize, wit_name: &str) -> String {
        format!("super::p{package}::{}", type_name(wit_name))
    }

    /// A message's type, as a module beside those of packages names it.
    pub(super) fn message(&self, id: MessageId) -> String {
        match self.schema.messages.get(id.0) {
            Some(message) => match Self::sdk_type(&message.full_name) {
                Some(path) => path.to_owned(),
                None => self.package_type(message.package, &message.wit_name),
            },
            None => String::new(),
        }
    }

    /// The type of one value.
    pub(super) fn value(&self, kind: &Kind) -> String {
        match kind {
            Kind::Scalar(of) | Kind::Wrapper(of) => scalar(*of).to_owned(),
            Kind::Json(_) => STRING.to_owned(),
            Kind::FieldMask => format!("{VEC}<{STRING}>"),
            Kind::Enum(id) => match self.schema.enums.get(id.0) {
                Some(found) => self.package_type(found.package, &found.wit_name),
                None => String::new(),
            },
            Kind::Message { message, .. } | Kind::Encoded { message, .. } => self.message(*message),
        }
    }

    /// The type of a field, or of what is in a case of a oneof.
    pub(super) fn field(&self, field: &Field, is_case: bool) -> String {
        let one = self.value(&field.kind);
        let is_encoded = matches!(field.kind, Kind::Encoded { .. });
        match field.cardinality {
            Cardinality::Repeated { .. } => format!("{VEC}<{one}>"),
            Cardinality::Map { key } => format!("{VEC}<({}, {one})>", scalar(key)),
            _ if is_case && is_encoded => format!("{BOX}<{one}>"),
            // A required one is an option, too: a message that must hold itself has no default.
            _ if is_encoded => format!("{OPTION}<{BOX}<{one}>>"),
            Cardinality::Optional => format!("{OPTION}<{one}>"),
            Cardinality::Implicit | Cardinality::Required => one,
        }
    }

    /// How a value is passed to wit-bindgen's functions: with memory behind it by reference.
    pub(super) fn borrowed(&self, kind: &Kind) -> String {
        match kind {
            Kind::Scalar(Scalar::String) | Kind::Wrapper(Scalar::String) | Kind::Json(_) => "&str".to_owned(),
            Kind::Scalar(Scalar::Bytes) | Kind::Wrapper(Scalar::Bytes) => "&[u8]".to_owned(),
            Kind::FieldMask => format!("&[{STRING}]"),
            Kind::Message { message, .. } if self.has_list.get(message.0) == Some(&true) => {
                format!("&{}", self.value(kind))
            }
            _ => self.value(kind),
        }
    }

    /// Path of what the macro has of a WIT interface, from a module beside those of packages.
    pub(super) fn wit_path(&self, package: usize, interface: &str, is_exported: bool) -> String {
        let root = if is_exported { "__okra_wit_exports" } else { "__okra_wit" };
        match self.schema.packages.get(package) {
            Some(Package { namespace, name, version, .. }) => {
                format!("super::super::{root}::{}::{}", wit_module(namespace, name, version), snake(interface))
            }
            None => String::new(),
        }
    }

    /// Path of a type of wit-bindgen.
    pub(super) fn wit_type(&self, package: usize, wit_name: &str) -> String {
        let interface =
            self.schema.packages.get(package).map(|found| found.types_interface.as_str()).unwrap_or_default();
        format!("{}::{}", self.wit_path(package, interface, false), names::type_name(wit_name))
    }
}

/// Marks messages with a field like this, and those that lie around them.
fn spread(schema: &Schema, marks: &mut [bool], is_marked: impl Fn(&Field) -> bool) {
    let mut holders = vec![Vec::new(); marks.len()];
    let mut open = Vec::new();
    for (index, message) in schema.messages.iter().enumerate() {
        for field in fields(&message.members) {
            if is_marked(field) || marks.get(index) == Some(&true) {
                open.push(index);
            }
            if let Kind::Message { message, .. } = field.kind
                && let Some(holders) = holders.get_mut(message.0)
            {
                holders.push(index);
            }
        }
    }
    let mut seen = vec![false; marks.len()];
    while let Some(index) = open.pop() {
        if let (Some(mark), Some(seen)) = (marks.get_mut(index), seen.get_mut(index))
            && !*seen
        {
            (*mark, *seen) = (true, true);
            open.extend(holders.get(index).into_iter().flatten());
        }
    }
}

/// The fields of members, those in oneofs included.
pub(super) fn fields(members: &[Member]) -> impl Iterator<Item = &Field> {
    members.iter().flat_map(|member| match member {
        Member::Field(field) => std::slice::from_ref(field),
        Member::Oneof(oneof) => &oneof.cases,
    })
}

pub(super) fn scalar(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::Double => "f64",
        Scalar::Float => "f32",
        Scalar::Int32 | Scalar::Sint32 | Scalar::Sfixed32 => "i32",
        Scalar::Int64 | Scalar::Sint64 | Scalar::Sfixed64 => "i64",
        Scalar::Uint32 | Scalar::Fixed32 => "u32",
        Scalar::Uint64 | Scalar::Fixed64 => "u64",
        Scalar::Bool => "bool",
        Scalar::String => STRING,
        Scalar::Bytes => "::std::vec::Vec<u8>",
    }
}
