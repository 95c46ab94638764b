//! One host surface in three languages: every item of `wit/` has a public name in the SDKs of Rust, Go and Python. The
//! table below is the whole comparison; names are looked up in the sources of the SDKs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod sources;

use std::collections::BTreeSet;
use std::path::Path;

use sources::Sources;
use wit_parser::{Resolve, TypeDefKind};

/// An item of `wit/`, and its name in Rust, Go and Python.
///
/// - A name is `MODULE.ITEM` or `MODULE.TYPE.ITEM`, with the separators of its language.
/// - `std NAME` is of the language's standard library, which the SDK connects to the host.
/// - `wit NAME` is made from `wit/` itself, by wit-bindgen.
type Row = (&'static str, [&'static str; 3]);

#[rustfmt::skip]
const TABLE: &[Row] = &[
    ("context.service", ["context::service", "okra.Call.Service", "okra.Context.service"]),
    ("context.method", ["context::method", "okra.Call.Method", "okra.Context.method"]),
    ("context.protocol", ["context::protocol", "okra.Call.Protocol", "okra.Context.protocol"]),
    ("context.codec", ["context::codec", "okra.Call.Codec", "okra.Context.codec"]),
    ("context.get-query", ["context::get_query", "okra.Call.Query", "okra.Context.get_query"]),
    ("context.metadata", ["context::metadata", "okra.Call.Metadata", "okra.Context.metadata"]),
    ("context.timeout", ["context::timeout", "okra.Call.Timeout", "okra.Context.timeout"]),
    ("context.remaining", ["context::remaining", "std context.Context.Deadline", "okra.Context.remaining"]),
    ("context.peer", ["context::peer", "okra.Call.Peer", "okra.Context.peer"]),
    ("context.caller", ["context::caller", "okra.Call.Caller", "okra.Context.caller"]),
    ("context.client-certificate", ["context::client_certificate", "okra.Call.ClientCertificate", "okra.Context.client_certificate"]),
    ("context.authority", ["context::authority", "okra.Call.Authority", "okra.Context.authority"]),
    ("context.chain", ["context::chain", "okra.Call.Chain", "okra.Context.chain"]),
    ("context.cancelled", ["context::cancelled", "std context.Context.Err", "okra.Context.cancelled"]),
    ("context.add-header", ["context::add_header", "okra.Call.AddHeader", "okra.Context.add_header"]),
    ("context.add-trailer", ["context::add_trailer", "okra.Call.AddTrailer", "okra.Context.add_trailer"]),
    // The values that the docs of `context.protocol` and `context.codec` list.
    ("context.protocol=grpc", ["context::Protocol::Grpc", "okra.GRPC", "okra.Protocol.GRPC"]),
    ("context.protocol=grpc-web", ["context::Protocol::GrpcWeb", "okra.GRPCWeb", "okra.Protocol.GRPC_WEB"]),
    ("context.protocol=connect", ["context::Protocol::Connect", "okra.Connect", "okra.Protocol.CONNECT"]),
    ("context.protocol=rest", ["context::Protocol::Rest", "okra.REST", "okra.Protocol.REST"]),
    ("context.protocol=local", ["context::Protocol::Local", "okra.Local", "okra.Protocol.LOCAL"]),
    ("context.codec=proto", ["context::Codec::Proto", "okra.Proto", "okra.Codec.PROTO"]),
    ("context.codec=json", ["context::Codec::Json", "okra.JSON", "okra.Codec.JSON"]),

    ("log.write", ["log::write", "std log/slog.Logger.Log", "std logging.Logger.log"]),
    ("log.enabled", ["log::enabled", "std log/slog.Logger.Enabled", "std logging.Logger.isEnabledFor"]),
    ("log.level", ["log::Level", "std log/slog.Level", "std logging.DEBUG"]),
    ("log.level.trace", ["log::trace", "std log/slog.Level (below LevelDebug)", "std logging (below DEBUG)"]),
    ("log.level.debug", ["log::debug", "std log/slog.LevelDebug", "std logging.DEBUG"]),
    ("log.level.info", ["log::info", "std log/slog.LevelInfo", "std logging.INFO"]),
    ("log.level.warn", ["log::warn", "std log/slog.LevelWarn", "std logging.WARNING"]),
    ("log.level.error", ["log::error", "std log/slog.LevelError", "std logging.ERROR"]),
    ("log.field", ["log::write", "std log/slog.Attr", "std logging.Logger.log (extra=)"]),
    ("log.field.name", ["log::write", "std log/slog.Attr.Key", "std logging.Logger.log (extra=)"]),
    ("log.field.value", ["log::write", "std log/slog.Attr.Value", "std logging.Logger.log (extra=)"]),

    ("outgoing.scope", ["outgoing::Scope", "std context.Context", "okra.Scope"]),
    ("outgoing.scope.constructor", ["outgoing::Scope::new", "okra/metadata.NewOutgoingContext", "okra.outgoing"]),
    ("outgoing.scope.set-timeout", ["outgoing::Scope::timeout", "std context.WithTimeout", "okra.outgoing"]),
    ("outgoing.scope.add-metadata", ["outgoing::Scope::metadata", "okra/metadata.AppendToOutgoingContext", "okra.outgoing"]),
    ("outgoing.scope.headers", ["outgoing::Scope::headers", "okra.Header", "okra.Scope.headers"]),
    ("outgoing.scope.trailers", ["outgoing::Scope::trailers", "okra.Trailer", "okra.Scope.trailers"]),

    ("raw-streams.request-reader", ["raw::RequestReader", "okra.RawServerStream", "okra.RawService.handle_stream"]),
    ("raw-streams.request-reader.read", ["raw::RequestReader::read", "okra.RawServerStream.Recv", "okra.RawService.handle_stream"]),
    ("raw-streams.request-reader.read-batch", ["raw::RequestReader::read", "okra.RawServerStream.Recv", "okra.RawService.handle_stream"]),
    ("raw-streams.response-writer", ["raw::ResponseWriter", "okra.RawServerStream", "okra.RawService.handle_stream"]),
    ("raw-streams.response-writer.write", ["raw::ResponseWriter::write", "okra.RawServerStream.Send", "okra.RawService.handle_stream"]),
    ("raw-streams.response-writer.try-write", ["raw::ResponseWriter::write", "okra.RawServerStream.Send", "okra.RawService.handle_stream"]),
    ("raw-streams.response-writer.write-all", ["raw::ResponseWriter::write_all", "okra.RawServerStream.SendAll", "okra.RawService.handle_stream"]),
    ("raw.handle", ["raw::Raw", "okra.RawServer.Handle", "okra.RawService.handle"]),
    ("raw.handle-stream", ["raw::Raw", "okra.RawServer.HandleStream", "okra.RawService.handle_stream"]),

    ("status.code", ["Code", "okra/codes.Code", "okra.Code"]),
    ("status.code.cancelled", ["Error::cancelled", "okra/codes.Canceled", "okra.Code.CANCELLED"]),
    ("status.code.unknown", ["Error::unknown", "okra/codes.Unknown", "okra.Code.UNKNOWN"]),
    ("status.code.invalid-argument", ["Error::invalid_argument", "okra/codes.InvalidArgument", "okra.Code.INVALID_ARGUMENT"]),
    ("status.code.deadline-exceeded", ["Error::deadline_exceeded", "okra/codes.DeadlineExceeded", "okra.Code.DEADLINE_EXCEEDED"]),
    ("status.code.not-found", ["Error::not_found", "okra/codes.NotFound", "okra.Code.NOT_FOUND"]),
    ("status.code.already-exists", ["Error::already_exists", "okra/codes.AlreadyExists", "okra.Code.ALREADY_EXISTS"]),
    ("status.code.permission-denied", ["Error::permission_denied", "okra/codes.PermissionDenied", "okra.Code.PERMISSION_DENIED"]),
    ("status.code.resource-exhausted", ["Error::resource_exhausted", "okra/codes.ResourceExhausted", "okra.Code.RESOURCE_EXHAUSTED"]),
    ("status.code.failed-precondition", ["Error::failed_precondition", "okra/codes.FailedPrecondition", "okra.Code.FAILED_PRECONDITION"]),
    ("status.code.aborted", ["Error::aborted", "okra/codes.Aborted", "okra.Code.ABORTED"]),
    ("status.code.out-of-range", ["Error::out_of_range", "okra/codes.OutOfRange", "okra.Code.OUT_OF_RANGE"]),
    ("status.code.unimplemented", ["Error::unimplemented", "okra/codes.Unimplemented", "okra.Code.UNIMPLEMENTED"]),
    ("status.code.internal", ["Error::internal", "okra/codes.Internal", "okra.Code.INTERNAL"]),
    ("status.code.unavailable", ["Error::unavailable", "okra/codes.Unavailable", "okra.Code.UNAVAILABLE"]),
    ("status.code.data-loss", ["Error::data_loss", "okra/codes.DataLoss", "okra.Code.DATA_LOSS"]),
    ("status.code.unauthenticated", ["Error::unauthenticated", "okra/codes.Unauthenticated", "okra.Code.UNAUTHENTICATED"]),
    ("status.detail", ["Detail", "okra.Detail", "okra.Detail"]),
    ("status.detail.type-url", ["wit Detail::type_url", "okra.Detail.TypeURL", "okra.Detail.type_url"]),
    ("status.detail.value", ["wit Detail::value", "okra.Detail.Value", "okra.Detail.value"]),
    ("status.entry", ["Entry", "okra/metadata.MD", "okra.Metadata"]),
    ("status.entry.name", ["wit Entry::name", "okra/metadata.MD.Get", "okra.Metadata.get"]),
    ("status.entry.value", ["wit Entry::value", "okra/metadata.MD.Get", "okra.Metadata.get_bytes"]),
    ("status.error", ["Error", "okra.Status", "okra.Error"]),
    ("status.error.code", ["Error::code", "okra.Status.Code", "okra.Error.code"]),
    ("status.error.message", ["Error::message", "okra.Status.Message", "okra.Error.message"]),
    ("status.error.details", ["Error::details", "okra.Status.Details", "okra.Error.details"]),
    ("status.error.metadata", ["Error::metadata", "okra.Status.Metadata", "okra.Error.metadata"]),
];

