//! Conversions between the messages of a project and those of wit-bindgen, which hold some messages encoded. Not for use: it
//! changes with the generator.

#![allow(missing_docs)]

use crate::{Error, Message};

/// A type for which wit-bindgen has another.
pub trait Typed: Sized {
    type Wit;

    /// # Errors
    /// If a field is not an encoding.
    fn from_wit(wit: Self::Wit) -> Result<Self, Error>;

    /// # Errors
    /// If a field cannot be encoded.
    fn into_wit(self) -> Result<Self::Wit, Error>;
}

fn decode<M: Message>(bytes: &[u8], field: &str) -> Result<M, Error> {
    M::decode(bytes).map_err(|error| Error::internal(format!("field {field}: {error}")))
}

fn encode<M: Message>(message: &M, field: &str) -> Result<Vec<u8>, Error> {
    message.encode_to_vec().map_err(|error| Error::internal(format!("field {field}: {error}")))
}

macro_rules! conversions {
    ($($(#[$attribute:meta])* fn $name:ident<$($generic:ident $(: $bound:ident)?),+>($value:ident: $from:ty) -> $to:ty = $body:expr;)+) => {
        $(
            $(#[$attribute])*
            pub fn $name<$($generic $(: $bound)?),+>($value: $from) -> Result<$to, Error> {
                $body
            }
        )+
    };
}

conversions! {
    fn from_one<T: Typed>(value: T::Wit) -> T = T::from_wit(value);
    fn into_one<T: Typed>(value: T) -> T::Wit = value.into_wit();
    fn from_optional<T: Typed>(value: Option<T::Wit>) -> Option<T> = value.map(T::from_wit).transpose();
    fn into_optional<T: Typed>(value: Option<T>) -> Option<T::Wit> = value.map(T::into_wit).transpose();
    fn from_list<T: Typed>(value: Vec<T::Wit>) -> Vec<T> = value.into_iter().map(T::from_wit).collect();
    fn into_list<T: Typed>(value: Vec<T>) -> Vec<T::Wit> = value.into_iter().map(T::into_wit).collect();
    fn from_map<K, T: Typed>(value: Vec<(K, T::Wit)>) -> Vec<(K, T)> =
        value.into_iter().map(|(key, value)| Ok((key, T::from_wit(value)?))).collect();
    fn into_map<K, T: Typed>(value: Vec<(K, T)>) -> Vec<(K, T::Wit)> =
        value.into_iter().map(|(key, value)| Ok((key, value.into_wit()?))).collect();
}

pub fn from_encoded_one<M: Message>(value: Vec<u8>, field: &str) -> Result<Box<M>, Error> {
    decode(&value, field).map(Box::new)
}

#[allow(clippy::boxed_local, reason = "the case of a oneof holds a box")]
pub fn into_encoded_one<M: Message>(value: Box<M>, field: &str) -> Result<Vec<u8>, Error> {
    encode(&*value, field)
}

pub fn from_encoded_required<M: Message>(value: Vec<u8>, field: &str) -> Result<Option<Box<M>>, Error> {
    from_encoded_one(value, field).map(Some)
}

pub fn into_encoded_required<M: Message>(value: Option<Box<M>>, field: &str) -> Result<Vec<u8>, Error> {
    match value {
        Some(value) => encode(&*value, field),
        None => Err(Error::internal(format!("field {field} is required, and is not there"))),
    }
}

pub fn from_encoded_optional<M: Message>(value: Option<Vec<u8>>, field: &str) -> Result<Option<Box<M>>, Error> {
    value.map(|value| from_encoded_one(value, field)).transpose()
}

pub fn into_encoded_optional<M: Message>(value: Option<Box<M>>, field: &str) -> Result<Option<Vec<u8>>, Error> {
    value.map(|value| into_encoded_one(value, field)).transpose()
}

pub fn from_encoded_list<M: Message>(value: Vec<Vec<u8>>, field: &str) -> Result<Vec<M>, Error> {
    value.iter().map(|value| decode(value, field)).collect()
}

pub fn into_encoded_list<M: Message>(value: Vec<M>, field: &str) -> Result<Vec<Vec<u8>>, Error> {
    value.iter().map(|value| encode(value, field)).collect()
}

pub fn from_encoded_map<K, M: Message>(value: Vec<(K, Vec<u8>)>, field: &str) -> Result<Vec<(K, M)>, Error> {
    value.into_iter().map(|(key, value)| Ok((key, decode(&value, field)?))).collect()
}

pub fn into_encoded_map<K, M: Message>(value: Vec<(K, M)>, field: &str) -> Result<Vec<(K, Vec<u8>)>, Error> {
    value.into_iter().map(|(key, value)| Ok((key, encode(&value, field)?))).collect()
}
