//! Random messages.

use okra_codegen::editions::is_open_enum;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage as _, Value};

use super::Tape;

impl Tape<'_> {
    /// A message with each of its fields there or not.
    pub(crate) fn message(&mut self, descriptor: &MessageDescriptor, depth: u32) -> DynamicMessage {
        let mut message = DynamicMessage::new(descriptor.clone());
        let name = descriptor.full_name();
        if name == "google.protobuf.Value" {
            self.json_value(&mut message, depth);
            return message;
        }
        for field in descriptor.fields() {
            let nested = matches!(field.kind(), Kind::Message(_));
            let wanted = self.once_in(4) && !(nested && depth == 0);
            if !wanted && !field.is_required() {
                continue;
            }
            let value = self.field(&field, depth);
            message.set_field(&field, value);
        }
        message
    }

    /// A Value has a kind, and numbers that JSON has.
    fn json_value(&mut self, message: &mut DynamicMessage, depth: u32) {
        match self.byte() % if depth == 0 { 4 } else { 6 } {
            0 => message.set_field_by_name("null_value", Value::EnumNumber(0)),
            1 => message.set_field_by_name("number_value", Value::F64(self.json_number())),
            2 => message.set_field_by_name("string_value", Value::String(self.text())),
            3 => message.set_field_by_name("bool_value", Value::Bool(self.byte().is_multiple_of(2))),
            4 => self.json_child(message, "struct_value", depth),
            _ => self.json_child(message, "list_value", depth),
        }
    }

    /// Any number but those that JSON lacks.
    fn json_number(&mut self) -> f64 {
        match self.byte() % 2 {
            0 => f64::from(self.integer() as i32) / 4.0,
            _ => Some(f64::from_bits(self.integer())).filter(|number| number.is_finite()).unwrap_or(0.5),
        }
    }

    fn json_child(&mut self, message: &mut DynamicMessage, name: &str, depth: u32) {
        let field = message.descriptor().get_field_by_name(name).unwrap();
        let value = self.field(&field, depth);
        message.set_field(&field, value);
    }

    fn field(&mut self, field: &FieldDescriptor, depth: u32) -> Value {
        let count = self.byte() % 5;
        if field.is_map() {
            let Kind::Message(entry) = field.kind() else { unreachable!() };
            let (key, value) = (entry.map_entry_key_field(), entry.map_entry_value_field());
            return Value::Map((0..count).map(|_| (self.key(&key), self.value(&value, depth))).collect());
        }
        if field.is_list() {
            return Value::List((0..count).map(|_| self.value(field, depth)).collect());
        }
        self.value(field, depth)
    }

    fn key(&mut self, field: &FieldDescriptor) -> MapKey {
        match self.value(field, 0) {
            Value::Bool(key) => MapKey::Bool(key),
            Value::I32(key) => MapKey::I32(key),
            Value::I64(key) => MapKey::I64(key),
            Value::U32(key) => MapKey::U32(key),
            Value::U64(key) => MapKey::U64(key),
            Value::String(key) => MapKey::String(key),
            other => panic!("no key: {other:?}"),
        }
    }

    pub(super) fn value(&mut self, field: &FieldDescriptor, depth: u32) -> Value {
        match field.kind() {
            Kind::Double => Value::F64(f64::from_bits(self.integer())),
            Kind::Float => Value::F32(f32::from_bits(self.integer() as u32)),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(self.integer() as i32),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(self.integer() as i64),
            Kind::Uint32 | Kind::Fixed32 => Value::U32(self.integer() as u32),
            Kind::Uint64 | Kind::Fixed64 => Value::U64(self.integer()),
            Kind::Bool => Value::Bool(self.byte().is_multiple_of(2)),
            Kind::String => Value::String(self.text()),
            Kind::Bytes => Value::Bytes((0..self.byte() % 9).map(|_| self.byte()).collect::<Vec<_>>().into()),
            Kind::Enum(definition) => {
                let values: Vec<_> = definition.values().map(|value| value.number()).collect();
                let open = is_open_enum(&definition);
                let choice = usize::from(self.byte()) % (values.len() + usize::from(open));
                Value::EnumNumber(values.get(choice).copied().unwrap_or_else(|| self.integer() as i32))
            }
            Kind::Message(message) => Value::Message(self.message(&message, depth.saturating_sub(1))),
        }
    }
}
