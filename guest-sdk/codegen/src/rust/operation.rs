//! What `google.longrunning.Operation` gets beside its fields: how it begins and ends.

use super::names::{snake, type_name};
use super::types::{ERROR, OPTION, RESULT, STRING, Types};
use crate::schema::{Kind, Member, Message, MessageId};

const NAME: &str = "google.longrunning.Operation";

/// Prints the functions, if this message is the operation with all of its fields.
pub(super) fn operation_text(types: &Types<'_>, message: &Message, text: &mut String) {
    if message.full_name == NAME
        && let Some(body) = body(types, message)
    {
        text.push_str(&body);
    }
}

fn body(types: &Types<'_>, message: &Message) -> Option<String> {
    let status = message.members.iter().find_map(|member| match member {
        Member::Oneof(oneof) if oneof.proto_name == "result" => {
            let response = oneof.cases.iter().find(|case| case.proto_name == "response");
            let error = oneof.cases.iter().find(|case| case.proto_name == "error")?;
            response.and(match error.kind {
                Kind::Message { message, .. } => Some((message, oneof)),
                _ => None,
            })
        }
        _ => None,
    });
    let (MessageId(status), oneof) = status?;
    let has = |wanted: &str| {
        message.members.iter().any(|member| matches!(member, Member::Field(field) if field.proto_name == wanted))
    };
    if !["name", "metadata", "done"].iter().all(|name| has(name)) {
        return None;
    }
    let status = types.message(MessageId(status));
    let (operation, result, member) =
        (type_name(&message.wit_name), type_name(&oneof.type_name), snake(&oneof.wit_name));
    Some(format!(
        "impl {operation} {{
/// An operation that is still running.
pub fn running(name: impl ::std::convert::Into<{STRING}>) -> Self {{
    Self {{ name: name.into(), ..::std::default::Default::default() }}
}}
/// An operation that ended with a response.
///
/// # Errors
/// If the response cannot be encoded.
pub fn done<M: ::okra_guest::Message>(name: impl ::std::convert::Into<{STRING}>, response: &M) -> {RESULT}<Self, ::okra_guest::EncodeError> {{
    let response = ::okra_guest::well_known::Any::pack(response)?;
    Ok(Self {{ done: true, {member}: Some({result}::Response(response)), ..Self::running(name) }})
}}
/// An operation that ended with an error.
pub fn failed(name: impl ::std::convert::Into<{STRING}>, error: &{ERROR}) -> Self {{
    let details = error.details.iter().cloned().map(::std::convert::Into::into).collect();
    let status = {status} {{ code: error.code.number(), message: error.message.clone(), details }};
    Self {{ done: true, {member}: Some({result}::Error(status)), ..Self::running(name) }}
}}
/// Adds what there is to know of its progress.
///
/// # Errors
/// If the message cannot be encoded.
pub fn with_metadata<M: ::okra_guest::Message>(mut self, metadata: &M) -> {RESULT}<Self, ::okra_guest::EncodeError> {{
    self.metadata = Some(::okra_guest::well_known::Any::pack(metadata)?);
    Ok(self)
}}
/// Returns how it ended: its response, or its error. None while it is running.
pub fn outcome<M: ::okra_guest::Message>(&self) -> {OPTION}<{RESULT}<M, {ERROR}>> {{
    match self.{member}.as_ref()? {{
        {result}::Response(response) => Some(response.unpack().map_err(|error| {ERROR}::internal(error.to_string()))),
        {result}::Error(status) => {{
            let mut error = {ERROR}::new(::okra_guest::Code::from_number(status.code), status.message.clone());
            error.details = status.details.iter().cloned().map(::std::convert::Into::into).collect();
            Some(Err(error))
        }}
    }}
}}
}}
"
    ))
}
