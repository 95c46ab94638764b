//! `cargo xtask demo`: the examples, served and called.

use miette::{IntoDiagnostic as _, miette};

use crate::okra::OkraBinary;

const SERVED: [&str; 5] = [
    "examples/hello",
    "examples/shop/users",
    "examples/shop/billing",
    "examples/shop/recommendations",
    "examples/chat",
];

/// The commands that are run, in order. The address of the server is inserted after the first word.
const CALLS: [&[&str]; 8] = [
    &["list"],
    &["describe", "greeter.v1.Greeter"],
    &["call", "greeter.v1.Greeter/Hello", r#"{"name":"Ada"}"#],
    &["call", "chat.v1.Chat/Talk", r#"{"text":"I am late."} {"text":"My clock stopped."}"#],
    &["call", "shop.billing.v1.Billing/GetInvoice", r#"{"invoiceId":"i-1"}"#],
    &["call", "shop.billing.v1.Billing/ListInvoices", r#"{"userId":"u-3","limit":2}"#],
    &["call", "shop.recommendations.v1.Recommendations/Recommend", r#"{"userId":"u-3","limit":3}"#],
    &[
        "call",
        "shop.billing.v1.Billing/CreateInvoice",
        r#"{"userId":"u-1","lines":[{"text":"Tea","quantity":2,"unitPrice":{"currency":"EUR","amount":"250"}}],"card":{"lastDigits":"4242"}}"#,
    ],
];

/// A call that the service refuses, to show an error.
const REFUSED: &[&str] = &["call", "shop.billing.v1.Billing/CreateInvoice", "{}"];

/// Builds everything, serves the examples, calls them and prints the responses.
pub(crate) fn run() -> miette::Result<()> {
    let okra = OkraBinary::build()?;
    println!("\n$ okra serve {}", SERVED.join(" "));
    let server = okra.serve(&SERVED, |line| println!("  {line}"))?;
    for call in CALLS {
        if !run_command(&okra, &server.address, call)? {
            return Err(miette!("the call failed"));
        }
    }
    if run_command(&okra, &server.address, REFUSED)? {
        return Err(miette!("an invoice without any field was accepted"));
    }
    server.stop()?;
    println!(
        "\nEach of these services is a WebAssembly component in a sandbox of its own. recommendations, in Python,"
    );
    println!("called billing, in Rust, and that called users, in Go, all by typed imports. Now make one:");
    println!("`cargo install --locked --path .`, then `okra new greeter --lang rust`, or go, or python.");
    Ok(())
}

/// Prints a command of `okra`, runs it against the server, and returns whether it succeeded.
fn run_command(okra: &OkraBinary, address: &str, command: &[&str]) -> miette::Result<bool> {
    let (name, rest) = command.split_first().ok_or_else(|| miette!("no command"))?;
    let quoted = rest.iter().map(|word| if word.starts_with('{') { format!(" '{word}'") } else { format!(" {word}") });
    println!("\n$ okra {name} {address}{}", quoted.collect::<String>());
    let status = okra.command().args([name, address]).args(rest).status().into_diagnostic()?;
    Ok(status.success())
}
