//! Service `shop.billing.v1.Billing`, which calls `shop.users.v1.Users`.
//!
//! It keeps nothing, as the users service keeps nothing: an invoice that is made is handed back, and those that can be
//! looked up are a table in the program.

mod check;
mod seed;

okra_guest::generate!();

use std::time::Duration;

use billing::{
    Billing, CreateInvoiceRequest, CreateInvoiceRequestPayment, CreateInvoiceRequestReader, GetInvoiceRequest,
    ImportInvoicesResponse, ImportInvoicesResponseRefused, Invoice, InvoicePayment, InvoiceState, InvoiceWriter, Line,
    ListInvoicesRequest, Money,
};
use okra_guest::log::info;
use okra_guest::well_known::Timestamp;
use okra_guest::{Code, Error, outgoing};
use users::{GetUserRequest, User};

/// Within so much time the users service must have answered.
const USERS_TIMEOUT: Duration = Duration::from_secs(1);
/// Until when an invoice is to be paid unless it says so: 14 days.
const PAYABLE_WITHIN: Duration = Duration::from_secs(14 * 24 * 60 * 60);

struct Service;

impl Billing for Service {
    fn create_invoice(request: CreateInvoiceRequest) -> Result<Invoice, Error> {
        let invoice = make(request)?;
        info!(invoice = invoice.invoice_id, lines = invoice.lines.len(); "created");
        Ok(invoice)
    }

    fn get_invoice(request: GetInvoiceRequest) -> Result<Invoice, Error> {
        let mut invoice = seed::invoices()
            .find(|invoice| invoice.invoice_id == request.invoice_id)
            .ok_or_else(|| Error::not_found(format!("there is no invoice `{}`", request.invoice_id)))?;
        invoice.user = Some(user(seed::USER_ID)?);
        Ok(invoice)
    }

    fn list_invoices(request: ListInvoicesRequest, responses: &InvoiceWriter) -> Result<(), Error> {
        let user = user(&request.user_id)?;
        let limit = if request.limit == 0 { usize::MAX } else { request.limit as usize };
        let theirs = seed::invoices().filter(|_| user.user_id == seed::USER_ID);
        theirs.take(limit).try_for_each(|invoice| responses.write(&Invoice { user: Some(user.clone()), ..invoice }))
    }

    fn import_invoices(requests: &CreateInvoiceRequestReader) -> Result<ImportInvoicesResponse, Error> {
        let mut response = ImportInvoicesResponse::default();
        for (index, request) in (0..).zip(requests) {
            match make(request?) {
                Ok(_) => response.made += 1,
                Err(error) => response.refused.push(ImportInvoicesResponseRefused { index, reason: error.to_string() }),
            }
        }
        Ok(response)
    }
}

fn make(request: CreateInvoiceRequest) -> Result<Invoice, Error> {
    check::request(&request)?;
    let user = user(&request.user_id)?;
    let now = Timestamp::now();
    let payable_within = request.payable_within.and_then(|within| within.try_into().ok()).unwrap_or(PAYABLE_WITHIN);
    Ok(Invoice {
        invoice_id: format!("i-{}-{}", request.user_id, now.seconds),
        state: InvoiceState::Open,
        user: Some(user),
        total: Some(total(&request.lines)?),
        lines: request.lines,
        payment: request.payment.map(|payment| match payment {
            CreateInvoiceRequestPayment::Card(card) => InvoicePayment::Card(card),
            CreateInvoiceRequestPayment::Transfer(transfer) => InvoicePayment::Transfer(transfer),
        }),
        created_at: Some(now),
        due_at: Some(Timestamp { seconds: now.seconds.saturating_add_unsigned(payable_within.as_secs()), ..now }),
        note: request.note,
        labels: request.labels,
    })
}

/// Asks the users service. That a user is not there is for our caller to know; whatever else goes wrong there is our
/// trouble, not theirs.
fn user(user_id: &str) -> Result<User, Error> {
    let request = GetUserRequest { user_id: user_id.to_owned() };
    outgoing::with_timeout(USERS_TIMEOUT, || users::get_user(&request)).map_err(|error| match error.code {
        Code::NotFound | Code::DeadlineExceeded | Code::Unavailable => error,
        _ => Error::internal(format!("the users service failed: {error}")),
    })
}

fn total(lines: &[Line]) -> Result<Money, Error> {
    let mut total = Money::default();
    for price in lines.iter().filter_map(|line| Some((line.unit_price.as_ref()?, line.quantity))) {
        let (Money { currency, amount }, quantity) = price;
        total.currency.clone_from(currency);
        let sum = amount.checked_mul(quantity.into()).and_then(|amount| amount.checked_add(total.amount));
        total.amount = sum.ok_or_else(|| Error::out_of_range("the total is beyond all money"))?;
    }
    Ok(total)
}

okra_guest::export!(Service);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_sums_of_lines() {
        let line = |quantity, amount| Line {
            quantity,
            unit_price: Some(Money { currency: "EUR".into(), amount }),
            ..Default::default()
        };
        assert_eq!(total(&[line(2, 150), line(1, 99)]).unwrap(), Money { currency: "EUR".into(), amount: 399 });
        assert_eq!(total(&[line(2, i64::MAX)]).unwrap_err().code, Code::OutOfRange);
    }
}
