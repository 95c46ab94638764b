//! Damaged bytes and damaged memory.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::DynamicMessage;

use crate::link::canonical::FlatSlots;
use crate::link::function::ComponentFunction;
use crate::link::lift::LiftError;
use crate::link::tests::FIXTURE;
use crate::link::tests::fixture::{LIMIT, TestMemory, is_copied, through_params};
use crate::testing::Tape;

/// Nested trees: `depth` of them in one another, by field 3.
fn nested(depth: usize) -> Vec<u8> {
    let mut wire = Vec::new();
    for _ in 0..depth {
        let mut outer = vec![0x1a];
        prost::encoding::encode_varint(wire.len() as u64, &mut outer);
        outer.extend(wire);
        wire = outer;
    }
    let mut everything = Vec::new();
    prost::encoding::encode_varint(2000 << 3 | 2, &mut everything);
    prost::encoding::encode_varint(wire.len() as u64, &mut everything);
    everything.extend(wire);
    everything
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    /// Messages that prost-reflect refuses are refused; those that it accepts are accepted.
    #[test]
    fn damaged_messages_are_refused_as_prost_refuses_them(
        tape in vec(any::<u8>(), 0..300),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let descriptor = FIXTURE.message("test.link.v1.Flat");
        let mut wire = Tape::new(&tape).message(&descriptor, 3).encode_to_vec();
        for (at, byte) in damage {
            if !wire.is_empty() {
                let at = at.index(wire.len());
                wire[at] = byte;
            }
        }
        let expected = DynamicMessage::decode(descriptor, wire.as_slice());
        let found = through_params(FIXTURE.function("Flat"), wire.into());
        prop_assert_eq!(found.is_ok(), expected.is_ok(), "prost: {:?}, link: {:?}", expected.err(), found);
    }

    #[test]
    fn random_bytes_never_panic(wire in vec(any::<u8>(), 0..200)) {
        let _ = through_params(FIXTURE.function("All"), wire.clone().into());
        let _ = through_params(FIXTURE.function("Legacy"), wire.into());
    }

    /// A guest that returns anything at all: an error or a value, never a panic, never more than the limit.
    #[test]
    fn corrupted_memory_is_lifted_or_refused(
        tape in vec(any::<u8>(), 0..300),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
    ) {
        let function = FIXTURE.function("All");
        let (slots, memory) = damaged(function, "test.link.v1.Everything", &tape, damage);
        const SMALL: usize = 4096;
        if let Ok(wire) = function.lift_params(&slots, &memory.bytes, SMALL) {
            prop_assert!(wire.len() <= SMALL);
        }
        for slot in [0, 1, 8, u64::from(u32::MAX), memory.bytes.len() as u64 - 1] {
            let _ = function.lift_params(&[slot], &memory.bytes, SMALL);
            let _ = function.lift_result(slot, &memory.bytes, SMALL, false);
        }
    }

    /// A copy of a caller's damaged memory is what the encoding would have brought over; what is refused is not copied.
    #[test]
    fn corrupted_memory_is_copied_as_it_is_encoded(
        tape in vec(any::<u8>(), 0..300),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
    ) {
        let function = FIXTURE.function("Typical");
        let (slots, memory) = damaged(function, "test.link.v1.Typical", &tape, damage);
        is_copied(function, &slots, &memory.bytes, LIMIT);
        is_copied(function, &slots, &memory.bytes, 100);
        for slot in [0, 1, 8, u64::from(u32::MAX), memory.bytes.len() as u64 - 1] {
            is_copied(function, &[slot], &memory.bytes, LIMIT);
        }
    }
}

