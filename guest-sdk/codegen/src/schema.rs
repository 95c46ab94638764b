//! The mapping itself: what every protobuf message, enum, service and method becomes in WIT.
//!
//! A [`Schema`] is computed once from descriptors. The code generator prints it, the host's link compiles it into
//! the plan by which wire bytes become typed calls. Neither of them looks at a descriptor again, so a rule exists in
//! one place only.
//!
//! Messages and enums are referred to by index ([`MessageId`], [`EnumId`]). The graph of records is acyclic and each record is
//! bounded: a field that would close a cycle, or hold a message of too many types, is a [`Kind::Encoded`] field.

use std::collections::BTreeMap;

/// Index of a [`Message`] in [`Schema::messages`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(pub usize);

/// Index of an [`Enum`] in [`Schema::enums`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EnumId(pub usize);

/// Index of a [`Stream`] in [`Schema::streams`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub usize);

/// Everything the chosen services need: the packages that they live in, and what is reachable from their methods.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    /// The WIT packages, sorted by protobuf package.
    pub packages: Vec<Package>,
    /// Messages that have a type of their own, in declaration order (file by file, parents before children).
    pub messages: Vec<Message>,
    /// Enums, in declaration order.
    pub enums: Vec<Enum>,
    /// What the methods of the chosen services stream.
    pub streams: Vec<Stream>,
    /// The chosen services, in the order in which they were asked for.
    pub services: Vec<Service>,
}

/// A protobuf package and the WIT package made of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    /// protobuf name, such as `shop.billing.v1`; empty for files without a package.
    pub proto: String,
    /// WIT namespace, such as `shop`.
    pub namespace: String,
    /// WIT name, such as `billing`.
    pub name: String,
    /// WIT version, such as `1.0.0`.
    pub version: String,
    /// Name of the interface with the messages and enums: `types`, or a numbered variant where a service is called so.
    pub types_interface: String,
    /// Name of the interface with the readers and writers of streams: `streams`, or a numbered variant.
    pub streams_interface: String,
    /// What the interface of types calls the types that it uses from other packages, by their protobuf full names. Here
    /// there may be more than the services need, so that names do not depend on them.
    pub foreign_names: BTreeMap<String, String>,
}

/// A message and the WIT type that stands for it.
#[derive(Clone, Debug)]
pub struct Message {
    /// protobuf full name, such as `shop.billing.v1.Invoice.Line`.
    pub full_name: String,
    /// Index into [`Schema::packages`].
    pub package: usize,
    /// WIT name without `%`, such as `invoice-line`; unique among the package's messages, enums and oneofs.
    pub wit_name: String,
    /// Leading comment, without comment signs; empty when there is none.
    pub docs: String,
    /// Members of the record in declaration order. Empty: the type is an enum with the single case `empty`.
    pub members: Vec<Member>,
    /// Whether the methods of the services lead to it by records, so that WIT has it. All others are for guests only: they
    /// are held encoded ([`Kind::Encoded`]), or were asked for by name, to be put into a `google.protobuf.Any`.
    pub in_wit: bool,
}

/// A member of the record of a message.
#[derive(Clone, Debug)]
pub enum Member {
    /// A field outside of a oneof (a proto3 `optional` field is one: its synthetic oneof is not visible).
    Field(Field),
    /// A oneof: `option<variant>`.
    Oneof(Oneof),
}

/// A field of a message, or a case of a oneof.
#[derive(Clone, Debug)]
pub struct Field {
    /// protobuf name.
    pub proto_name: String,
    /// Name in JSON, such as `unitPrice`.
    pub json_name: String,
    /// WIT name without `%`; unique among the record's members or the variant's cases.
    pub wit_name: String,
    /// protobuf field number.
    pub number: u32,
    /// How often it occurs and whether absence is visible.
    pub cardinality: Cardinality,
    /// What one value of it is.
    pub kind: Kind,
    /// Leading comment.
    pub docs: String,
}

/// How often a field occurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cardinality {
    /// Zero or one, the default value is not sent: `T` (proto3 scalars without `optional`).
    Implicit,
    /// Zero or one, absence is visible: `option<T>`. Every singular message field that is not required.
    Optional,
    /// Exactly one (proto2, editions' `LEGACY_REQUIRED`), or a case of a oneof, which is there when chosen: `T`.
    Required,
    /// Any number: `list<T>`. `packed` says how it is written; both forms are read.
    Repeated {
        /// Whether it is written packed.
        packed: bool,
    },
    /// A map: `list<tuple<K, V>>`, where V is the field's [`Kind`]. Keys are integers, bool or string.
    Map {
        /// Type of the key.
        key: Scalar,
    },
}

/// What one value of a field is, or the payload of a method.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A scalar, string or bytes.
    Scalar(Scalar),
    /// An enum.
    Enum(EnumId),
    /// A message as its record.
    Message {
        /// The message.
        message: MessageId,
        /// Whether it is written between group tags instead of length-prefixed (proto2 groups, editions' `DELIMITED`).
        group: bool,
    },
    /// A message as `list<u8>` that holds its encoding: as a record it would close a cycle, or be too large.
    Encoded {
        /// The message.
        message: MessageId,
        /// As in [`Kind::Message`].
        group: bool,
    },
    /// `google.protobuf.*Value` wrappers: the scalar itself (which is field 1 of the message on the wire).
    Wrapper(Scalar),
    /// `google.protobuf.FieldMask`: `list<string>` (field 1 of the message on the wire).
    FieldMask,
    /// `google.protobuf.Struct`, `Value`, `ListValue`: a string of JSON text.
    Json(JsonKind),
}

