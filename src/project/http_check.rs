//! The check that the HTTP rules of a project's services can be served, so that the build tells of a mistake in a rule, with file
//! and line, before the server does.
//!
//! It is a warning: rules of public APIs have such mistakes (`**` before other segments, two methods with one path), and their
//! methods are served by all other protocols.

use prost_reflect::{DescriptorPool, MethodDescriptor};

use crate::config::ServiceName;
use crate::routes::rule::{HttpRule, read_rules};
use crate::routes::template::UrlTemplate;

/// The number of the option `google.api.http`, and of the options of a method.
const HTTP_OPTION: [i32; 2] = [4, 72_295_728];

/// Returns the mistakes in the rules of services, those of `okra.toml` included: paths or fields that are not valid, and rules
/// that have the verb and path of another method's rule.
pub(super) fn find_http_mistakes<'a>(
    pool: &DescriptorPool,
    services: impl Iterator<Item = &'a ServiceName>,
) -> Vec<String> {
    let mut routes: Vec<(MethodDescriptor, HttpRule, UrlTemplate)> = Vec::new();
    let mut mistakes = Vec::new();
    let methods = services.filter_map(|service| pool.get_service_by_name(service)).flat_map(|service| {
        let methods: Vec<_> = service.methods().collect();
        methods
    });
    // HTTP without gRPC or Connect has no stream of requests: such methods are not served at paths, whatever their rules say.
    for method in methods.filter(|method| !method.is_client_streaming()) {
        for rule in read_rules(&method) {
            let template = match rule.parse_template(&method) {
                Ok(template) => template,
                Err(reason) => {
                    mistakes.push(describe(&method, &rule, &reason));
                    continue;
                }
            };
            let is_equal = |(other, of_other, path): &&(MethodDescriptor, HttpRule, UrlTemplate)| {
                of_other.verb == rule.verb && path.is_equivalent(&template) && *other != method
            };
            if let Some((other, ..)) = routes.iter().find(is_equal) {
                let reason = format!("`{}` has this verb and path, too", other.full_name());
                mistakes.push(describe(&method, &rule, &reason));
            }
            routes.push((method.clone(), rule, template));
        }
    }
    mistakes
}

fn describe(method: &MethodDescriptor, rule: &HttpRule, reason: &str) -> String {
    format!(
        "{}: the HTTP rule `{} {}` of method `{}` is not served: {reason}; [[http.rules]] of okra.toml can give it another",
        place(method),
        rule.verb,
        rule.path,
        method.full_name(),
    )
}

/// Returns file and line of a method's rule, or of the method; the file alone if the descriptors do not have the line.
fn place(method: &MethodDescriptor) -> String {
    let file = method.parent_file();
    let descriptor = file.file_descriptor_proto();
    let locations = descriptor.source_code_info.iter().flat_map(|info| &info.location);
    let of_rule = [method.path(), &HTTP_OPTION].concat();
    let is_of_rule = |path: &[i32]| path.starts_with(&of_rule);
    let mut of_method = None;
    for location in locations {
        if is_of_rule(&location.path) {
            of_method = location.span.first();
            break;
        }
        if location.path == method.path() {
            of_method = location.span.first();
        }
    }
    match of_method {
        Some(line) => format!("{}:{}", file.name(), line.saturating_add(1)),
        None => file.name().to_owned(),
    }
}
