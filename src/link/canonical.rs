//! The canonical ABI's arithmetic for the WIT types that protobuf maps onto: size, alignment, offsets, flattening.
//!
//! <https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md>

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// Parameters of more flat values than this are passed as one pointer.
pub(crate) const MAX_FLAT_PARAMS: usize = 16;

/// The most bytes that the parameters take in memory that are passed flat: each flat value stands for at most 8, with what
/// lies between it and the next.
pub(crate) const MAX_FLAT_BYTES: usize = 8 * MAX_FLAT_PARAMS;

/// A WIT type with its place in linear memory (of 32-bit pointers).
#[derive(Debug)]
pub(crate) struct CanonicalType {
    pub(crate) shape: TypeShape,
    /// Bytes in memory; a multiple of `align` for all but tuples without members.
    pub(crate) size: u32,
    /// 1, 2, 4 or 8.
    pub(crate) align: u32,
    /// Number of flat core values.
    pub(crate) flats: usize,
}

#[derive(Debug)]
pub(crate) enum TypeShape {
    Bool,
    U8,
    S32,
    U32,
    S64,
    U64,
    F32,
    F64,
    String,
    List(Arc<CanonicalType>),
    Record(Vec<Member>),
    Tuple(Vec<Member>),
    /// A resource of the host, by its number in the link.
    Handle {
        resource: u32,
        own: bool,
    },
    /// Also option (`none`, `some`), result (`ok`, `error`) and enum (cases without payload).
    Variant(Variant),
}

/// The flat slots of the parameters of a call.
#[derive(Debug, Default)]
pub(crate) struct FlatSlots {
    values: [u64; MAX_FLAT_PARAMS],
    len: usize,
}

impl FlatSlots {
    /// Pushes a slot.
    pub(crate) fn push(&mut self, value: u64) {
        match self.values.get_mut(self.len) {
            Some(slot) => {
                *slot = value;
                self.len += 1;
            }
            None => debug_assert!(false, "parameters with more flat values are passed as a pointer"),
        }
    }
}

impl FromIterator<u64> for FlatSlots {
    fn from_iter<I: IntoIterator<Item = u64>>(values: I) -> Self {
        let mut slots = Self::default();
        values.into_iter().for_each(|value| slots.push(value));
        slots
    }
}

impl Deref for FlatSlots {
    type Target = [u64];

    fn deref(&self) -> &[u64] {
        self.values.get(..self.len).unwrap_or_default()
    }
}

impl DerefMut for FlatSlots {
    fn deref_mut(&mut self) -> &mut [u64] {
        self.values.get_mut(..self.len).unwrap_or_default()
    }
}

/// A member of a record or tuple.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) offset: u32,
    pub(crate) ty: Arc<CanonicalType>,
}

/// Which WIT type a [`Variant`] is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VariantForm {
    Variant,
    Enum,
    Option,
    Result,
}

#[derive(Debug)]
pub(crate) struct Variant {
    pub(crate) form: VariantForm,
    pub(crate) cases: Vec<(String, Option<Arc<CanonicalType>>)>,
    /// Bytes of the discriminant: 1, 2 or 4.
    pub(crate) discriminant: u32,
    /// Where payloads lie.
    pub(crate) payload: u32,
    /// The flat types of the payloads, joined.
    joined: Vec<CoreType>,
}

/// A core WebAssembly value type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CoreType {
    I32,
    I64,
    F32,
    F64,
}

impl CoreType {
    /// Whether only the low half of a slot of this type is written.
    pub(crate) fn is_narrow(self) -> bool {
        matches!(self, CoreType::I32 | CoreType::F32)
    }

    fn join(self, other: CoreType) -> CoreType {
        match (self, other) {
            (a, b) if a == b => a,
            (CoreType::I32, CoreType::F32) | (CoreType::F32, CoreType::I32) => CoreType::I32,
            _ => CoreType::I64,
        }
    }
}

fn align_to(offset: u32, align: u32) -> u32 {
    offset.saturating_add(align - 1) & !(align - 1)
}

impl CanonicalType {
    fn new(shape: TypeShape, size: u32, align: u32, flats: usize) -> Arc<Self> {
        Arc::new(Self { shape, size, align, flats })
    }

    /// A type without members: a scalar or a string.
    pub(crate) fn plain(shape: TypeShape) -> Arc<Self> {
        let (size, align, flats) = match shape {
            TypeShape::Bool | TypeShape::U8 => (1, 1, 1),
            TypeShape::S64 | TypeShape::U64 | TypeShape::F64 => (8, 8, 1),
            TypeShape::String => (8, 4, 2),
            _ => (4, 4, 1),
        };
        Self::new(shape, size, align, flats)
    }

