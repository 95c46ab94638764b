//! Compiled files of editions as files of proto2 or proto3 that say the same.

use std::collections::{HashMap, HashSet};

use prost::Message as _;
use prost::encoding::{self, DecodeContext};
use prost_reflect::{DescriptorPool, DynamicMessage, Kind as ProtoKind, ReflectMessage, Value};
use prost_types::FileDescriptorSet;
use prost_types::field_descriptor_proto::{Label, Type};

use super::features::{CLOSED, DELIMITED, Features, IMPLICIT, LEGACY_BEST_EFFORT, LEGACY_REQUIRED, PACKED};
use super::source::SourceFeatures;
use super::{EditionError, IMPLICIT_PRESENCE, OPEN_ENUM};

/// `google.protobuf.Edition.EDITION_2023` and `EDITION_2024`.
const EDITION_NUMBERS: [u64; 2] = [1000, 1001];

/// Number of `edition` in `google.protobuf.FileDescriptorProto`.
const EDITION: u32 = 14;

/// Rewrites the files of editions in an encoded `google.protobuf.FileDescriptorSet`; all else in it is kept, and a set
/// that is not valid as well. `sources` has the
/// features of files that were compiled here, by name.
///
/// # Errors
/// If a file is of another edition.
pub(crate) fn lower(set: Vec<u8>, sources: &HashMap<String, SourceFeatures>) -> Result<Vec<u8>, EditionError> {
    let is_edition =
        |file: &prost_types::FileDescriptorProto| file.syntax() == "editions" || sources.contains_key(file.name());
    let is_any = FileDescriptorSet::decode(set.as_slice()).is_ok_and(|set| set.file.iter().any(is_edition));
    if !is_any {
        return Ok(set);
    }
    let Some(descriptor) = DescriptorPool::global().get_message_by_name("google.protobuf.FileDescriptorSet") else {
        debug_assert!(false, "the pool of all has the descriptors themselves");
        return Ok(set);
    };
    let Ok(mut whole) = DynamicMessage::decode(descriptor, set.as_slice()) else { return Ok(set) };
    for file in messages(&mut whole, "file") {
        let name = text(file, "name");
        let source = sources.get(&name);
        if source.is_none() && text(file, "syntax") != "editions" {
            continue;
        }
        let edition = edition_number(file);
        if source.is_none() && !edition.is_some_and(|edition| EDITION_NUMBERS.contains(&edition)) {
            let edition = edition.map_or_else(|| "none".to_owned(), |edition| edition.to_string());
            return Err(EditionError::Unknown { file: name, edition });
        }
        Lowering { source, entries: HashSet::new(), needs_proto2: false, is_last: false }.file(file);
    }
    Ok(whole.encode_to_vec())
}

/// Returns the number of a file's edition.
fn edition_number(file: &DynamicMessage) -> Option<u64> {
    let bytes = file.encode_to_vec();
    let edition = encoded_fields(&bytes).into_iter().find(|(number, _)| *number == EDITION)?.1;
    encoding::decode_varint(&mut without_key(edition)?).ok()
}

/// The fields of an encoded message, each with its number and all of its bytes. Descriptors here need not know the fields of
/// editions, so these are read from the encoding.
fn encoded_fields(bytes: &[u8]) -> Vec<(u32, &[u8])> {
    let mut fields = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let start = rest;
        let skipped = encoding::decode_key(&mut rest).and_then(|(number, wire_type)| {
            encoding::skip_field(wire_type, number, &mut rest, DecodeContext::default()).map(|()| number)
        });
        let Ok(number) = skipped else { break };
        fields.push((number, start.get(..start.len() - rest.len()).unwrap_or_default()));
    }
    fields
}

fn without_key(field: &[u8]) -> Option<&[u8]> {
    let mut rest = field;
    encoding::decode_key(&mut rest).ok()?;
    Some(rest)
}

/// The file that is being rewritten. It is walked twice: first to see whether it says what proto3 cannot, then to rewrite it.
struct Lowering<'a> {
    source: Option<&'a SourceFeatures>,
    /// Full names of the entries of its maps, with a dot before them.
    entries: HashSet<String>,
    needs_proto2: bool,
    is_last: bool,
}

/// Where a field is declared.
struct FieldScope<'a> {
    /// Features of each oneof of the message, within those of the message.
    oneofs: &'a [Features],
    outer: Features,
    is_extension: bool,
}

