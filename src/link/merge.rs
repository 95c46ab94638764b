//! Rewrites a checked message so that lowering meets everything once: occurrences of a singular message are joined
//! (concatenating encodings is merging them), of other singular fields and of a oneof the last one stays, of map entries
//! with one key too.
//!
//! Encoders do not write such messages, so this is off the common path. <https://protobuf.dev/programming-guides/encoding/#last-one-wins>

use std::collections::HashMap;

use bytes::Bytes;

use super::check::{is_known, is_unknown_entry, key_of, nested};
use super::plan::{Entry, Place, Plan, RecordId, Value};
use super::wire::{self, Reader, put_varint};

/// What becomes of messages that the guest gets encoded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoded {
    /// They keep their form: merging what is in them is up to whoever decodes them.
    Kept,
    /// They are merged like all others, to see whether they are whole.
    Merged,
}

/// The message with everything once. `wire` has been checked.
pub(super) fn merge(plan: &Plan, record: RecordId, wire: &[u8], encoded: Encoded) -> Bytes {
    message(plan, record, wire, encoded).into()
}

/// A field of the message being written.
enum Piece<'a> {
    /// Tag and value as they came.
    Verbatim(&'a [u8]),
    /// The contents of a message, to be merged in turn.
    Message { entry: &'a Entry, contents: Vec<u8> },
    /// Overtaken by a later occurrence.
    Dropped,
}

fn message(plan: &Plan, id: RecordId, wire: &[u8], encoded: Encoded) -> Vec<u8> {
    let record = plan.record(id);
    let mut pieces: Vec<Piece<'_>> = Vec::new();
    // Per singular field or oneof: the number that came last, and its piece.
    let mut last: HashMap<usize, (u32, usize)> = HashMap::new();
    let mut keys: HashMap<(u32, Vec<u8>), usize> = HashMap::new();
    let mut reader = Reader::new(wire);
    while !reader.is_empty() {
        let start = reader.rest();
        let Ok((number, wire_type)) = reader.tag() else { break };
        let Some(entry) = record.entry(number) else {
            if reader.skip(number, wire_type).is_err() {
                break;
            }
            continue;
        };
        let value = reader;
        if reader.skip(number, wire_type).is_err() {
            break;
        }
        let whole = start.get(..start.len() - reader.rest().len()).unwrap_or_default();
        let mut value = value;
        let piece = match entry.value {
            Value::Record { group, .. } | Value::Encoded { group, .. } => {
                let Ok(contents) = nested(&mut value, number, group) else { break };
                Piece::Message { entry, contents: contents.to_vec() }
            }
            Value::Json(_) => {
                let Ok(contents) = value.length_delimited() else { break };
                Piece::Message { entry, contents: contents.to_vec() }
            }
            Value::Enum(_) if entry.once.is_some() => {
                if !value.varint().is_ok_and(|number| is_known(plan, entry.value, number)) {
                    continue;
                }
                Piece::Verbatim(whole)
            }
            _ => Piece::Verbatim(whole),
        };
        let index = pieces.len();
        match (entry.once, entry.place, entry.value) {
            (Some(bit), _, _) => {
                if let Some((previous, at)) = last.insert(bit, (number, index))
                    && let Some(slot) = pieces.get_mut(at)
                {
                    let old = std::mem::replace(slot, Piece::Dropped);
                    if previous == number {
                        pieces.push(join(old, piece));
                        continue;
                    }
                }
            }
            (None, Place::List { map: true, .. }, Value::Record { record, .. }) => {
                if let Piece::Message { contents, .. } = &piece {
                    if is_unknown_entry(plan, record, contents) {
                        continue;
                    }
                    let mut scratch = [0; 8];
                    let key = key_of(plan, record, contents, &mut scratch).to_vec();
                    if let Some(at) = keys.insert((number, key), index)
                        && let Some(slot) = pieces.get_mut(at)
                    {
                        *slot = Piece::Dropped;
                    }
                }
            }
            _ => {}
        }
        pieces.push(piece);
    }
    let mut out = Vec::with_capacity(wire.len());
    for piece in pieces {
        match piece {
            Piece::Verbatim(bytes) => out.extend_from_slice(bytes),
            Piece::Dropped => {}
            Piece::Message { entry, contents } => {
                let contents = match entry.value {
                    Value::Record { record, .. } => message(plan, record, &contents, encoded),
                    Value::Encoded { record, .. } if encoded == Encoded::Merged => {
                        message(plan, record, &contents, encoded)
                    }
                    // JSON is made of it, by whoever merges as well.
                    _ => contents,
                };
                let tag = |wire_type: u8| u64::from((entry.number << 3) | u32::from(wire_type));
                if entry.value.wire_type() == wire::GROUP {
                    put_varint(&mut out, tag(wire::GROUP));
                    out.extend_from_slice(&contents);
                    put_varint(&mut out, tag(wire::GROUP_END));
                } else {
                    put_varint(&mut out, tag(wire::LENGTH));
                    put_varint(&mut out, contents.len() as u64);
                    out.extend_from_slice(&contents);
                }
            }
        }
    }
    out
}

/// Two occurrences of one field: messages are concatenated, of anything else the later one stands.
fn join<'a>(old: Piece<'a>, new: Piece<'a>) -> Piece<'a> {
    match (old, new) {
        (Piece::Message { mut contents, .. }, Piece::Message { entry, contents: more }) => {
            contents.extend_from_slice(&more);
            Piece::Message { entry, contents }
        }
        (_, new) => new,
    }
}