    pub(crate) fn list(element: Arc<CanonicalType>) -> Arc<Self> {
        Self::new(TypeShape::List(element), 8, 4, 2)
    }

    pub(crate) fn bytes() -> Arc<Self> {
        Self::list(Self::plain(TypeShape::U8))
    }

    pub(crate) fn record(members: Vec<(String, Arc<CanonicalType>)>) -> Arc<Self> {
        let (members, size, align, flats) = Self::place(members);
        Self::new(TypeShape::Record(members), size, align, flats)
    }

    pub(crate) fn tuple(members: Vec<Arc<CanonicalType>>) -> Arc<Self> {
        let named = members.into_iter().enumerate().map(|(index, ty)| (index.to_string(), ty)).collect();
        let (members, size, align, flats) = Self::place(named);
        Self::new(TypeShape::Tuple(members), size, align, flats)
    }

    fn place(members: Vec<(String, Arc<CanonicalType>)>) -> (Vec<Member>, u32, u32, usize) {
        let (mut offset, mut align, mut flats) = (0, 1, 0_usize);
        let members = members
            .into_iter()
            .map(|(name, ty)| {
                let at = align_to(offset, ty.align);
                offset = at.saturating_add(ty.size);
                align = align.max(ty.align);
                flats = flats.saturating_add(ty.flats);
                Member { name, offset: at, ty }
            })
            .collect();
        (members, align_to(offset, align), align, flats)
    }

    pub(crate) fn option(some: Arc<CanonicalType>) -> Arc<Self> {
        Self::cases(VariantForm::Option, vec![("none".into(), None), ("some".into(), Some(some))])
    }

    pub(crate) fn result(ok: Option<Arc<CanonicalType>>, error: Arc<CanonicalType>) -> Arc<Self> {
        Self::cases(VariantForm::Result, vec![("ok".into(), ok), ("error".into(), Some(error))])
    }

    pub(crate) fn enumeration(names: Vec<String>) -> Arc<Self> {
        Self::cases(VariantForm::Enum, names.into_iter().map(|name| (name, None)).collect())
    }

    pub(crate) fn cases(form: VariantForm, cases: Vec<(String, Option<Arc<CanonicalType>>)>) -> Arc<Self> {
        let discriminant = match cases.len() {
            0..=0x100 => 1,
            0x101..=0x1_0000 => 2,
            _ => 4,
        };
        let payloads = || cases.iter().filter_map(|(_, ty)| ty.as_ref());
        let payload_align = payloads().map(|ty| ty.align).max().unwrap_or(1);
        let payload_size = payloads().map(|ty| ty.size).max().unwrap_or(0);
        let payload_flats = payloads().map(|ty| ty.flats).max().unwrap_or(0);
        let payload = align_to(discriminant, payload_align);
        let align = discriminant.max(payload_align);
        let size = align_to(payload.saturating_add(payload_size), align);
        let flats = payload_flats.saturating_add(1);
        let mut joined = Vec::new();
        if flats <= MAX_FLAT_PARAMS {
            for ty in payloads() {
                for (index, core) in ty.core().into_iter().enumerate() {
                    match joined.get_mut(index) {
                        Some(slot) => *slot = core.join(*slot),
                        None => joined.push(core),
                    }
                }
            }
        }
        Self::new(TypeShape::Variant(Variant { form, cases, discriminant, payload, joined }), size, align, flats)
    }

    /// The payload of a case.
    pub(crate) fn payload(&self, case: usize) -> Option<&CanonicalType> {
        match &self.shape {
            TypeShape::Variant(variant) => variant.cases.get(case)?.1.as_deref(),
            _ => None,
        }
    }

    /// Where the payloads of a variant lie in it.
    pub(crate) fn payload_offset(&self) -> Option<u32> {
        match &self.shape {
            TypeShape::Variant(variant) => Some(variant.payload),
            _ => None,
        }
    }

    /// The flat core types. Only of types with at most [`MAX_FLAT_PARAMS`] of them.
    pub(crate) fn core(&self) -> Vec<CoreType> {
        match &self.shape {
            TypeShape::Bool | TypeShape::U8 | TypeShape::S32 | TypeShape::U32 | TypeShape::Handle { .. } => {
                vec![CoreType::I32]
            }
            TypeShape::S64 | TypeShape::U64 => vec![CoreType::I64],
            TypeShape::F32 => vec![CoreType::F32],
            TypeShape::F64 => vec![CoreType::F64],
            TypeShape::String | TypeShape::List(_) => vec![CoreType::I32, CoreType::I32],
            TypeShape::Record(members) | TypeShape::Tuple(members) => {
                members.iter().flat_map(|m| m.ty.core()).collect()
            }
            TypeShape::Variant(variant) => [&[CoreType::I32], variant.joined.as_slice()].concat(),
        }
    }

