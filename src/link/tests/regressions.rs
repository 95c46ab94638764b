//! Faults that were found and mended.

use bytes::Bytes;

use crate::link::function::CheckedMessage;
use crate::link::tests::FIXTURE;
use crate::link::tests::fixture::{LIMIT, TestMemory, through_params};
use crate::link::wire::WireError;
use crate::testing::reading;

/// Through a guest and back; what comes out is read like what went in.
fn passes(method: &str, message: &str, wire: &[u8]) {
    let descriptor = FIXTURE.message(&format!("test.link.v1.{message}"));
    let expected = reading(&descriptor, wire);
    assert!(expected.is_some(), "prost-reflect takes {wire:?}");
    let answer = through_params(FIXTURE.function(method), Bytes::copy_from_slice(wire)).unwrap();
    assert_eq!(reading(&descriptor, &answer), expected);
}

fn refused(method: &str, wire: &[u8]) -> String {
    through_params(FIXTURE.function(method), Bytes::copy_from_slice(wire)).unwrap_err()
}

#[test]
fn a_number_in_json_lost_its_last_bit() {
    let mut wire = b"\xe2\x04\x09\x11".to_vec();
    wire.extend(1.4838042534582907e-141_f64.to_le_bytes());
    passes("All", "Everything", &wire);
}

#[test]
fn number_0_of_a_closed_enum_became_the_first_in_a_map() {
    // {1: LATE_ZERO}, {2: LATE_FIVE}
    passes("Demanding", "Demanding", b"\x22\x04\x08\x01\x10\x00\x22\x04\x08\x02\x10\x05");
}

#[test]
fn a_required_field_was_missed_that_a_later_occurrence_brings() {
    // part {other: 1}, part {number: 2}
    passes("Demanding", "Demanding", b"\x0a\x02\x10\x01\x0a\x02\x08\x02");
    // parts {"a": {}}, {"a": {number: 2}}
    passes("Demanding", "Demanding", b"\x12\x05\x0a\x01a\x12\x00\x12\x07\x0a\x01a\x12\x02\x08\x02");
    // chain {next {next {}}}, chain {name: "a", next {name: "b", next {name: "c"}}}: of chain, next is handed over encoded.
    let wire = b"\x1a\x04\x12\x02\x12\x00\x1a\x0d\x0a\x01a\x12\x08\x0a\x01b\x12\x03\x0a\x01c";
    passes("Demanding", "Demanding", wire);
    // The same without the last name.
    let wire = b"\x1a\x04\x12\x02\x12\x00\x1a\x0a\x0a\x01a\x12\x05\x0a\x01b\x12\x00";
    let error = refused("Demanding", wire);
    assert!(error.contains("required field `name` of test.link.v1.Chain is missing"), "{error}");
    let error = refused("Demanding", b"\x0a\x02\x10\x01\x0a\x02\x10\x02");
    assert!(error.contains("required field `number` of test.link.v1.Part is missing"), "{error}");
}

#[test]
fn a_kind_of_a_value_was_missed_that_a_later_occurrence_brings() {
    // value {}, value {bool_value: true}
    passes("All", "Everything", b"\xe2\x04\x00\xe2\x04\x02\x20\x01");
    let error = refused("All", b"\xe2\x04\x00\xe2\x04\x00");
    assert!(error.contains("field `value` of test.link.v1.Everything has no JSON form"), "{error}");
}

#[test]
fn a_map_without_a_value_that_has_required_fields_was_taken() {
    let error = refused("Demanding", b"\x12\x03\x0a\x01a");
    assert!(error.contains("required field `value` of test.link.v1.Demanding.parts is missing"), "{error}");
    // A Value without a kind is refused where it is sent, too.
    let error = refused("All", b"\xc2\x03\x03\x0a\x01a");
    assert!(error.contains("required field `value` of test.link.v1.Everything.values_by is missing"), "{error}");
}

#[test]
fn a_recursive_message_was_counted_once_for_each_of_its_levels() {
    let mut wire = Vec::new();
    prost::encoding::bytes::encode(1, &vec![b'x'; 1000], &mut wire);
    for _ in 0..90 {
        let inner = std::mem::take(&mut wire);
        prost::encoding::bytes::encode(3, &inner, &mut wire);
    }
    let mut everything = Vec::new();
    prost::encoding::bytes::encode(2000, &wire, &mut everything);
    let limit = 10_000;
    assert!((everything.len() as u64) < limit);
    FIXTURE.function("All").check_params(everything.into(), limit).unwrap();
}

#[test]
fn anything_at_all_was_taken_for_nothing() {
    assert!(refused("Nothing", b"\x0a\x05hi").contains("google.protobuf.Empty: the message is truncated"));
    assert!(FIXTURE.function("Nothing").check_params(Bytes::from_static(b"\x0a\x02hi"), LIMIT as u64).is_ok());
}

