//! The messages of `proto/`, and the ones that are sent.

#![allow(dead_code, reason = "each of the binaries uses its part")]

use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Note {
    #[prost(string, tag = "1")]
    pub(crate) title: String,
    #[prost(string, tag = "2")]
    pub(crate) text: String,
    #[prost(int64, tag = "3")]
    pub(crate) number: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Basket {
    #[prost(message, repeated, tag = "1")]
    pub(crate) items: Vec<Item>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Item {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(uint32, tag = "2")]
    pub(crate) quantity: u32,
    #[prost(int64, tag = "3")]
    pub(crate) price: i64,
    #[prost(bool, tag = "4")]
    pub(crate) in_stock: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Blob {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) data: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct FeedRequest {
    #[prost(uint32, tag = "1")]
    pub(crate) count: u32,
    #[prost(uint32, tag = "2")]
    pub(crate) size: u32,
    #[prost(uint32, tag = "3")]
    pub(crate) at_once: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RepeatRequest {
    #[prost(uint32, tag = "1")]
    pub(crate) calls: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RepeatResponse {
    #[prost(uint32, tag = "1")]
    pub(crate) answered: u32,
}

/// A small message; the relay guest sends the same.
pub(crate) fn note() -> Note {
    Note { title: "a small message".into(), text: "with two texts and a number".into(), number: 42 }
}

/// A message with so many items.
pub(crate) fn basket(items: u32) -> Basket {
    let item = |index: u32| Item {
        name: format!("article {index}"),
        quantity: index % 100 + 1,
        price: i64::from(index) * 995 + 5,
        in_stock: !index.is_multiple_of(3),
    };
    Basket { items: (0..items).map(item).collect() }
}

/// A message with a mebibyte of bytes in it.
pub(crate) fn blob() -> Blob {
    Blob { data: (0..1 << 20).map(|index: u32| (index % 251) as u8).collect() }
}

/// A note in JSON, as protobuf's canonical mapping writes it.
pub(crate) fn json(note: &Note) -> String {
    format!(r#"{{"title":"{}","text":"{}","number":"{}"}}"#, note.title, note.text, note.number)
}