    /// Turns a value's bytes in memory into its flat slots: raw bits, zero-extended. A slot of a joined type holds the
    /// bits of the payload as they are, which is what the canonical ABI's coercions amount to.
    ///
    /// `image` must hold a value of this type that was lowered by a plan, so that its discriminants are valid.
    pub(crate) fn flatten(&self, image: &[u8], slots: &mut FlatSlots) {
        debug_assert!(image.len() >= self.size as usize, "a value's image has the size of its type");
        match &self.shape {
            TypeShape::String | TypeShape::List(_) => {
                slots.push(read(image, 4));
                slots.push(read(image.get(4..).unwrap_or_default(), 4));
            }
            TypeShape::Record(members) | TypeShape::Tuple(members) => {
                for member in members {
                    member.ty.flatten(image.get(member.offset as usize..).unwrap_or_default(), slots);
                }
            }
            TypeShape::Variant(variant) => {
                let discriminant = read(image, variant.discriminant);
                let end = slots.len + self.flats;
                slots.push(discriminant);
                if let Some((_, Some(payload))) = variant.cases.get(discriminant as usize) {
                    payload.flatten(image.get(variant.payload as usize..).unwrap_or_default(), slots);
                }
                while slots.len < end {
                    slots.push(0);
                }
            }
            _ => slots.push(read(image, self.size)),
        }
    }

    /// The reverse of [`flatten`](Self::flatten): writes a value's bytes as they would lie in memory. A discriminant out
    /// of range is written as it is, for the reader of the image to find; one that does not fit its bytes is saturated,
    /// so that it cannot wrap into a valid one.
    pub(crate) fn unflatten(&self, slots: &[u64], image: &mut [u8]) {
        debug_assert!(slots.len() >= self.flats, "a value has as many slots as its type has flat values");
        debug_assert!(image.len() >= self.size as usize, "a value's image has the size of its type");
        let slot = slots.first().copied().unwrap_or_default();
        match &self.shape {
            TypeShape::String | TypeShape::List(_) => {
                write(image, 4, slot);
                write(image.get_mut(4..).unwrap_or_default(), 4, slots.get(1).copied().unwrap_or_default());
            }
            TypeShape::Record(members) | TypeShape::Tuple(members) => {
                let mut rest = slots;
                for member in members {
                    let (own, after) = rest.split_at(member.ty.flats.min(rest.len()));
                    member.ty.unflatten(own, image.get_mut(member.offset as usize..).unwrap_or_default());
                    rest = after;
                }
            }
            TypeShape::Variant(variant) => {
                let largest = (1_u64 << (8 * variant.discriminant)) - 1;
                let discriminant = (slot & 0xffff_ffff).min(largest);
                write(image, variant.discriminant, discriminant);
                if let Some((_, Some(payload))) = variant.cases.get(discriminant as usize) {
                    let slots = slots.get(1..).unwrap_or_default();
                    payload.unflatten(slots, image.get_mut(variant.payload as usize..).unwrap_or_default());
                }
            }
            // Any non-zero i32 is true.
            TypeShape::Bool => write(image, 1, u64::from(slot & 0xffff_ffff != 0)),
            _ => write(image, self.size, slot),
        }
    }
}

/// Little-endian bytes as an integer.
#[inline]
pub(crate) fn read(bytes: &[u8], size: u32) -> u64 {
    // The sizes that nearly everything has are one load each.
    match (size, bytes.first_chunk(), bytes.first_chunk()) {
        (8, Some(word), _) => return u64::from_le_bytes(*word),
        (4, _, Some(word)) => return u64::from(u32::from_le_bytes(*word)),
        _ => {}
    }
    let mut word = [0; 8];
    for (to, from) in word.iter_mut().zip(bytes.iter().take(size as usize)) {
        *to = *from;
    }
    u64::from_le_bytes(word)
}

/// The low `size` bytes of an integer, little-endian.
fn write(bytes: &mut [u8], size: u32, value: u64) {
    for (to, from) in bytes.iter_mut().zip(value.to_le_bytes().into_iter().take(size as usize)) {
        *to = from;
    }
}
