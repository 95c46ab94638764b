//! Messages of a stream that go to a guest and come from it together.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message as _;

use crate::call::MessageBatch;
use crate::link::function::{CheckedMessage, ComponentFunction};
use crate::link::lift::LiftError;
use crate::link::lower::MemoryWriter as _;
use crate::link::tests::FIXTURE;
use crate::link::tests::fixture::{LIMIT, TestMemory};
use crate::testing::{Tape, reading};

/// Lowers messages as the results of `read-batch`. Returns the memory, and the slots of `write-all` with that list.
fn lowered(read_batch: &ComponentFunction, messages: Vec<Bytes>) -> (TestMemory, [u64; 3]) {
    let batch = read_batch.check_batch(messages, LIMIT as u64 * 16);
    assert!(batch.rest.is_empty());
    let mut memory = TestMemory::default();
    let image = read_batch.lower_result(Ok(&batch.checked.unwrap()), None, &mut memory).unwrap();
    let at = memory.put(&image, 8).unwrap() as usize;
    let payload = at + read_batch.result.payload_offset().unwrap() as usize;
    let word = |at: usize| u64::from(u32::from_le_bytes(memory.bytes[at..at + 4].try_into().unwrap()));
    let slots = [0, word(payload), word(payload + 4)];
    (memory, slots)
}

/// Lifts all messages of the list, in as many batches as it takes.
fn lifted(write_all: &ComponentFunction, memory: &TestMemory, slots: [u64; 3]) -> Result<Vec<Bytes>, LiftError> {
    let mut messages = Vec::new();
    loop {
        let mut batch = MessageBatch::default();
        let has_more = write_all.lift_batch(&slots, &memory.bytes, messages.len(), LIMIT, &mut batch)?;
        messages.extend(batch.into_messages());
        if !has_more {
            return Ok(messages);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn a_list_of_messages_survives(tapes in vec(vec(any::<u8>(), 0..200), 0..20), method in 0..3_usize) {
        let (method, name) = [("All", "Everything"), ("Flat", "Flat"), ("Legacy", "Legacy")][method];
        let descriptor = FIXTURE.message(&format!("test.link.v1.{name}"));
        let messages: Vec<Bytes> =
            tapes.iter().map(|tape| Tape::new(tape).message(&descriptor, 2).encode_to_vec().into()).collect();
        let [write_all, read_batch] = FIXTURE.batch_functions(method);
        let (memory, slots) = lowered(&read_batch, messages.clone());
        let answers = lifted(&write_all, &memory, slots).unwrap();
        prop_assert_eq!(answers.len(), messages.len());
        for (message, answer) in messages.iter().zip(&answers) {
            prop_assert_eq!(reading(&descriptor, message), reading(&descriptor, answer));
        }
    }
}

#[test]
fn more_messages_than_are_sent_at_once_take_several_turns() {
    let [write_all, read_batch] = FIXTURE.batch_functions("Text");
    let messages: Vec<Bytes> =
        (0..1000_u32).map(|number| [10, 4, 65, 65, 65, (number % 64) as u8].to_vec().into()).collect();
    let (memory, slots) = lowered(&read_batch, messages.clone());
    assert_eq!(lifted(&write_all, &memory, slots).unwrap(), messages);
}

#[test]
fn messages_behind_one_that_is_not_valid_or_has_no_room_are_left_for_the_next_call() {
    let [_, read_batch] = FIXTURE.batch_functions("Text");
    let text = Bytes::from_static(b"\x0a\x04text");
    let broken = Bytes::from_static(b"\x0a\x05hi");
    let batch = read_batch.check_batch(vec![text.clone(), broken.clone(), text.clone()], 1000);
    assert!(matches!(batch.checked, Ok(CheckedMessage::Batch(messages)) if messages.len() == 1));
    assert_eq!(batch.rest, [broken.clone(), text.clone()]);
    let batch = read_batch.check_batch(batch.rest, 1000);
    assert!(batch.checked.is_err());
    assert_eq!(batch.rest, std::slice::from_ref(&text));
    // Each takes four bytes, a pointer and a length.
    let batch = read_batch.check_batch(vec![text.clone(); 3], 20);
    assert!(matches!(batch.checked, Ok(CheckedMessage::Batch(messages)) if messages.len() == 1));
    assert_eq!(batch.rest.len(), 2);
}

#[test]
fn a_list_outside_of_the_memory_is_refused() {
    let [write_all, _] = FIXTURE.batch_functions("All");
    let memory = TestMemory { bytes: vec![0; 1 << 16], ..TestMemory::default() };
    for slots in [[0, 8, u64::from(u32::MAX)], [0, 1 << 20, 1], [0, 9, 1]] {
        let mut batch = MessageBatch::default();
        let refused = write_all.lift_batch(&slots, &memory.bytes, 0, LIMIT, &mut batch).unwrap_err();
        assert_eq!(refused, LiftError::OutOfBounds { what: "list" });
        assert!(batch.into_messages().is_empty());
    }
}
