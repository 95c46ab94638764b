//! Fields and extensions, which descriptors have as two types.

use std::borrow::Cow;

use prost_reflect::{ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor};

/// A field of a message or an extension of one.
#[derive(Clone, Debug)]
pub(super) enum AnyField {
    Field(FieldDescriptor),
    Extension(ExtensionDescriptor),
}

/// Asks whichever of the two it is.
macro_rules! ask {
    ($field:expr, $descriptor:ident => $answer:expr) => {
        match $field {
            AnyField::Field($descriptor) => $answer,
            AnyField::Extension($descriptor) => $answer,
        }
    };
}

impl AnyField {
    /// Finds the field that JSON calls so: by its name in JSON, that in the file, or `[NAME]` for an extension.
    pub(super) fn named(message: &MessageDescriptor, name: &str) -> Option<Self> {
        let field = message.get_field_by_json_name(name).or_else(|| message.get_field_by_name(name));
        field.map(Self::Field).or_else(|| {
            let name = name.strip_prefix('[')?.strip_suffix(']')?;
            message.get_extension_by_full_name(name).map(Self::Extension)
        })
    }

    /// Finds the field of this number.
    pub(super) fn numbered(message: &MessageDescriptor, number: u32) -> Option<Self> {
        let field = message.get_field(number).map(Self::Field);
        field.or_else(|| message.get_extension(number).map(Self::Extension))
    }

    pub(super) fn json_name(&self) -> Cow<'_, str> {
        match self {
            Self::Field(field) => Cow::Borrowed(field.json_name()),
            Self::Extension(extension) => Cow::Owned(format!("[{}]", extension.full_name())),
        }
    }

    pub(super) fn number(&self) -> u32 {
        ask!(self, field => field.number())
    }

    pub(super) fn kind(&self) -> Kind {
        ask!(self, field => field.kind())
    }

    pub(super) fn is_list(&self) -> bool {
        ask!(self, field => field.is_list())
    }

    pub(super) fn is_map(&self) -> bool {
        ask!(self, field => field.is_map())
    }

    pub(super) fn is_packed(&self) -> bool {
        ask!(self, field => field.is_packed())
    }

    pub(super) fn is_group(&self) -> bool {
        ask!(self, field => field.is_group())
    }

    pub(super) fn has_presence(&self) -> bool {
        ask!(self, field => field.supports_presence())
    }

    /// Returns the index of its oneof in the message; `None` when it is in none.
    pub(super) fn oneof_index(&self) -> Option<i32> {
        match self {
            Self::Field(field) => field.containing_oneof()?.path().last().copied(),
            Self::Extension(_) => None,
        }
    }
}
