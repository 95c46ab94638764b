//! One function of a component: its params and results between guest memory and wire bytes.

use std::sync::Arc;

use bytes::Bytes;
use okra_codegen::schema::{self, JsonKind, Kind, Scalar};

use crate::call::{LocalMessage, MethodLayouts, Status, TypedMessage};
use crate::link::canonical::{CanonicalType, CoreType, FlatSlots, MAX_FLAT_BYTES, MAX_FLAT_PARAMS, TypeShape};
use crate::link::check::{CheckedWire, check, check_unknown};
use crate::link::direct::{self, check_direct, lift_direct, lower_direct};
use crate::link::json;
use crate::link::lift::{LiftError, lift, lift_bytes, lift_json};
use crate::link::lower::{LowerError, MemoryWriter, lower, lower_payload, lower_text};
use crate::link::plan::{RecordId, SchemaPlan};
use crate::link::status::StatusPlan;
use crate::link::wire::WireError;

/// The content of a param or result.
#[derive(Clone, Copy, Debug)]
pub(crate) enum MessagePayload {
    Record(RecordId),
    Json(JsonKind),
    /// Bytes that are handed on as they are: a message that the guest gets encoded.
    Bytes,
}

/// Number of a resource type of the host, within the link of one component.
pub(crate) type ResourceId = u32;

/// A parameter.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FunctionParam {
    Message(MessagePayload),
    /// `list<T>`: messages for a stream.
    Batch(MessagePayload),
    /// A resource that is lent.
    Handle(ResourceId),
}

/// The result of a function, or the `ok` of its `result`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FunctionResult {
    Nothing,
    Message(MessagePayload),
    /// `option<T>`: the next message of a stream, or its end.
    Next(MessagePayload),
    /// `list<T>`: the next messages of a stream; none at its end.
    Batch(MessagePayload),
    /// `bool`: whether a message was sent.
    IsSent,
    /// A resource that is given away.
    Handle(ResourceId),
}

/// One function: a method of a service, or of a resource of the host. It returns a `result<T, error>`.
#[derive(Debug)]
pub(crate) struct ComponentFunction {
    /// Name in its interface, such as `create-invoice` or `[method]invoice-reader.read`.
    pub(crate) name: String,
    pub(crate) plan: Arc<SchemaPlan>,
    pub(crate) param_list: Vec<FunctionParam>,
    pub(crate) returns: FunctionResult,
    pub(crate) params: Arc<CanonicalType>,
    /// Core types of the flat parameters; `None` when there are too many, and one pointer is passed.
    pub(crate) flat: Option<Vec<CoreType>>,
    pub(crate) result: Arc<CanonicalType>,
    /// The layouts of the messages of a unary method, where they can be copied from component to component.
    layouts: Option<MethodLayouts>,
}

/// A param or result that was checked and can be lowered.
#[derive(Debug)]
pub(crate) enum CheckedMessage {
    /// No value.
    Nothing,
    /// A message.
    Record(CheckedWire),
    /// A message as typed values.
    Typed(TypedMessage),
    /// Text or bytes.
    Bytes(Bytes),
    /// Messages of a stream.
    Batch(Vec<CheckedMessage>),
    /// Whether a message was sent.
    IsSent(bool),
}

impl CheckedMessage {
    /// Returns the bytes of the message as it is encoded.
    pub(crate) fn wire_bytes(&self) -> usize {
        match self {
            Self::Nothing | Self::IsSent(_) => 0,
            Self::Record(checked) => checked.wire.len(),
            Self::Typed(message) => message.wire_bytes,
            Self::Bytes(bytes) => bytes.len(),
            Self::Batch(messages) => messages.iter().map(Self::wire_bytes).sum(),
        }
    }

    /// Returns the bytes that the message takes in the guest's memory, those of its record not counted.
    pub(crate) fn lowered_bytes(&self) -> u64 {
        match self {
            Self::Nothing | Self::IsSent(_) => 0,
            Self::Record(checked) => checked.lowered_bytes,
            // Streams have none of these.
            Self::Typed(message) => message.wire_bytes as u64,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Batch(messages) => messages.iter().map(Self::lowered_bytes).sum(),
        }
    }
}

/// The result of a function: a value, or the status that the function returned.
pub(crate) type GuestResult<T> = Result<T, Box<Status>>;

