//! The files of `google.protobuf` in the descriptors of a package: they must be protobuf's own.
//!
//! JSON, REST and reflection treat these messages by their names, and a package could give such a name to anything.

use prost_reflect::{DescriptorPool, FileDescriptor};
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto};

const PACKAGE: &str = "google.protobuf";

/// Files that grow from release to release of protobuf: their messages are written as all others.
const GROWING: [&str; 3] =
    ["google/protobuf/api.proto", "google/protobuf/descriptor.proto", "google/protobuf/type.proto"];

/// A file that is not protobuf's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ForeignFile {
    /// Name of the file.
    pub(super) file: String,
    /// The difference.
    pub(super) difference: String,
}

/// Checks the files of `google.protobuf`.
///
/// # Errors
/// The first file that differs from the one of protobuf.
pub(super) fn check_well_known_files(pool: &DescriptorPool) -> Result<(), ForeignFile> {
    let known = DescriptorPool::global();
    for file in pool.files().filter(|file| file.package_name() == PACKAGE) {
        let difference = match known.get_file_by_name(file.name()).filter(|known| known.package_name() == PACKAGE) {
            None => Some("protobuf has no file of this name".to_owned()),
            Some(_) if GROWING.contains(&file.name()) => find_claimed_name(&file, &known),
            Some(known) => find_difference(file.file_descriptor_proto(), known.file_descriptor_proto()),
        };
        if let Some(difference) = difference {
            return Err(ForeignFile { file: file.name().to_owned(), difference });
        }
    }
    Ok(())
}

/// Finds a message of a file that grows whose name belongs to another file, or looks like that of a value.
fn find_claimed_name(file: &FileDescriptor, known: &DescriptorPool) -> Option<String> {
    let mut messages = file.messages();
    messages.find_map(|message| {
        let is_known = match known.get_message_by_name(message.full_name()) {
            Some(known) => known.parent_file().name() == file.name(),
            None => !message.name().ends_with("Value"),
        };
        (!is_known).then(|| format!("it has no message `{}`", message.name()))
    })
}

fn find_difference(file: &FileDescriptorProto, known: &FileDescriptorProto) -> Option<String> {
    if file.syntax() != known.syntax() {
        return Some(format!("its syntax is {:?}", known.syntax()));
    }
    if !file.service.is_empty() || !file.extension.is_empty() {
        return Some("it has no services and extensions".to_owned());
    }
    messages_differ(&file.message_type, &known.message_type).or_else(|| enums_differ(&file.enum_type, &known.enum_type))
}

/// Compares the items of two lists by their names and contents, in any order.
fn items_differ<T>(
    found: &[T],
    known: &[T],
    name: impl Fn(&T) -> &str,
    differ: impl Fn(&T, &T) -> Option<String>,
) -> Option<String> {
    if let Some(item) = found.iter().find(|item| !known.iter().any(|other| name(other) == name(item))) {
        return Some(format!("it has no `{}`", name(item)));
    }
    known.iter().find_map(|known| {
        let mut same = found.iter().filter(|item| name(item) == name(known));
        match (same.next(), same.next()) {
            (Some(item), None) => differ(item, known),
            _ => Some(format!("it has one `{}`", name(known))),
        }
    })
}

/// Compares messages. Those of protobuf are nested at most twice, and what is nested deeper is no part of them.
fn messages_differ(found: &[DescriptorProto], known: &[DescriptorProto]) -> Option<String> {
    items_differ(found, known, DescriptorProto::name, |message, known| {
        let is_map = |message: &DescriptorProto| message.options.as_ref().is_some_and(|options| options.map_entry());
        if is_map(message) != is_map(known) || !message.extension.is_empty() || !message.extension_range.is_empty() {
            return Some(format!("`{}` is another message there", known.name()));
        }
        items_differ(&message.field, &known.field, FieldDescriptorProto::name, |field, known_field| {
            (shape(field, message) != shape(known_field, known))
                .then(|| format!("`{}.{}` is another field there", known.name(), known_field.name()))
        })
        .or_else(|| messages_differ(&message.nested_type, &known.nested_type))
        .or_else(|| enums_differ(&message.enum_type, &known.enum_type))
    })
}

