//! Hostile packages: `okra` refuses them in time, within the limits of compiling, and says why; or it serves them, and what is
//! theirs stays theirs. The neighbour is served by another process meanwhile.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use miette::{IntoDiagnostic as _, bail, miette};
use okra::package::{Manifest, Package};
use okra_codegen::compile::compile;
use prost::Message as _;
use prost_types::{DescriptorProto, FileDescriptorProto, FileDescriptorSet};
use serde_json::Value;

use crate::okra::{OkraBinary, root};

/// The longest time until a package is served or refused.
const MAX_TIME: Duration = Duration::from_secs(30);

/// The limits of the servers of these packages.
const SERVER: &str = "[compile]\nmemory = \"512MiB\"\ncpu = \"10s\"\n";

/// Custom sections of packages.
const DESCRIPTORS: &str = "okra:descriptors";
const MANIFEST: &str = "okra:manifest";

/// Numbers of sections of a component.
const CUSTOM: u8 = 0;
const CORE_MODULE: u8 = 1;
const CORE_INSTANCE: u8 = 2;

/// An attack by a package.
pub(crate) struct PackageAttack {
    pub(crate) name: &'static str,
    run: fn(&Workshop<'_>) -> miette::Result<String>,
}

impl PackageAttack {
    /// Makes the package, in a folder of its own, and checks what becomes of it. Returns figures, for people.
    ///
    /// # Errors
    /// If the package does harm.
    pub(crate) fn run(&self, okra: &OkraBinary) -> miette::Result<String> {
        let folder = tempfile::tempdir().into_diagnostic()?;
        (self.run)(&Workshop { okra, folder: folder.path().to_owned() })
    }
}

/// The attacks by packages.
pub(crate) fn attacks() -> Vec<PackageAttack> {
    vec![
        PackageAttack { name: "a package with a message of google.protobuf that holds itself", run: loop_value },
        PackageAttack { name: "a package with a chain of 5,000 imports", run: import_chain },
        PackageAttack { name: "a package whose compiled code was torn", run: torn_code },
        PackageAttack { name: "a package with a huge function", run: huge_function },
        PackageAttack { name: "a package with 16 memories", run: many_memories },
        PackageAttack { name: "a package with unknown keys in its manifest", run: unknown_keys },
        PackageAttack { name: "a package that takes the path of another", run: taken_path },
        PackageAttack { name: "a package with the paths of all names", run: all_paths },
        PackageAttack { name: "a package that names a server of its own", run: own_server },
    ]
}

fn loop_value(workshop: &Workshop<'_>) -> miette::Result<String> {
    let message = DescriptorProto { name: Some("LoopValue".to_owned()), ..DescriptorProto::default() };
    let file = FileDescriptorProto {
        name: Some("loop.proto".to_owned()),
        package: Some("google.protobuf".to_owned()),
        message_type: vec![message],
        ..FileDescriptorProto::default()
    };
    let bytes = workshop.with_files(vec![file])?;
    workshop.refused(&bytes, "differs from protobuf's own")
}

fn import_chain(workshop: &Workshop<'_>) -> miette::Result<String> {
    let name = |number: usize| format!("chain/{number}.proto");
    let files = (0..5000).map(|number| FileDescriptorProto {
        name: Some(name(number)),
        dependency: (number > 0).then(|| name(number - 1)).into_iter().collect(),
        ..FileDescriptorProto::default()
    });
    let bytes = workshop.with_files(files.collect())?;
    let began = Instant::now();
    let server = workshop.serve(&[&workshop.write("chain", &bytes)?])?;
    // The first request of reflection makes the answers of all files.
    let listed = workshop.okra.command().args(["list", &server.address]).output().into_diagnostic()?;
    if !String::from_utf8_lossy(&listed.stdout).contains("test.withstand.v1.Hostile") {
        bail!("reflection does not answer: {}", String::from_utf8_lossy(&listed.stderr));
    }
    server.stop()?;
    within_time(began)
}

fn torn_code(workshop: &Workshop<'_>) -> miette::Result<String> {
    let package = workshop.write("torn", workshop.hostile()?.component())?;
    check_success(&workshop.check(&package)?)?;
    let files = fs::read_dir(workshop.cache().join("okra/compiled")).into_diagnostic()?;
    let path = files.flatten().next().ok_or_else(|| miette!("no code was kept"))?.path();
    let whole = fs::read(&path).into_diagnostic()?;
    let began = Instant::now();
    for length in [0, 1, whole.len() / 2, whole.len().saturating_sub(1)] {
        fs::write(&path, whole.get(..length).unwrap_or_default()).into_diagnostic()?;
        check_success(&workshop.check(&package)?)?;
    }
    within_time(began)
}

fn huge_function(workshop: &Workshop<'_>) -> miette::Result<String> {
    let locals = 2000;
    let block = |number: usize| {
        let (one, other) = (1 + number % locals, 1 + (number * 7 + 3) % locals);
        format!(
            "(block (br_if 0 (local.get 0)) (local.set {one} (i64.add (local.get {one}) (local.get {other}))) \
             (br_if 1 (local.get 0)))"
        )
    };
    let blocks: String = (0..10_000).map(block).collect();
    let locals = "i64 ".repeat(locals);
    let module = format!("(module (func (param i32) (local {locals}) (loop {blocks})))");
    let module = wat::parse_str(module).into_diagnostic()?;
    let bytes = with_section(workshop.hostile()?.component(), CORE_MODULE, &module);
    workshop.refused(&bytes, "compiling `hostile` takes more than")
}

fn many_memories(workshop: &Workshop<'_>) -> miette::Result<String> {
    // 16 MiB each, of 64 that the instance may have.
    let module = wat::parse_str(format!("(module {})", "(memory 256)".repeat(16))).into_diagnostic()?;
    let hostile = workshop.hostile()?;
    let number = u8::try_from(count_sections(hostile.component(), CORE_MODULE)?).into_diagnostic()?;
    let bytes = with_section(hostile.component(), CORE_MODULE, &module);
    // One instance, of this module, without arguments.
    let bytes = with_section(&bytes, CORE_INSTANCE, &[1, 0, number, 0]);
    workshop.refused(&bytes, "memor")
}

fn unknown_keys(workshop: &Workshop<'_>) -> miette::Result<String> {
    let hostile = workshop.hostile()?;
    let mut figures = String::new();
    for (key, value) in [("capabilities", Value::from("all")), ("version", Value::from("1.0 or so"))] {
        let mut manifest = serde_json::to_value(hostile.manifest()).into_diagnostic()?;
        let object = manifest.as_object_mut().ok_or_else(|| miette!("the manifest is an object"))?;
        object.insert(key.to_owned(), value);
        let manifest = serde_json::to_vec(&manifest).into_diagnostic()?;
        let bytes = with_section(hostile.component(), CUSTOM, &custom(MANIFEST, &manifest));
        figures = workshop.refused(&bytes, "the manifest cannot be read")?;
    }
    Ok(figures)
}

fn taken_path(workshop: &Workshop<'_>) -> miette::Result<String> {
    let neighbour = workshop.with_rule(&workshop.neighbour()?, "examples/hello", "rpc Hello", "/v1/{name}")?;
    let neighbour = workshop.write("neighbour", &neighbour)?;
    let hostile = workshop.with_rule(&workshop.hostile()?, "tests/guests/hostile", "rpc Spin", "/v1/{size}")?;
    let began = Instant::now();
    let output = workshop.serve_output(&[&neighbour, &workshop.write("hostile", &hostile)?])?;
    check_refusal(&output, "is the path of method `greeter.v1.Greeter.Hello` of package `hello`")?;
    check_refusal(&output, "package `hostile` has it for method `test.withstand.v1.Hostile.Spin`")?;
    within_time(began)
}

fn all_paths(workshop: &Workshop<'_>) -> miette::Result<String> {
    let neighbour = workshop.with_rule(&workshop.neighbour()?, "examples/hello", "rpc Hello", "/v1/hello")?;
    let hostile = workshop.with_rule(&workshop.hostile()?, "tests/guests/hostile", "rpc Spin", "/v1/**")?;
    let (hostile, neighbour) = (workshop.write("hostile", &hostile)?, workshop.write("neighbour", &neighbour)?);
    let began = Instant::now();
    let server = workshop.serve(&[&hostile, &neighbour])?;
    let answer = get(&server.address, "/v1/hello?name=Ada")?;
    if !answer.contains("Ada") {
        bail!("the neighbour's path leads elsewhere: {answer}");
    }
    server.stop()?;
    within_time(began)
}

fn own_server(workshop: &Workshop<'_>) -> miette::Result<String> {
    let hostile = workshop.hostile()?;
    let mut manifest = serde_json::to_value(hostile.manifest()).into_diagnostic()?;
    let object = manifest.as_object_mut().ok_or_else(|| miette!("the manifest is an object"))?;
    let service = "test.withstand.v1.Hostile";
    object.insert("calls".to_owned(), serde_json::json!([service]));
    object.insert("imports".to_owned(), serde_json::json!({ service: { "addresses": ["http://169.254.169.254"] } }));
    let manifest = serde_json::to_vec(&manifest).into_diagnostic()?;
    let bytes = with_section(hostile.component(), CUSTOM, &custom(MANIFEST, &manifest));
    workshop.refused(&bytes, "from http://169.254.169.254, which the operator does not allow")
}

/// Makes hostile packages of the guests that were built, and gives them to `okra`.
struct Workshop<'a> {
    okra: &'a OkraBinary,
    folder: PathBuf,
}

