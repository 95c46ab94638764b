//! The invoices that there are, all of one user.

use okra_guest::well_known::Timestamp;

use crate::billing::{Invoice, InvoicePayment, InvoiceState, Line, Money, TransferPayment};

/// Whose invoices they are.
pub(crate) const USER_ID: &str = "u-3";

const DAY: i64 = 24 * 60 * 60;

/// The invoices without their user, the newest first.
pub(crate) fn invoices() -> impl Iterator<Item = Invoice> {
    let tables = vec![line("Tables of logarithms, proofread", 12, 800)];
    let cards = vec![line("Punched cards, 1000", 3, 1_250), line("Difference engine, second hand", 1, 1_990_000)];
    let engine = vec![line("Analytical engine, plans", 1, 45_000)];
    [("i-3", InvoiceState::Open, 1_733_000_000, tables), ("i-2", InvoiceState::Paid, 1_731_500_000, engine)]
        .into_iter()
        .chain([("i-1", InvoiceState::Paid, 1_730_000_000, cards)])
        .map(|(id, state, created_at, lines)| invoice(id, state, created_at, lines))
}

fn euros(amount: i64) -> Option<Money> {
    Some(Money { currency: "EUR".into(), amount })
}

fn line(text: &str, quantity: u32, amount: i64) -> Line {
    Line { text: text.into(), quantity, unit_price: euros(amount) }
}

fn invoice(invoice_id: &str, state: InvoiceState, created_at: i64, lines: Vec<Line>) -> Invoice {
    let at = |seconds| Some(Timestamp { seconds, nanos: 0 });
    Invoice {
        invoice_id: invoice_id.into(),
        state,
        user: None,
        total: crate::total(&lines).ok(),
        lines,
        payment: Some(InvoicePayment::Transfer(TransferPayment { iban: "PT50000201231234567890154".into() })),
        created_at: at(created_at),
        due_at: at(created_at + 14 * DAY),
        note: None,
        labels: vec![("order".into(), "4711".into())],
    }
}
