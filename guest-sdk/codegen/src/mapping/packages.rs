//! How packages use each other.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use super::SchemaError;
use super::components::components;
use super::error::PackageUse;
use super::path::all_fields;
use crate::schema::{Kind, Schema};

/// Refuses packages that use each other in a circle that no encoded field cuts. protobuf allows that, as long as files do not;
/// WIT packages depend on each other as wholes.
pub(super) fn check(schema: &Schema) -> Result<(), SchemaError> {
    match find_circle(schema) {
        Some(circle) => Err(SchemaError::PackageCycle { circle }),
        None => Ok(()),
    }
}

impl Schema {
    /// Returns the number of each package's circle, by index: packages have the same one if their types use each other, encoded
    /// fields and types that are not in WIT included. Most packages are a circle of their own.
    pub(crate) fn package_circles(&self) -> Vec<usize> {
        let mut edges = vec![Vec::new(); self.packages.len()];
        let mut uses: Vec<_> = uses(self, EncodedFields::Counted).into_keys().collect();
        uses.sort_unstable();
        for (from, to) in uses {
            if let Some(edges) = edges.get_mut(from) {
                edges.push(to);
            }
        }
        components(&edges)
    }
}

/// What encoded fields are to the package of the message in them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum EncodedFields {
    /// They use nothing: WIT has bytes there.
    Left,
    /// They use it: users see the message.
    Counted,
}

/// Finds packages that use each other in a circle in WIT.
fn find_circle(schema: &Schema) -> Option<Vec<PackageUse>> {
    let uses = uses(schema, EncodedFields::Left);
    let mut edges: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (from, to) in uses.keys() {
        edges.entry(*from).or_default().insert(*to);
    }
    let circle = (0..schema.packages.len()).find_map(|start| circle(start, &edges))?;
    let name = |package: &usize| schema.packages.get(*package).map(|package| package.proto.clone()).unwrap_or_default();
    let next = circle.iter().cycle().skip(1);
    let circle = circle.iter().zip(next).map(|(from, to)| PackageUse {
        package: name(from),
        uses: name(to),
        by: uses.get(&(*from, *to)).cloned().unwrap_or_default(),
    });
    Some(circle.collect())
}

/// Which package uses which, each with the first thing that does.
fn uses(schema: &Schema, encoded: EncodedFields) -> HashMap<(usize, usize), String> {
    let package_of = |kind: &Kind| match kind {
        Kind::Encoded { .. } if encoded == EncodedFields::Left => None,
        Kind::Message { message, .. } | Kind::Encoded { message, .. } => {
            schema.messages.get(message.0).map(|message| message.package)
        }
        Kind::Enum(id) => schema.enums.get(id.0).map(|definition| definition.package),
        _ => None,
    };
    let mut uses = HashMap::new();
    let mut add = |from: usize, kind: &Kind, by: &dyn Fn() -> String| {
        if let Some(to) = package_of(kind).filter(|to| *to != from) {
            uses.entry((from, to)).or_insert_with(by);
        }
    };
    for message in schema.messages.iter().filter(|message| message.in_wit || encoded == EncodedFields::Counted) {
        for field in all_fields(message) {
            let by = || format!("field `{}` of message `{}`", field.proto_name, message.full_name);
            add(message.package, &field.kind, &by);
        }
    }
    for service in &schema.services {
        for method in &service.methods {
            let by = || format!("method `{}` of service `{}`", method.proto_name, service.full_name);
            for kind in [&method.input, &method.output].into_iter().flatten() {
                add(service.package, kind, &by);
            }
        }
    }
    uses
}

/// The shortest way from a package to itself.
fn circle(start: usize, edges: &BTreeMap<usize, BTreeSet<usize>>) -> Option<Vec<usize>> {
    let mut from = HashMap::new();
    let mut open = VecDeque::from([start]);
    while let Some(package) = open.pop_front() {
        for &next in edges.get(&package).into_iter().flatten() {
            if next == start {
                let mut circle = vec![package];
                while let Some(before) = circle.last().and_then(|last| from.get(last)) {
                    circle.push(*before);
                }
                circle.reverse();
                return Some(circle);
            }
            from.entry(next).or_insert_with(|| {
                open.push_back(next);
                package
            });
        }
    }
    None
}