impl Workshop<'_> {
    fn hostile(&self) -> miette::Result<Package> {
        read("tests/guests/hostile/target/okra/hostile.wasm")
    }

    fn neighbour(&self) -> miette::Result<Package> {
        read("examples/hello/target/okra/hello.wasm")
    }

    fn cache(&self) -> PathBuf {
        self.folder.join("cache")
    }

    /// Writes a package, and returns its path.
    fn write(&self, name: &str, bytes: &[u8]) -> miette::Result<String> {
        let path = self.folder.join(format!("{name}.wasm"));
        fs::write(&path, bytes).into_diagnostic()?;
        Ok(path.display().to_string())
    }

    /// Returns the hostile guest's package with more files in its descriptors.
    fn with_files(&self, files: Vec<FileDescriptorProto>) -> miette::Result<Vec<u8>> {
        let hostile = self.hostile()?;
        let more = FileDescriptorSet { file: files }.encode_to_vec();
        // Two encoded sets behind each other are one.
        let descriptors = [hostile.descriptors(), &more].concat();
        Ok(with_section(hostile.component(), CUSTOM, &custom(DESCRIPTORS, &descriptors)))
    }

    /// Returns the package of a project with a path of REST for one of its methods.
    fn with_rule(&self, package: &Package, project: &str, method: &str, path: &str) -> miette::Result<Vec<u8>> {
        let protos = root().join(project).join("proto");
        let copy = self.folder.join("proto").join(project);
        let source = find_proto(&protos)?;
        let text = fs::read_to_string(&source).into_diagnostic()?;
        let (before, after) = text.split_once(method).ok_or_else(|| miette!("no {method}"))?;
        let (rest, after) = after.split_once(';').ok_or_else(|| miette!("no end of {method}"))?;
        let before = before.replacen("package ", "import \"google/api/annotations.proto\";\npackage ", 1);
        let text = format!("{before}{method}{rest} {{ option (google.api.http) = {{ get: \"{path}\" }}; }}{after}");
        let target = copy.join(source.strip_prefix(&protos).into_diagnostic()?);
        fs::create_dir_all(target.parent().unwrap_or(&copy)).into_diagnostic()?;
        fs::write(&target, text).into_diagnostic()?;
        let compiled = compile(&[copy], &[]).map_err(|error| miette!("{error}"))?;
        let manifest: &Manifest = package.manifest();
        Ok(Package::write(package.component(), &compiled.descriptors, manifest)?)
    }

    fn check(&self, package: &str) -> miette::Result<Output> {
        self.okra.command().args(["check", package]).env("XDG_CACHE_HOME", self.cache()).output().into_diagnostic()
    }

    /// Serves packages until they are refused.
    fn serve_output(&self, packages: &[&str]) -> miette::Result<Output> {
        let config = self.folder.join("server.toml");
        fs::write(&config, SERVER).into_diagnostic()?;
        let mut command = self.okra.command();
        command.arg("serve").args(packages).args(["--listen", "127.0.0.1:0", "--config"]).arg(config);
        command.env("XDG_CACHE_HOME", self.cache()).output().into_diagnostic()
    }

    fn serve(&self, packages: &[&str]) -> miette::Result<crate::okra::RunningServer> {
        self.okra.serve(packages, |_| ())
    }

    /// Checks that a package is refused in time, with these words.
    fn refused(&self, bytes: &[u8], words: &str) -> miette::Result<String> {
        let began = Instant::now();
        let output = self.serve_output(&[&self.write("hostile", bytes)?])?;
        check_refusal(&output, words)?;
        within_time(began)
    }
}