impl Lowering<'_> {
    fn file(&mut self, file: &mut DynamicMessage) {
        let package = text(file, "package");
        let scope = if package.is_empty() { package } else { format!(".{package}") };
        messages(file, "message_type").for_each(|message| self.find_entries(&scope, message));
        for is_last in [false, true] {
            self.is_last = is_last;
            let features = self.features(file, &[], 50, Features::DEFAULT);
            self.needs_proto2 |= features.json_format == LEGACY_BEST_EFFORT;
            self.declared(file, &[], features, [("message_type", 4), ("enum_type", 5), ("extension", 7)]);
        }
        for service in messages(file, "service") {
            drop_features(service, 34);
            messages(service, "method").for_each(|method| drop_features(method, 35));
        }
        without_field(file, EDITION);
        match self.needs_proto2 {
            true => file.clear_field_by_name("syntax"),
            false => file.set_field_by_name("syntax", Value::String("proto3".to_owned())),
        }
    }

    /// Decoding has bounded how deep messages lie in each other.
    fn find_entries(&mut self, scope: &str, message: &mut DynamicMessage) {
        let name = format!("{scope}.{}", text(message, "name"));
        messages(message, "nested_type").for_each(|nested| self.find_entries(&name, nested));
        if is_map_entry(message) {
            self.entries.insert(name);
        }
    }

    /// Rewrites what a file or a message declares.
    fn declared(&mut self, parent: &mut DynamicMessage, path: &[i32], outer: Features, lists: [(&str, i32); 3]) {
        let [(nested, nested_tag), (enums, enum_tag), (extensions, extension_tag)] = lists;
        let at = |tag, index| [path, &[tag, index]].concat();
        for (index, message) in (0..).zip(messages(parent, nested)) {
            self.message(message, &at(nested_tag, index), outer);
        }
        for (index, definition) in (0..).zip(messages(parent, enums)) {
            self.enumeration(definition, &at(enum_tag, index), outer);
        }
        for (index, field) in (0..).zip(messages(parent, extensions)) {
            self.field(field, &at(extension_tag, index), &FieldScope { oneofs: &[], outer, is_extension: true });
        }
    }

    fn message(&mut self, message: &mut DynamicMessage, path: &[i32], outer: Features) {
        let outer = self.features(message, path, 12, outer);
        if is_map_entry(message) {
            return;
        }
        self.needs_proto2 |= outer.json_format == LEGACY_BEST_EFFORT;
        for range in messages(message, "extension_range") {
            self.needs_proto2 = true;
            drop_features(range, 50);
        }
        let at = |tag, index| [path, &[tag, index]].concat();
        let oneofs = (0..).zip(messages(message, "oneof_decl"));
        let oneofs: Vec<Features> =
            oneofs.map(|(index, oneof)| self.features(oneof, &at(8, index), 1, outer)).collect();
        let scope = FieldScope { oneofs: &oneofs, outer, is_extension: false };
        let mut taken: HashSet<String> = messages(message, "field").map(|field| text(field, "name")).collect();
        taken.extend(messages(message, "oneof_decl").map(|oneof| text(oneof, "name")));
        let mut synthetic = Vec::new();
        for (index, field) in (0..).zip(messages(message, "field")) {
            if self.field(field, &at(2, index), &scope) {
                let mut name = format!("_{}", text(field, "name"));
                while !taken.insert(name.clone()) {
                    name.insert(0, 'X');
                }
                let place = i32::try_from(oneofs.len() + synthetic.len()).unwrap_or(i32::MAX);
                field.set_field_by_name("oneof_index", Value::I32(place));
                field.set_field_by_name("proto3_optional", Value::Bool(true));
                synthetic.push(name);
            }
        }
        let descriptor = message.descriptor().get_field_by_name("oneof_decl");
        if let Some(ProtoKind::Message(oneof)) = descriptor.map(|field| field.kind())
            && let Some(Value::List(oneofs)) =
                message.get_field_by_name_mut("oneof_decl").filter(|_| !synthetic.is_empty())
        {
            oneofs.extend(synthetic.into_iter().map(|name| {
                let mut declaration = DynamicMessage::new(oneof.clone());
                declaration.set_field_by_name("name", Value::String(name));
                Value::Message(declaration)
            }));
        }
        self.declared(message, path, outer, [("nested_type", 3), ("enum_type", 4), ("extension", 6)]);
    }

    fn enumeration(&mut self, definition: &mut DynamicMessage, path: &[i32], outer: Features) {
        let features = self.features(definition, path, 7, outer);
        let is_closed = features.enum_type == CLOSED;
        self.needs_proto2 |= is_closed || features.json_format == LEGACY_BEST_EFFORT;
        if self.is_last {
            messages(definition, "value").for_each(|value| drop_features(value, 2));
            if self.needs_proto2 && !is_closed {
                mark(definition, OPEN_ENUM);
            }
        }
    }

    /// Rewrites a field; true if it is to be in a synthetic oneof, because its absence is told in a file of proto3.
    fn field(&mut self, field: &mut DynamicMessage, path: &[i32], scope: &FieldScope<'_>) -> bool {
        let oneof = field.has_field_by_name("oneof_index").then(|| number(field, "oneof_index"));
        let outer = oneof.and_then(|index| scope.oneofs.get(usize::try_from(index).ok()?)).copied();
        let features = self.features(field, path, 21, outer.unwrap_or(scope.outer));
        let (label, kind) = (number(field, "label"), number(field, "type"));
        let is_repeated = label == Label::Repeated as i32;
        let is_message = [Type::Message as i32, Type::Group as i32].contains(&kind);
        let is_bytes = [Type::String as i32, Type::Bytes as i32].contains(&kind);
        let is_delimited = kind == Type::Message as i32
            && features.message_encoding == DELIMITED
            && !self.entries.contains(&text(field, "type_name"));
        let has_own_presence = !is_repeated && oneof.is_none() && !scope.is_extension;
        let is_required = has_own_presence && features.field_presence == LEGACY_REQUIRED;
        let is_implicit = has_own_presence && !is_message && features.field_presence == IMPLICIT;
        self.needs_proto2 |=
            scope.is_extension || is_delimited || is_required || field.has_field_by_name("default_value");
        if !self.is_last {
            return false;
        }
        if is_delimited {
            field.set_field_by_name("type", Value::EnumNumber(Type::Group as i32));
        }
        if is_required {
            field.set_field_by_name("label", Value::EnumNumber(Label::Required as i32));
        }
        if is_repeated && !is_message && !is_bytes {
            let is_packed = features.repeated_field_encoding == PACKED;
            if let Some(Value::Message(options)) = field.get_field_by_name_mut("options") {
                options.set_field_by_name("packed", Value::Bool(is_packed));
            }
        }
        if is_implicit && self.needs_proto2 {
            mark(field, IMPLICIT_PRESENCE);
        }
        has_own_presence && !is_message && !is_required && !is_implicit && !self.needs_proto2
    }

    /// The features of an element within those around it. At last they are taken out of its options, where they are field `tag`.
    fn features(&self, element: &mut DynamicMessage, path: &[i32], tag: u32, outer: Features) -> Features {
        if let Some(source) = self.source {
            return outer.with(source.by_path.get(path));
        }
        if !element.has_field_by_name("options") {
            return outer;
        }
        let Some(Value::Message(options)) = element.get_field_by_name_mut("options") else { return outer };
        let bytes = options.encode_to_vec();
        let own = encoded_fields(&bytes).into_iter().filter(|(number, _)| *number == tag);
        let own = own.filter_map(|(_, field)| Features::decode_length_delimited(without_key(field)?).ok());
        let features = own.fold(outer, |outer, own| outer.with(Some(&own)));
        if self.is_last {
            without_field(options, tag);
        }
        features
    }
}

