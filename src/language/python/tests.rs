//! Machines with and without componentize-py.

#![allow(clippy::unwrap_used)]

use crate::language::fake_machine::{FakeMachine, help_text};
use crate::language::python::toolchain::PythonToolchain;
use crate::language::{PythonBuildError, ToolchainError};

/// A Python in whose environments pip brings a componentize-py of this version.
fn with_python(fake: &FakeMachine, version: &str) {
    let (pip, componentize) = (fake.path("pip"), fake.path("componentize-py"));
    FakeMachine::script(&componentize, &format!("echo componentize-py {version}"));
    FakeMachine::script(&pip, &format!("/bin/cp {} ${{0%/*}}/componentize-py", componentize.display()));
    let make = format!("/bin/mkdir -p $3/bin && /bin/cp {} $3/bin/pip", pip.display());
    fake.program("python3", &format!("case \"$1\" in -c) exit 0;; -m) {make};; esac"));
}

#[test]
fn without_python_the_error_says_how_it_comes() {
    let error = PythonToolchain::find_or_install(&FakeMachine::bare().machine()).unwrap_err();
    assert!(matches!(error, PythonBuildError::Toolchain(ToolchainError::NoPython)), "{error}");
    assert!(help_text(&error).contains("apt-get install python3 python3-venv"));
}

#[test]
fn componentize_py_is_looked_for_in_its_own_environment_and_brought_there() {
    let fake = FakeMachine::bare();
    with_python(&fake, "0.25.1");
    let error = PythonToolchain::find(&fake.machine()).unwrap_err();
    assert!(error.to_string().starts_with("componentize-py 0.25.1 is not installed in "), "{error}");
    assert!(help_text(&error).contains("okra doctor --fix"));
    let found = PythonToolchain::find_or_install(&fake.machine()).unwrap();
    assert_eq!(found.version, "componentize-py 0.25.1");
    assert_eq!(found.folder, fake.path("tools/componentize-py-0.25.1"));
}
