//! A function of a component, between its memory and wire bytes: what check, lower and lift do for one call.

use std::sync::Arc;

use bytes::Bytes;
use okra_codegen::schema::{self, JsonKind, Kind, MessageId};

use super::canonical::{Core, MAX_FLAT_PARAMS, Shape, Type};
use super::check::{Checked, check, check_unknown};
use super::json;
use super::lift::{LiftError, lift, lift_bytes, lift_json};
use super::lower::{Memory, Refusal, lower, lower_payload, lower_text};
use super::plan::{Plan, RecordId};
use super::status::STATUS;
use super::wire::WireError;
use crate::call::Status;

/// What a parameter or result holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Payload {
    Record(RecordId),
    Json(JsonKind),
    /// Bytes that are handed on as they are (an encoded recursive message).
    Bytes,
}

/// Number of a resource type of the host, within the link of one component.
pub(crate) type ResourceId = u32;

/// A parameter.
#[derive(Clone, Copy, Debug)]
pub(super) enum Param {
    Message(Payload),
    /// A resource that is lent.
    Handle(ResourceId),
}

/// What a function returns, or the `ok` of what it returns.
#[derive(Clone, Copy, Debug)]
pub(super) enum Returns {
    Nothing,
    Message(Payload),
    /// `option<T>`: the next message of a stream, or its end.
    Next(Payload),
    /// A resource that is given away.
    Handle(ResourceId),
}

/// One function: a method of a service, of a resource of the host, or of a codec interface.
#[derive(Debug)]
pub(crate) struct Function {
    /// Name in its interface, such as `create-invoice` or `[method]invoice-reader.read`.
    pub(super) name: String,
    plan: Arc<Plan>,
    arguments: Vec<Param>,
    pub(super) returns: Returns,
    /// Whether it returns a `result<T, error>`.
    fallible: bool,
    pub(super) params: Arc<Type>,
    /// Core types of the flat parameters; `None` when there are too many, and one pointer is passed.
    pub(super) flat: Option<Vec<Core>>,
    pub(super) result: Arc<Type>,
}

/// A request or response that is ready to be lowered.
#[derive(Debug)]
pub(crate) enum Prepared {
    /// There is no value.
    Nothing,
    /// A message.
    Record(Checked),
    /// Text or bytes.
    Bytes(Bytes),
}

/// What a call of a function came to: the encoded response, or the status that the other side returned.
pub(crate) type Answer<T> = Result<T, Box<Status>>;

impl Function {
    /// The function of a unary method, on either side.
    pub(super) fn method(plan: &Arc<Plan>, method: &schema::Method) -> Self {
        Self::served(plan, method, None, None)
    }

    /// The function that serves a method: with a stream of requests it borrows their reader, with a stream of responses
    /// their writer.
    pub(super) fn served(
        plan: &Arc<Plan>,
        method: &schema::Method,
        requests: Option<ResourceId>,
        responses: Option<ResourceId>,
    ) -> Self {
        let request = method.input.as_ref().filter(|_| requests.is_none()).and_then(|kind| payload(plan, kind));
        let response = method.output.as_ref().filter(|_| responses.is_none()).and_then(|kind| payload(plan, kind));
        let arguments = request.map(Param::Message).into_iter();
        let arguments = arguments.chain(requests.map(Param::Handle)).chain(responses.map(Param::Handle));
        Self::new(plan, method.wit_name.clone(), arguments.collect(), message(response), true)
    }

    /// The function by which a component begins a call with streams: it returns the call, or the reader of the responses.
    pub(super) fn open(plan: &Arc<Plan>, method: &schema::Method, returned: ResourceId) -> Self {
        let request = method.input.as_ref().filter(|_| method.requests.is_none()).and_then(|kind| payload(plan, kind));
        let arguments = request.map(Param::Message).into_iter().collect();
        Self::new(plan, method.wit_name.clone(), arguments, Returns::Handle(returned), true)
    }

    /// `read` of a resource: the next message, or none at the end.
    pub(super) fn read(plan: &Arc<Plan>, resource: &str, id: ResourceId, item: &Kind) -> Option<Self> {
        let item = payload(plan, item)?;
        Some(Self::new(plan, method_name(resource, "read"), vec![Param::Handle(id)], Returns::Next(item), true))
    }

