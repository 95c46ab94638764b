//! Features: what can be set on a file, a message, a field, a oneof or an enum, and how it is inherited.

use prost::Message;
use prost_types::UninterpretedOption;

/// The features that the mapping depends on, by their numbers in `google.protobuf.FeatureSet`; 0 is not set. All others, such as
/// those of single languages, are passed over.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct Features {
    #[prost(int32, tag = "1")]
    pub(super) field_presence: i32,
    #[prost(int32, tag = "2")]
    pub(super) enum_type: i32,
    #[prost(int32, tag = "3")]
    pub(super) repeated_field_encoding: i32,
    #[prost(int32, tag = "5")]
    pub(super) message_encoding: i32,
    #[prost(int32, tag = "6")]
    pub(super) json_format: i32,
}

pub(super) const IMPLICIT: i32 = 2;
pub(super) const LEGACY_REQUIRED: i32 = 3;
pub(super) const CLOSED: i32 = 2;
pub(super) const PACKED: i32 = 1;
pub(super) const DELIMITED: i32 = 2;
pub(super) const LEGACY_BEST_EFFORT: i32 = 2;

impl Features {
    /// The defaults of editions 2023 and 2024: explicit presence, open enums, packed, length-prefixed, JSON.
    pub(super) const DEFAULT: Self =
        Self { field_presence: 1, enum_type: 1, repeated_field_encoding: 1, message_encoding: 1, json_format: 1 };

    /// Returns these features with those that `own` sets in their place.
    pub(super) fn with(self, own: Option<&Self>) -> Self {
        let Some(own) = own else { return self };
        let or = |own: i32, outer: i32| if own == 0 { outer } else { own };
        Self {
            field_presence: or(own.field_presence, self.field_presence),
            enum_type: or(own.enum_type, self.enum_type),
            repeated_field_encoding: or(own.repeated_field_encoding, self.repeated_field_encoding),
            message_encoding: or(own.message_encoding, self.message_encoding),
            json_format: or(own.json_format, self.json_format),
        }
    }

    /// Takes the features out of options that were parsed and not interpreted: `features.enum_type = CLOSED`, or all of them in
    /// braces. None if there are none.
    pub(super) fn take(options: &mut Vec<UninterpretedOption>) -> Option<Self> {
        let mut features = None;
        options.retain(|option| {
            let [first, rest @ ..] = option.name.as_slice() else { return true };
            if first.is_extension || first.name_part != "features" {
                return true;
            }
            let features = features.get_or_insert_with(Self::default);
            match rest {
                [] => features.set_all(option.aggregate_value()),
                [name] if !name.is_extension => features.set(&name.name_part, option.identifier_value()),
                _ => {}
            }
            false
        });
        features
    }

    /// Reads the text between braces: `enum_type: CLOSED field_presence: IMPLICIT`.
    fn set_all(&mut self, text: &str) {
        let mut words =
            text.split(|char: char| !(char.is_ascii_alphanumeric() || char == '_')).filter(|word| !word.is_empty());
        while let Some(name) = words.next() {
            if self.is_name(name)
                && let Some(value) = words.next()
            {
                self.set(name, value);
            }
        }
    }

    fn is_name(&mut self, name: &str) -> bool {
        self.values_of(name).is_some()
    }

    fn set(&mut self, name: &str, value: &str) {
        if let Some((feature, values)) = self.values_of(name) {
            *feature = values.iter().zip(1..).find(|(known, _)| **known == value).map_or(0, |(_, number)| number);
        }
    }

    /// The feature of a name, and its values from number 1 on.
    fn values_of(&mut self, name: &str) -> Option<(&mut i32, &'static [&'static str])> {
        Some(match name {
            "field_presence" => (&mut self.field_presence, &["EXPLICIT", "IMPLICIT", "LEGACY_REQUIRED"]),
            "enum_type" => (&mut self.enum_type, &["OPEN", "CLOSED"]),
            "repeated_field_encoding" => (&mut self.repeated_field_encoding, &["PACKED", "EXPANDED"]),
            "message_encoding" => (&mut self.message_encoding, &["LENGTH_PREFIXED", "DELIMITED"]),
            "json_format" => (&mut self.json_format, &["ALLOW", "LEGACY_BEST_EFFORT"]),
            _ => return None,
        })
    }
}
