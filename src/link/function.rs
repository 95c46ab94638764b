//! A function of a component, between its memory and wire bytes: what check, lower and lift do for one call.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use okra_codegen::schema::{self, Cardinality, JsonKind, Kind, MessageId, Scalar, Schema};
use prost::Message as _;

use super::canonical::{Core, MAX_FLAT_PARAMS, Type};
use super::check::{Checked, check, check_unknown};
use super::json;
use super::lift::{LiftError, lift, lift_bytes, lift_json};
use super::lower::{Memory, Refusal, lower, lower_bytes};
use super::plan::{Plan, RecordId};
use super::wire::WireError;
use crate::call::{Code, Detail, Metadata, Status};

/// What a parameter or result holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Payload {
    Record(RecordId),
    Json(JsonKind),
    /// Bytes that are handed on as they are (an encoded recursive message).
    Bytes,
}

/// One function: a method of a service, or one of a codec interface.
#[derive(Debug)]
pub(crate) struct Function {
    /// Name in its interface, such as `create-invoice`.
    pub(super) name: String,
    plan: Arc<Plan>,
    input: Option<Payload>,
    output: Option<Payload>,
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
    /// The function of a unary method.
    pub(super) fn method(plan: &Arc<Plan>, method: &schema::Method) -> Self {
        let payload = |kind: &Option<Kind>| kind.as_ref().and_then(|kind| payload(plan, kind));
        Self::new(plan, method.wit_name.clone(), payload(&method.input), payload(&method.output), true)
    }

    /// `decode-NAME` of a codec interface.
    pub(super) fn decode(plan: &Arc<Plan>, message: MessageId, wit_name: &str) -> Self {
        Self::new(plan, format!("decode-{wit_name}"), Some(Payload::Bytes), Some(Payload::Record(message.0)), true)
    }

    /// `encode-NAME` of a codec interface.
    pub(super) fn encode(plan: &Arc<Plan>, message: MessageId, wit_name: &str) -> Self {
        Self::new(plan, format!("encode-{wit_name}"), Some(Payload::Record(message.0)), Some(Payload::Bytes), false)
    }

    fn new(plan: &Arc<Plan>, name: String, input: Option<Payload>, output: Option<Payload>, fallible: bool) -> Self {
        let type_of = |payload: Payload| match payload {
            Payload::Record(record) => plan.record(record).ty.clone(),
            Payload::Json(_) => Type::plain(super::canonical::Shape::String),
            Payload::Bytes => Type::bytes(),
        };
        let params = Type::tuple(input.into_iter().map(type_of).collect());
        let flat = (params.flats <= MAX_FLAT_PARAMS).then(|| params.core());
        let ok = output.map(type_of);
        let result = match (fallible, ok) {
            (true, ok) => Type::result(ok, STATUS.ty()),
            (false, Some(ok)) => ok,
            (false, None) => Type::tuple(Vec::new()),
        };
        Self { name, plan: plan.clone(), input, output, fallible, params, flat, result }
    }

    /// Number of core parameters.
    pub(super) fn flats(&self) -> usize {
        self.flat.as_ref().map_or(1, Vec::len)
    }

