//! Random choices for tests, which shrink.

use std::fmt;

use proptest::collection::{SizeRange, vec};
use proptest::prelude::*;

/// The bytes of a [`Tape`], printed in one line.
#[derive(Clone)]
pub(crate) struct Reel(Vec<u8>);

impl Reel {
    pub(crate) fn any(length: impl Into<SizeRange>) -> impl Strategy<Value = Self> {
        vec(any::<u8>(), length).prop_map(Self)
    }

    pub(crate) fn tape(&self) -> Tape<'_> {
        Tape::new(&self.0)
    }
}

impl fmt::Debug for Reel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// A tape of bytes that decides everything random, so that proptest can shrink it. Behind its end there are zeros.
#[derive(Clone)]
pub(crate) struct Tape<'a> {
    bytes: std::slice::Iter<'a, u8>,
}

impl<'a> Tape<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes: bytes.iter() }
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.bytes.next().copied().unwrap_or_default()
    }

    /// A number below `count`, which is 256 at most.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        usize::from(self.byte()) % count
    }

    /// True once in `count` times, and never behind the end.
    pub(crate) fn once_in(&mut self, count: usize) -> bool {
        self.below(count) == count - 1
    }

    pub(crate) fn pick<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[self.below(of.len())]
    }

    /// Integers near the borders as often as any.
    pub(crate) fn integer(&mut self) -> u64 {
        match self.byte() % 8 {
            0 => 0,
            1 => u64::MAX,
            2 => u64::from(self.byte()),
            3 => 1 << (self.byte() % 64),
            4 => (1_u64 << (self.byte() % 64)).wrapping_sub(1),
            _ => (0..8).fold(0, |word, _| word << 8 | u64::from(self.byte())),
        }
    }

    pub(crate) fn text(&mut self) -> String {
        let length = self.byte() % 12;
        (0..length).map(|_| ['a', 'é', '猫', '\0', '🦀', ' '][usize::from(self.byte() % 6)]).collect()
    }
}