    /// `write` of a resource.
    pub(super) fn write(plan: &Arc<Plan>, resource: &str, id: ResourceId, item: &Kind) -> Option<Self> {
        let arguments = vec![Param::Handle(id), Param::Message(payload(plan, item)?)];
        Some(Self::new(plan, method_name(resource, "write"), arguments, Returns::Nothing, true))
    }

    /// `done-writing` of a call: no more requests follow.
    pub(super) fn done_writing(plan: &Arc<Plan>, resource: &str, id: ResourceId) -> Self {
        Self::new(plan, method_name(resource, "done-writing"), vec![Param::Handle(id)], Returns::Nothing, true)
    }

    /// `finish` of a call with one response: no more requests follow, and here it is.
    pub(super) fn finish(plan: &Arc<Plan>, resource: &str, id: ResourceId, response: Option<&Kind>) -> Self {
        let returns = message(response.and_then(|kind| payload(plan, kind)));
        Self::new(plan, method_name(resource, "finish"), vec![Param::Handle(id)], returns, true)
    }

    /// `decode-NAME` of a codec interface.
    pub(super) fn decode(plan: &Arc<Plan>, message: MessageId, wit_name: &str) -> Self {
        let returns = Returns::Message(Payload::Record(message.0));
        Self::new(plan, format!("decode-{wit_name}"), vec![Param::Message(Payload::Bytes)], returns, true)
    }

    /// `encode-NAME` of a codec interface.
    pub(super) fn encode(plan: &Arc<Plan>, message: MessageId, wit_name: &str) -> Self {
        let arguments = vec![Param::Message(Payload::Record(message.0))];
        Self::new(plan, format!("encode-{wit_name}"), arguments, Returns::Message(Payload::Bytes), false)
    }

    fn new(plan: &Arc<Plan>, name: String, arguments: Vec<Param>, returns: Returns, fallible: bool) -> Self {
        let type_of = |payload: Payload| match payload {
            Payload::Record(record) => plan.record(record).ty.clone(),
            Payload::Json(_) => Type::plain(Shape::String),
            Payload::Bytes => Type::bytes(),
        };
        let arguments_types = arguments.iter().map(|argument| match *argument {
            Param::Message(payload) => type_of(payload),
            Param::Handle(resource) => Type::plain(Shape::Handle { resource, own: false }),
        });
        let params = Type::tuple(arguments_types.collect());
        let flat = (params.flats <= MAX_FLAT_PARAMS).then(|| params.core());
        let ok = match returns {
            Returns::Nothing => None,
            Returns::Message(payload) => Some(type_of(payload)),
            Returns::Next(payload) => Some(Type::option(type_of(payload))),
            Returns::Handle(resource) => Some(Type::plain(Shape::Handle { resource, own: true })),
        };
        let result = match (fallible, ok) {
            (true, ok) => Type::result(ok, STATUS.ty()),
            (false, Some(ok)) => ok,
            (false, None) => Type::tuple(Vec::new()),
        };
        Self { name, plan: plan.clone(), arguments, returns, fallible, params, flat, result }
    }

    /// Number of core parameters.
    pub(super) fn flats(&self) -> usize {
        self.flat.as_ref().map_or(1, Vec::len)
    }

    /// The message among the parameters.
    fn input(&self) -> Option<Payload> {
        self.arguments.iter().find_map(|argument| match *argument {
            Param::Message(payload) => Some(payload),
            Param::Handle(_) => None,
        })
    }