const TABLE_FILE: &str = "guest-sdk/codegen/tests/surface.rs";

#[test]
fn every_item_of_the_wit_has_a_row_and_every_row_an_item() {
    let items = wit_items();
    let rows: BTreeSet<String> = TABLE.iter().map(|(item, _)| (*item).to_owned()).collect();
    assert_eq!(rows.len(), TABLE.len(), "an item has two rows in {TABLE_FILE}");
    let missing: Vec<_> = items.difference(&rows).collect();
    assert!(missing.is_empty(), "wit/ has {missing:?}: add it to the three SDKs, and a row for it to {TABLE_FILE}");
    let surplus: Vec<_> = rows.difference(&items).collect();
    assert!(surplus.is_empty(), "wit/ lacks {surplus:?}: remove the row from {TABLE_FILE}, and the item from the SDKs");
}

#[test]
fn every_name_of_the_table_is_public_in_its_sdk() {
    for (language, column) in ["Rust", "Go", "Python"].into_iter().zip(0..) {
        let sources = Sources::read(language);
        for (item, names) in TABLE {
            let name = names[column];
            if let Err(file) = sources.find(name) {
                panic!("`{item}` of wit/ should be `{name}` in {language}: add it to {file}, or correct {TABLE_FILE}");
            }
        }
    }
}

