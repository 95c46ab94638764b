//! What generated code says of messages and enums. Not for use: it changes with the generator.
//!
//! A message is a table of [`Field`]s and two functions that lead to their values, [`Fields::member`] and
//! [`Fields::member_mut`]. Values are seen through traits by the shape of their Rust types, so that the code for all messages is
//! compiled once.

#![allow(missing_docs)]

/// A message whose fields can be found by their places.
pub trait Fields: 'static {
    fn info(&self) -> &'static MessageInfo;
    fn member(&self, index: usize) -> Member<'_>;
    fn member_mut(&mut self, index: usize) -> MemberMut<'_>;
}

/// What all values of a message type have in common.
#[derive(Debug)]
pub struct MessageInfo {
    pub full_name: &'static str,
    /// By number, ascending.
    pub fields: &'static [Field],
    /// The types of the project.
    pub types: &'static Types,
}

/// The types of a project, which the contents of `google.protobuf.Any` are found in.
#[derive(Debug)]
pub struct Types {
    /// By full name, ascending.
    pub messages: &'static [(&'static str, NewMessage)],
}

/// Makes an empty message.
pub type NewMessage = fn() -> Box<dyn Fields>;

/// A field of a message, or a case of a oneof.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub number: u32,
    pub name: &'static str,
    pub json_name: &'static str,
    pub kind: Kind,
    pub cardinality: Cardinality,
    /// The member that has it.
    pub member: usize,
    /// The case that it is in its oneof.
    pub case: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cardinality {
    Implicit,
    Optional,
    Required,
    Case,
    Repeated,
    Packed,
    Map(Scalar),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Scalar(Scalar),
    Enum,
    Message,
    Group,
    Wrapper(Scalar),
    FieldMask,
    Struct,
    Value,
    ListValue,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    Double,
    Float,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Bool,
    String,
    Bytes,
}

impl Field {
    pub const fn new(
        number: u32,
        name: &'static str,
        json_name: &'static str,
        kind: Kind,
        cardinality: Cardinality,
        member: usize,
    ) -> Self {
        Self { number, name, json_name, kind, cardinality, member, case: 0 }
    }

    /// A case of a oneof.
    pub const fn case(
        number: u32,
        name: &'static str,
        json_name: &'static str,
        kind: Kind,
        member: usize,
        case: usize,
    ) -> Self {
        Self { number, name, json_name, kind, cardinality: Cardinality::Case, member, case }
    }
}

