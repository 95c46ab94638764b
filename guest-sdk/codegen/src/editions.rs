//! protobuf editions 2023 and 2024: what a file says by features becomes what proto2 and proto3 say by syntax.
//!
//! The compiler and the reflection of this crate know proto2 and proto3. `source` gives the compiler a text that it can read and
//! takes the features out of it; `lower` resolves features in compiled descriptors, which may also come from protoc or buf, and
//! rewrites each file in the syntax that can say what it says. Where neither can, a field or an enum carries a mark in its
//! options, which [`is_open_enum`] and [`has_implicit_presence`] read: code that reads descriptors calls these and does not read the syntax.
//! <https://protobuf.dev/editions/features/>

mod features;
mod lower;
mod source;

use std::collections::HashMap;

use prost_reflect::{DynamicMessage, EnumDescriptor, FieldDescriptor, Syntax};

pub(crate) use lower::lower;
pub(crate) use source::{SourceFeatures, edition_of, parse};

/// The editions that can be read.
pub(crate) const EDITIONS: [&str; 2] = ["2023", "2024"];

/// Number of the mark in the options of fields without presence in a proto2 file; of the range that protobuf leaves to everyone.
const IMPLICIT_PRESENCE: u32 = 98_101;

/// Number of the mark in the options of open enums in a proto2 file.
const OPEN_ENUM: u32 = 98_102;

/// Why a file of an edition cannot be read.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum EditionError {
    /// An edition that is not one of those that are known.
    #[error("`{file}` is written in edition {edition}, and 2023 and 2024 are supported")]
    #[diagnostic(help("write `edition = \"2024\";`, or proto3"))]
    Unknown {
        /// The file, by the name that imports have for it.
        file: String,
        /// The edition, or its number in descriptors.
        edition: String,
    },
}

/// Rewrites the files of editions in an encoded `google.protobuf.FileDescriptorSet` as files of proto2 and proto3; all else in
/// it is kept.
///
/// # Errors
/// If a file is of an edition other than 2023 and 2024.
pub fn lower_descriptors(set: Vec<u8>) -> Result<Vec<u8>, EditionError> {
    lower(set, &HashMap::new())
}

/// Whether each number is a value of the enum: numbers without a name are kept. In a closed enum they are unknown fields.
pub fn is_open_enum(definition: &EnumDescriptor) -> bool {
    definition.parent_file().syntax() != Syntax::Proto2 || is_marked(&definition.options(), OPEN_ENUM)
}

/// Whether the default value of a singular field is not told from its absence.
pub fn has_implicit_presence(field: &FieldDescriptor) -> bool {
    !field.supports_presence()
        || (field.parent_file().syntax() == Syntax::Proto2 && is_marked(&field.options(), IMPLICIT_PRESENCE))
}

fn is_marked(options: &DynamicMessage, mark: u32) -> bool {
    options.unknown_fields().any(|field| field.number() == mark)
}
