//! The text of a `.proto` file of an edition, for a compiler of proto2 and proto3. Lines stay where they are, and nearly all columns.

use std::collections::HashMap;

use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, OneofDescriptorProto,
    UninterpretedOption,
};
use protox::file::File;

use super::EDITIONS;
use super::features::Features;
use crate::declarations::Tokens;

/// The name that stands for `default` in options: the compiler refuses that in proto3.
const DEFAULT: &str = "(defau)";

/// The features that a file sets, by the path of what they are set on; empty for the file.
#[derive(Debug, Default)]
pub(crate) struct SourceFeatures {
    pub(super) by_path: HashMap<Vec<i32>, Features>,
}

/// Returns the edition in which a text is written, if it is in one: `2023` of `edition = "2023";`.
pub(crate) fn edition_of(text: &str) -> Option<&str> {
    let mut tokens = Tokens::new(text);
    let is_edition = tokens.next()? == "edition" && tokens.next()? == "=";
    let quoted = is_edition.then(|| tokens.next_written())??;
    quoted.get(1..quoted.len().checked_sub(1)?)
}

/// Parses a file. The compiler refuses those of editions other than [`EDITIONS`]. Of a file of an edition, what is returned beside it are its features, and the file says nothing of them.
///
/// # Errors
/// With line and column.
pub(crate) fn parse(name: &str, text: &str) -> Result<(File, Option<SourceFeatures>), protox::Error> {
    let is_edition = edition_of(text).is_some_and(|edition| EDITIONS.contains(&edition));
    if !is_edition && !text.contains("extensions") {
        return Ok((File::from_source(name, text)?, None));
    }
    let file = File::from_source(name, &readable(text, is_edition))?;
    let mut descriptor = file.file_descriptor_proto().clone();
    let mut taken = SourceFeatures::default();
    if is_edition {
        descriptor.syntax = None;
        without_language_features(&mut descriptor);
        taken.take(&[], descriptor.options.as_mut().map(|options| &mut options.uninterpreted_option));
    }
    each(&mut descriptor.message_type, |index, message| taken.message(&[4, index], message));
    each(&mut descriptor.enum_type, |index, definition| taken.enumeration(&[5, index], definition));
    each(&mut descriptor.extension, |index, field| taken.field(&[7, index], field));
    for service in &mut descriptor.service {
        taken.drop(service.options.as_mut().map(|options| &mut options.uninterpreted_option));
        for method in &mut service.method {
            taken.drop(method.options.as_mut().map(|options| &mut options.uninterpreted_option));
        }
    }
    Ok((File::from_file_descriptor_proto(descriptor), is_edition.then_some(taken)))
}

/// Features of single languages change nothing here, and the compiler does not know what their files extend.
fn without_language_features(file: &mut FileDescriptorProto) {
    let is_dropped = |name: &String| name.starts_with("google/protobuf/") && name.ends_with("_features.proto");
    let kept: Vec<i32> =
        (0..).zip(&file.dependency).filter(|(_, name)| !is_dropped(name)).map(|(index, _)| index).collect();
    let place = |index: &i32| kept.iter().position(|kept| kept == index).and_then(|place| i32::try_from(place).ok());
    file.public_dependency = file.public_dependency.iter().filter_map(place).collect();
    file.weak_dependency = file.weak_dependency.iter().filter_map(place).collect();
    file.dependency.retain(|name| !is_dropped(name));
}

fn each<T>(items: &mut [T], mut visit: impl FnMut(i32, &mut T)) {
    for (index, item) in (0..).zip(items) {
        visit(index, item);
    }
}

impl SourceFeatures {
    fn take(&mut self, path: &[i32], options: Option<&mut Vec<UninterpretedOption>>) {
        if let Some(features) = options.and_then(Features::take) {
            self.by_path.insert(path.to_vec(), features);
        }
    }

    /// Takes features from where none of those matter that are read.
    fn drop(&mut self, options: Option<&mut Vec<UninterpretedOption>>) {
        let _ = options.and_then(Features::take);
    }

