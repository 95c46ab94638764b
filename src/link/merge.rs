//! Rewrites a checked message so that lowering meets everything once: occurrences of a singular message are joined
//! (concatenating encodings is merging them), of other singular fields and of a oneof the last one stays, of map entries
//! with one key too.
//!
//! Encoders do not write such messages, so this is off the common path. <https://protobuf.dev/programming-guides/encoding/#last-one-wins>

use std::borrow::Cow;
use std::collections::HashMap;

use bytes::Bytes;

use crate::link::check::{is_known, is_unknown_entry, key_of, nested};
use crate::link::plan::{FieldPlace, FieldPlan, FieldValue, RecordId, SchemaPlan};
use crate::link::wire::{self, WireReader, put_varint};

/// The message with everything once, also in the messages that the guest gets encoded. `wire` has been checked.
pub(crate) fn merge(plan: &SchemaPlan, record: RecordId, wire: &[u8]) -> Bytes {
    message(plan, record, wire).into()
}

/// A field of the message being written.
enum MergePiece<'a> {
    /// Tag and value as they came.
    Verbatim(&'a [u8]),
    /// The contents of a message, to be merged in turn.
    Message { entry: &'a FieldPlan, contents: Cow<'a, [u8]> },
    /// Overtaken by a later occurrence.
    Dropped,
}

fn message(plan: &SchemaPlan, id: RecordId, wire: &[u8]) -> Vec<u8> {
    let record = plan.record(id);
    let mut pieces: Vec<MergePiece<'_>> = Vec::new();
    // Per singular field or oneof: the number that came last, and its piece.
    let mut last: HashMap<usize, (u32, usize)> = HashMap::new();
    let mut keys: HashMap<(u32, Vec<u8>), usize> = HashMap::new();
    let mut reader = WireReader::new(wire);
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
            FieldValue::Record { group, .. } | FieldValue::Encoded { group, .. } => {
                let Ok(contents) = nested(&mut value, number, group) else { break };
                MergePiece::Message { entry, contents: Cow::Borrowed(contents) }
            }
            FieldValue::Json(_) => {
                let Ok(contents) = value.length_delimited() else { break };
                MergePiece::Message { entry, contents: Cow::Borrowed(contents) }
            }
            FieldValue::Enum(_) if entry.once.is_some() => {
                if !value.varint().is_ok_and(|number| is_known(plan, entry.value, number)) {
                    continue;
                }
                MergePiece::Verbatim(whole)
            }
            _ => MergePiece::Verbatim(whole),
        };
        let index = pieces.len();
        match (entry.once, entry.place, entry.value) {
            (Some(bit), _, _) => {
                if let Some((previous, at)) = last.insert(bit, (number, index))
                    && let Some(slot) = pieces.get_mut(at)
                {
                    let old = std::mem::replace(slot, MergePiece::Dropped);
                    if previous == number {
                        pieces.push(join(old, piece));
                        continue;
                    }
                }
            }
            (None, FieldPlace::List { map: true, .. }, FieldValue::Record { record, .. }) => {
                if let MergePiece::Message { contents, .. } = &piece {
                    if is_unknown_entry(plan, record, contents) {
                        continue;
                    }
                    let mut scratch = [0; 8];
                    let key = key_of(plan, record, contents, &mut scratch).to_vec();
                    if let Some(at) = keys.insert((number, key), index)
                        && let Some(slot) = pieces.get_mut(at)
                    {
                        *slot = MergePiece::Dropped;
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
            MergePiece::Verbatim(bytes) => out.extend_from_slice(bytes),
            MergePiece::Dropped => {}
            MergePiece::Message { entry, contents } => {
                let contents = match entry.value {
                    FieldValue::Record { record, .. } | FieldValue::Encoded { record, .. } => {
                        Cow::Owned(message(plan, record, &contents))
                    }
                    // The conversion to JSON merges them as well.
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
fn join<'a>(old: MergePiece<'a>, new: MergePiece<'a>) -> MergePiece<'a> {
    match (old, new) {
        (MergePiece::Message { mut contents, .. }, MergePiece::Message { entry, contents: more }) => {
            contents.to_mut().extend_from_slice(&more);
            MergePiece::Message { entry, contents }
        }
        (_, new) => new,
    }
}