    /// Checks an encoded request.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn prepare_request(&self, wire: Bytes, limit: u64) -> Result<Prepared, WireError> {
        self.prepare(self.input, wire, limit)
    }

    /// Checks an encoded response of the service that is called.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn prepare_response(&self, wire: Bytes, limit: u64) -> Result<Prepared, WireError> {
        self.prepare(self.output, wire, limit)
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

    /// Lowers a request: the slots of the flat parameters, or of the pointer to them.
    pub(super) fn lower_params<M: Memory>(
        &self,
        request: &Prepared,
        memory: &mut M,
    ) -> Result<Vec<u64>, Refusal<M::Refused>> {
        let image = self.lower(self.input, request, memory)?;
        let mut slots = Vec::with_capacity(MAX_FLAT_PARAMS);
        if self.flat.is_some() {
            self.params.flatten(&image, &mut slots);
        } else {
            slots.push(memory.put(&image, self.params.align).map_err(Refusal::Memory)?.into());
        }
        Ok(slots)
    }

    /// Lowers what an import answers: the bytes of the result, for the place that the guest gave for them.
    pub(super) fn lower_result<M: Memory>(
        &self,
        answer: &Answer<Prepared>,
        memory: &mut M,
    ) -> Result<Vec<u8>, Refusal<M::Refused>> {
        if !self.fallible {
            return match answer {
                Ok(response) => self.lower(self.output, response, memory),
                Err(_) => Err(Refusal::NotChecked),
            };
        }
        let mut image = vec![0; self.result.size as usize];
        let (case, value) = match answer {
            Ok(response) => (0, self.lower(self.output, response, memory)?),
            Err(status) => (1, STATUS.lower(status, memory)?),
        };
        let super::canonical::Shape::Variant(result) = &self.result.shape else { return Err(Refusal::NotChecked) };
        if let Some(discriminant) = image.first_mut() {
            *discriminant = case;
        }
        let at = result.payload as usize;
        image.get_mut(at..at + value.len()).ok_or(Refusal::NotChecked)?.copy_from_slice(&value);
        Ok(image)
    }

    fn lower<M: Memory>(
        &self,
        payload: Option<Payload>,
        value: &Prepared,
        memory: &mut M,
    ) -> Result<Vec<u8>, Refusal<M::Refused>> {
        match (payload, value) {
            (None, _) => Ok(Vec::new()),
            (Some(Payload::Record(record)), Prepared::Record(checked)) => lower(&self.plan, record, checked, memory),
            (Some(Payload::Json(_) | Payload::Bytes), Prepared::Bytes(bytes)) => {
                Ok(lower_bytes(bytes, memory)?.to_vec())
            }
            _ => Err(Refusal::NotChecked),
        }
    }

    /// Lifts what a guest passed to an import: an encoded request. `slots` are the flat parameters, `image` of which
    /// this makes, or the address of the parameters in memory.
    pub(super) fn lift_params(&self, slots: &[u64], memory: &[u8], limit: usize) -> Result<Bytes, LiftError> {
        let mut image;
        let frame = if self.flat.is_some() {
            image = vec![0; self.params.size as usize];
            self.params.unflatten(slots, &mut image);
            image.as_slice()
        } else {
            frame(slots.first().copied().unwrap_or_default(), &self.params, memory)?
        };
        self.lift(self.input, frame, memory, limit)
    }

    /// Lifts what a guest returned: an encoded response, or the error it chose. `address` is where the result lies.
    pub(super) fn lift_result(&self, address: u64, memory: &[u8], limit: usize) -> Result<Answer<Bytes>, LiftError> {
        let frame = frame(address, &self.result, memory)?;
        if !self.fallible {
            return self.lift(self.output, frame, memory, limit).map(Ok);
        }
        let super::canonical::Shape::Variant(result) = &self.result.shape else {
            return Err(LiftError::OutOfBounds { what: "result" });
        };
        let value = frame.get(result.payload as usize..).unwrap_or_default();
        match frame.first() {
            Some(0) => self.lift(self.output, value, memory, limit).map(Ok),
            Some(1) => STATUS.lift(value, memory).map(|status| Err(Box::new(status))),
            found => Err(LiftError::Discriminant {
                message: self.name.clone(),
                field: "result".to_owned(),
                found: found.copied().unwrap_or_default().into(),
                cases: 2,
            }),
        }
    }

    fn lift(&self, payload: Option<Payload>, frame: &[u8], memory: &[u8], limit: usize) -> Result<Bytes, LiftError> {
        match payload {
            None => Ok(Bytes::new()),
            Some(Payload::Record(record)) => lift(&self.plan, record, frame, memory, limit).map(Bytes::from),
            Some(Payload::Json(kind)) => lift_json(kind, frame, memory, limit).map(Bytes::from),
            Some(Payload::Bytes) => lift_bytes(frame, memory, limit).map(Bytes::from),
        }
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

/// The `error` record of `okra:service/status`, as if it were a message: the same code reads and writes it.
pub(super) static STATUS: LazyLock<StatusPlan> = LazyLock::new(StatusPlan::new);

/// How much a guest may say in an error: HTTP/2 peers refuse headers that are much larger.
const MAX_STATUS: usize = 64 * 1024;

pub(super) struct StatusPlan {
    plan: Plan,
    record: RecordId,
}

/// [`STATUS`]'s message.
#[derive(Clone, PartialEq, prost::Message)]
struct StatusMessage {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<NamedBytes>,
    #[prost(message, repeated, tag = "4")]
    metadata: Vec<NamedBytes>,
}

/// A name with bytes: a detail, or an entry of the metadata.
#[derive(Clone, PartialEq, prost::Message)]
struct NamedBytes {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

impl StatusPlan {
    fn new() -> Self {
        let field = |name: &str, number, cardinality, kind| {
            schema::Member::Field(schema::Field {
                proto_name: name.to_owned(),
                wit_name: name.to_owned(),
                number,
                cardinality,
                kind,
                docs: String::new(),
            })
        };
        let message = |name: &str, members| schema::Message {
            full_name: format!("okra:service/status.{name}"),
            package: 0,
            wit_name: name.to_owned(),
            docs: String::new(),
            members,
            has_codec: false,
        };
        let named = |name: &str, value: &str| {
            let text = field(name, 1, Cardinality::Implicit, Kind::Scalar(Scalar::String));
            vec![text, field(value, 2, Cardinality::Implicit, Kind::Scalar(Scalar::Bytes))]
        };
        let list =
            |id| (Cardinality::Repeated { packed: false }, Kind::Message { message: MessageId(id), group: false });
        let (details, metadata) = (list(1), list(2));
        let code = Kind::Enum(schema::EnumId(0));
        let messages = vec![
            message(
                "error",
                vec![
                    field("code", 1, Cardinality::Required, code),
                    field("message", 2, Cardinality::Implicit, Kind::Scalar(Scalar::String)),
                    field("details", 3, details.0, details.1),
                    field("metadata", 4, metadata.0, metadata.1),
                ],
            ),
            message("detail", named("type-url", "value")),
            message("entry", named("name", "value")),
        ];
        let cases = Code::ALL.iter().map(|code| schema::EnumCase {
            proto_name: code.name().to_owned(),
            wit_name: code.name().to_ascii_lowercase().replace('_', "-"),
            number: *code as i32,
            docs: String::new(),
        });
        let code = schema::Enum {
            full_name: "okra:service/status.code".to_owned(),
            package: 0,
            wit_name: "code".to_owned(),
            docs: String::new(),
            cases: cases.collect(),
            unrecognized: None,
        };
        let schema = Schema { messages, enums: vec![code], ..Schema::default() };
        Self { plan: Plan::new(&schema), record: 0 }
    }

    pub(super) fn ty(&self) -> Arc<Type> {
        self.plan.record(self.record).ty.clone()
    }

    fn lift(&self, frame: &[u8], memory: &[u8]) -> Result<Status, LiftError> {
        let wire = lift(&self.plan, self.record, frame, memory, MAX_STATUS)?;
        let message = StatusMessage::decode(wire.as_slice()).unwrap_or_default();
        let mut metadata = Metadata::default();
        for entry in message.metadata {
            // What is not metadata is left out: the error itself matters more.
            if let Err(error) = metadata.add(&entry.name, &entry.value) {
                tracing::warn!(%error, "the component's error carries metadata that cannot be sent");
            }
        }
        let details = message.details.into_iter().map(|detail| Detail { type_url: detail.name, value: detail.value });
        Ok(Status {
            code: Code::from_number(message.code),
            message: message.message,
            details: details.collect(),
            metadata,
        })
    }

    fn lower<M: Memory>(&self, status: &Status, memory: &mut M) -> Result<Vec<u8>, Refusal<M::Refused>> {
        let metadata = status.metadata.iter();
        let message = StatusMessage {
            code: status.code as i32,
            message: status.message.clone(),
            details: status
                .details
                .iter()
                .map(|detail| NamedBytes { name: detail.type_url.clone(), value: detail.value.clone() })
                .collect(),
            metadata: metadata
                .map(|(name, value)| NamedBytes { name: name.to_owned(), value: value.to_vec() })
                .collect(),
        };
        let wire = Bytes::from(message.encode_to_vec());
        let checked = check(&self.plan, self.record, wire, u64::MAX).map_err(|_| Refusal::NotChecked)?;
        lower(&self.plan, self.record, &checked, memory)
    }
}
