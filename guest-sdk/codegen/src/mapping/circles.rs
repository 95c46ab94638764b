//! Packages that use each other in a circle: which of the uses are cut.
//!
//! protobuf allows such circles, as long as files do not import each other; WIT packages depend on each other as wholes. A field
//! that holds a message of another package can be encoded, and then its package does not depend on the other one. What a method
//! takes or returns, and enums, cannot.

use std::collections::{BTreeMap, BTreeSet};

use super::components::components;

/// The order of the packages that use each other in circles.
#[derive(Default)]
pub(super) struct PackageCircles {
    /// For each package the number of its circle, and its place in it. Uses lead from smaller places to greater ones.
    places: BTreeMap<String, (usize, usize)>,
}

impl PackageCircles {
    /// `fields` are the uses of messages by fields, `firm` all others: from one package to another.
    pub(super) fn new(fields: &BTreeSet<(String, String)>, firm: &BTreeSet<(String, String)>) -> Self {
        let all = fields.iter().chain(firm);
        let names: Vec<&String> = all.flat_map(|(from, to)| [from, to]).collect::<BTreeSet<_>>().into_iter().collect();
        let index = |name: &String| names.binary_search(&name).unwrap_or_default();
        let edges = |uses: &mut dyn Iterator<Item = &(String, String)>| {
            let mut edges = vec![Vec::new(); names.len()];
            for (from, to) in uses {
                if let Some(edges) = edges.get_mut(index(from)) {
                    edges.push(index(to));
                }
            }
            edges
        };
        let circles = components(&edges(&mut fields.iter().chain(firm)));
        // Components are numbered along their edges: by firm uses alone, a package comes before those that it uses.
        let order = components(&edges(&mut firm.iter()));
        let place = |(at, name): (usize, &&String)| {
            let circle = circles.get(at).copied().unwrap_or_default();
            ((*name).clone(), (circle, order.get(at).copied().unwrap_or_default()))
        };
        Self { places: names.iter().enumerate().map(place).collect() }
    }

    /// Whether a field of a message of `from` that holds a message of `to` would close a circle.
    pub(super) fn are_closed_by(&self, from: &str, to: &str) -> bool {
        let (Some((circle, place)), Some((other, later))) = (self.places.get(from), self.places.get(to)) else {
            return false;
        };
        from != to && circle == other && place >= later
    }
}