    /// The parser has bounded how deep messages lie in each other.
    fn message(&mut self, path: &[i32], message: &mut DescriptorProto) {
        self.take(path, message.options.as_mut().map(|options| &mut options.uninterpreted_option));
        let at = |tag, index| [path, &[tag, index]].concat();
        each(&mut message.field, |index, field| self.field(&at(2, index), field));
        each(&mut message.nested_type, |index, nested| self.message(&at(3, index), nested));
        each(&mut message.enum_type, |index, definition| self.enumeration(&at(4, index), definition));
        each(&mut message.extension, |index, field| self.field(&at(6, index), field));
        each(&mut message.oneof_decl, |index, oneof: &mut OneofDescriptorProto| {
            self.take(&at(8, index), oneof.options.as_mut().map(|options| &mut options.uninterpreted_option));
        });
        for range in &mut message.extension_range {
            let Some(options) = &mut range.options else { continue };
            self.drop(Some(&mut options.uninterpreted_option));
            // protoc checks declarations of extensions; this compiler does not know the option.
            let is_declaration = |option: &UninterpretedOption| {
                matches!(option.name.as_slice(), [name] if !name.is_extension
                    && matches!(name.name_part.as_str(), "declaration" | "verification"))
            };
            options.uninterpreted_option.retain(|option| !is_declaration(option));
        }
    }

    fn enumeration(&mut self, path: &[i32], definition: &mut EnumDescriptorProto) {
        self.take(path, definition.options.as_mut().map(|options| &mut options.uninterpreted_option));
        for value in &mut definition.value {
            self.drop(value.options.as_mut().map(|options| &mut options.uninterpreted_option));
        }
    }

    fn field(&mut self, path: &[i32], field: &mut FieldDescriptorProto) {
        let Some(options) = &mut field.options else { return };
        self.take(path, Some(&mut options.uninterpreted_option));
        options.uninterpreted_option.retain(|option| match option.name.as_slice() {
            [name] if name.is_extension && format!("({})", name.name_part) == DEFAULT => {
                field.default_value = Some(default_value(option));
                false
            }
            _ => true,
        });
    }
}

/// The value of `default` as a descriptor has it: bytes with escapes, anything else as text.
fn default_value(option: &UninterpretedOption) -> String {
    if let Some(bytes) = &option.string_value {
        return match std::str::from_utf8(bytes) {
            Ok(text) if !text.contains('\\') && !text.chars().any(char::is_control) => text.to_owned(),
            _ => bytes.escape_ascii().to_string(),
        };
    }
    let integer = option.positive_int_value.map(|value| value.to_string());
    let negative = option.negative_int_value.map(|value| value.to_string());
    let double = option.double_value.map(|value| value.to_string().to_ascii_lowercase());
    integer.or(negative).or(double).or_else(|| option.identifier_value.clone()).unwrap_or_default()
}

/// Rewrites what the compiler cannot read: in a file of an edition, and in options of extension ranges.
fn readable(text: &str, is_edition: bool) -> String {
    let mut readable = String::with_capacity(text.len() + 16);
    let mut done = 0;
    let mut tokens = Tokens::new(text);
    let (mut statement, mut before, mut previous) = ("", ";", ";");
    let mut place = 0;
    while let Some(token) = tokens.next_written() {
        let end = tokens.position();
        let next = || Tokens::new(text.get(end..).unwrap_or_default()).next().unwrap_or_default();
        if matches!(previous, ";" | "{" | "}") {
            statement = if next() == "=" { "" } else { token };
        }
        let is_infinite = |word: &str| matches!(word, "inf" | "nan");
        let replacement = match token {
            // The compiler wants options of a single number to be those of a range.
            "[" if statement == "extensions"
                && before != "to"
                && previous.starts_with(|first: char| first.is_ascii_digit()) =>
            {
                Some(format!("to {previous} ["))
            }
            _ if !is_edition => None,
            // The text begins with `edition = "..."`.
            _ if place == 0 => Some("syntax".to_owned()),
            _ if place == 2 => Some("\"proto3\"".to_owned()),
            "export" | "local" if statement == token && matches!(next(), "message" | "enum") => {
                Some(" ".repeat(token.len()))
            }
            "option" if previous == "import" => Some(" ".repeat(token.len())),
            "default" if matches!(previous, "[" | ",") && next() == "=" => Some(DEFAULT.to_owned()),
            // Of an option that is not `default` the compiler takes no negative name.
            "-" if before == "default" && is_infinite(next()) => Some("\"-".to_owned()),
            _ if previous == "-" && is_infinite(token) => Some(format!("{token}\"")),
            name if statement == "reserved"
                && !matches!(name, "reserved" | "to" | "max")
                && name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') =>
            {
                Some(format!("\"{name}\""))
            }
            _ => None,
        };
        if let Some(replacement) = replacement {
            readable.push_str(text.get(done..end - token.len()).unwrap_or_default());
            readable.push_str(&replacement);
            done = end;
        }
        (before, previous) = (previous, token);
        place += 1;
    }
    readable.push_str(text.get(done..).unwrap_or_default());
    readable
}
