//! protobuf's wire format: tags, varints, and what can be wrong with them.
//!
//! <https://protobuf.dev/programming-guides/encoding/>

/// How many messages may lie in one another, as in the reference implementations.
pub(crate) const MAX_DEPTH: u32 = 100;

/// What is wrong with an encoded message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WireError {
    /// The bytes end inside of a value.
    #[error("{message}: the message is truncated")]
    Truncated {
        /// Full name of the message whose bytes end.
        message: String,
    },
    /// A varint of more than ten bytes, field number 0, a wire type that is none, or a stray end of a group.
    #[error("{message}: not a protobuf message: {what}")]
    Malformed {
        /// Full name of the message.
        message: String,
        /// What was found.
        what: &'static str,
    },
    /// A known field with another wire type than its type has.
    #[error("field `{field}` of {message} has wire type {found}, expected {expected}")]
    WireType {
        /// Full name of the message.
        message: String,
        /// Name of the field.
        field: String,
        /// Wire type found.
        found: u8,
        /// Wire type of the field's type.
        expected: u8,
    },
    /// A string that is not UTF-8.
    #[error("field `{field}` of {message} is not valid UTF-8")]
    Utf8 {
        /// Full name of the message.
        message: String,
        /// Name of the field.
        field: String,
    },
    /// A required field (proto2) is absent.
    #[error("required field `{field}` of {message} is missing")]
    MissingRequired {
        /// Full name of the message.
        message: String,
        /// Name of the field.
        field: String,
    },
    /// Messages in messages in messages.
    #[error("{message}: messages are nested more than {MAX_DEPTH} levels deep")]
    TooDeep {
        /// Full name of the message that was one too deep.
        message: String,
    },
    /// A Struct, Value or ListValue that has no JSON form (a number that is not finite, an empty Value).
    #[error("field `{field}` of {message} has no JSON form: {what}")]
    Json {
        /// Full name of the message.
        message: String,
        /// Name of the field.
        field: String,
        /// What is in the way.
        what: String,
    },
    /// The decoded message would take more of the guest's memory than allowed.
    #[error("the message would take more than {limit} bytes of the component's memory")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
}

/// What a reader could not read; the message's name is added where it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WireFault {
    Truncated,
    Malformed(&'static str),
}

impl WireFault {
    pub(crate) fn of(self, message: &str) -> WireError {
        let message = message.to_owned();
        match self {
            WireFault::Truncated => WireError::Truncated { message },
            WireFault::Malformed(what) => WireError::Malformed { message, what },
        }
    }
}

pub(crate) const VARINT: u8 = 0;
pub(crate) const FIXED64: u8 = 1;
pub(crate) const LENGTH: u8 = 2;
pub(crate) const GROUP: u8 = 3;
pub(crate) const GROUP_END: u8 = 4;
pub(crate) const FIXED32: u8 = 5;

/// Reads an encoded message from its beginning.
#[derive(Clone, Copy)]
pub(crate) struct WireReader<'a> {
    rest: &'a [u8],
}

impl<'a> WireReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What has not been read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64, WireFault> {
        match self.rest {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, WireFault> {
        let mut value = 0;
        for (index, byte) in self.rest.iter().enumerate().take(10) {
            // The tenth byte holds the 64th bit and nothing else.
            if index == 9 && *byte > 1 {
                return Err(WireFault::Malformed("a varint of more than 64 bits"));
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                self.rest = self.rest.get(index + 1..).unwrap_or_default();
                return Ok(value);
            }
        }
        Err(if self.rest.len() < 10 {
            WireFault::Truncated
        } else {
            WireFault::Malformed("a varint of more than ten bytes")
        })
    }

    /// A field's number and wire type.
    #[inline]
    pub(crate) fn tag(&mut self) -> Result<(u32, u8), WireFault> {
        let tag =
            u32::try_from(self.varint()?).map_err(|_| WireFault::Malformed("a field number of more than 29 bits"))?;
        let (number, wire_type) = (tag >> 3, (tag & 7) as u8);
        if number == 0 {
            return Err(WireFault::Malformed("field number 0"));
        }
        if wire_type > FIXED32 {
            return Err(WireFault::Malformed("a wire type that is none"));
        }
        Ok((number, wire_type))
    }

    #[inline]
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], WireFault> {
        let (head, rest) = self.rest.split_at_checked(count).ok_or(WireFault::Truncated)?;
        self.rest = rest;
        Ok(head)
    }

    #[inline]
    pub(crate) fn fixed32(&mut self) -> Result<u32, WireFault> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(WireFault::Truncated)?;
        self.rest = rest;
        Ok(u32::from_le_bytes(*head))
    }

    #[inline]
    pub(crate) fn fixed64(&mut self) -> Result<u64, WireFault> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(WireFault::Truncated)?;
        self.rest = rest;
        Ok(u64::from_le_bytes(*head))
    }

    /// Length-prefixed bytes.
    #[inline]
    pub(crate) fn length_delimited(&mut self) -> Result<&'a [u8], WireFault> {
        let length = usize::try_from(self.varint()?).map_err(|_| WireFault::Truncated)?;
        self.take(length)
    }

    /// What lies between the start tag of a group, which has been read, and its end tag, which is read too.
    pub(crate) fn group(&mut self, number: u32) -> Result<&'a [u8], WireFault> {
        let start = self.rest;
        let mut open = vec![number];
        while let Some(&current) = open.last() {
            let before = self.rest.len();
            let (number, wire_type) = self.tag()?;
            match wire_type {
                GROUP if open.len() >= MAX_DEPTH as usize => {
                    return Err(WireFault::Malformed("groups nested too deep"));
                }
                GROUP => open.push(number),
                GROUP_END if number != current => return Err(WireFault::Malformed("the end of another group")),
                GROUP_END => {
                    open.pop();
                    if open.is_empty() {
                        return Ok(start.get(..start.len() - before).unwrap_or_default());
                    }
                }
                _ => self.skip(number, wire_type)?,
            }
        }
        Err(WireFault::Truncated)
    }

    /// Passes over the value of a field whose tag has been read.
    pub(crate) fn skip(&mut self, number: u32, wire_type: u8) -> Result<(), WireFault> {
        match wire_type {
            VARINT => self.varint().map(drop),
            FIXED64 => self.take(8).map(drop),
            LENGTH => self.length_delimited().map(drop),
            GROUP => self.group(number).map(drop),
            FIXED32 => self.take(4).map(drop),
            _ => Err(WireFault::Malformed("the end of a group that was not begun")),
        }
    }
}

/// Appends a varint.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
