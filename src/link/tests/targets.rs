//! The fuzz targets: see `tests/fuzz`. The files of its corpus are run as tests, too.

use bytes::Bytes;
use prost_reflect::{DynamicMessage, FieldDescriptor, MessageDescriptor};

use crate::call::LocalMessage;
use crate::link::tests::fixture::{Fixture, LIMIT, TestMemory, is_copied, through_params, through_result};
use crate::testing::{has_unknown_number, reading};

/// Methods and the message that each of them takes and returns; the first byte of an input chooses.
const METHODS: [(&str, &str); 6] = [
    ("All", "test.link.v1.Everything"),
    ("Legacy", "test.link.v1.Legacy"),
    ("Demanding", "test.link.v1.Demanding"),
    ("Flat", "test.link.v1.Flat"),
    ("Small", "test.link.v1.Small"),
    ("Nothing", "google.protobuf.Empty"),
];

fn choose(input: &[u8]) -> Option<(&'static str, &'static str, &[u8])> {
    let (choice, rest) = input.split_first()?;
    let (method, message) = METHODS[usize::from(*choice) % METHODS.len()];
    Some((method, message, rest))
}

/// Any bytes as a message: refused or taken as prost-reflect refuses or takes them, and out of a guest comes what went in.
///
/// # Panics
/// When it is not so.
pub(crate) fn wire(fixture: &Fixture, input: &[u8]) {
    let Some((method, message, wire)) = choose(input) else { return };
    let descriptor = fixture.message(message);
    let expected = reading(&descriptor, wire);
    let function = fixture.function(method);
    let wire = Bytes::copy_from_slice(wire);
    let mut ways = vec![through_params(function, wire.clone())];
    if method != "Nothing" {
        ways.push(through_result(function, wire.clone()));
    }
    for found in ways {
        match (found, &expected) {
            (Ok(answer), Some(expected)) if !has_unknown_number(&descriptor, &wire) => {
                assert_eq!(reading(&descriptor, &answer).as_ref(), Some(expected), "{message}");
            }
            (Ok(_), Some(_)) | (Err(_), None) => {}
            (Err(error), Some(_)) if is_stricter(&descriptor, &error) => {}
            (Ok(_), None) if is_deep(&descriptor, &wire) => {}
            (found, expected) => panic!("{message}: {found:?}, prost-reflect: {expected:?}"),
        }
    }
}

/// Whether prost-reflect overlooks the error: it takes maps of any wire type (as prost does in a Struct), and the link counts
/// more levels, such as those of a map's entries.
fn is_stricter(descriptor: &MessageDescriptor, error: &str) -> bool {
    let mut maps = descriptor.parent_pool().all_messages().flat_map(|message| {
        let maps: Vec<_> = message.fields().filter(FieldDescriptor::is_map).collect();
        maps
    });
    ["too deep", "levels deep", "recursion limit", "Struct.fields"].iter().any(|what| error.contains(what))
        || maps.any(|map| {
            error.starts_with(&format!("field `{}` of {} has", map.name(), map.parent_message().full_name()))
        })
}

/// Whether prost-reflect counts more levels than the link does, such as those of groups in messages.
fn is_deep(descriptor: &MessageDescriptor, wire: &[u8]) -> bool {
    DynamicMessage::decode(descriptor.clone(), wire).is_err_and(|error| error.to_string().contains("recursion limit"))
}

/// A guest's memory with anything in it: a message or an error, and never more than the limit.
///
/// The input is what a message is lowered from, its length first, and then bytes to be written somewhere in that memory; or,
/// when there is no such message, all of the memory.
///
/// # Panics
/// When more comes out.
pub(crate) fn memory(fixture: &Fixture, input: &[u8]) {
    const SMALL: usize = 4096;
    let Some((method, _, rest)) = choose(input) else { return };
    let function = fixture.function(method);
    let Some((length, rest)) = rest.split_first_chunk() else { return };
    let (message, damage) = rest.split_at(rest.len().min(usize::from(u16::from_le_bytes(*length))));
    let mut memory = TestMemory::default();
    let prepared = function.check_params(Bytes::copy_from_slice(message), LIMIT as u64);
    let slots = match prepared {
        Ok(request) => {
            let mut slots = function.lower_params(&request, &[], &mut memory).expect("what was checked is lowered");
            for change in damage.chunks_exact(3) {
                let at = usize::from(u16::from_le_bytes([change[0], change[1]]));
                // Slots, and what lies in memory behind them.
                match at.checked_sub(slots.len()) {
                    None => slots[at] = slots[at].wrapping_add(u64::from(change[2])),
                    Some(at) => {
                        if let Some(byte) = memory.bytes.get_mut(at) {
                            *byte = change[2];
                        }
                    }
                }
            }
            slots
        }
        Err(_) => {
            memory.bytes = damage.to_vec();
            let words =
                damage.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]).into());
            words.chain(std::iter::repeat(0)).take(function.flats()).collect()
        }
    };
    if let Ok(wire) = function.lift_params(&slots, &memory.bytes, SMALL) {
        assert!(wire.len() <= SMALL);
    }
    is_copied(function, &slots, &memory.bytes, SMALL);
    for address in [0, 8, slots.first().copied().unwrap_or_default()] {
        for is_typed in [false, true] {
            match function.lift_result(address, &memory.bytes, SMALL, is_typed && function.layouts().is_some()) {
                Ok(Ok(LocalMessage::Encoded(wire))) => assert!(wire.len() <= SMALL),
                Ok(Ok(LocalMessage::Typed(message))) => assert!(message.wire_bytes <= SMALL),
                Ok(Err(_)) | Err(_) => {}
            }
        }
    }
}