fn read(path: &str) -> miette::Result<Package> {
    Ok(Package::read(fs::read(root().join(path)).into_diagnostic()?)?)
}

/// Finds the only `.proto` file below a folder.
fn find_proto(folder: &Path) -> miette::Result<PathBuf> {
    for entry in fs::read_dir(folder).into_diagnostic()?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            return find_proto(&path);
        }
        if path.extension().is_some_and(|extension| extension == "proto") {
            return Ok(path);
        }
    }
    Err(miette!("no .proto in {}", folder.display()))
}

fn check_success(output: &Output) -> miette::Result<()> {
    match output.status.success() {
        true => Ok(()),
        false => Err(miette!("`okra check` ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr))),
    }
}

/// Checks that `okra` ended by itself with an error that has these words.
fn check_refusal(output: &Output, words: &str) -> miette::Result<()> {
    // Reports are broken into lines with a margin.
    let text = String::from_utf8_lossy(&output.stderr).replace('│', " ");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match output.status.code() {
        Some(1) if text.contains(words) => Ok(()),
        _ => Err(miette!("`okra serve` ended with {}, without `{words}`: {text}", output.status)),
    }
}

fn within_time(began: Instant) -> miette::Result<String> {
    let took = began.elapsed();
    if took <= MAX_TIME { Ok(format!("{took:.1?}")) } else { Err(miette!("it took {took:.1?}")) }
}

/// Returns a component with one section more.
fn with_section(component: &[u8], number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = component.to_vec();
    bytes.push(number);
    prost::encoding::encode_varint(content.len() as u64, &mut bytes);
    bytes.extend_from_slice(content);
    bytes
}

/// Returns the content of a custom section.
fn custom(name: &str, data: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    prost::encoding::encode_varint(name.len() as u64, &mut content);
    content.extend_from_slice(name.as_bytes());
    content.extend_from_slice(data);
    content
}

/// Counts the sections of a number in a component, without those of what is nested in it.
fn count_sections(component: &[u8], number: u8) -> miette::Result<usize> {
    let mut rest = component.get(8..).unwrap_or_default();
    let mut count = 0;
    while let Some((&found, mut behind)) = rest.split_first() {
        let length = prost::encoding::decode_varint(&mut behind).into_diagnostic()?;
        count += usize::from(found == number);
        let length = usize::try_from(length).into_diagnostic()?;
        rest = behind.get(length..).ok_or_else(|| miette!("a section is cut off"))?;
    }
    Ok(count)
}

/// Gets a page of a server.
fn get(address: &str, path: &str) -> miette::Result<String> {
    let mut stream = TcpStream::connect(address).into_diagnostic()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).into_diagnostic()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).into_diagnostic()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).into_diagnostic()?;
    Ok(answer)
}
