//! What a request for an invoice must have.

use okra_guest::Error;
use okra_guest::details::BadRequest;

use crate::billing::{CreateInvoiceRequest, CreateInvoiceRequestPayment};

pub(crate) fn request(request: &CreateInvoiceRequest) -> Result<(), Error> {
    let mut wrong = BadRequest::default();
    if request.user_id.is_empty() {
        wrong.violation("user_id", "must be set");
    }
    if request.lines.is_empty() {
        wrong.violation("lines", "must have at least one");
    }
    let currency = request.lines.iter().find_map(|line| Some(&line.unit_price.as_ref()?.currency));
    for (index, line) in request.lines.iter().enumerate() {
        if line.quantity == 0 {
            wrong.violation(format!("lines[{index}].quantity"), "must be at least 1");
        }
        match &line.unit_price {
            None => wrong.violation(format!("lines[{index}].unit_price"), "must be set"),
            Some(price) if price.amount < 0 => {
                wrong.violation(format!("lines[{index}].unit_price.amount"), "must not be negative");
            }
            Some(price) if Some(&price.currency) != currency => {
                wrong.violation(format!("lines[{index}].unit_price.currency"), "must be that of the other lines");
            }
            Some(_) => {}
        }
    }
    match &request.payment {
        None => wrong.violation("payment", "must be set"),
        Some(CreateInvoiceRequestPayment::Card(card)) if !is_digits(&card.last_digits, 4) => {
            wrong.violation("card.last_digits", "must be four digits");
        }
        Some(CreateInvoiceRequestPayment::Transfer(transfer)) if transfer.iban.is_empty() => {
            wrong.violation("transfer.iban", "must be set");
        }
        Some(_) => {}
    }
    if wrong.is_empty() { Ok(()) } else { Err(Error::invalid_argument("the invoice cannot be made so").with(wrong)) }
}

fn is_digits(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::billing::{CardPayment, Line, Money};

    fn right() -> CreateInvoiceRequest {
        CreateInvoiceRequest {
            user_id: "u-1".into(),
            lines: vec![Line {
                text: "Tea".into(),
                quantity: 1,
                unit_price: Some(Money { currency: "EUR".into(), amount: 250 }),
            }],
            payment: Some(CreateInvoiceRequestPayment::Card(CardPayment { last_digits: "4242".into() })),
            ..Default::default()
        }
    }

    #[test]
    fn a_right_request_passes() {
        request(&right()).unwrap();
    }

    #[test]
    fn every_mistake_is_named() {
        let error = request(&CreateInvoiceRequest::default()).unwrap_err();
        let detail = String::from_utf8_lossy(&error.details[0].value).into_owned();
        for field in ["user_id", "lines", "payment"] {
            assert!(detail.contains(field), "{field}");
        }
        let mut two_currencies = right();
        two_currencies.lines.push(Line {
            quantity: 1,
            unit_price: Some(Money { currency: "USD".into(), amount: 1 }),
            ..Default::default()
        });
        request(&two_currencies).unwrap_err();
    }
}
