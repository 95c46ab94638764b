//! What went wrong once.

use bytes::Bytes;

use super::{FIXTURE, through_params};
use crate::testing::reading;

/// Through a guest and back; what comes out is read like what went in.
fn passes(method: &str, message: &str, wire: &[u8]) {
    let descriptor = FIXTURE.message(message);
    let expected = reading(&descriptor, wire);
    assert!(expected.is_some(), "prost-reflect takes {wire:?}");
    let answer = through_params(FIXTURE.function(method), Bytes::copy_from_slice(wire)).unwrap();
    assert_eq!(reading(&descriptor, &answer), expected);
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
