//! Reads the messages of `google.protobuf` that JSON writes in a form of their own.

use std::borrow::Cow;
use std::collections::HashSet;

use prost_reflect::MessageDescriptor;

use crate::json::error::{JsonError, quote};
use crate::json::number::parse_f64;
use crate::json::reader::{JsonReader, UnknownNames, misfit};
use crate::json::tape::{JsonKind, JsonValue};
use crate::json::time::{Moment, parse_duration, parse_timestamp};
use crate::json::well_known::WellKnown;
use crate::json::wire::WireScalar;

impl JsonReader {
    pub(super) fn read_well_known(
        &mut self,
        well_known: &WellKnown,
        message: &MessageDescriptor,
        value: JsonValue<'_>,
    ) -> Result<(), JsonError> {
        match well_known {
            WellKnown::Any => self.read_any(message, value),
            WellKnown::Timestamp => {
                self.read_moment(value, parse_timestamp, "a time such as \"2020-01-02T03:04:05.6Z\"")
            }
            WellKnown::Duration => self.read_moment(value, parse_duration, "a duration such as \"1.5s\""),
            WellKnown::FieldMask => self.read_field_mask(value),
            WellKnown::Struct => self.read_struct(value),
            WellKnown::Value => self.read_any_value(value),
            WellKnown::ListValue => self.read_list(value),
            WellKnown::Empty if value.kind() == JsonKind::Object => self.read_members(message, value.members()),
            WellKnown::Empty => Err(misfit(value, "an empty object")),
            WellKnown::Wrapper(kind) => {
                if let Some(scalar) = self.read_scalar(kind, value)?
                    && !scalar.is_default()
                {
                    self.out.put_field(1, &scalar);
                }
                Ok(())
            }
        }
    }

    fn read_moment(
        &mut self,
        value: JsonValue<'_>,
        parse: fn(&str) -> Option<Moment>,
        expected: &str,
    ) -> Result<(), JsonError> {
        let moment = value.text().and_then(|text| parse(&text)).ok_or_else(|| misfit(value, expected))?;
        for (number, part) in [(1, moment.seconds), (2, moment.nanos.into())] {
            if part != 0 {
                self.out.put_field(number, &WireScalar::Varint(part.cast_unsigned()));
            }
        }
        Ok(())
    }

    fn read_field_mask(&mut self, value: JsonValue<'_>) -> Result<(), JsonError> {
        let text = value.text().ok_or_else(|| misfit(value, "the paths of a FieldMask"))?;
        for path in snake_case_paths(&text)? {
            self.out.put_field(1, &WireScalar::Bytes(Cow::Owned(path.into_bytes())));
        }
        Ok(())
    }

    fn read_struct(&mut self, value: JsonValue<'_>) -> Result<(), JsonError> {
        if value.kind() != JsonKind::Object {
            return Err(misfit(value, "an object"));
        }
        let mut seen = HashSet::new();
        for (name, value) in value.members() {
            let entry = self.out.begin(1);
            self.out.put_field(1, &WireScalar::Bytes(Cow::Borrowed(name.as_bytes())));
            let open = self.out.begin(2);
            self.read_any_value(value).map_err(|error| error.at_key(&name))?;
            self.out.end(&open);
            self.out.end(&entry);
            if seen.contains(&name) {
                return Err(JsonError::new("it is there twice").at_key(&name));
            }
            seen.insert(name);
        }
        Ok(())
    }

    fn read_list(&mut self, value: JsonValue<'_>) -> Result<(), JsonError> {
        if value.kind() != JsonKind::Array {
            return Err(misfit(value, "an array"));
        }
        for (index, item) in value.items().enumerate() {
            let open = self.out.begin(1);
            self.read_any_value(item).map_err(|error| error.at_index(index))?;
            self.out.end(&open);
        }
        Ok(())
    }