impl ComponentFunction {
    /// The function of a unary method, on either side.
    pub(crate) fn method(plan: &Arc<SchemaPlan>, method: &schema::Method) -> Self {
        Self::served(plan, method, None, None)
    }

    /// The function that serves a method: with a stream of requests it borrows their reader, with a stream of responses
    /// their writer.
    pub(crate) fn served(
        plan: &Arc<SchemaPlan>,
        method: &schema::Method,
        requests: Option<ResourceId>,
        responses: Option<ResourceId>,
    ) -> Self {
        let request = method.input.as_ref().filter(|_| requests.is_none()).and_then(|kind| payload(plan, kind));
        let response = method.output.as_ref().filter(|_| responses.is_none()).and_then(|kind| payload(plan, kind));
        let param_list = request.map(FunctionParam::Message).into_iter();
        let param_list =
            param_list.chain(requests.map(FunctionParam::Handle)).chain(responses.map(FunctionParam::Handle));
        let mut function = Self::new(plan, method.wit_name.clone(), param_list.collect(), message(response));
        if requests.is_none() && responses.is_none() {
            function.layouts = function.find_layouts();
        }
        function
    }

    /// The function by which a component begins a call with streams: it returns the call, or the reader of the responses.
    pub(crate) fn open(plan: &Arc<SchemaPlan>, method: &schema::Method, returned: ResourceId) -> Self {
        let request = method.input.as_ref().filter(|_| method.requests.is_none()).and_then(|kind| payload(plan, kind));
        let param_list = request.map(FunctionParam::Message).into_iter().collect();
        Self::new(plan, method.wit_name.clone(), param_list, FunctionResult::Handle(returned))
    }

    /// `read` of a resource: the next message, or none at the end.
    pub(crate) fn read(plan: &Arc<SchemaPlan>, resource: &str, id: ResourceId, item: &Kind) -> Option<Self> {
        let item = payload(plan, item)?;
        Some(Self::new(
            plan,
            method_name(resource, "read"),
            vec![FunctionParam::Handle(id)],
            FunctionResult::Next(item),
        ))
    }

    /// `read-batch` of a resource: the next messages that have come, none at the end.
    pub(crate) fn read_batch(plan: &Arc<SchemaPlan>, resource: &str, id: ResourceId, item: &Kind) -> Option<Self> {
        let returns = FunctionResult::Batch(payload(plan, item)?);
        Some(Self::new(plan, method_name(resource, "read-batch"), vec![FunctionParam::Handle(id)], returns))
    }

    /// `write` of a resource.
    pub(crate) fn write(plan: &Arc<SchemaPlan>, resource: &str, id: ResourceId, item: &Kind) -> Option<Self> {
        let param_list = vec![FunctionParam::Handle(id), FunctionParam::Message(payload(plan, item)?)];
        Some(Self::new(plan, method_name(resource, "write"), param_list, FunctionResult::Nothing))
    }

    /// `try-write` of a resource: whether there was room for the message.
    pub(crate) fn try_write(plan: &Arc<SchemaPlan>, resource: &str, id: ResourceId, item: &Kind) -> Option<Self> {
        let param_list = vec![FunctionParam::Handle(id), FunctionParam::Message(payload(plan, item)?)];
        Some(Self::new(plan, method_name(resource, "try-write"), param_list, FunctionResult::IsSent))
    }

    /// `write-all` of a resource.
    pub(crate) fn write_all(plan: &Arc<SchemaPlan>, resource: &str, id: ResourceId, item: &Kind) -> Option<Self> {
        let param_list = vec![FunctionParam::Handle(id), FunctionParam::Batch(payload(plan, item)?)];
        Some(Self::new(plan, method_name(resource, "write-all"), param_list, FunctionResult::Nothing))
    }

    /// `done-writing` of a call: no more requests follow.
    pub(crate) fn done_writing(plan: &Arc<SchemaPlan>, resource: &str, id: ResourceId) -> Self {
        Self::new(plan, method_name(resource, "done-writing"), vec![FunctionParam::Handle(id)], FunctionResult::Nothing)
    }

    /// `finish` of a call with one response: no more requests follow, and here it is.
    pub(crate) fn finish(plan: &Arc<SchemaPlan>, resource: &str, id: ResourceId, response: Option<&Kind>) -> Self {
        let returns = message(response.and_then(|kind| payload(plan, kind)));
        Self::new(plan, method_name(resource, "finish"), vec![FunctionParam::Handle(id)], returns)
    }

