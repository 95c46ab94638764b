use super::{Method, Served, Service};
use crate::call::{Code, Status};
use crate::nearest::nearest;

/// Whether a path is that of a method.
pub(super) fn is_method(served: &Served, path: &str) -> bool {
    let names = path.strip_prefix('/').and_then(|path| path.split_once('/'));
    names.is_some_and(|(service, method)| served.service(service).is_some_and(|found| found.method(method).is_some()))
}

/// Finds what a path of the form `/SERVICE/METHOD` asks for.
///
/// # Errors
/// `UNIMPLEMENTED`, saying what is not there and what may have been meant.
pub(super) fn find<'a>(served: &'a Served, path: &str) -> Result<(&'a Service, &'a Method), Status> {
    let unimplemented = |message| Err(Status::new(Code::Unimplemented, message));
    let Some((service_name, method_name)) = path.strip_prefix('/').and_then(|path| path.split_once('/')) else {
        return unimplemented(format!("`{path}` is no method: expected a path of the form /SERVICE/METHOD"));
    };
    let Some(service) = served.service(service_name) else {
        let names = served.services().map(|service| &**service.name());
        let meant = meant(nearest(service_name, names));
        return unimplemented(format!("service `{service_name}` is not served here{meant}"));
    };
    let Some(method) = service.method(method_name) else {
        let names = service.methods().map(|method| &**method.name());
        let meant = meant(nearest(method_name, names));
        return unimplemented(format!("service `{service_name}` has no method `{method_name}`{meant}"));
    };
    Ok((service, method))
}

fn meant(name: Option<&str>) -> String {
    name.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}
