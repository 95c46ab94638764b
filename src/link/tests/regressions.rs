//! What went wrong once.

use bytes::Bytes;

use crate::link::tests::FIXTURE;
use crate::link::tests::fixture::{LIMIT, through_params};
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