/// The properties of a field that its encoding and its JSON depend on.
type FieldShape<'a> = (i32, Label, Type, &'a str, Option<&'a str>, bool);

fn shape<'a>(field: &'a FieldDescriptorProto, message: &'a DescriptorProto) -> FieldShape<'a> {
    let oneof = field.oneof_index.and_then(|index| message.oneof_decl.get(usize::try_from(index).ok()?));
    let oneof = oneof.map(|oneof| oneof.name());
    (field.number(), field.label(), field.r#type(), field.type_name(), oneof, field.proto3_optional())
}

fn enums_differ(found: &[EnumDescriptorProto], known: &[EnumDescriptorProto]) -> Option<String> {
    items_differ(found, known, EnumDescriptorProto::name, |found, known| {
        items_differ(
            &found.value,
            &known.value,
            |value| value.name(),
            |value, known_value| {
                (value.number() != known_value.number())
                    .then(|| format!("`{}` has another number there", known_value.name()))
            },
        )
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use prost_types::FileDescriptorSet;

    use super::*;

    fn known(name: &str) -> FileDescriptorProto {
        let file = DescriptorPool::global().get_file_by_name(&format!("google/protobuf/{name}.proto")).unwrap();
        FileDescriptorProto { source_code_info: None, ..file.file_descriptor_proto().clone() }
    }

    fn check(file: FileDescriptorProto) -> Result<(), String> {
        let pool = DescriptorPool::from_file_descriptor_set(FileDescriptorSet { file: vec![file] }).unwrap();
        check_well_known_files(&pool).map_err(|foreign| foreign.difference)
    }

    fn refused(name: &str, change: impl FnOnce(&mut FileDescriptorProto)) -> String {
        let mut file = known(name);
        change(&mut file);
        check(file).unwrap_err()
    }

    #[test]
    fn the_files_of_protobuf_are_taken() {
        for name in ["any", "duration", "empty", "field_mask", "struct", "timestamp", "wrappers", "descriptor"] {
            check(known(name)).unwrap();
        }
    }

    #[test]
    fn a_package_brought_messages_of_google_protobuf_of_its_own() {
        let message = |name: &str| DescriptorProto { name: Some(name.to_owned()), ..DescriptorProto::default() };
        assert_eq!(refused("wrappers", |file| file.message_type.push(message("LoopValue"))), "it has no `LoopValue`");
        assert_eq!(refused("empty", |file| file.name = Some("loop.proto".into())), "protobuf has no file of this name");
        let claimed = refused("descriptor", |file| file.message_type.push(message("Value")));
        assert_eq!(claimed, "it has no message `Value`");
        let claimed = refused("descriptor", |file| file.message_type.push(message("LoopValue")));
        assert_eq!(claimed, "it has no message `LoopValue`");
        let changed = refused("timestamp", |file| file.message_type[0].field[0].set_type(Type::Int32));
        assert_eq!(changed, "`Timestamp.seconds` is another field there");
        let changed = refused("duration", |file| drop(file.message_type[0].field.pop()));
        assert_eq!(changed, "it has one `nanos`");
        let changed = refused("struct", |file| {
            file.message_type
                .iter_mut()
                .for_each(|message| message.field.iter_mut().for_each(|it| it.oneof_index = None));
        });
        assert_eq!(changed, "`Value.null_value` is another field there");
        assert_eq!(refused("struct", |file| file.enum_type[0].value[0].name = Some("NONE".into())), "it has no `NONE`");
    }

    #[test]
    fn a_newer_file_of_descriptors_is_taken() {
        let mut file = known("descriptor");
        file.message_type
            .push(DescriptorProto { name: Some("FeatureSetOfTomorrow".into()), ..DescriptorProto::default() });
        check(file).unwrap();
    }
}
