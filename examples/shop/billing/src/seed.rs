//! The invoices that there are: one.

use okra_guest::well_known::Timestamp;

use crate::billing::{Invoice, InvoicePayment, InvoiceState, Line, Money, TransferPayment};

/// Whose invoice it is.
pub(crate) const USER_ID: &str = "u-3";

/// The invoice of an id, without its user.
pub(crate) fn invoice(invoice_id: &str) -> Option<Invoice> {
    let euros = |amount| Some(Money { currency: "EUR".into(), amount });
    let line = |text: &str, quantity, amount| Line { text: text.into(), quantity, unit_price: euros(amount) };
    let day = |seconds| Some(Timestamp { seconds, nanos: 0 });
    (invoice_id == "i-1").then(|| Invoice {
        invoice_id: invoice_id.into(),
        state: InvoiceState::Paid,
        user: None,
        lines: vec![line("Punched cards, 1000", 3, 1_250), line("Difference engine, second hand", 1, 1_990_000)],
        total: euros(1_993_750),
        payment: Some(InvoicePayment::Transfer(TransferPayment { iban: "PT50000201231234567890154".into() })),
        created_at: day(1_730_000_000),
        due_at: day(1_731_209_600),
        note: None,
        labels: vec![("order".into(), "4711".into())],
    })
}
