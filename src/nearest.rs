/// The one of `names` that `wanted` is probably a slip of.
pub(crate) fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = wanted.to_lowercase();
    let mut best = None;
    let mut best_likeness = 0.7;
    for name in names {
        let likeness = likeness(&wanted, &name.to_lowercase());
        if likeness > best_likeness {
            (best, best_likeness) = (Some(name), likeness);
        }
    }
    best
}

/// From 0 to 1, without regard to the packages that both names begin with.
fn likeness(one: &str, other: &str) -> f64 {
    let shared =
        one.split_inclusive('.').zip(other.split_inclusive('.')).take_while(|(a, b)| a == b && a.ends_with('.'));
    let shared: usize = shared.map(|(part, _)| part.len()).sum();
    strsim::normalized_damerau_levenshtein(one.get(shared..).unwrap_or(one), other.get(shared..).unwrap_or(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_seen_through_and_strangers_are_not() {
        let names = ["CreateInvoice", "GetInvoice", "ListInvoices"];
        assert_eq!(nearest("CreateInvoce", names), Some("CreateInvoice"));
        assert_eq!(nearest("createinvoice", names), Some("CreateInvoice"));
        assert_eq!(nearest("ListInvoice", names), Some("ListInvoices"));
        assert_eq!(nearest("Hello", names), None);
    }

    #[test]
    fn a_package_in_common_is_no_likeness() {
        let names = ["com.example.shop.v1.Billing", "com.example.shop.v1.Users"];
        assert_eq!(nearest("com.example.shop.v1.Stock", names), None);
        assert_eq!(nearest("com.example.shop.v1.User", names), Some("com.example.shop.v1.Users"));
        assert_eq!(nearest("com.example.shop.v2.Users", names), Some("com.example.shop.v1.Users"));
    }
}
