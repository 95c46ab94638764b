//! Tests of the command line against a gateway in this process.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::Write as _;

use clap::{CommandFactory as _, Parser as _};

use super::Cli;
use crate::gateway::fake::{GREETER, MOOD, Server};

struct Ran {
    code: String,
    out: String,
    err: String,
}

/// Runs a command line; a report is rendered as users see it, without colours.
async fn run(args: &[&str]) -> Ran {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let cli = Cli::try_parse_from([&["okra"], args].concat()).unwrap();
    let code = match cli.run(&mut out, &mut err).await {
        Ok(code) => format!("{code:?}"),
        Err(report) => {
            let handler = miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::none()).with_width(200);
            let mut text = String::new();
            handler.render_report(&mut text, report.as_ref()).unwrap();
            err.write_all(text.as_bytes()).unwrap();
            "report".to_owned()
        }
    };
    Ran { code, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}

fn exit(code: u8) -> String {
    format!("{:?}", std::process::ExitCode::from(code))
}

#[test]
fn the_command_line_is_well_formed() {
    Cli::command().debug_assert();
}

#[tokio::test]
async fn call_prints_the_response_as_json() {
    let server = Server::start().await;
    let address = server.address.to_string();
    let ran = run(&["call", &address, "greeter.v1.Greeter/Hello", r#"{"name": "Ada"}"#]).await;
    assert_eq!((ran.code, &*ran.out, &*ran.err), (exit(0), "{\n  \"message\": \"Hello, Ada!\"\n}\n", ""));
    let ran = run(&["call", &address, "greeter.v1.Greeter/Hello"]).await;
    assert_eq!(ran.out, "{\n  \"message\": \"Hello, !\"\n}\n");
}

#[tokio::test]
async fn call_takes_the_request_from_a_file() {
    let server = Server::start().await;
    let address = server.address.to_string();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(br#"{"name": "Grace"}"#).unwrap();
    let path = format!("@{}", file.path().display());
    let ran = run(&["call", &address, "greeter.v1.Greeter/Hello", &path]).await;
    assert!(ran.out.contains("Hello, Grace!"), "{}", ran.err);
    let ran = run(&["call", &address, "greeter.v1.Greeter/Hello", "@no-such-file"]).await;
    assert!(ran.err.contains("cannot read the request from `no-such-file`"), "{}", ran.err);
}

#[tokio::test]
async fn call_takes_the_types_from_files() {
    let server = Server::start().await;
    let address = server.address.to_string();
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("greeter/v1")).unwrap();
    for (name, text) in [("greeter/v1/greeter.proto", GREETER), ("greeter/v1/mood.proto", MOOD)] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let file = folder.path().join("greeter/v1/greeter.proto").display().to_string();
    let root = folder.path().display().to_string();
    let hello = ["call", &address, "greeter.v1.Greeter/Hello"];
    let ran = run(&[&hello[..], &["--proto", &file, "--proto-path", &root]].concat()).await;
    assert!(ran.out.contains("Hello, !"), "{}", ran.err);
    let ran = run(&[&hello[..], &["--proto-path", &root]].concat()).await;
    assert!(ran.out.contains("Hello, !"), "{}", ran.err);
    let ran = run(&[&hello[..], &["--proto", &file]].concat()).await;
    assert!(ran.err.contains("greeter/v1/mood.proto"), "{}", ran.err);
}

#[tokio::test]
async fn call_tells_a_failure_with_its_details() {
    let server = Server::start().await;
    let ran = run(&["call", &server.address.to_string(), "greeter.v1.Greeter/Fail"]).await;
    assert_eq!(ran.code, exit(64 + 9));
    assert_eq!(ran.out, "");
    assert_eq!(
        ran.err,
        "FAILED_PRECONDITION: not today: déjà vu\n  google.rpc.ErrorInfo {\"reason\":\"TIRED\",\"domain\":\"greeter\"}\n  \
         type.googleapis.com/x.Unknown CAE (base64)\n"
    );
}

#[tokio::test]
async fn call_sends_metadata_and_tells_it_when_asked() {
    let server = Server::start().await;
    let ran = run(&[
        "call",
        &server.address.to_string(),
        "greeter.v1.Greeter/Mirror",
        "-v",
        "-H",
        "Colour: red",
        "-H",
        "colour: blue: dark",
        "--header",
        "key-bin: AP8=",
    ])
    .await;
    let lines: Vec<_> = ran.err.lines().collect();
    let sent = ["> greeter.v1.Greeter/Mirror", ">   colour: red", ">   colour: blue: dark", ">   key-bin: AP8"];
    assert_eq!(lines.get(..4).unwrap(), sent);
    for received in [
        "<   colour: red",
        "<   colour: blue: dark",
        "<   key-bin: AP8",
        "<   checksum: c0ffee",
        "<   checksum-bin: AAH/",
    ] {
        assert!(lines.contains(&received), "{received}: {}", ran.err);
    }
    assert!(lines.last().unwrap().starts_with("< OK after "), "{}", ran.err);
}

#[tokio::test]
async fn call_prints_each_response_of_many_in_a_line() {
    let server = Server::start().await;
    let address = server.address.to_string();
    let ran = run(&["call", &address, "greeter.v1.Greeter/Repeat", r#"{"name": "Ada", "times": 2}"#]).await;
    let lines = "{\"message\":\"Hello, Ada! 1\"}\n{\"message\":\"Hello, Ada! 2\"}\n";
    assert_eq!((ran.code, &*ran.out, &*ran.err), (exit(0), lines, ""));
}

#[tokio::test]
async fn call_sends_many_requests() {
    let server = Server::start().await;
    let address = server.address.to_string();
    let names = "{\"name\": \"Ada\"}{\"name\": \"Grace\"}\n\n {\n\"name\": \"Mary\"}";
    let ran = run(&["call", &address, "greeter.v1.Greeter/Gather", names]).await;
    assert_eq!((&*ran.out, &*ran.err), ("{\n  \"message\": \"Hello, Ada, Grace, Mary!\"\n}\n", ""));
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let path = format!("@{}", file.path().display());
    let none = run(&["call", &address, "greeter.v1.Greeter/Chat", &path]).await;
    assert_eq!((none.code, &*none.out), (exit(0), ""));
    file.write_all(names.as_bytes()).unwrap();
    let ran = run(&["call", &address, "greeter.v1.Greeter/Chat", &path]).await;
    let lines = ["Ada", "Grace", "Mary"].map(|name| format!("{{\"message\":\"Hello, {name}!\"}}\n")).concat();
    assert_eq!((ran.code, ran.out), (exit(0), lines));
}

/// Hands on what is written, as a terminal shows it.
struct Screen(tokio::sync::mpsc::UnboundedSender<String>);

impl std::io::Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let _ = self.0.send(String::from_utf8_lossy(bytes).into_owned());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The next line on a screen.
async fn line(screen: &mut tokio::sync::mpsc::UnboundedReceiver<String>) -> String {
    let mut line = String::new();
    while !line.ends_with('\n') {
        line.push_str(&screen.recv().await.unwrap());
    }
    line
}

#[tokio::test]
async fn call_talks_back_and_forth_through_a_pipe() {
    let server = Server::start().await;
    let (reader, mut writer) = std::io::pipe().unwrap();
    let (screen, mut shown) = tokio::sync::mpsc::unbounded_channel();
    let path = format!("@/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reader));
    let args = ["okra", "call", &server.address.to_string(), "greeter.v1.Greeter/Chat", &path];
    let cli = Cli::try_parse_from(args).unwrap();
    let (mut out, mut err) = (Screen(screen), Vec::new());
    let calling = cli.run(&mut out, &mut err);
    let talking = async {
        for name in ["Ada", "Grace"] {
            writer.write_all(format!("{{\"name\": \"{name}\"}}\n").as_bytes()).unwrap();
            assert_eq!(line(&mut shown).await, format!("{{\"message\":\"Hello, {name}!\"}}\n"));
        }
        drop(writer);
    };
    let (code, ()) = tokio::join!(calling, talking);
    assert_eq!(format!("{:?}", code.unwrap()), exit(0));
}

#[tokio::test]
async fn call_ends_with_the_server_while_its_input_is_open() {
    let server = Server::start().await;
    server.release();
    let (reader, _writer) = std::io::pipe().unwrap();
    let path = format!("@/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reader));
    let ran = run(&["call", &server.address.to_string(), "greeter.v1.Greeter/Deaf", &path]).await;
    assert_eq!((ran.code, &*ran.out), (exit(0), "{\"message\":\"deaf\"}\n"));
}

#[tokio::test]
async fn call_prints_what_came_before_a_failure() {
    let server = Server::start().await;
    let address = server.address.to_string();
    let ran = run(&["call", &address, "greeter.v1.Greeter/Script", r#"{"name": "a fail"}"#, "-v"]).await;
    assert_eq!((ran.code, &*ran.out), (exit(64 + 9), "{\"message\":\"a\"}\n"));
    let lines: Vec<_> = ran.err.lines().collect();
    assert_eq!(lines.get(..4).unwrap(), ["> greeter.v1.Greeter/Script", "< headers", "< trailers", "<   late: owl"]);
    assert!(lines.get(4).unwrap().starts_with("< FAILED_PRECONDITION after "), "{}", ran.err);
    assert!(lines.get(4).unwrap().ends_with(" ms, 1 sent, 1 received"), "{}", ran.err);
    assert_eq!(lines.last(), Some(&"FAILED_PRECONDITION: not today"));
}

#[tokio::test]
async fn call_names_the_request_that_is_wrong() {
    let server = Server::start().await;
    let address = server.address.to_string();
    for (requests, number, wanted) in [
        (r#"{"name": "Ada"} {"nam": 1}"#, 2, "did you mean `name`?"),
        (r#"{"name": "Ada"} {} name"#, 3, "the request is not JSON: expected ident at line 1 column 21"),
        ("{", 1, "the request is not JSON: EOF while parsing"),
    ] {
        let ran = run(&["call", &address, "greeter.v1.Greeter/Gather", requests]).await;
        assert_eq!((&*ran.code, &*ran.out), ("report", ""));
        assert!(ran.err.contains(&format!("request message {number} cannot be sent")), "{}", ran.err);
        assert!(ran.err.contains(wanted), "{}", ran.err);
    }
    server.idle().await;
}

#[tokio::test]
async fn an_interrupt_cancels_the_call() {
    let mut server = Server::start().await;
    for (method, request) in [("Wait", "{}"), ("Script", r#"{"name": "a wait"}"#), ("Chat", "{}")] {
        let (path, address) = (format!("greeter.v1.Greeter/{method}"), server.address.to_string());
        let (reader, _writer) = std::io::pipe().unwrap();
        let open = format!("@/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reader));
        let request = if method == "Chat" { &*open } else { request };
        let cli = Cli::try_parse_from(["okra", "call", &address, &path, request]).unwrap();
        let super::Command::Call(args) = cli.command else { panic!("another command") };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let (interrupt, interrupted) = tokio::sync::oneshot::channel::<()>();
        let calling = args.run_until(async { drop(interrupted.await) }, &mut out, &mut err);
        let interrupting = async {
            let context = server.began.recv().await.unwrap();
            interrupt.send(()).unwrap();
            context
        };
        let (code, context) = tokio::join!(calling, interrupting);
        assert_eq!(format!("{:?}", code.unwrap()), exit(64 + 1), "{method}");
        assert_eq!(String::from_utf8(err).unwrap(), "CANCELLED: the call was interrupted\n");
        tokio::time::timeout(std::time::Duration::from_secs(5), context.cancellation.cancelled()).await.unwrap();
    }
    server.idle().await;
}

#[tokio::test]
async fn call_ends_at_its_timeout() {
    let server = Server::start().await;
    let ran = run(&["call", &server.address.to_string(), "greeter.v1.Greeter/Wait", "--timeout", "50ms"]).await;
    assert_eq!(ran.code, exit(64 + 4));
    assert!(ran.err.starts_with("DEADLINE_EXCEEDED: "), "{}", ran.err);
}

#[tokio::test]
async fn call_says_what_is_wrong_before_it_calls() {
    let server = Server::start().await;
    let address = server.address.to_string();
    let cases = [
        (&["greeter.v1.Greeter/Helo"][..], "did you mean `Hello`?"),
        (&["greeter.v1.Greeter/Hello", r#"{"nam": 1}"#], "did you mean `name`?"),
        (&["greeter.v1.Greeter/Hello", "name"], "the request is not JSON"),
    ];
    for (args, wanted) in cases {
        let ran = run(&[&["call", &address], args].concat()).await;
        assert_eq!(ran.code, "report");
        assert!(ran.err.contains(wanted), "{}", ran.err);
    }
    assert!(server.fake.last.lock().unwrap().is_none());
}

#[test]
fn wrong_arguments_are_refused_by_name() {
    for (header, wanted) in [
        ("colour", "expected `NAME: VALUE`"),
        ("key-bin: %%%", "the value of `key-bin` is not base64"),
        ("te: x", "belongs to the protocol"),
        ("colour: é", "is not printable ASCII"),
    ] {
        let error = Cli::try_parse_from(["okra", "call", "a:1", "s/m", "-H", header]).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
    let error = Cli::try_parse_from(["okra", "call", "a:1", "s/m", "--timeout", "soon"]).unwrap_err().to_string();
    assert!(error.contains("--timeout"), "{error}");
}

#[tokio::test]
async fn list_prints_services_and_methods() {
    let server = Server::start().await;
    let address = server.address.to_string();
    let services = run(&["list", &address]).await.out;
    assert_eq!(services.lines().next(), Some("greeter.v1.Greeter"));
    assert_eq!(services.lines().count(), 4);
    let methods = run(&["list", &address, "greeter.v1.Greeter"]).await.out;
    assert!(methods.starts_with("greeter.v1.Greeter/Echo\ngreeter.v1.Greeter/Hello\n"), "{methods}");
    assert!(run(&["list", &address, "greeter.v1.Greter"]).await.err.contains("did you mean `greeter.v1.Greeter`?"));
}

#[tokio::test]
async fn describe_prints_definitions() {
    let server = Server::start().await;
    let address = server.address.to_string();
    let text = run(&["describe", &address, "greeter.v1.HelloReply"]).await.out;
    assert_eq!(
        text,
        "// greeter/v1/greeter.proto\npackage greeter.v1;\n\nmessage HelloReply {\n  string message = 1;\n}\n"
    );
    assert!(run(&["describe", &address, "grpc.health.v1.Health"]).await.out.contains("service Health {"));
    assert!(run(&["describe", &address, "greeter.v1.Nobody"]).await.err.contains("the services are:"));
}
