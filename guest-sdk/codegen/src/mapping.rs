//! From descriptors to a [`Schema`]: the rules of the mapping, which `MAPPING.md` tells.
//!
//! Descriptors come from outside, and nobody need have compiled them from `.proto` files. `valid` refuses those that no
//! file is compiled to, before anything else looks at them; what a component cannot hold is refused by `limits` and
//! `packages`. Nothing here recurses over messages.

mod builder;
mod circles;
mod comments;
mod components;
mod descriptors;
mod error;
mod limits;
mod packages;
mod path;
mod sizes;
mod universe;
mod valid;

use std::collections::HashSet;

use prost_reflect::DescriptorPool;

use self::builder::Builder;
use self::universe::Universe;
use crate::schema::Schema;

pub use error::{PackageUse, SchemaError};
pub use limits::{MAX_INTERFACES, MAX_MEMBERS, MAX_METHODS, MAX_NAME, MAX_RECORD, MAX_TYPES};
pub use path::Path;
pub use sizes::{MAX_HELD_DEPTH, MAX_HELD_TYPES};

impl Schema {
    /// Maps services with everything that is reachable from their methods.
    ///
    /// Names are given among all types of a package, so that they do not depend on which services are asked for. A service
    /// that is asked for twice is there once.
    ///
    /// What is returned can be held by a component: records do not hold themselves, messages of more than
    /// [`MAX_HELD_TYPES`] types are encoded where others hold them, and whatever else the validators of WebAssembly count is within their limits.
    ///
    /// # Errors
    /// When a service is not there or cannot be mapped.
    pub fn new<S: AsRef<str>>(pool: &DescriptorPool, services: &[S]) -> Result<Self, SchemaError> {
        Self::with_types(pool, services, &[])
    }

    /// Maps services as [`Schema::new`] does, and types that are asked for by name, with what these hold. A type is asked for
    /// by its full name, or with all others of its package: `google.rpc.*`. What methods do not lead to is not in WIT.
    ///
    /// # Errors
    /// When a service or a type is not there or cannot be mapped.
    pub fn with_types<S: AsRef<str>>(pool: &DescriptorPool, services: &[S], types: &[S]) -> Result<Self, SchemaError> {
        valid::names(pool)?;
        valid::well_known(pool)?;
        let mut chosen = Vec::new();
        let mut names = HashSet::new();
        for name in services.iter().map(AsRef::as_ref).filter(|name| names.insert(*name)) {
            let found = pool.get_service_by_name(name).ok_or_else(|| SchemaError::UnknownService {
                service: valid::shown(name),
                known: known(pool),
                nearest: nearest(pool, name),
            })?;
            for method in found.methods() {
                valid::method(&method)?;
            }
            chosen.push(found);
        }
        let universe = Universe::new(pool);
        let (records, mapped) = (universe.records(&chosen)?, universe.mapped(&chosen, types)?);
        let schema = Builder::new(&universe, &records, &mapped, &chosen)?.build();
        limits::check(&schema)?;
        packages::check(&schema)?;
        Ok(schema)
    }
}

/// The service whose name is most like this one, if any is like it at all.
fn nearest(pool: &DescriptorPool, name: &str) -> Option<String> {
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_lowercase();
    let likeness = |known: &str| strsim::jaro_winkler(known, name).max(strsim::jaro_winkler(&last(known), &last(name)));
    // Comparing takes the product of the lengths.
    let short = |name: &str| name.len() <= 4 * MAX_NAME;
    let services = pool.services().filter(|service| short(name) && short(service.full_name()));
    let scored = services.map(|service| (likeness(service.full_name()), service.full_name().to_owned()));
    let best = scored.filter(|(score, _)| *score > 0.8).max_by(|(a, _), (b, _)| a.total_cmp(b));
    best.map(|(_, name)| name)
}

/// The services that there are, in words.
fn known(pool: &DescriptorPool) -> String {
    const MANY: usize = 50;
    let mut names: Vec<_> = pool.services().map(|service| format!("`{}`", service.full_name())).collect();
    names.sort();
    let more = names.len().saturating_sub(MANY);
    names.truncate(MANY);
    match (names.is_empty(), more) {
        (true, _) => "none".to_owned(),
        (false, 0) => names.join(", "),
        (false, more) => format!("{} and {more} more", names.join(", ")),
    }
}
