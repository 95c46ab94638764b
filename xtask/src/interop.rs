//! `cargo xtask interop`: gRPC's own interop client against a guest.

use std::process::Command;

use miette::{IntoDiagnostic as _, WrapErr as _, miette};

use crate::counts::TestCounts;
use crate::okra::OkraBinary;
use crate::tools::{self, PythonEnvironment};

/// The cases that need no credentials of a cloud, by their names in
/// <https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md>.
const CASES: [&str; 18] = [
    "empty_unary",
    "large_unary",
    "client_streaming",
    "server_streaming",
    "ping_pong",
    "empty_stream",
    "timeout_on_sleeping_server",
    "cancel_after_begin",
    "cancel_after_first_response",
    "custom_metadata",
    "status_code_and_message",
    "special_status_message",
    "unimplemented_method",
    "unimplemented_service",
    "pick_first_unary",
    "rpc_soak",
    "channel_soak",
    "orca_per_rpc",
];

/// Runs every case and counts them.
pub(crate) fn run(okra: &OkraBinary, python: &PythonEnvironment) -> miette::Result<TestCounts> {
    let client = tools::interop_client(python)?;
    let server = okra.serve(&["tests/guests/interop"], |line| eprintln!("{line}"))?;
    let (host, port) = server.address.rsplit_once(':').ok_or_else(|| miette!("no port in {}", server.address))?;
    let mut counts = TestCounts::default();
    for case in CASES {
        let mut command = Command::new(&client);
        command.args(["--server_host", host, "--server_port", port, "--test_case", case]);
        if case == "orca_per_rpc" {
            let config = r#"{"loadBalancingConfig": [{"test_backend_metrics_load_balancer": {}}]}"#;
            command.args(["--service_config_json", config]);
        }
        let output = command.output().into_diagnostic().wrap_err("cannot start the interop client")?;
        if output.status.success() {
            counts.passed += 1;
            println!("{case}: passed");
        } else {
            counts.failed += 1;
            println!("{case}: FAILED\n{}", String::from_utf8_lossy(&output.stderr));
        }
    }
    server.stop()?;
    println!("{counts}");
    Ok(counts)
}
