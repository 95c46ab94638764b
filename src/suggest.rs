//! The suggestion for a name that is not known: "did you mean". All modules take it from here, so that the threshold and the
//! words are the same everywhere.

/// The longest name that is compared, in bytes: the comparison takes the product of both lengths.
const MAX_BYTES: usize = 128;

/// Returns the suggestion to add to a message about `unknown_name`: ``did you mean `NAME`?``, with the nearest of the known
/// names. Returns none if no known name is near, or the unknown one is longer than 128 bytes.
pub(crate) fn did_you_mean<T: AsRef<str>>(
    unknown_name: &str,
    known_names: impl IntoIterator<Item = T>,
) -> Option<String> {
    find_nearest(unknown_name, known_names).map(|name| format!("did you mean `{}`?", name.as_ref()))
}

/// Returns the known name that is most like `unknown_name`, if the likeness is above 0.7. Case does not count.
fn find_nearest<T: AsRef<str>>(unknown_name: &str, known_names: impl IntoIterator<Item = T>) -> Option<T> {
    if unknown_name.len() > MAX_BYTES {
        return None;
    }
    let unknown_name = unknown_name.to_lowercase();
    let mut nearest = None;
    let mut best_likeness = 0.7;
    for name in known_names {
        let likeness = measure_likeness(&unknown_name, &name.as_ref().to_lowercase());
        if likeness > best_likeness {
            (nearest, best_likeness) = (Some(name), likeness);
        }
    }
    nearest
}

/// Returns a likeness from 0 to 1. The packages that both names begin with do not count.
fn measure_likeness(one: &str, other: &str) -> f64 {
    let shared_packages =
        one.split_inclusive('.').zip(other.split_inclusive('.')).take_while(|(a, b)| a == b && a.ends_with('.'));
    let shared_bytes: usize = shared_packages.map(|(package, _)| package.len()).sum();
    let rest_of_one = one.get(shared_bytes..).unwrap_or(one);
    let rest_of_other = other.get(shared_bytes..).unwrap_or(other);
    strsim::normalized_damerau_levenshtein(rest_of_one, rest_of_other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_seen_through_and_strangers_are_not() {
        let names = ["CreateInvoice", "GetInvoice", "ListInvoices"];
        assert_eq!(find_nearest("CreateInvoce", names), Some("CreateInvoice"));
        assert_eq!(find_nearest("createinvoice", names), Some("CreateInvoice"));
        assert_eq!(find_nearest("ListInvoice", names), Some("ListInvoices"));
        assert_eq!(find_nearest("Hello", names), None);
    }

    #[test]
    fn a_package_in_common_is_no_likeness() {
        let names = ["com.example.shop.v1.Billing", "com.example.shop.v1.Users"];
        assert_eq!(find_nearest("com.example.shop.v1.Stock", names), None);
        assert_eq!(find_nearest("com.example.shop.v1.User", names), Some("com.example.shop.v1.Users"));
        assert_eq!(find_nearest("com.example.shop.v2.Users", names), Some("com.example.shop.v1.Users"));
    }

    #[test]
    fn the_suggestion_is_a_question() {
        assert_eq!(did_you_mean("Helo", ["Hello"]).as_deref(), Some("did you mean `Hello`?"));
        assert_eq!(did_you_mean("Billing", ["Hello"]), None);
    }

    #[test]
    fn long_names_are_not_compared() {
        let name = "a".repeat(MAX_BYTES);
        assert!(did_you_mean(&name, [&name]).is_some());
        let name = "a".repeat(MAX_BYTES + 1);
        assert_eq!(did_you_mean(&name, [&name]), None);
    }
}
