//! The `error` record of `okra:service/status`, as if it were a message: the code of messages reads and writes it.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use okra_codegen::schema::{self, Cardinality, Kind, MessageId, Scalar, Schema};
use prost::Message as _;

use crate::call::{Code, Status};
use crate::link::canonical::CanonicalType;
use crate::link::check::check;
use crate::link::lift::{LiftError, lift};
use crate::link::lower::{LowerError, MemoryWriter, lower};
use crate::link::plan::{RecordId, SchemaPlan};
use crate::link::quirks::ToolchainQuirks;

/// The largest error of a guest, in bytes: HTTP/2 peers refuse headers that are much larger.
const MAX_STATUS: usize = 64 * 1024;

/// The plan of the `error` record, for guests of one toolchain.
pub(crate) struct StatusPlan {
    plan: SchemaPlan,
    record: RecordId,
}

/// The message that a [`StatusPlan`] reads and writes.
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
    /// Returns the plan for a toolchain.
    pub(crate) fn of(quirks: ToolchainQuirks) -> &'static Self {
        static PLANS: [LazyLock<StatusPlan>; 3] = [
            LazyLock::new(|| StatusPlan::new(ToolchainQuirks::None)),
            LazyLock::new(|| StatusPlan::new(ToolchainQuirks::NullBytes)),
            LazyLock::new(|| StatusPlan::new(ToolchainQuirks::NullAll)),
        ];
        let [none, null_bytes, null_all] = &PLANS;
        match quirks {
            ToolchainQuirks::None => none,
            ToolchainQuirks::NullBytes => null_bytes,
            ToolchainQuirks::NullAll => null_all,
        }
    }

    fn new(quirks: ToolchainQuirks) -> Self {
        let field = |name: &str, number, cardinality, kind| {
            schema::Member::Field(schema::Field {
                proto_name: name.to_owned(),
                json_name: name.to_owned(),
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
            in_wit: true,
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
            aliases: Vec::new(),
            in_wit: true,
            unrecognized: None,
        };
        let schema = Schema { messages, enums: vec![code], ..Schema::default() };
        Self { plan: SchemaPlan::new(&schema, quirks), record: 0 }
    }

    pub(crate) fn ty(&self) -> Arc<CanonicalType> {
        self.plan.record(self.record).ty.clone()
    }

    pub(crate) fn lift(&self, frame: &[u8], memory: &[u8]) -> Result<Status, LiftError> {
        let wire = lift(&self.plan, self.record, frame, memory, MAX_STATUS)?;
        let Ok(message) = StatusMessage::decode(wire) else {
            debug_assert!(false, "the link encodes what this message decodes");
            return Ok(Status::new(Code::Internal, "the component returned an error that cannot be read"));
        };
        Ok(Status::from_guest(
            message.code,
            message.message,
            message.details.into_iter().map(|detail| (detail.name, detail.value)),
            message.metadata.into_iter().map(|entry| (entry.name, entry.value)),
        ))
    }

    /// Lowers a status: returns the bytes of its record behind `before` others.
    pub(crate) fn lower<M: MemoryWriter>(
        &self,
        status: &Status,
        memory: &mut M,
        before: usize,
    ) -> Result<Vec<u8>, LowerError<M::Refused>> {
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
        let checked = check(&self.plan, self.record, wire, u64::MAX).map_err(|_| LowerError::NotChecked)?;
        lower(&self.plan, self.record, &checked, memory, before)
    }
}