/// A member of a message: a field, or a oneof.
pub enum Member<'a> {
    One(&'a dyn Single),
    Maybe(Option<&'a dyn Single>),
    Many(&'a dyn Many),
    Map(&'a dyn Map),
    /// The chosen case.
    Oneof(Option<(usize, &'a dyn Single)>),
    /// There is no such member.
    Missing,
}

/// The same, to be changed.
pub enum MemberMut<'a> {
    One(&'a mut dyn Single),
    Maybe(&'a mut dyn Maybe),
    Many(&'a mut dyn Many),
    Map(&'a mut dyn Map),
    Oneof(&'a mut dyn Oneof),
    Missing,
}

impl<'a> Member<'a> {
    pub fn maybe<T: Single>(value: &'a Option<T>) -> Self {
        Self::Maybe(value.as_ref().map(|value| value as &dyn Single))
    }

    pub fn oneof<T: OneofEnum>(value: &'a Option<T>) -> Self {
        Self::Oneof(value.as_ref().map(OneofEnum::get))
    }
}

/// One value.
pub trait Single {
    fn view(&self) -> View<'_>;
    fn view_mut(&mut self) -> ViewMut<'_>;
}

/// A value by its Rust type.
pub enum View<'a> {
    I32(i32),
    I64(i64),
    U32(u32),
    U64(u64),
    F32(f32),
    F64(f64),
    Bool(bool),
    Str(&'a str),
    Bytes(&'a [u8]),
    Strings(&'a [String]),
    Enum(&'a dyn EnumValue),
    Message(&'a dyn Fields),
}

/// The same, to be changed.
pub enum ViewMut<'a> {
    I32(&'a mut i32),
    I64(&'a mut i64),
    U32(&'a mut u32),
    U64(&'a mut u64),
    F32(&'a mut f32),
    F64(&'a mut f64),
    Bool(&'a mut bool),
    Str(&'a mut String),
    Bytes(&'a mut Vec<u8>),
    Strings(&'a mut Vec<String>),
    Enum(&'a mut dyn EnumValue),
    Message(&'a mut dyn Fields),
}

/// A value of an enum.
pub trait EnumValue {
    fn info(&self) -> &'static EnumInfo;
    fn number(&self) -> i32;
    /// Returns false, and changes nothing, if the enum is closed and has no such number.
    fn set_number(&mut self, number: i32) -> bool;
}

/// What all values of an enum type have in common.
#[derive(Debug)]
pub struct EnumInfo {
    pub full_name: &'static str,
    /// Names and numbers; the first name of a number is the one that is written.
    pub values: &'static [(&'static str, i32)],
}

/// Fills a new value; returns whether it is kept.
pub type Fill<'a> = &'a mut dyn FnMut(&mut dyn Single) -> bool;

/// A value that may be absent.
pub trait Maybe {
    /// Changes the value that there is, or a new one.
    fn merge(&mut self, fill: Fill<'_>);
}

/// A list.
pub trait Many {
    fn count(&self) -> usize;
    fn get(&self, index: usize) -> Option<&dyn Single>;
    fn push(&mut self, fill: Fill<'_>);
}

/// A map, as a list of its entries.
pub trait Map {
    fn count(&self) -> usize;
    fn get(&self, index: usize) -> Option<(&dyn Single, &dyn Single)>;
    fn push(&mut self, fill: &mut dyn FnMut(&mut dyn Single, &mut dyn Single) -> bool);
    /// Of entries with the same key keeps the last one. Returns how many have gone.
    fn remove_duplicates(&mut self) -> usize;
}

/// A oneof.
pub trait Oneof {
    /// Changes the value if this is the chosen case, else chooses it with a new one.
    fn merge(&mut self, case: usize, fill: Fill<'_>);
}

/// The enum of a oneof's cases.
pub trait OneofEnum: Sized {
    fn get(&self) -> (usize, &dyn Single);
    fn get_mut(&mut self) -> (usize, &mut dyn Single);
    /// A case with its default value.
    fn new(case: usize) -> Self;
}

impl<T: Single + Default> Maybe for Option<T> {
    fn merge(&mut self, fill: Fill<'_>) {
        match self {
            Some(value) => {
                fill(value);
            }
            None => {
                let mut value = T::default();
                if fill(&mut value) {
                    *self = Some(value);
                }
            }
        }
    }
}

impl<T: Single + Default> Many for Vec<T> {
    fn count(&self) -> usize {
        self.len()
    }

    fn get(&self, index: usize) -> Option<&dyn Single> {
        <[T]>::get(self, index).map(|value| value as &dyn Single)
    }

    fn push(&mut self, fill: Fill<'_>) {
        let mut value = T::default();
        if fill(&mut value) {
            Vec::push(self, value);
        }
    }
}

impl<K: Single + Default + Ord, V: Single + Default> Map for Vec<(K, V)> {
    fn count(&self) -> usize {
        self.len()
    }

    fn get(&self, index: usize) -> Option<(&dyn Single, &dyn Single)> {
        <[(K, V)]>::get(self, index).map(|(key, value)| (key as &dyn Single, value as &dyn Single))
    }

    fn push(&mut self, fill: &mut dyn FnMut(&mut dyn Single, &mut dyn Single) -> bool) {
        let (mut key, mut value) = (K::default(), V::default());
        if fill(&mut key, &mut value) {
            Vec::push(self, (key, value));
        }
    }

    fn remove_duplicates(&mut self) -> usize {
        let before = self.len();
        // The sort is stable, so the last of equal keys stays the last.
        self.sort_by(|one, other| one.0.cmp(&other.0));
        self.reverse();
        self.dedup_by(|one, other| one.0 == other.0);
        self.reverse();
        before - self.len()
    }
}

impl<T: OneofEnum> Oneof for Option<T> {
    fn merge(&mut self, case: usize, fill: Fill<'_>) {
        if let Some(chosen) = self {
            let (current, value) = chosen.get_mut();
            if current == case {
                fill(value);
                return;
            }
        }
        let mut new = T::new(case);
        if fill(new.get_mut().1) {
            *self = Some(new);
        }
    }
}

impl<T: Fields + ?Sized> Fields for Box<T> {
    fn info(&self) -> &'static MessageInfo {
        (**self).info()
    }

    fn member(&self, index: usize) -> Member<'_> {
        (**self).member(index)
    }

    fn member_mut(&mut self, index: usize) -> MemberMut<'_> {
        (**self).member_mut(index)
    }
}

impl<T: Fields> Single for T {
    fn view(&self) -> View<'_> {
        View::Message(self)
    }

    fn view_mut(&mut self) -> ViewMut<'_> {
        ViewMut::Message(self)
    }
}

macro_rules! singles {
    ($($type:ty, $case:ident, $value:ident => $view:expr;)+) => {
        $(
            impl Single for $type {
                fn view(&self) -> View<'_> {
                    let $value = self;
                    View::$case($view)
                }

                fn view_mut(&mut self) -> ViewMut<'_> {
                    ViewMut::$case(self)
                }
            }
        )+
    };
}

singles! {
    i32, I32, value => *value;
    i64, I64, value => *value;
    u32, U32, value => *value;
    u64, U64, value => *value;
    f32, F32, value => *value;
    f64, F64, value => *value;
    bool, Bool, value => *value;
    String, Str, value => value;
    Vec<u8>, Bytes, value => value;
    Vec<String>, Strings, value => value;
}

impl View<'_> {
    /// Whether a field without presence does not send it.
    pub(crate) fn is_default(&self) -> bool {
        match self {
            View::I32(value) => *value == 0,
            View::I64(value) => *value == 0,
            View::U32(value) => *value == 0,
            View::U64(value) => *value == 0,
            // The zero with a sign is sent.
            View::F32(value) => value.to_bits() == 0,
            View::F64(value) => value.to_bits() == 0,
            View::Bool(value) => !value,
            View::Str(value) => value.is_empty(),
            View::Bytes(value) => value.is_empty(),
            View::Strings(value) => value.is_empty(),
            View::Enum(value) => value.number() == 0,
            View::Message(_) => false,
        }
    }
}

impl Types {
    /// Returns an empty message of a type.
    pub(crate) fn find(&self, full_name: &str) -> Option<Box<dyn Fields>> {
        let index = self.messages.binary_search_by(|(name, _)| (*name).cmp(full_name)).ok()?;
        self.messages.get(index).map(|(_, new)| new())
    }
}

/// A message of the SDK: its struct and its table. A field is its place, name and type, its number, its names in protobuf and in
/// JSON, the shape of its member, its kind and its cardinality.
macro_rules! message {
    (
        $types:ident,
        $(#[$docs:meta])*
        $name:ident $full_name:literal {
            $(
                $(#[$field_docs:meta])*
                $index:literal $field:ident: $type:ty, $number:literal $proto_name:literal $json_name:literal
                $shape:ident $kind:ident $(($scalar:ident))? $cardinality:ident $(($key:ident))?;
            )*
        }
    ) => {
        $(#[$docs])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            $(
                $(#[$field_docs])*
                pub $field: $type,
            )*
        }

        $crate::message::fields::table! {
            $types, $name, $full_name,
            $($index $field $number $proto_name $json_name $shape $kind $(($scalar))? $cardinality $(($key))?;)*
        }
    };
}

/// The table of a message of the SDK: see [`message`].
macro_rules! table {
    (
        $types:ident, $name:ident, $full_name:expr,
        $(
            $index:literal $field:ident $number:literal $proto_name:literal $json_name:literal
            $shape:ident $kind:ident $(($scalar:ident))? $cardinality:ident $(($key:ident))?;
        )*
    ) => {
        impl $crate::message::fields::Fields for $name {
            fn info(&self) -> &'static $crate::message::fields::MessageInfo {
                static INFO: $crate::message::fields::MessageInfo = $crate::message::fields::MessageInfo {
                    full_name: $full_name,
                    fields: &[$($crate::message::fields::Field::new(
                        $number,
                        $proto_name,
                        $json_name,
                        $crate::message::fields::Kind::$kind $(($crate::message::fields::Scalar::$scalar))?,
                        $crate::message::fields::Cardinality::$cardinality $(($crate::message::fields::Scalar::$key))?,
                        $index,
                    )),*],
                    types: &$types,
                };
                &INFO
            }

            fn member(&self, index: usize) -> $crate::message::fields::Member<'_> {
                match index {
                    $($index => $crate::message::fields::member!($shape, &self.$field),)*
                    _ => $crate::message::fields::Member::Missing,
                }
            }

            fn member_mut(&mut self, index: usize) -> $crate::message::fields::MemberMut<'_> {
                match index {
                    $($index => $crate::message::fields::MemberMut::$shape(&mut self.$field),)*
                    _ => $crate::message::fields::MemberMut::Missing,
                }
            }
        }

        impl $crate::Message for $name {
            const FULL_NAME: &'static str = $full_name;
        }
    };
}

macro_rules! member {
    (Maybe, $value:expr) => {
        $crate::message::fields::Member::maybe($value)
    };
    ($shape:ident, $value:expr) => {
        $crate::message::fields::Member::$shape($value)
    };
}

pub(crate) use {member, message, table};
