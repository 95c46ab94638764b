//! Messages of `google.protobuf` that have no Rust type: wrappers are their scalars, a field mask is a list of strings, and
//! `Struct`, `Value` and `ListValue` are JSON text. In an `Any` they occur by themselves.

use super::decode::merge_special;
use super::encode::encode_special;
use super::fields::{Kind, Scalar, Single};
use super::{DecodeError, EncodeError};

/// A value that stands for such a message.
pub(crate) struct SpecialValue {
    pub(crate) kind: Kind,
    pub(crate) value: Box<dyn Single>,
}

impl SpecialValue {
    /// Returns the default value of a type, or none if it is not one of these types.
    pub(crate) fn new(full_name: &str) -> Option<Self> {
        let kind = match full_name.strip_prefix("google.protobuf.")? {
            "DoubleValue" => Kind::Wrapper(Scalar::Double),
            "FloatValue" => Kind::Wrapper(Scalar::Float),
            "Int64Value" => Kind::Wrapper(Scalar::Int64),
            "UInt64Value" => Kind::Wrapper(Scalar::Uint64),
            "Int32Value" => Kind::Wrapper(Scalar::Int32),
            "UInt32Value" => Kind::Wrapper(Scalar::Uint32),
            "BoolValue" => Kind::Wrapper(Scalar::Bool),
            "StringValue" => Kind::Wrapper(Scalar::String),
            "BytesValue" => Kind::Wrapper(Scalar::Bytes),
            "FieldMask" => Kind::FieldMask,
            "Struct" => Kind::Struct,
            "Value" => Kind::Value,
            "ListValue" => Kind::ListValue,
            _ => return None,
        };
        let value: Box<dyn Single> = match kind {
            Kind::Wrapper(Scalar::Double) => Box::new(0.0_f64),
            Kind::Wrapper(Scalar::Float) => Box::new(0.0_f32),
            Kind::Wrapper(Scalar::Int64) => Box::new(0_i64),
            Kind::Wrapper(Scalar::Uint64) => Box::new(0_u64),
            Kind::Wrapper(Scalar::Int32) => Box::new(0_i32),
            Kind::Wrapper(Scalar::Uint32) => Box::new(0_u32),
            Kind::Wrapper(Scalar::Bool) => Box::new(false),
            Kind::Wrapper(Scalar::Bytes) => Box::new(Vec::<u8>::new()),
            Kind::FieldMask => Box::new(Vec::<String>::new()),
            Kind::Struct => Box::new("{}".to_owned()),
            Kind::Value => Box::new("null".to_owned()),
            Kind::ListValue => Box::new("[]".to_owned()),
            _ => Box::new(String::new()),
        };
        Some(Self { kind, value })
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        encode_special(self.kind, &*self.value)
    }

    pub(crate) fn decode(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        merge_special(self.kind, &mut *self.value, bytes)
    }
}
