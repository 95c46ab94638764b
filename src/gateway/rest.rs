//! REST by `google.api.http`. <https://github.com/googleapis/googleapis/blob/master/google/api/http.proto>

mod answer;
mod binding;
mod rule;
mod template;

use http::Method as Verb;
use prost_reflect::{FieldDescriptor, MethodDescriptor, Value};

use template::Template;

pub(super) use answer::{answer, not_allowed};
pub(super) use binding::Binding;
pub(super) use rule::{Body, Rule, rules};

/// The routes of a service.
#[derive(Clone, Debug, Default)]
pub(super) struct Routes(Vec<Route>);

/// One way to call a method.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) method: MethodDescriptor,
    pub(super) rule: Rule,
    pub(super) template: Template,
}

impl Routes {
    /// Adds the routes of a method. Those that make no sense are left out, and the log says so.
    pub(super) fn add(&mut self, method: &MethodDescriptor) {
        for rule in rules(method) {
            let path = rule.path.clone();
            let route = Template::parse(&rule.path, &method.input())
                .and_then(|template| rule.check(method).map(|()| template))
                .map(|template| Route { method: method.clone(), rule, template });
            match route {
                Ok(route) => self.0.push(route),
                Err(error) => {
                    let method = method.full_name();
                    tracing::warn!(method, path, error, "the method is not served at this path");
                }
            }
        }
        // Of two that match one path, the one that says more.
        self.0.sort_by(|one, other| one.template.order(&other.template));
    }

    /// All of them, in the order in which they are tried.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Route> {
        self.0.iter()
    }
}

/// What a path says of the fields of a request.
pub(super) type Values = Vec<(Vec<FieldDescriptor>, String)>;

/// What is found at a path.
pub(super) enum Found<'a> {
    Route(&'a Route, Values),
    /// It is there for other verbs.
    Other(Vec<Verb>),
}

/// Finds who answers at a path.
pub(super) fn find<'a>(routes: impl Iterator<Item = &'a Route>, verb: &Verb, path: &str) -> Option<Found<'a>> {
    let mut others = Vec::new();
    for route in routes {
        if let Some(values) = route.template.values(path) {
            if route.rule.verb == *verb {
                return Some(Found::Route(route, values));
            }
            others.push(route.rule.verb.clone());
        }
    }
    (!others.is_empty()).then_some(Found::Other(others))
}

/// The place of a field in an object, whichever of its two names stands there.
pub(super) fn place<'a>(
    object: &'a mut serde_json::Map<String, serde_json::Value>,
    field: &FieldDescriptor,
) -> &'a mut serde_json::Value {
    if let Some(value) = object.remove(field.name()) {
        object.insert(field.json_name().to_owned(), value);
    }
    object.entry(field.json_name()).or_insert(serde_json::Value::Null)
}

/// A string in options.
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