    /// Checks an encoded request.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn prepare_request(&self, wire: Bytes, limit: u64) -> Result<Prepared, WireError> {
        self.prepare(self.input(), wire, limit)
    }

    /// Checks an encoded response of the service that is called.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn prepare_response(&self, wire: Bytes, limit: u64) -> Result<Prepared, WireError> {
        let payload = match self.returns {
            Returns::Message(payload) | Returns::Next(payload) => Some(payload),
            Returns::Nothing | Returns::Handle(_) => None,
        };
        self.prepare(payload, wire, limit)
    }

    fn prepare(&self, payload: Option<Payload>, wire: Bytes, limit: u64) -> Result<Prepared, WireError> {
        match payload {
            None => check_unknown("google.protobuf.Empty", &wire).map(|()| Prepared::Nothing),
            Some(Payload::Record(record)) => check(&self.plan, record, wire, limit).map(Prepared::Record),
            Some(Payload::Bytes) => Ok(Prepared::Bytes(wire)),
            Some(Payload::Json(kind)) => match json::from_wire(kind, &wire) {
                Ok(text) => Ok(Prepared::Bytes(text.into())),
                Err(none) => Err(WireError::Json {
                    message: format!("{kind:?}"),
                    field: "payload".to_owned(),
                    what: none.into_text(),
                }),
            },
        }
    }

    /// Lowers a request: the slots of the flat parameters, or of the pointer to them. `handles` are the guest's numbers
    /// of the resources that it is lent, in the order of the parameters.
    pub(super) fn lower_params<M: Memory>(
        &self,
        request: &Prepared,
        handles: &[u32],
        memory: &mut M,
    ) -> Result<Vec<u64>, Refusal<M::Refused>> {
        let mut image = vec![0; self.params.size as usize];
        let mut handles = handles.iter();
        for (argument, at) in self.arguments.iter().zip(self.offsets()) {
            match argument {
                Param::Message(payload) => put(&mut image, at, &self.lower(*payload, request, memory)?),
                Param::Handle(_) => {
                    put(&mut image, at, &handles.next().ok_or(Refusal::NotChecked)?.to_le_bytes());
                }
            }
        }
        let mut slots = Vec::with_capacity(MAX_FLAT_PARAMS);
        if self.flat.is_some() {
            self.params.flatten(&image, &mut slots);
        } else {
            slots.push(memory.put(&image, self.params.align).map_err(Refusal::Memory)?.into());
        }
        Ok(slots)
    }

    /// Where each parameter lies.
    fn offsets(&self) -> impl Iterator<Item = usize> {
        let members = match &self.params.shape {
            Shape::Tuple(members) => members.as_slice(),
            _ => &[],
        };
        members.iter().map(|member| member.offset as usize)
    }

    /// Lowers what an import answers: the bytes of the result, for the place that the guest gave for them. `handle` is
    /// the guest's number of the resource that it is given.
    pub(super) fn lower_result<M: Memory>(
        &self,
        answer: Result<&Prepared, &Status>,
        handle: Option<u32>,
        memory: &mut M,
    ) -> Result<Vec<u8>, Refusal<M::Refused>> {
        let value = match answer {
            Ok(response) => self.lower_ok(response, handle, memory)?,
            Err(status) if self.fallible => STATUS.lower(status, memory)?,
            Err(_) => return Err(Refusal::NotChecked),
        };
        if !self.fallible {
            return Ok(value);
        }
        let Shape::Variant(result) = &self.result.shape else { return Err(Refusal::NotChecked) };
        let mut image = vec![0; self.result.size as usize];
        put(&mut image, 0, &[u8::from(answer.is_err())]);
        put(&mut image, result.payload as usize, &value);
        Ok(image)
    }

    fn lower_ok<M: Memory>(
        &self,
        response: &Prepared,
        handle: Option<u32>,
        memory: &mut M,
    ) -> Result<Vec<u8>, Refusal<M::Refused>> {
        match self.returns {
            Returns::Nothing => Ok(Vec::new()),
            Returns::Message(payload) => self.lower(payload, response, memory),
            Returns::Handle(_) => Ok(handle.ok_or(Refusal::NotChecked)?.to_le_bytes().to_vec()),
            Returns::Next(payload) => {
                let Some((option, next)) = self.result.payload(0).and_then(|ok| Some((ok, ok.payload_offset()?)))
                else {
                    return Err(Refusal::NotChecked);
                };
                let mut image = vec![0; option.size as usize];
                if !matches!(response, Prepared::Nothing) {
                    let message = self.lower(payload, response, memory)?;
                    put(&mut image, 0, &[1]);
                    put(&mut image, next as usize, &message);
                }
                Ok(image)
            }
        }
    }

    fn lower<M: Memory>(
        &self,
        payload: Payload,
        value: &Prepared,
        memory: &mut M,
    ) -> Result<Vec<u8>, Refusal<M::Refused>> {
        match (payload, value) {
            (Payload::Record(record), Prepared::Record(checked)) => lower(&self.plan, record, checked, memory),
            (Payload::Json(_), Prepared::Bytes(text)) => Ok(lower_text(text, memory)?.to_vec()),
            (Payload::Bytes, Prepared::Bytes(bytes)) => Ok(lower_payload(&self.plan, bytes, memory)?.to_vec()),
            _ => Err(Refusal::NotChecked),
        }
    }

    /// Lifts what a guest passed to an import: an encoded request, empty when there is none. `slots` are the flat
    /// parameters, `image` of which this makes, or the address of the parameters in memory.
    pub(super) fn lift_params(&self, slots: &[u64], memory: &[u8], limit: usize) -> Result<Bytes, LiftError> {
        let mut image;
        let frame = if self.flat.is_some() {
            image = vec![0; self.params.size as usize];
            self.params.unflatten(slots, &mut image);
            image.as_slice()
        } else {
            frame(slots.first().copied().unwrap_or_default(), &self.params, memory)?
        };
        for (argument, at) in self.arguments.iter().zip(self.offsets()) {
            if let Param::Message(payload) = argument {
                return self.lift(*payload, frame.get(at..).unwrap_or_default(), memory, limit);
            }
        }
        Ok(Bytes::new())
    }

    /// Lifts what a guest returned: an encoded response, or the error it chose. `address` is where the result lies.
    pub(super) fn lift_result(&self, address: u64, memory: &[u8], limit: usize) -> Result<Answer<Bytes>, LiftError> {
        let frame = frame(address, &self.result, memory)?;
        if !self.fallible {
            return self.lift_ok(frame, memory, limit).map(Ok);
        }
        let value = frame.get(self.result.payload_offset().unwrap_or_default() as usize..).unwrap_or_default();
        match frame.first() {
            Some(0) => self.lift_ok(value, memory, limit).map(Ok),
            Some(1) => STATUS.lift(value, memory).map(|status| Err(Box::new(status))),
            found => Err(LiftError::Discriminant {
                message: self.name.clone(),
                field: "result".to_owned(),
                found: found.copied().unwrap_or_default().into(),
                cases: 2,
            }),
        }
    }

    fn lift_ok(&self, frame: &[u8], memory: &[u8], limit: usize) -> Result<Bytes, LiftError> {
        match self.returns {
            Returns::Message(payload) => self.lift(payload, frame, memory, limit),
            // Guests return neither: only functions of the host do.
            Returns::Nothing | Returns::Next(_) | Returns::Handle(_) => Ok(Bytes::new()),
        }
    }

    fn lift(&self, payload: Payload, frame: &[u8], memory: &[u8], limit: usize) -> Result<Bytes, LiftError> {
        match payload {
            Payload::Record(record) => lift(&self.plan, record, frame, memory, limit).map(Bytes::from),
            Payload::Json(kind) => lift_json(kind, frame, memory, limit).map(Bytes::from),
            Payload::Bytes => lift_bytes(frame, memory, limit).map(Bytes::from),
        }
    }
}