/// Lowers a random message, and damages the memory in which it lies. Returns the flat values and the memory.
fn damaged(
    function: &ComponentFunction,
    message: &str,
    tape: &[u8],
    damage: Vec<(prop::sample::Index, u8)>,
) -> (FlatSlots, TestMemory) {
    let wire = Tape::new(tape).message(&FIXTURE.message(message), 3).encode_to_vec();
    let request = function.check_params(wire.into(), LIMIT as u64 * 16).unwrap();
    let mut memory = TestMemory::default();
    let slots = function.lower_params(&request, &[], &mut memory).unwrap();
    for (at, byte) in damage {
        let at = at.index(memory.bytes.len());
        memory.bytes[at] = byte;
    }
    (slots, memory)
}

#[test]
fn a_hundred_levels_are_the_most() {
    let all = FIXTURE.function("All");
    assert!(through_params(all, nested(99).into()).is_ok());
    let error = through_params(all, nested(101).into()).unwrap_err();
    assert!(error.contains("nested more than 100 levels deep"), "{error}");
    assert!(DynamicMessage::decode(FIXTURE.message("test.link.v1.Everything"), nested(99).as_slice()).is_ok());
    assert!(DynamicMessage::decode(FIXTURE.message("test.link.v1.Everything"), nested(101).as_slice()).is_err());
}

#[test]
fn each_fault_is_named() {
    let cases: [(&str, &[u8], &str); 9] = [
        ("Small", b"\x0a\x05Ada", "test.link.v1.Small: the message is truncated"),
        ("Small", b"\x0a\x02\xff\xfe", "field `name` of test.link.v1.Small is not valid UTF-8"),
        ("Small", b"\x08\x01", "field `name` of test.link.v1.Small has wire type 0, expected 2"),
        ("Small", b"\x00\x01", "field number 0"),
        ("Small", b"\x1e", "a wire type that is none"),
        ("Small", b"\x1c", "the end of a group that was not begun"),
        ("Small", b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "a varint of more than 64 bits"),
        ("Legacy", b"", "required field `id` of test.link.v1.Legacy is missing"),
        ("Legacy", b"\x0a\x01x\x3b\x08\x01\x44", "the end of another group"),
    ];
    for (method, wire, expected) in cases {
        let error = through_params(FIXTURE.function(method), Bytes::from_static(wire)).unwrap_err();
        assert!(error.contains(expected), "{method} {wire:?}: {error}");
    }
}

#[test]
fn many_empty_messages_are_not_allowed_to_fill_the_guest() {
    // Two bytes each on the wire, a whole record each in memory.
    let wire: Vec<u8> = b"\xd2\x02\x00".repeat(100_000);
    let error = FIXTURE.function("All").check_params(wire.into(), 1 << 20).unwrap_err();
    assert_eq!(error.to_string(), "the message would take more than 1048576 bytes of the component's memory");
}

#[test]
fn a_string_that_is_aliased_a_thousand_times_is_stopped_at_the_limit() {
    let function = FIXTURE.function("All");
    let strings: Vec<u8> = (0..1000).flat_map(|_| b"\xa2\x02\x01x".to_vec()).collect();
    let request = function.check_params(strings.into(), LIMIT as u64 * 16).unwrap();
    let mut memory = TestMemory::default();
    let slots = function.lower_params(&request, &[], &mut memory).unwrap();
    let text = crate::link::lower::MemoryWriter::put(&mut memory, &[b'x'; 100_000], 1).unwrap();
    // Point every element of every list at the long text: whatever looks like (pointer, 1).
    for at in (0..memory.bytes.len() - 100_008).step_by(4) {
        if memory.bytes[at + 4..at + 8] == [1, 0, 0, 0] && memory.bytes[at..at + 4] != [4, 0, 0, 0] {
            memory.bytes[at..at + 4].copy_from_slice(&text.to_le_bytes());
            memory.bytes[at + 4..at + 8].copy_from_slice(&100_000_u32.to_le_bytes());
        }
    }
    let error = function.lift_params(&slots, &memory.bytes, LIMIT).unwrap_err();
    assert_eq!(error, LiftError::TooLarge { limit: LIMIT });
}
