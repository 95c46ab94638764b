//! Whether the protobuf packages can be WIT packages.

use std::collections::{BTreeMap, HashMap};

use super::{SchemaError, graph};
use crate::schema::{Kind, Schema};

/// # Errors
/// When two packages have one name, or packages use each other in a circle.
pub(super) fn check(schema: &Schema) -> Result<(), SchemaError> {
    let mut names: HashMap<(&str, &str, &str), &str> = HashMap::new();
    for package in &schema.packages {
        let name = (package.namespace.as_str(), package.name.as_str(), package.version.as_str());
        if let Some(first) = names.insert(name, &package.proto) {
            return Err(SchemaError::PackageClash {
                first: first.to_owned(),
                second: package.proto.clone(),
                wit: package.wit_id(),
            });
        }
    }
    let uses = uses(schema);
    let edges: Vec<Vec<usize>> = (0..schema.packages.len())
        .map(|from| uses.keys().filter(|(user, _)| *user == from).map(|(_, used)| *used).collect())
        .collect();
    let circles = graph::components(&edges);
    let circular: Vec<_> = uses
        .into_iter()
        .filter(|((user, used), _)| circles.get(*user) == circles.get(*used))
        .map(|(_, (user, used))| format!("`{user}` uses `{used}`"))
        .collect();
    if circular.is_empty() { Ok(()) } else { Err(SchemaError::PackageCycle { uses: circular }) }
}

/// Which package uses which other, each with the first example: full name of the user and of what it uses.
fn uses(schema: &Schema) -> BTreeMap<(usize, usize), (String, String)> {
    let mut uses = BTreeMap::new();
    let mut add = |user: usize, name: &dyn Fn() -> String, kind: &Kind| {
        let used = match kind {
            Kind::Message { message, .. } => schema.messages.get(message.0).map(|used| (used.package, &used.full_name)),
            Kind::Enum(used) => schema.enums.get(used.0).map(|used| (used.package, &used.full_name)),
            // Written as bytes, scalars, lists or text.
            Kind::Encoded { .. } | Kind::Scalar(_) | Kind::Wrapper(_) | Kind::FieldMask | Kind::Json(_) => None,
        };
        if let Some((package, used)) = used
            && package != user
        {
            uses.entry((user, package)).or_insert_with(|| (name(), used.clone()));
        }
    };
    for message in &schema.messages {
        for field in message.fields() {
            add(message.package, &|| format!("{}.{}", message.full_name, field.proto_name), &field.kind);
        }
    }
    for service in &schema.services {
        for method in &service.methods {
            for kind in [&method.input, &method.output].into_iter().flatten() {
                add(service.package, &|| format!("{}/{}", service.full_name, method.proto_name), kind);
            }
        }
    }
    uses
}
