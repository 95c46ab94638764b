use http::Method as Verb;
use prost_reflect::{DynamicMessage, FieldDescriptor, MethodDescriptor};

use super::text;

/// A `google.api.HttpRule`, one of its bindings.
#[derive(Clone, Debug)]
pub(in super::super) struct Rule {
    pub(in super::super) verb: Verb,
    pub(in super::super) path: String,
    pub(in super::super) body: Body,
    /// The field of the response that is sent; all of it where none is named.
    pub(in super::super) response: Option<FieldDescriptor>,
    /// What stands for `response` and is no field.
    wrong_response: Option<String>,
}

/// Where the body of a request goes.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) enum Body {
    /// Nothing is sent.
    None,
    /// It is the request but for what the path says.
    All,
    /// It is this field.
    Field(FieldDescriptor),
    /// A field that does not exist.
    Unknown(String),
}

/// The rules of a method, additional bindings included.
pub(in super::super) fn rules(method: &MethodDescriptor) -> Vec<Rule> {
    let Some(http) = method.parent_pool().get_extension_by_name("google.api.http") else { return Vec::new() };
    let options = method.options();
    if !options.has_extension(&http) {
        return Vec::new();
    }
    let mut rules = Vec::new();
    if let Some(rule) = options.get_extension(&http).as_message() {
        rules.extend(Rule::read(rule, method));
        if let Some(additional) = rule.get_field_by_name("additional_bindings") {
            let additional = additional.as_list().unwrap_or_default().iter().filter_map(|rule| rule.as_message());
            rules.extend(additional.filter_map(|rule| Rule::read(rule, method)));
        }
    }
    rules
}

impl Rule {
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
            "" => Body::None,
            "*" => Body::All,
            name => method.input().get_field_by_name(name).map_or_else(|| Body::Unknown(name.to_owned()), Body::Field),
        };
        let response = Some(get("response_body")).filter(|name| !name.is_empty());
        let field = response.as_ref().and_then(|name| method.output().get_field_by_name(name));
        let wrong_response = response.filter(|_| field.is_none());
        Some(Self { verb, path, body, response: field, wrong_response })
    }

    /// Whether the method can be called so.
    pub(super) fn check(&self, method: &MethodDescriptor) -> Result<(), String> {
        if method.is_client_streaming() {
            return Err("its callers stream, which HTTP without gRPC or Connect cannot do".to_owned());
        }
        if let Body::Unknown(name) = &self.body {
            return Err(format!("`body` names `{name}`, which `{}` does not have", method.input().full_name()));
        }
        if let Some(name) = &self.wrong_response {
            let output = method.output();
            return Err(format!("`response_body` names `{name}`, which `{}` does not have", output.full_name()));
        }
        Ok(())
    }
}
