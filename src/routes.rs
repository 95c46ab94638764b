//! The table of REST routes: paths and verbs of `google.api.http` rules.
//! <https://github.com/googleapis/googleapis/blob/master/google/api/http.proto>
//!
//! Only the table is here; requests are served by [`protocol::rest`](crate::gateway::protocol::rest).

pub(crate) mod rule;
pub(crate) mod template;

use std::cmp::Ordering;

use http::Method as Verb;
use prost_reflect::{FieldDescriptor, MethodDescriptor, ServiceDescriptor};

use crate::routes::rule::{HttpRule, read_rules};
use crate::routes::template::UrlTemplate;

/// The routes of all services, in the order in which they are tried.
#[derive(Clone, Debug, Default)]
pub(crate) struct RestRoutes(Vec<RestRoute>);

/// One verb and path by which a method is called.
#[derive(Clone, Debug)]
pub(crate) struct RestRoute {
    pub(crate) method: MethodDescriptor,
    pub(crate) rule: HttpRule,
    pub(crate) template: UrlTemplate,
    /// The place of the service in the order of the first deploys.
    rank: usize,
    /// Whether an equal route is tried before this one, so that this one is never served.
    is_shadowed: bool,
}

impl RestRoutes {
    /// Sets the routes of a service in place of those that it had. `rank` is its place in the order of the first deploys.
    ///
    /// A rule that is not valid is left out, with a warning in the log. Of two equal routes of different methods the one that
    /// was deployed first is served, and an error in the log names both.
    pub(crate) fn set_service(&mut self, service: &ServiceDescriptor, rank: usize) {
        self.0.retain(|route| route.method.parent_service().full_name() != service.full_name());
        service.methods().for_each(|method| self.push_method(&method, rank));
        // Stable: the rules of one service stay in the order of its file.
        self.0.sort_by(RestRoute::order);
        let mut first: Option<(&MethodDescriptor, &HttpRule, &UrlTemplate)> = None;
        for route in &mut self.0 {
            let RestRoute { method, rule, template, is_shadowed, .. } = route;
            let winner = first.filter(|(_, other, first)| other.verb == rule.verb && first.is_equivalent(template));
            *is_shadowed = winner.is_some();
            let Some((winner, ..)) = winner else {
                first = Some((method, rule, template));
                continue;
            };
            let is_new = winner.parent_service() == service || method.parent_service() == service;
            if winner.full_name() != method.full_name() && is_new {
                tracing::error!(
                    method = method.full_name(),
                    served = winner.full_name(),
                    verb = %rule.verb,
                    path = rule.path,
                    "two methods have one verb and path: the one that was deployed first is served there",
                );
            }
        }
    }

    fn push_method(&mut self, method: &MethodDescriptor, rank: usize) {
        for rule in read_rules(method) {
            let path = rule.path.clone();
            let route = rule.parse_template(method).map(|template| RestRoute {
                method: method.clone(),
                rule,
                template,
                rank,
                is_shadowed: false,
            });
            match route {
                Ok(route) => self.0.push(route),
                Err(error) => {
                    let method = method.full_name();
                    tracing::warn!(method, path, error, "the method is not served at this path");
                }
            }
        }
    }

    /// Iterates over the routes in the order in which they are tried.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &RestRoute> {
        self.0.iter().filter(|route| !route.is_shadowed)
    }
}

impl RestRoute {
    /// Orders routes as they are tried: of two that match one path, the more specific one first, and the kind `*`, which
    /// stands for every verb, behind the verbs.
    fn order(&self, other: &Self) -> Ordering {
        let verb = |route: &Self| (route.rule.is_any_verb(), route.rule.verb.to_string());
        let templates = self.template.order(&other.template);
        templates.then_with(|| verb(self).cmp(&verb(other))).then(self.rank.cmp(&other.rank))
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
            if route.rule.verb == *verb || route.rule.is_any_verb() {
                return Some(RouteMatch::Route(route, values));
            }
            if !other_verbs.contains(&route.rule.verb) {
                other_verbs.push(route.rule.verb.clone());
            }
        }
    }
    (!other_verbs.is_empty()).then_some(RouteMatch::OtherVerbs(other_verbs))
}