    fn new(plan: &Arc<SchemaPlan>, name: String, param_list: Vec<FunctionParam>, returns: FunctionResult) -> Self {
        let type_of = |payload| payload_type(plan, payload);
        let param_types = param_list.iter().map(|param| match *param {
            FunctionParam::Message(payload) => type_of(payload),
            FunctionParam::Batch(payload) => CanonicalType::list(type_of(payload)),
            FunctionParam::Handle(resource) => CanonicalType::plain(TypeShape::Handle { resource, own: false }),
        });
        let params = CanonicalType::tuple(param_types.collect());
        let flat = (params.flats <= MAX_FLAT_PARAMS).then(|| params.core());
        let ok = match returns {
            FunctionResult::Nothing => None,
            FunctionResult::Message(payload) => Some(type_of(payload)),
            FunctionResult::Next(payload) => Some(CanonicalType::option(type_of(payload))),
            FunctionResult::Batch(payload) => Some(CanonicalType::list(type_of(payload))),
            FunctionResult::IsSent => Some(CanonicalType::plain(TypeShape::Bool)),
            FunctionResult::Handle(resource) => Some(CanonicalType::plain(TypeShape::Handle { resource, own: true })),
        };
        let result = CanonicalType::result(ok, StatusPlan::of(plan.quirks).ty());
        Self { name, plan: plan.clone(), param_list, returns, params, flat, result, layouts: None }
    }

    /// Returns the layouts of the messages, if they can be copied from component to component.
    pub(crate) fn layouts(&self) -> Option<&MethodLayouts> {
        self.layouts.as_ref()
    }

    fn find_layouts(&self) -> Option<MethodLayouts> {
        let layout = |payload| match payload {
            None => Some(direct::no_layout()),
            Some(MessagePayload::Record(record)) => direct::layout(&self.plan, record),
            Some(MessagePayload::Json(_) | MessagePayload::Bytes) => None,
        };
        Some(MethodLayouts { request: layout(self.input())?, response: layout(self.output())? })
    }

    /// Number of core parameters.
    pub(crate) fn flats(&self) -> usize {
        self.flat.as_ref().map_or(1, Vec::len)
    }

    /// The message among the parameters.
    fn input(&self) -> Option<MessagePayload> {
        self.param_list.iter().find_map(|param| match *param {
            FunctionParam::Message(payload) => Some(payload),
            FunctionParam::Batch(_) | FunctionParam::Handle(_) => None,
        })
    }

    /// The message among the results.
    fn output(&self) -> Option<MessagePayload> {
        match self.returns {
            FunctionResult::Message(payload) | FunctionResult::Next(payload) | FunctionResult::Batch(payload) => {
                Some(payload)
            }
            FunctionResult::Nothing | FunctionResult::IsSent | FunctionResult::Handle(_) => None,
        }
    }

    /// Checks the typed message among the params, which has the layout of the method's requests.
    ///
    /// # Errors
    /// When it takes more than `limit` bytes of the component's memory.
    pub(crate) fn check_typed_params(&self, message: TypedMessage, limit: u64) -> Result<CheckedMessage, WireError> {
        self.check_typed(self.input(), message, limit)
    }

    /// Checks the typed message among the results, which has the layout of the method's responses.
    ///
    /// # Errors
    /// When it takes more than `limit` bytes of the component's memory.
    pub(crate) fn check_typed_results(&self, message: TypedMessage, limit: u64) -> Result<CheckedMessage, WireError> {
        self.check_typed(self.output(), message, limit)
    }

    fn check_typed(
        &self,
        payload: Option<MessagePayload>,
        message: TypedMessage,
        limit: u64,
    ) -> Result<CheckedMessage, WireError> {
        let Some(MessagePayload::Record(record)) = payload else { return Ok(CheckedMessage::Nothing) };
        check_direct(&self.plan, record, &message, limit).map(|()| CheckedMessage::Typed(message))
    }