fn drop_features(element: &mut DynamicMessage, tag: u32) {
    if element.has_field_by_name("options")
        && let Some(Value::Message(options)) = element.get_field_by_name_mut("options")
    {
        without_field(options, tag);
    }
}

/// Takes a field out of a message. All others stay, also those that its descriptor here does not have: custom options.
fn without_field(message: &mut DynamicMessage, tag: u32) {
    let bytes = message.encode_to_vec();
    let fields = encoded_fields(&bytes);
    if !fields.iter().any(|(number, _)| *number == tag) {
        return;
    }
    let kept: Vec<&[u8]> = fields.into_iter().filter(|(number, _)| *number != tag).map(|(_, field)| field).collect();
    match DynamicMessage::decode(message.descriptor(), kept.concat().as_slice()) {
        Ok(without) => *message = without,
        Err(error) => debug_assert!(false, "fields that were encoded are decoded again: {error}"),
    }
}

fn mark(element: &mut DynamicMessage, mark: u32) {
    let mut bytes = Vec::new();
    encoding::bool::encode(mark, &true, &mut bytes);
    if let Some(Value::Message(options)) = element.get_field_by_name_mut("options") {
        let merged = options.merge(bytes.as_slice());
        debug_assert!(merged.is_ok(), "a field is decoded");
    }
}

fn is_map_entry(message: &DynamicMessage) -> bool {
    let options = message.get_field_by_name("options");
    let entry =
        options.and_then(|options| Some(options.as_message()?.get_field_by_name("map_entry")?.as_bool() == Some(true)));
    entry == Some(true)
}

/// The messages of a repeated field.
fn messages<'a>(parent: &'a mut DynamicMessage, field: &str) -> impl Iterator<Item = &'a mut DynamicMessage> + use<'a> {
    let list = match parent.has_field_by_name(field) {
        true => parent.get_field_by_name_mut(field).and_then(Value::as_list_mut),
        false => None,
    };
    list.into_iter().flatten().filter_map(Value::as_message_mut)
}

fn text(message: &DynamicMessage, field: &str) -> String {
    message.get_field_by_name(field).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn number(message: &DynamicMessage, field: &str) -> i32 {
    let value = message.get_field_by_name(field);
    value.and_then(|value| value.as_i32().or_else(|| value.as_enum_number())).unwrap_or_default()
}
