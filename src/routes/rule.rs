//! `google.api.HttpRule`, as a method has it in its options.

use http::Method as Verb;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, Value};

use crate::routes::template::UrlTemplate;

/// One binding of a `google.api.HttpRule`.
#[derive(Clone, Debug)]
pub(crate) struct HttpRule {
    pub(crate) verb: Verb,
    pub(crate) path: String,
    pub(crate) body: BodyMapping,
    /// The field of the response that is the body; `None` sends the whole response.
    pub(crate) response: Option<FieldDescriptor>,
    /// The name in `response_body` when the response has no such field.
    wrong_response: Option<String>,
}

/// The place of a request's body in its message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum BodyMapping {
    /// The request has no body.
    None,
    /// The body is the message; the path sets fields of it.
    All,
    /// The body is this field.
    Field(FieldDescriptor),
    /// The rule names a field that does not exist.
    Unknown(String),
}

impl BodyMapping {
    /// Returns the message that the body of a request is, of a method with this input; `None` when it is not one message.
    pub(crate) fn message(&self, input: &MessageDescriptor) -> Option<MessageDescriptor> {
        match self {
            Self::All => Some(input.clone()),
            Self::Field(field) if !field.is_list() && !field.is_map() => match field.kind() {
                Kind::Message(message) => Some(message),
                _ => None,
            },
            Self::None | Self::Field(_) | Self::Unknown(_) => None,
        }
    }
}

/// Reads the rules of a method, additional bindings included.
pub(crate) fn read_rules(method: &MethodDescriptor) -> Vec<HttpRule> {
    let Some(http) = method.parent_pool().get_extension_by_name("google.api.http") else { return Vec::new() };
    let options = method.options();
    if !options.has_extension(&http) {
        return Vec::new();
    }
    let mut rules = Vec::new();
    if let Some(rule) = options.get_extension(&http).as_message() {
        rules.extend(HttpRule::read(rule, method));
        if let Some(additional) = rule.get_field_by_name("additional_bindings") {
            let additional = additional.as_list().unwrap_or_default().iter().filter_map(|rule| rule.as_message());
            rules.extend(additional.filter_map(|rule| HttpRule::read(rule, method)));
        }
    }
    rules
}

impl HttpRule {
    fn read(rule: &DynamicMessage, method: &MethodDescriptor) -> Option<Self> {
        let get = |name: &str| rule.get_field_by_name(name).map(|value| text(&value)).unwrap_or_default();
        let usual = [
            ("get", Verb::GET),
            ("put", Verb::PUT),
            ("post", Verb::POST),
            ("delete", Verb::DELETE),
            ("patch", Verb::PATCH),
        ];
        let usual = usual.into_iter().find(|(name, _)| rule.has_field_by_name(name));
        let (verb, path) = match usual {
            Some((name, verb)) => (verb, get(name)),
            None => {
                let custom = rule.get_field_by_name("custom")?;
                let custom = custom.as_message()?;
                let get = |name: &str| custom.get_field_by_name(name).map(|value| text(&value)).unwrap_or_default();
                (Verb::from_bytes(get("kind").as_bytes()).ok()?, get("path"))
            }
        };
        let body = match get("body").as_str() {
            "" => BodyMapping::None,
            "*" => BodyMapping::All,
            name => method
                .input()
                .get_field_by_name(name)
                .map_or_else(|| BodyMapping::Unknown(name.to_owned()), BodyMapping::Field),
        };
        let response = Some(get("response_body")).filter(|name| !name.is_empty());
        let field = response.as_ref().and_then(|name| method.output().get_field_by_name(name));
        let wrong_response = response.filter(|_| field.is_none());
        Some(Self { verb, path, body, response: field, wrong_response })
    }

    /// Whether the rule is for every verb, which the custom kind `*` stands for.
    pub(crate) fn is_any_verb(&self) -> bool {
        self.verb.as_str() == "*"
    }

    /// Returns the template of the rule's path, if the method can be called by this rule.
    ///
    /// # Errors
    /// If the path is not valid, if the method's clients stream, or if `body` or `response_body` names a field that its message does not have.
    pub(crate) fn parse_template(&self, method: &MethodDescriptor) -> Result<UrlTemplate, String> {
        let template = UrlTemplate::parse(&self.path, &method.input())?;
        if method.is_client_streaming() {
            return Err("its callers stream, which HTTP without gRPC or Connect cannot do".to_owned());
        }
        if let BodyMapping::Unknown(name) = &self.body {
            return Err(format!("`body` names `{name}`, which `{}` does not have", method.input().full_name()));
        }
        if let Some(name) = &self.wrong_response {
            let output = method.output();
            return Err(format!("`response_body` names `{name}`, which `{}` does not have", output.full_name()));
        }
        Ok(template)
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
