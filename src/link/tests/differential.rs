//! Random messages, compared with prost-reflect.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message as _;

use crate::link::tests::FIXTURE;
use crate::link::tests::fixture::{LIMIT, TestMemory, is_copied, through_params, through_result};
use crate::testing::{Tape, reading};

/// Both ways through a guest give what prost-reflect reads in the same bytes.
fn same(method: &str, message: &str, wire: Vec<u8>) -> Result<(), TestCaseError> {
    let descriptor = FIXTURE.message(&format!("test.link.v1.{message}"));
    let expected = reading(&descriptor, &wire);
    prop_assert!(expected.is_some(), "prost-reflect takes it");
    let function = FIXTURE.function(method);
    for answer in [through_params(function, wire.clone().into()), through_result(function, wire.into())] {
        let answer = answer.map_err(TestCaseError::fail)?;
        prop_assert_eq!(reading(&descriptor, &answer), expected.clone());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_message_of_everything_survives(tape in vec(any::<u8>(), 0..600)) {
        let message = Tape::new(&tape).message(&FIXTURE.message("test.link.v1.Everything"), 3);
        same("All", "Everything", message.encode_to_vec())?;
    }

    #[test]
    fn a_small_message_survives(tape in vec(any::<u8>(), 0..40)) {
        let message = Tape::new(&tape).message(&FIXTURE.message("test.link.v1.Small"), 1);
        same("Small", "Small", message.encode_to_vec())?;
    }

    #[test]
    fn joined_flat_values_survive(tape in vec(any::<u8>(), 0..60)) {
        let message = Tape::new(&tape).message(&FIXTURE.message("test.link.v1.Flat"), 2);
        same("Flat", "Flat", message.encode_to_vec())?;
    }

    #[test]
    fn a_proto2_message_survives(tape in vec(any::<u8>(), 0..200)) {
        let message = Tape::new(&tape).message(&FIXTURE.message("test.link.v1.Legacy"), 2);
        same("Legacy", "Legacy", message.encode_to_vec())?;
    }

    #[test]
    fn typed_values_are_copied_as_they_are_encoded(tape in vec(any::<u8>(), 0..600)) {
        for (method, message) in [("Typical", "Typical"), ("Small", "Small"), ("Flat", "Flat"), ("Legacy", "Legacy")] {
            let function = FIXTURE.function(method);
            let wire = Tape::new(&tape).message(&FIXTURE.message(&format!("test.link.v1.{message}")), 3).encode_to_vec();
            let request = function.check_params(wire.into(), LIMIT as u64 * 16).unwrap();
            let mut memory = TestMemory::default();
            let slots = function.lower_params(&request, &[], &mut memory).unwrap();
            prop_assert!(is_copied(function, &slots, &memory.bytes, LIMIT), "{}", message);
        }
    }

    /// Two encodings one after the other are one message: singular messages merge, lists go on, the last scalar, oneof and
    /// map entry win.
    #[test]
    fn concatenated_messages_merge(first in vec(any::<u8>(), 0..300), second in vec(any::<u8>(), 0..300)) {
        let descriptor = FIXTURE.message("test.link.v1.Everything");
        let mut wire = Tape::new(&first).message(&descriptor, 3).encode_to_vec();
        wire.extend(Tape::new(&second).message(&descriptor, 3).encode_to_vec());
        // A Value that merges two kinds has the last one, like any oneof.
        same("All", "Everything", wire)?;
    }
}

/// Short and long ones on all sides of one another, in lists and in messages in messages: lifting copies long ones last.
#[test]
fn long_strings_and_bytes_keep_their_places() {
    let lengths = [0, 1, 1023, 1024, 1025, 5000];
    let text = |index: usize| char::from(b'a' + index as u8).to_string().repeat(lengths[index % lengths.len()]);
    for shift in 0..lengths.len() {
        let mut wire = Vec::new();
        prost::encoding::string::encode(14, &text(shift), &mut wire);
        prost::encoding::bytes::encode(15, &text(shift + 1).into_bytes(), &mut wire);
        let mut small = Vec::new();
        prost::encoding::string::encode(1, &text(shift + 2), &mut small);
        prost::encoding::bytes::encode(17, &small, &mut wire);
        prost::encoding::double::encode_packed(31, &vec![0.5; shift * 100], &mut wire);
        for index in shift..shift + 7 {
            prost::encoding::string::encode(36, &text(index), &mut wire);
            prost::encoding::bytes::encode(39, &small, &mut wire);
        }
        same("All", "Everything", wire).unwrap();
    }
}

#[test]
fn unknown_fields_are_dropped() {
    // Field 3 is unknown to Small, as varint, length-delimited and group.
    let wire = b"\x0a\x03Ada\x18\x05\x1a\x02hi\x1b\x08\x01\x1c";
    let answer = through_params(FIXTURE.function("Small"), Bytes::from_static(wire)).unwrap();
    assert_eq!(answer.as_ref(), b"\x0a\x03Ada");
}

#[test]
fn an_unknown_number_of_a_closed_enum_is_an_unknown_field() {
    // id; closed: 10, 99, 1 unpacked, then 99 and 10 packed; one: 99; by: {1: 99}, {2: 1}.
    let wire =
        b"\x0a\x01x\x18\x0a\x18\x63\x18\x01\x1a\x02\x63\x0a\x20\x63\x4a\x04\x08\x01\x10\x63\x4a\x04\x08\x02\x10\x01";
    let answer = through_params(FIXTURE.function("Legacy"), Bytes::from_static(wire)).unwrap();
    assert_eq!(answer.as_ref(), b"\x0a\x01x\x18\x0a\x18\x01\x18\x0a\x4a\x04\x08\x02\x10\x01");
}

#[test]
fn packed_and_unpacked_are_both_read() {
    // `unpacked` (5) comes packed, `packed` (6) comes unpacked; they leave as declared.
    let wire = b"\x0a\x01x\x2a\x02\x01\x02\x30\x03\x30\x04";
    let answer = through_params(FIXTURE.function("Legacy"), Bytes::from_static(wire)).unwrap();
    assert_eq!(answer.as_ref(), b"\x0a\x01x\x28\x01\x28\x02\x32\x02\x03\x04");
}

#[test]
fn no_message_and_an_empty_message_pass() {
    let nothing = FIXTURE.function("Nothing");
    assert_eq!(through_params(nothing, Bytes::new()).unwrap(), Bytes::new());
    assert_eq!(through_result(nothing, Bytes::new()).unwrap(), Bytes::new());
    let text = FIXTURE.function("Text");
    assert_eq!(through_params(text, Bytes::from_static(b"\x0a\x02hi")).unwrap().as_ref(), b"\x0a\x02hi");
    assert_eq!(through_params(text, Bytes::new()).unwrap(), Bytes::new());
}

#[test]
fn messages_with_json_or_encoded_messages_are_not_copied() {
    for method in ["All", "Text"] {
        assert!(FIXTURE.function(method).layouts().is_none(), "{method}");
    }
    let nothing = FIXTURE.function("Nothing").layouts().unwrap();
    assert_ne!(nothing.request, nothing.response);
    assert_ne!(FIXTURE.function("Small").layouts(), FIXTURE.function("Flat").layouts());
}
