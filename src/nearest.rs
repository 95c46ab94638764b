/// The one of `names` that `wanted` is probably a slip of.
pub(crate) fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = wanted.to_lowercase();
    let mut best = None;
    let mut best_likeness = 0.75;
    for name in names {
        let likeness = strsim::normalized_damerau_levenshtein(&lower, &name.to_lowercase());
        if likeness > best_likeness {
            (best, best_likeness) = (Some(name), likeness);
        }
    }
    best
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
}