    /// Checks the encoded message among the params.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn check_params(&self, wire: Bytes, limit: u64) -> Result<CheckedMessage, WireError> {
        self.check_payload(self.input(), wire, limit)
    }

    /// Checks the encoded message among the results: a response of the service that is called.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn check_results(&self, wire: Bytes, limit: u64) -> Result<CheckedMessage, WireError> {
        self.check_payload(self.output(), wire, limit)
    }

    pub(crate) fn check_payload(
        &self,
        payload: Option<MessagePayload>,
        wire: Bytes,
        limit: u64,
    ) -> Result<CheckedMessage, WireError> {
        match payload {
            None => check_unknown("google.protobuf.Empty", &wire).map(|()| CheckedMessage::Nothing),
            Some(MessagePayload::Record(record)) => check(&self.plan, record, wire, limit).map(CheckedMessage::Record),
            Some(MessagePayload::Bytes) => Ok(CheckedMessage::Bytes(wire)),
            Some(MessagePayload::Json(kind)) => match json::from_wire(kind, &wire) {
                Ok(text) => Ok(CheckedMessage::Bytes(text.into())),
                Err(none) => Err(WireError::Json {
                    message: format!("{kind:?}"),
                    field: "payload".to_owned(),
                    what: none.into_text(),
                }),
            },
        }
    }

    /// Lowers the params: returns the slots of the flat params, or of the pointer to them. `handles` are the guest's numbers
    /// of the resources that it is lent, in the order of the parameters.
    pub(crate) fn lower_params<M: MemoryWriter>(
        &self,
        request: &CheckedMessage,
        handles: &[u32],
        memory: &mut M,
    ) -> Result<FlatSlots, LowerError<M::Refused>> {
        let image = match self.param_list.as_slice() {
            // A single message is the whole of the params.
            [FunctionParam::Message(payload)] => self.lower(*payload, request, memory, 0)?,
            param_list => {
                let mut image = vec![0; self.params.size as usize];
                let mut handles = handles.iter();
                for (param, at) in param_list.iter().zip(self.offsets()) {
                    match param {
                        FunctionParam::Message(payload) => {
                            put(&mut image, at, &self.lower(*payload, request, memory, 0)?);
                        }
                        // Only functions of the host take them.
                        FunctionParam::Batch(_) => return Err(LowerError::NotChecked),
                        FunctionParam::Handle(_) => {
                            put(&mut image, at, &handles.next().ok_or(LowerError::NotChecked)?.to_le_bytes());
                        }
                    }
                }
                image
            }
        };
        let mut slots = FlatSlots::default();
        if self.flat.is_some() {
            self.params.flatten(&image, &mut slots);
        } else {
            slots.push(memory.put(&image, self.params.align).map_err(LowerError::Memory)?.into());
        }
        Ok(slots)
    }

    /// Where each parameter lies.
    pub(crate) fn offsets(&self) -> impl Iterator<Item = usize> {
        let members = match &self.params.shape {
            TypeShape::Tuple(members) => members.as_slice(),
            _ => &[],
        };
        members.iter().map(|member| member.offset as usize)
    }

    /// Lowers the results of an import: returns their bytes, for the address that the guest gave for them. `handle` is
    /// the guest's number of the resource that it is given.
    pub(crate) fn lower_result<M: MemoryWriter>(
        &self,
        answer: Result<&CheckedMessage, &Status>,
        handle: Option<u32>,
        memory: &mut M,
    ) -> Result<Vec<u8>, LowerError<M::Refused>> {
        let TypeShape::Variant(result) = &self.result.shape else { return Err(LowerError::NotChecked) };
        let before = result.payload as usize;
        let mut image = match answer {
            Ok(response) => self.lower_ok(response, handle, memory, before)?,
            Err(status) => StatusPlan::of(self.plan.quirks).lower(status, memory, before)?,
        };
        image.resize(self.result.size as usize, 0);
        put(&mut image, 0, &[u8::from(answer.is_err())]);
        Ok(image)
    }

    fn lower_ok<M: MemoryWriter>(
        &self,
        response: &CheckedMessage,
        handle: Option<u32>,
        memory: &mut M,
        before: usize,
    ) -> Result<Vec<u8>, LowerError<M::Refused>> {
        match self.returns {
            FunctionResult::Nothing => Ok(vec![0; before]),
            FunctionResult::Message(payload) => self.lower(payload, response, memory, before),
            FunctionResult::Handle(_) => Ok(behind(before, &handle.ok_or(LowerError::NotChecked)?.to_le_bytes())),
            FunctionResult::IsSent => match response {
                CheckedMessage::IsSent(is_sent) => Ok(behind(before, &[u8::from(*is_sent)])),
                _ => Err(LowerError::NotChecked),
            },
            FunctionResult::Batch(payload) => match response {
                CheckedMessage::Batch(messages) => self.lower_batch(payload, messages, memory, before),
                _ => Err(LowerError::NotChecked),
            },
            FunctionResult::Next(payload) => {
                let Some(next) = self.result.payload(0).and_then(CanonicalType::payload_offset) else {
                    return Err(LowerError::NotChecked);
                };
                if matches!(response, CheckedMessage::Nothing) {
                    return Ok(vec![0; before]);
                }
                let mut image = self.lower(payload, response, memory, before + next as usize)?;
                put(&mut image, before, &[1]);
                Ok(image)
            }
        }
    }

    /// Lowers a message: returns its bytes behind `before` others.
    pub(crate) fn lower<M: MemoryWriter>(
        &self,
        payload: MessagePayload,
        value: &CheckedMessage,
        memory: &mut M,
        before: usize,
    ) -> Result<Vec<u8>, LowerError<M::Refused>> {
        match (payload, value) {
            (MessagePayload::Record(record), CheckedMessage::Record(checked)) => {
                lower(&self.plan, record, checked, memory, before)
            }
            (MessagePayload::Record(record), CheckedMessage::Typed(message)) => {
                lower_direct(&self.plan, record, message, memory, before)
            }
            (MessagePayload::Json(_), CheckedMessage::Bytes(text)) => {
                Ok(behind(before, &lower_text(&self.plan, text, memory)?))
            }
            (MessagePayload::Bytes, CheckedMessage::Bytes(bytes)) => {
                Ok(behind(before, &lower_payload(&self.plan, bytes, memory)?))
            }
            _ => Err(LowerError::NotChecked),
        }
    }

    /// Lifts the params that a guest passed to an import: an encoded request, empty when there is none. `slots` are the flat
    /// parameters, `image` of which this makes, or the address of the parameters in memory.
    pub(crate) fn lift_params(&self, slots: &[u64], memory: &[u8], limit: usize) -> Result<Bytes, LiftError> {
        let mut image = [0; MAX_FLAT_BYTES];
        let frame = self.params_frame(slots, memory, &mut image)?;
        match self.input_frame(frame) {
            Some((payload, frame)) => self.lift(payload, frame, memory, limit),
            None => Ok(Bytes::new()),
        }
    }

    /// As [`lift_params`](Self::lift_params), for a function with [layouts](Self::layouts): a typed request, or `None` where it
    /// is to be encoded.
    pub(crate) fn lift_typed_params(&self, slots: &[u64], memory: &[u8], limit: usize) -> Option<TypedMessage> {
        let mut image = [0; MAX_FLAT_BYTES];
        let frame = self.params_frame(slots, memory, &mut image).ok()?;
        match self.input_frame(frame) {
            Some((MessagePayload::Record(record), frame)) => lift_direct(&self.plan, record, frame, memory, limit),
            Some(_) => None,
            None => Some(TypedMessage::default()),
        }
    }

    /// Returns the bytes of the params.
    pub(crate) fn params_frame<'m>(
        &self,
        slots: &[u64],
        memory: &'m [u8],
        image: &'m mut [u8; MAX_FLAT_BYTES],
    ) -> Result<&'m [u8], LiftError> {
        if self.flat.is_none() {
            return frame(slots.first().copied().unwrap_or_default(), &self.params, memory);
        }
        let image = image.get_mut(..self.params.size as usize).unwrap_or_default();
        self.params.unflatten(slots, image);
        Ok(image)
    }

    /// Returns the message among the params with its bytes.
    fn input_frame<'m>(&self, frame: &'m [u8]) -> Option<(MessagePayload, &'m [u8])> {
        self.param_list.iter().zip(self.offsets()).find_map(|(param, at)| match *param {
            FunctionParam::Message(payload) => Some((payload, frame.get(at..).unwrap_or_default())),
            FunctionParam::Batch(_) | FunctionParam::Handle(_) => None,
        })
    }

    /// Lifts the results of an export: a response, or the error that the guest returned. `address` is where the result lies. The
    /// response is encoded, but where `is_typed` and it can be copied as it is.
    pub(crate) fn lift_result(
        &self,
        address: u64,
        memory: &[u8],
        limit: usize,
        is_typed: bool,
    ) -> Result<GuestResult<LocalMessage>, LiftError> {
        let frame = frame(address, &self.result, memory)?;
        debug_assert!(self.result.payload_offset().is_some(), "a function that can fail returns a `result`");
        let value = frame.get(self.result.payload_offset().unwrap_or_default() as usize..).unwrap_or_default();
        match frame.first() {
            Some(0) => {
                let typed = is_typed.then(|| self.lift_typed_ok(value, memory, limit)).flatten();
                let encode = || self.lift_ok(value, memory, limit).map(LocalMessage::Encoded);
                typed.map(LocalMessage::Typed).map_or_else(encode, Ok).map(Ok)
            }
            Some(1) => StatusPlan::of(self.plan.quirks).lift(value, memory).map(|status| Err(Box::new(status))),
            found => Err(LiftError::Discriminant {
                message: self.name.clone(),
                field: "result".to_owned(),
                found: found.copied().unwrap_or_default().into(),
                cases: 2,
            }),
        }
    }

    fn lift_typed_ok(&self, frame: &[u8], memory: &[u8], limit: usize) -> Option<TypedMessage> {
        match self.output() {
            Some(MessagePayload::Record(record)) => lift_direct(&self.plan, record, frame, memory, limit),
            Some(_) => None,
            None => Some(TypedMessage::default()),
        }
    }

    fn lift_ok(&self, frame: &[u8], memory: &[u8], limit: usize) -> Result<Bytes, LiftError> {
        match self.returns {
            FunctionResult::Message(payload) => self.lift(payload, frame, memory, limit),
            // Guests return neither: only functions of the host do.
            FunctionResult::Nothing
            | FunctionResult::Next(_)
            | FunctionResult::Batch(_)
            | FunctionResult::IsSent
            | FunctionResult::Handle(_) => Ok(Bytes::new()),
        }
    }

    pub(crate) fn lift(
        &self,
        payload: MessagePayload,
        frame: &[u8],
        memory: &[u8],
        limit: usize,
    ) -> Result<Bytes, LiftError> {
        match payload {
            MessagePayload::Record(record) => lift(&self.plan, record, frame, memory, limit),
            MessagePayload::Json(kind) => lift_json(kind, frame, memory, limit).map(Bytes::from),
            MessagePayload::Bytes => lift_bytes(frame, memory, limit).map(Bytes::from),
        }
    }
}

