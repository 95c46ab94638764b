//! Ways through a schema, for errors.

use std::fmt;

use crate::schema::{Field, Kind, Member, Message, Schema};

/// The way from a method to a message: the fields that lead there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// Full name of the method's service.
    pub service: String,
    /// protobuf name of the method.
    pub method: String,
    /// Whether it begins at the response and not at the request.
    pub response: bool,
    /// protobuf names of the fields, from the request or response on.
    pub fields: Vec<String>,
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Of a longer way only this many fields of its beginning and of its end are told.
        const ENDS: usize = 4;
        let payload = if self.response { "response" } else { "request" };
        write!(formatter, "the {payload} of method `{}` of service `{}`", self.method, self.service)?;
        match self.fields.as_slice() {
            [] => Ok(()),
            fields if fields.len() <= 2 * ENDS => write!(formatter, ", field `{}`", fields.join(".")),
            fields => {
                let (first, rest) = fields.split_at(ENDS);
                let (_, last) = rest.split_at(rest.len() - ENDS);
                let (first, last, depth) = (first.join("."), last.join("."), fields.len());
                write!(formatter, ", field `{first}...{last}` ({depth} fields deep)")
            }
        }
    }
}

/// The shortest ways from methods to all messages of a schema.
pub(super) struct Ways<'a> {
    schema: &'a Schema,
    /// From where each message is reached first.
    from: Vec<Option<Origin<'a>>>,
    /// The messages, those with the shortest ways first.
    order: Vec<usize>,
}

#[derive(Clone, Copy)]
enum Origin<'a> {
    Method { service: &'a str, method: &'a str, response: bool },
    Field { message: usize, field: &'a str },
}

impl<'a> Ways<'a> {
    pub(super) fn new(schema: &'a Schema) -> Self {
        let mut ways = Self { schema, from: vec![None; schema.messages.len()], order: Vec::new() };
        for service in &schema.services {
            for method in &service.methods {
                for (payload, response) in [(&method.input, false), (&method.output, true)] {
                    let (service, method) = (service.full_name.as_str(), method.proto_name.as_str());
                    payload.iter().for_each(|kind| ways.reach(kind, Origin::Method { service, method, response }));
                }
            }
        }
        let mut next = 0;
        while let Some(&message) = ways.order.get(next) {
            for field in schema.messages.get(message).into_iter().flat_map(all_fields) {
                ways.reach(&field.kind, Origin::Field { message, field: &field.proto_name });
            }
            next += 1;
        }
        ways
    }

    fn reach(&mut self, kind: &Kind, origin: Origin<'a>) {
        if let Kind::Message { message, .. } | Kind::Encoded { message, .. } = kind
            && let Some(slot @ None) = self.from.get_mut(message.0)
        {
            *slot = Some(origin);
            self.order.push(message.0);
        }
    }

    /// The way to a message. All messages of a schema are reached.
    pub(super) fn to(&self, message: usize) -> Path {
        let mut fields = Vec::new();
        let mut at = message;
        // No shortest way is longer than there are messages.
        for _ in 0..=self.schema.messages.len() {
            match self.from.get(at).copied().flatten() {
                Some(Origin::Field { message, field }) => {
                    fields.push(field.to_owned());
                    at = message;
                }
                Some(Origin::Method { service, method, response }) => {
                    fields.reverse();
                    return Path { service: service.to_owned(), method: method.to_owned(), response, fields };
                }
                None => break,
            }
        }
        Path { service: String::new(), method: String::new(), response: false, fields }
    }
}

/// All fields of a message, those in its oneofs included.
pub(super) fn all_fields(message: &Message) -> impl Iterator<Item = &Field> {
    message.members.iter().flat_map(|member| match member {
        Member::Field(field) => std::slice::from_ref(field),
        Member::Oneof(oneof) => &oneof.cases,
    })
}