/// An SDK may have a name for a function and not ask the host.
#[test]
fn every_function_of_the_host_is_called_by_each_sdk() {
    for (item, _) in TABLE.iter().filter(|(item, _)| !item.contains('=')) {
        let parts: Vec<_> = item.split('.').collect();
        for (file, call) in sources::host_calls(&parts) {
            let text = sources::read(&file);
            assert!(text.contains(&call), "{file} does not call `{call}`, and so never asks the host for `{item}`");
        }
    }
}

#[test]
fn a_test_of_a_handler_can_set_everything_that_the_handler_reads() {
    const GO: &str = "guest-sdk/go/okratest/okratest.go";
    const PYTHON: &str = "guest-sdk/python/src/okra/testing.py";
    let (go, python) = (sources::read(GO), sources::read(PYTHON));
    let is_read = |item: &str| item.starts_with("context.") && !item.contains('=') && !item.starts_with("context.add-");
    for (item, [_, go_name, python_name]) in TABLE.iter().filter(|(item, _)| is_read(item)) {
        if let Some(method) = go_name.strip_prefix("okra.Call.") {
            let declaration = format!("func (c *Call) {method}() ");
            let body =
                go.lines().find_map(|line| line.strip_prefix(&declaration)?.split_once('{')).unwrap_or_default().1;
            assert!(body.contains("c."), "{GO}: `{method}` should return a field of Call, for `{item}` of wit/");
        }
        let parameter = python_name.strip_prefix("okra.Context.").unwrap_or_default();
        let is_parameter = python.contains(&format!("\n        {parameter}: "));
        assert!(is_parameter, "{PYTHON}: Context should take `{parameter}`, for `{item}` of wit/");
    }
}