pub(crate) fn payload_type(plan: &SchemaPlan, payload: MessagePayload) -> Arc<CanonicalType> {
    match payload {
        MessagePayload::Record(record) => plan.record(record).ty.clone(),
        MessagePayload::Json(_) => CanonicalType::plain(TypeShape::String),
        MessagePayload::Bytes => CanonicalType::bytes(),
    }
}

fn message(payload: Option<MessagePayload>) -> FunctionResult {
    payload.map_or(FunctionResult::Nothing, FunctionResult::Message)
}

/// The name of a method of a resource, as the component model spells it.
fn method_name(resource: &str, method: &str) -> String {
    format!("[method]{resource}.{method}")
}

/// The bytes of a value behind `before` others.
pub(crate) fn behind(before: usize, bytes: &[u8]) -> Vec<u8> {
    let mut image = vec![0; before];
    image.extend_from_slice(bytes);
    image
}

pub(crate) fn put(image: &mut [u8], at: usize, bytes: &[u8]) {
    match image.get_mut(at..at + bytes.len()) {
        Some(to) => to.copy_from_slice(bytes),
        None => debug_assert!(false, "an image has room for each of its members"),
    }
}

fn payload(plan: &SchemaPlan, kind: &Kind) -> Option<MessagePayload> {
    Some(match kind {
        Kind::Message { message, .. } => MessagePayload::Record(message.0),
        Kind::Json(kind) => MessagePayload::Json(*kind),
        Kind::Wrapper(_) | Kind::FieldMask => MessagePayload::Record(plan.well_known(kind)?),
        Kind::Scalar(Scalar::Bytes) => MessagePayload::Bytes,
        // No method takes one of these.
        Kind::Scalar(_) | Kind::Enum(_) | Kind::Encoded { .. } => return None,
    })
}

fn frame<'m>(address: u64, ty: &CanonicalType, memory: &'m [u8]) -> Result<&'m [u8], LiftError> {
    let out_of_bounds = LiftError::OutOfBounds { what: "value" };
    if !address.is_multiple_of(u64::from(ty.align)) {
        return Err(out_of_bounds);
    }
    let at = address as usize;
    memory.get(at..at + ty.size as usize).ok_or(out_of_bounds)
}
