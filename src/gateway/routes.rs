//! The table of REST routes: paths and verbs of `google.api.http` rules.
//! <https://github.com/googleapis/googleapis/blob/master/google/api/http.proto>
//!
//! Only the table is here; requests are served by [`protocol::rest`](crate::gateway::protocol::rest).

pub(crate) mod rule;
pub(crate) mod template;

use http::Method as Verb;
use prost_reflect::{FieldDescriptor, MethodDescriptor};

use crate::gateway::routes::rule::{HttpRule, read_rules};
use crate::gateway::routes::template::UrlTemplate;

/// The routes of one service.
#[derive(Clone, Debug, Default)]
pub(crate) struct RestRoutes(Vec<RestRoute>);

/// One verb and path by which a method is called.
#[derive(Clone, Debug)]
pub(crate) struct RestRoute {
    pub(crate) method: MethodDescriptor,
    pub(crate) rule: HttpRule,
    pub(crate) template: UrlTemplate,
}

impl RestRoutes {
    /// Adds the routes of a method. A rule that is not valid is left out, with a warning in the log.
    pub(crate) fn add(&mut self, method: &MethodDescriptor) {
        for rule in read_rules(method) {
            let path = rule.path.clone();
            let route = UrlTemplate::parse(&rule.path, &method.input())
                .and_then(|template| rule.check(method).map(|()| template))
                .map(|template| RestRoute { method: method.clone(), rule, template });
            match route {
                Ok(route) => self.0.push(route),
                Err(error) => {
                    let method = method.full_name();
                    tracing::warn!(method, path, error, "the method is not served at this path");
                }
            }
        }
        // Of two routes that match one path, the more specific one is tried first.
        self.0.sort_by(|one, other| one.template.order(&other.template));
    }

    /// Iterates over the routes in the order in which they are tried.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &RestRoute> {
        self.0.iter()
    }
}

/// Fields of a request with the text that a path has for them.
pub(crate) type PathValues = Vec<(Vec<FieldDescriptor>, String)>;

/// The outcome of looking a path up.
pub(crate) enum RouteMatch<'a> {
    Route(&'a RestRoute, PathValues),
    /// The path exists for these verbs only.
    OtherVerbs(Vec<Verb>),
}

/// Finds the route of a verb and path.
pub(crate) fn find_route<'a>(
    routes: impl Iterator<Item = &'a RestRoute>,
    verb: &Verb,
    path: &str,
) -> Option<RouteMatch<'a>> {
    let mut other_verbs = Vec::new();
    for route in routes {
        if let Some(values) = route.template.values(path) {
            if route.rule.verb == *verb {
                return Some(RouteMatch::Route(route, values));
            }
            other_verbs.push(route.rule.verb.clone());
        }
    }
    (!other_verbs.is_empty()).then_some(RouteMatch::OtherVerbs(other_verbs))
}