/// Which of the three JSON types of `google/protobuf/struct.proto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JsonKind {
    /// `google.protobuf.Struct`: a JSON object.
    Struct,
    /// `google.protobuf.Value`: any JSON value.
    Value,
    /// `google.protobuf.ListValue`: a JSON array.
    ListValue,
}

/// protobuf's scalar types, named as in a .proto file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Scalar {
    Double,
    Float,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Bool,
    String,
    Bytes,
}

/// A oneof: a member `option<variant>` of the record, and the variant type.
#[derive(Clone, Debug)]
pub struct Oneof {
    /// protobuf name.
    pub proto_name: String,
    /// WIT name of the record's member.
    pub wit_name: String,
    /// WIT name of the variant type in the package's types interface: `MESSAGE-ONEOF`.
    pub type_name: String,
    /// The cases, in declaration order. Their cardinality is [`Cardinality::Required`].
    pub cases: Vec<Field>,
    /// Leading comment.
    pub docs: String,
}

/// An enum.
#[derive(Clone, Debug)]
pub struct Enum {
    /// protobuf full name.
    pub full_name: String,
    /// Index into [`Schema::packages`].
    pub package: usize,
    /// WIT name without `%`.
    pub wit_name: String,
    /// Leading comment.
    pub docs: String,
    /// The cases; aliases of a number are left out (the first name stands), so numbers are unique.
    pub cases: Vec<EnumCase>,
    /// The protobuf names that are left out of the cases, with their numbers. JSON may have them.
    pub aliases: Vec<(String, i32)>,
    /// As in [`Message::in_wit`].
    pub in_wit: bool,
    /// Name of the last case of an open enum, which carries an `s32` (`unrecognized`, or a numbered variant where a
    /// value is called so). `None` for a closed enum (proto2): a plain WIT enum, unknown numbers are unknown fields.
    pub unrecognized: Option<String>,
}

/// A value of an enum.
#[derive(Clone, Debug)]
pub struct EnumCase {
    /// protobuf name.
    pub proto_name: String,
    /// WIT name without `%`.
    pub wit_name: String,
    /// Its number on the wire.
    pub number: i32,
    /// Leading comment.
    pub docs: String,
}

/// What methods of a package's services stream: a reader and a writer, resources of the host, in the package's interface
/// of streams.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Index into [`Schema::packages`]: the package of the services.
    pub package: usize,
    /// What goes through it; of `google.protobuf.Empty` the message itself.
    pub item: Kind,
    /// Name of the resource that is read, such as `invoice-reader`.
    pub reader: String,
    /// Name of the resource that is written, such as `invoice-writer`.
    pub writer: String,
}

/// A service: an interface of its package.
#[derive(Clone, Debug)]
pub struct Service {
    /// protobuf full name, such as `shop.billing.v1.Billing`.
    pub full_name: String,
    /// Index into [`Schema::packages`].
    pub package: usize,
    /// Name of the interface, such as `billing`.
    pub wit_name: String,
    /// Name of the interface by which it is called, such as `billing-client`, where that is another: a call with streams
    /// looks different from both sides. `None`: no method streams.
    pub client: Option<String>,
    /// Leading comment.
    pub docs: String,
    /// Its methods in declaration order.
    pub methods: Vec<Method>,
}

/// A method of a service: a function of its interface.
#[derive(Clone, Debug)]
pub struct Method {
    /// protobuf name, such as `CreateInvoice`.
    pub proto_name: String,
    /// Name of the function, such as `create-invoice`.
    pub wit_name: String,
    /// Leading comment.
    pub docs: String,
    /// What comes in. `None`: `google.protobuf.Empty`, the function has no `request` parameter.
    pub input: Option<Kind>,
    /// What goes out. `None`: `google.protobuf.Empty`, the function returns `result<_, error>`.
    pub output: Option<Kind>,
    /// The stream of requests, if they are one.
    pub requests: Option<StreamId>,
    /// The stream of responses, if they are one.
    pub responses: Option<StreamId>,
    /// Of a method with a stream of requests: name of the resource, in the interface by which the service is called, that
    /// stands for a call, such as `upload-call`.
    pub call: Option<String>,
}

impl Service {
    /// Name of the interface by which it is called.
    pub fn client_name(&self) -> &str {
        self.client.as_ref().unwrap_or(&self.wit_name)
    }
}

impl Method {
    /// Whether one message goes each way.
    pub fn is_unary(&self) -> bool {
        self.requests.is_none() && self.responses.is_none()
    }
}

impl Package {
    /// The full name of one of its interfaces, such as `shop:billing/types@1.0.0`.
    pub fn interface(&self, name: &str) -> String {
        format!("{}:{}/{name}@{}", self.namespace, self.name, self.version)
    }
}

impl Schema {
    /// The full name of a service's interface, such as `shop:billing/billing@1.0.0`.
    pub fn service_interface(&self, service: &Service) -> String {
        self.interface(service.package, &service.wit_name)
    }

    /// The full name of the interface by which a service is called; the same unless some method streams.
    pub fn client_interface(&self, service: &Service) -> String {
        self.interface(service.package, service.client_name())
    }

    /// Whether WIT has a package: one with a service, or with types that methods lead to.
    pub fn has_wit(&self, package: usize) -> bool {
        self.services.iter().any(|service| service.package == package)
            || self.messages.iter().any(|message| message.package == package && message.in_wit)
            || self.enums.iter().any(|definition| definition.package == package && definition.in_wit)
    }

    fn interface(&self, package: usize, name: &str) -> String {
        self.packages.get(package).map(|package| package.interface(name)).unwrap_or_default()
    }
}