fn message(payload: Option<Payload>) -> Returns {
    payload.map_or(Returns::Nothing, Returns::Message)
}

/// The name of a method of a resource, as the component model spells it.
fn method_name(resource: &str, method: &str) -> String {
    format!("[method]{resource}.{method}")
}

fn put(image: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(to) = image.get_mut(at..at + bytes.len()) {
        to.copy_from_slice(bytes);
    }
}

fn payload(plan: &Plan, kind: &Kind) -> Option<Payload> {
    Some(match kind {
        Kind::Message { message, .. } => Payload::Record(message.0),
        Kind::Json(kind) => Payload::Json(*kind),
        Kind::Wrapper(_) | Kind::FieldMask => Payload::Record(plan.well_known(kind)?),
        // No method takes one of these.
        Kind::Scalar(_) | Kind::Enum(_) | Kind::Encoded { .. } => return None,
    })
}

fn frame<'m>(address: u64, ty: &Type, memory: &'m [u8]) -> Result<&'m [u8], LiftError> {
    let out_of_bounds = LiftError::OutOfBounds { what: "value" };
    if !address.is_multiple_of(u64::from(ty.align)) {
        return Err(out_of_bounds);
    }
    let at = address as usize;
    memory.get(at..at + ty.size as usize).ok_or(out_of_bounds)
}
