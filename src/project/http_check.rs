//! The check that the HTTP rules of a project's services can be served, so that a mistake in a rule is an error of the build and
//! not a warning of the server.

use prost_reflect::{DescriptorPool, MethodDescriptor};

use crate::config::ServiceName;
use crate::project::ProjectError;
use crate::routes::rule::{HttpRule, read_rules};
use crate::routes::template::UrlTemplate;

/// The number of the option `google.api.http`, and of the options of a method.
const HTTP_OPTION: [i32; 2] = [4, 72_295_728];

/// Checks the rules of services, those of `okra.toml` included.
///
/// # Errors
/// The first rule whose path or fields are not valid, or that has the verb and path of another method's rule.
pub(super) fn check_http_rules<'a>(
    pool: &DescriptorPool,
    services: impl Iterator<Item = &'a ServiceName>,
) -> Result<(), ProjectError> {
    let mut routes: Vec<(MethodDescriptor, HttpRule, UrlTemplate)> = Vec::new();
    let methods = services.filter_map(|service| pool.get_service_by_name(service)).flat_map(|service| {
        let methods: Vec<_> = service.methods().collect();
        methods
    });
    // HTTP without gRPC or Connect has no stream of requests: such methods are not served at paths, whatever their rules say.
    for method in methods.filter(|method| !method.is_client_streaming()) {
        for rule in read_rules(&method) {
            let wrong = |reason: String| mistake(&method, &rule, reason);
            let template = UrlTemplate::parse(&rule.path, &method.input()).map_err(wrong)?;
            rule.check(&method).map_err(wrong)?;
            let is_equal = |(other, of_other, path): &&(MethodDescriptor, HttpRule, UrlTemplate)| {
                of_other.verb == rule.verb && path.is_equivalent(&template) && *other != method
            };
            if let Some((other, ..)) = routes.iter().find(is_equal) {
                return Err(wrong(format!("`{}` has this verb and path, too", other.full_name())));
            }
            routes.push((method.clone(), rule, template));
        }
    }
    Ok(())
}

fn mistake(method: &MethodDescriptor, rule: &HttpRule, reason: String) -> ProjectError {
    ProjectError::HttpRule {
        place: place(method),
        method: method.full_name().to_owned(),
        rule: format!("{} {}", rule.verb, rule.path),
        reason,
    }
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