#[test]
fn an_entry_with_an_unknown_number_was_not_read_to_its_end() {
    // late {2: 8, then field number 0}
    let error = refused("Demanding", b"\x22\x06\x08\x02\x10\x08\x02\x05");
    assert!(error.contains("field number 0"), "{error}");
}

#[test]
fn what_occurs_twice_within_an_encoded_message_reached_the_guest_twice() {
    let merged = |wire: &[u8]| {
        passes("Branches", "Branch", wire);
        through_params(FIXTURE.function("Branches"), Bytes::copy_from_slice(wire)).unwrap()
    };
    // branch {inside {name: "a"} inside {branch {leaf: "b"}}}: of a oneof, one message in two parts.
    assert_eq!(
        &*merged(b"\x0a\x0c\x1a\x03\x0a\x01a\x1a\x05\x12\x03\x12\x01b"),
        b"\x0a\x0a\x1a\x08\x0a\x01a\x12\x03\x12\x01b"
    );
    // branch {inside {name: "a"} leaf: "b"}: of a oneof, the last.
    assert_eq!(&*merged(b"\x0a\x08\x1a\x03\x0a\x01a\x12\x01b"), b"\x0a\x03\x12\x01b");
    // branch {by_name {"a": {}} by_name {"a": {leaf: "b"}}}
    assert_eq!(
        &*merged(b"\x0a\x0f\x22\x03\x0a\x01a\x22\x08\x0a\x01a\x12\x03\x12\x01b"),
        b"\x0a\x0a\x22\x08\x0a\x01a\x12\x03\x12\x01b"
    );
}

#[test]
fn messages_within_an_encoded_message_took_host_memory_for_lists_that_they_did_not_have() {
    // branch {many {} many {} ...}: two bytes each, and Everything has two dozen lists.
    let mut wire = Vec::new();
    prost::encoding::bytes::encode(1, &b"\x2a\x00".repeat(100_000), &mut wire);
    let checked = FIXTURE.function("Branches").check_params(wire.into(), u64::MAX).unwrap();
    let CheckedMessage::Record(checked) = checked else { panic!("a record") };
    assert!(checked.counts.capacity() < 1000, "{} counts", checked.counts.capacity());
}

#[test]
fn a_message_that_occurs_again_and_again_took_host_memory_for_the_lists_of_each_occurrence() {
    // single {} single {} ...: two bytes each, which become one message.
    let wire = [&b"\x0a\x01a"[..], &b"\x43\x44".repeat(100_000)].concat();
    let check = |wire: &[u8]| FIXTURE.function("Legacy").check_params(Bytes::copy_from_slice(wire), 10_000);
    assert!(matches!(check(&wire), Err(WireError::TooLarge { limit: 10_000 })));
    check(&wire[..203]).unwrap();
}

#[test]
fn a_guest_could_nest_messages_beyond_the_limit_by_encoding_some_of_them() {
    let nested = |levels: usize| {
        let mut wire = b"\x12\x01x".to_vec();
        for _ in 0..levels {
            let inner = std::mem::take(&mut wire);
            prost::encoding::bytes::encode(1, &inner, &mut wire);
        }
        wire
    };
    let function = FIXTURE.function("Branches");
    let request = function.check_params(nested(100).into(), LIMIT as u64).unwrap();
    let mut memory = TestMemory::default();
    let slots = function.lower_params(&request, &[], &mut memory).unwrap();
    assert!(function.lift_params(&slots, &memory.bytes, LIMIT).is_ok());
    let inner = nested(99);
    let at = memory.bytes.windows(inner.len()).position(|bytes| bytes == inner).expect("the field of the request");
    // The guest returns one level more.
    let deeper = nested(100);
    let moved = crate::link::lower::MemoryWriter::put(&mut memory, &deeper, 1).unwrap();
    let pointer = |at: usize, len: usize| [(at as u32).to_le_bytes(), (len as u32).to_le_bytes()].concat();
    let slots: Vec<u64> = slots
        .iter()
        .map(|slot| match *slot {
            slot if slot == at as u64 => moved.into(),
            slot if slot == inner.len() as u64 => deeper.len() as u64,
            slot => slot,
        })
        .collect();
    let frame = pointer(at, inner.len());
    if let Some(place) = memory.bytes.windows(8).position(|bytes| bytes == frame) {
        memory.bytes[place..place + 8].copy_from_slice(&pointer(moved as usize, deeper.len()));
    }
    let error = function.lift_params(&slots, &memory.bytes, LIMIT).unwrap_err().to_string();
    assert!(error.contains("nested more than 100 levels deep"), "{error}");
}