#[test]
fn a_name_that_is_not_there_or_not_public_is_not_found() {
    for (language, names) in [
        (
            "Rust",
            &[
                "context::caler",
                "Error::lost",
                "outgoing::Scope::handle",
                "bindings::status",
                "context::Protocol::Quic",
            ][..],
        ),
        ("Go", &["okra.Call.Caler", "okra.none", "okra/codes.Lost", "okra.Status.with"]),
        ("Python", &["okra.Context.caler", "okra.Code.LOST", "okra.encoded", "okra.Context._host"]),
    ] {
        let sources = Sources::read(language);
        for name in names {
            assert!(sources.find(name).is_err(), "{language}: {name}");
        }
    }
}

/// Interfaces are left out, and so are types that an interface uses from another one.
fn wit_items() -> BTreeSet<String> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit")).unwrap();
    let mut items = BTreeSet::new();
    for (interface_name, id) in &resolve.packages[package].interfaces {
        let interface = &resolve.interfaces[*id];
        for (name, function) in &interface.functions {
            let name = name.strip_prefix("[method]").unwrap_or(name);
            let name = match name.strip_prefix("[constructor]") {
                Some(resource) => format!("{resource}.constructor"),
                None => name.to_owned(),
            };
            for value in listed_values(function.docs.contents.as_deref()) {
                items.insert(format!("{interface_name}.{name}={value}"));
            }
            items.insert(format!("{interface_name}.{name}"));
        }
        for (name, id) in &interface.types {
            let members: Vec<&String> = match &resolve.types[*id].kind {
                TypeDefKind::Type(_) => continue,
                TypeDefKind::Record(record) => record.fields.iter().map(|field| &field.name).collect(),
                TypeDefKind::Enum(ty) => ty.cases.iter().map(|case| &case.name).collect(),
                TypeDefKind::Variant(variant) => variant.cases.iter().map(|case| &case.name).collect(),
                TypeDefKind::Flags(flags) => flags.flags.iter().map(|flag| &flag.name).collect(),
                TypeDefKind::Resource => Vec::new(),
                other => panic!("{TABLE_FILE} does not know types such as `{name}`: {other:?}"),
            };
            items.insert(format!("{interface_name}.{name}"));
            items.extend(members.into_iter().map(|member| format!("{interface_name}.{name}.{member}")));
        }
    }
    items
}

/// The values of an open set, which the docs of its function list.
fn listed_values(docs: Option<&str>) -> Vec<String> {
    let docs = docs.filter(|docs| docs.contains("open set")).unwrap_or_default();
    let value = |line: &str| line.trim().strip_prefix("- `")?.split('`').next().map(str::to_owned);
    docs.lines().filter_map(value).collect()
}
