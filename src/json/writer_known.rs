//! Writes the messages of `google.protobuf` that JSON has in a form of their own.

use prost_reflect::{Kind, MessageDescriptor};

use crate::json::error::{JsonError, quote};
use crate::json::time::{Moment, write_duration, write_timestamp};
use crate::json::well_known::WellKnown;
use crate::json::wire::{WireFields, WireValue};
use crate::json::writer::JsonWriter;

impl JsonWriter {
    pub(super) fn write_well_known(
        &mut self,
        well_known: &WellKnown,
        message: &MessageDescriptor,
        parts: &[&[u8]],
    ) -> Result<(), JsonError> {
        let fields = WireFields::scan(message, parts)?;
        match well_known {
            WellKnown::Any => self.write_any_message(message, &fields),
            WellKnown::Timestamp => self.write_moment(&fields, write_timestamp),
            WellKnown::Duration => self.write_moment(&fields, write_duration),
            WellKnown::FieldMask => {
                let paths = fields.bytes(1).map(|path| {
                    let path = std::str::from_utf8(path);
                    camel_case(path.map_err(|_| JsonError::new("a path of the FieldMask is not UTF-8"))?)
                });
                let paths = paths.collect::<Result<Vec<_>, _>>()?;
                self.write_plain(&paths.join(","))
            }
            WellKnown::Struct => match message.get_field(1) {
                Some(field) if fields.bytes(1).next().is_some() => self.write_fields_of_struct(&field.kind(), &fields),
                _ => {
                    self.push_text("{}");
                    Ok(())
                }
            },
            WellKnown::ListValue => self.write_list_value(message, &fields),
            WellKnown::Value => self.write_value_message(message, &fields),
            WellKnown::Empty => {
                self.push_text("{}");
                Ok(())
            }
            WellKnown::Wrapper(kind) => self.write_last(kind, fields.values(1)),
        }
    }

    fn write_moment(
        &mut self,
        fields: &WireFields<'_>,
        write: fn(Moment) -> Result<String, String>,
    ) -> Result<(), JsonError> {
        let moment = Moment { seconds: fields.integer(1).cast_signed(), nanos: fields.integer(2) as i32 };
        self.write_plain(&write(moment).map_err(JsonError::new)?)
    }

    /// Writes the members of a Struct, whose field is a map of Values.
    fn write_fields_of_struct(&mut self, kind: &Kind, fields: &WireFields<'_>) -> Result<(), JsonError> {
        let entries: Vec<_> = fields.values(1).map(|value| (1, value)).collect();
        self.write_map(kind, &entries).map(drop)
    }

    fn write_list_value(&mut self, message: &MessageDescriptor, fields: &WireFields<'_>) -> Result<(), JsonError> {
        self.push_text("[");
        if let Some(Kind::Message(value)) = message.get_field(1).map(|field| field.kind()) {
            for (index, item) in fields.bytes(1).enumerate() {
                if index > 0 {
                    self.push_text(",");
                }
                self.write_message(&value, &[item]).map_err(|error| error.at_index(index))?;
            }
        }
        self.push_text("]");
        Ok(())
    }

    fn write_value_message(&mut self, message: &MessageDescriptor, fields: &WireFields<'_>) -> Result<(), JsonError> {
        // The kinds are a oneof, of which the scan leaves one.
        let Some(field) = fields.iter().find_map(|(number, _)| message.get_field(number)) else {
            self.push_text("null");
            return Ok(());
        };
        match (field.kind(), fields.values(field.number()).next_back()) {
            (Kind::Message(inner), _) => {
                let parts: Vec<_> = fields.bytes(field.number()).collect();
                self.write_message(&inner, &parts)
            }
            (_, Some(WireValue::Fixed64(bits))) if !f64::from_bits(bits).is_finite() => {
                Err(JsonError::new(format!("a Value cannot be the number {}", f64::from_bits(bits))))
            }
            (kind, _) => self.write_last(&kind, fields.values(field.number())),
        }
    }

    fn write_any_message(&mut self, message: &MessageDescriptor, fields: &WireFields<'_>) -> Result<(), JsonError> {
        let type_url = fields.bytes(1).next_back().unwrap_or_default();
        let value = fields.bytes(2).next_back().unwrap_or_default();
        if type_url.is_empty() && value.is_empty() {
            self.push_text("{}");
            return Ok(());
        }
        let type_url = std::str::from_utf8(type_url);
        let type_url = type_url.map_err(|_| JsonError::new("the type URL of an Any is not UTF-8"))?;
        let (_, name) = type_url
            .rsplit_once('/')
            .ok_or_else(|| JsonError::new(format!("the type URL {} of an Any has no `/`", quote(type_url))))?;
        let content = message.parent_pool().get_message_by_name(name);
        let content = content.ok_or_else(|| {
            JsonError::new(format!("the message {} of an Any is not among those of the service", quote(name)))
        })?;
        self.write_any(type_url, &content, value)
    }

    pub(super) fn write_any(
        &mut self,
        type_url: &str,
        content: &MessageDescriptor,
        encoded: &[u8],
    ) -> Result<(), JsonError> {
        self.push_text("{\"@type\":");
        self.write_plain(type_url)?;
        match WellKnown::of(content.full_name()) {
            Some(_) => {
                self.push_text(",\"value\":");
                self.write_message(content, &[encoded])?;
            }
            None => self.write_fields(content, &[encoded], false)?,
        }
        self.push_text("}");
        Ok(())
    }
}

/// Returns the path of a FieldMask in camel case, as JSON has it.
///
/// # Errors
/// When the path could not be read back from camel case.
pub(crate) fn camel_case(path: &str) -> Result<String, JsonError> {
    let error = |what: &str| JsonError::new(format!("the path {} of a FieldMask {what}", quote(path)));
    let mut camel = String::with_capacity(path.len());
    let mut is_upper_next = false;
    for char in path.chars() {
        let is_lower = char.is_ascii_lowercase();
        if char.is_ascii_uppercase() || is_upper_next && !is_lower {
            return Err(error("is not in snake_case"));
        }
        match char {
            '_' => is_upper_next = true,
            char if std::mem::take(&mut is_upper_next) => camel.push(char.to_ascii_uppercase()),
            char => camel.push(char),
        }
    }
    match is_upper_next {
        true => Err(error("ends with `_`")),
        false => Ok(camel),
    }
}
