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

/// Two methods with one verb and path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("methods `{method}` and `{other}` have one verb and path: `{verb} {path}`")]
pub struct RouteConflict {
    /// Full name of the method that is served there.
    pub method: String,
    /// Full name of the other one.
    pub other: String,
    /// The verb; `*` for every verb.
    pub verb: String,
    /// The path of the other one.
    pub path: String,
}

/// The parts of a route by which conflicts are found.
#[derive(Clone, Copy)]
struct RouteParts<'a> {
    method: &'a MethodDescriptor,
    rule: &'a HttpRule,
    template: &'a UrlTemplate,
}

impl RouteConflict {
    fn new(served: RouteParts<'_>, other: RouteParts<'_>) -> Self {
        Self {
            method: served.method.full_name().to_owned(),
            other: other.method.full_name().to_owned(),
            verb: other.rule.verb.to_string(),
            path: other.rule.path.clone(),
        }
    }
}

/// The routes with one template, which follow each other. Those for every verb come last.
#[derive(Default)]
struct TemplateGroup<'a> {
    first: Option<RouteParts<'a>>,
    /// The first route of another service than that of `first`.
    of_other_service: Option<RouteParts<'a>>,
    /// The first route of the last verb.
    of_verb: Option<RouteParts<'a>>,
}

impl<'a> TemplateGroup<'a> {
    /// Adds the next route. Returns the one that is served in its place.
    fn push(&mut self, route: RouteParts<'a>) -> Option<RouteParts<'a>> {
        if self.first.is_none_or(|first| !first.template.is_equivalent(route.template)) {
            *self = Self { first: Some(route), of_other_service: None, of_verb: Some(route) };
            return None;
        }
        if self.of_other_service.is_none() && self.first.is_some_and(|first| !first.has_service_of(&route)) {
            self.of_other_service = Some(route);
        }
        let winner = self.of_verb.filter(|first| first.rule.verb == route.rule.verb);
        if winner.is_none() {
            self.of_verb = Some(route);
        }
        winner
    }

    /// Returns a route of another service, if the route is one for every verb: each of the two would hide a part of the
    /// other.
    fn rival_of_any_verb(&self, route: RouteParts<'a>) -> Option<RouteParts<'a>> {
        let others = [self.first, self.of_other_service].into_iter().flatten();
        route.rule.is_any_verb().then_some(())?;
        others.into_iter().find(|other| !other.has_service_of(&route))
    }
}

impl RouteParts<'_> {
    fn has_service_of(&self, other: &RouteParts<'_>) -> bool {
        self.method.parent_service() == other.method.parent_service()
    }
}

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
    /// was deployed first is served, and the conflict is returned.
    pub(crate) fn set_service(&mut self, service: &ServiceDescriptor, rank: usize) -> Option<RouteConflict> {
        self.0.retain(|route| route.method.parent_service().full_name() != service.full_name());
        service.methods().for_each(|method| self.push_method(&method, rank));
        // Stable: the rules of one service stay in the order of its file.
        self.0.sort_by(RestRoute::order);
        let mut conflict = None;
        let mut group = TemplateGroup::default();
        for route in &mut self.0 {
            let RestRoute { method, rule, template, is_shadowed, .. } = route;
            let parts = RouteParts { method, rule, template };
            let winner = group.push(parts);
            *is_shadowed = winner.is_some();
            let rival = winner.or_else(|| group.rival_of_any_verb(parts));
            if let Some(rival) = rival.filter(|rival| rival.method.full_name() != method.full_name()) {
                let is_new = [rival.method, method].iter().any(|method| method.parent_service() == service);
                if is_new && conflict.is_none() {
                    conflict = Some(RouteConflict::new(rival, parts));
                }
            }
        }
        conflict
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
