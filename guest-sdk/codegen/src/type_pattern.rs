//! Types that are asked for by name, such as `acme.v1.Event`, or by their package: `google.rpc.*`.

use crate::mapping::MAX_NAME;

/// Whether a pattern means a type: it is the type's full name, or that of its package with `.*` behind it.
pub fn is_match(pattern: &str, package: &str, full_name: &str) -> bool {
    match pattern.strip_suffix(".*") {
        Some(wanted) => wanted == package,
        None => pattern == full_name,
    }
}

/// Whether a pattern means a type that is declared at the top of a file, or one that is declared in it.
pub(crate) fn is_match_within(pattern: &str, package: &str, full_name: &str) -> bool {
    let is_inner = || pattern.strip_prefix(full_name).is_some_and(|rest| rest.starts_with('.'));
    is_match(pattern, package, full_name) || is_inner()
}

/// Returns the names that are most similar to a pattern, the most similar ones first, at most 20.
pub(crate) fn find_similar(pattern: &str, names: impl Iterator<Item = String>) -> Vec<String> {
    // Comparing takes the product of the lengths.
    let pattern: String = pattern.chars().take(4 * MAX_NAME).collect();
    let names = names.filter(|name| name.len() <= 4 * MAX_NAME);
    let mut names: Vec<_> = names.map(|name| (strsim::jaro_winkler(&name, &pattern), name)).collect();
    names.sort_by(|one, other| other.0.total_cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
    names.truncate(20);
    names.into_iter().map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_a_type_or_the_types_of_a_package_and_of_no_package_below_it() {
        assert!(is_match("a.b.C", "a.b", "a.b.C") && is_match("C", "", "C"));
        assert!(is_match("a.b.*", "a.b", "a.b.C") && is_match("a.b.*", "a.b", "a.b.C.D"));
        assert!(!is_match("a.*", "a.b", "a.b.C") && !is_match("a.b.C", "a.b", "a.b.C.D"));
        assert!(is_match_within("a.b.C.D", "a.b", "a.b.C") && !is_match_within("a.b.CD", "a.b", "a.b.C"));
    }
}