    /// Reads a `google.protobuf.Value`.
    fn read_any_value(&mut self, value: JsonValue<'_>) -> Result<(), JsonError> {
        match value.kind() {
            JsonKind::Null => self.out.put_field(1, &WireScalar::Varint(0)),
            JsonKind::Number => {
                let number = parse_f64(value.raw()).ok_or_else(|| misfit(value, "a number of 64 bits"))?;
                self.out.put_field(2, &WireScalar::Fixed64(number.to_bits()));
            }
            JsonKind::Text => {
                let text = value.text().unwrap_or_default();
                self.out.put_field(3, &WireScalar::Bytes(Cow::Borrowed(text.as_bytes())));
            }
            JsonKind::True => self.out.put_field(4, &WireScalar::Varint(1)),
            JsonKind::False => self.out.put_field(4, &WireScalar::Varint(0)),
            JsonKind::Object => {
                let open = self.out.begin(5);
                self.read_struct(value)?;
                self.out.end(&open);
            }
            JsonKind::Array => {
                let open = self.out.begin(6);
                self.read_list(value)?;
                self.out.end(&open);
            }
        }
        Ok(())
    }

    fn read_any(&mut self, message: &MessageDescriptor, value: JsonValue<'_>) -> Result<(), JsonError> {
        if value.kind() != JsonKind::Object {
            return Err(misfit(value, "an object with \"@type\""));
        }
        if value.members().next().is_none() {
            return Ok(());
        }
        let mut types = value.members().filter(|(name, _)| name == "@type");
        let type_url = match (types.next(), types.next()) {
            (Some((_, type_url)), None) => type_url,
            (Some(_), Some(_)) => return Err(JsonError::new("it is there twice").within_field("@type")),
            (None, _) => return Err(JsonError::new("an Any has its type as \"@type\"")),
        };
        let misfit_url = || misfit(type_url, "a type such as \"type.googleapis.com/NAME\"").within_field("@type");
        let url = type_url.text().ok_or_else(misfit_url)?;
        let (_, name) = url.rsplit_once('/').ok_or_else(misfit_url)?;
        let content = message.parent_pool().get_message_by_name(name);
        let content = content.ok_or_else(|| {
            JsonError::new(format!("the message {} of an Any is not among those of the service", quote(name)))
        })?;
        self.out.put_field(1, &WireScalar::Bytes(Cow::Borrowed(url.as_bytes())));
        let open = self.out.begin(2);
        match WellKnown::of(content.full_name()) {
            None => self.read_members(&content, value.members().filter(|(name, _)| name != "@type"))?,
            Some(well_known) => self.read_known_content(&well_known, &content, value)?,
        }
        self.out.end(&open);
        Ok(())
    }

    /// Reads the `value` of an Any that holds a message with a JSON form of its own.
    fn read_known_content(
        &mut self,
        well_known: &WellKnown,
        content: &MessageDescriptor,
        any: JsonValue<'_>,
    ) -> Result<(), JsonError> {
        let mut found = None;
        for (name, value) in any.members().filter(|(name, _)| name != "@type") {
            if name != "value" && self.unknown == UnknownNames::Refuse {
                return Err(JsonError::new(format!(
                    "an Any of `{}` has no field {}",
                    content.full_name(),
                    quote(&name)
                )));
            }
            if name == "value" && found.replace(value).is_some() {
                return Err(JsonError::new("it is there twice").within_field("value"));
            }
        }
        match found {
            Some(value) => {
                self.read_well_known(well_known, content, value).map_err(|error| error.within_field("value"))
            }
            None if *well_known == WellKnown::Empty => Ok(()),
            None => Err(JsonError::new(format!("an Any of `{}` has its content as \"value\"", content.full_name()))),
        }
    }
}

/// Returns the paths of a FieldMask in JSON, in camel case, as they are in the message.
///
/// # Errors
/// When a path is not in camel case.
fn snake_case_paths(text: &str) -> Result<Vec<String>, JsonError> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let paths = text.split(',').map(|path| {
        if !path.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.') || path.is_empty() {
            return Err(JsonError::new(format!("the path {} of a FieldMask is not in camel case", quote(path))));
        }
        let mut snake = String::with_capacity(path.len() + 8);
        for char in path.chars() {
            if char.is_ascii_uppercase() {
                snake.push('_');
            }
            snake.push(char.to_ascii_lowercase());
        }
        Ok(snake)
    });
    paths.collect()
}
