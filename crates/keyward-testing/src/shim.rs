//! Small libraries that are put between a process and the system by `LD_PRELOAD`.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Compiles `source`, which is C, into the shared library `library`.
///
/// # Panics
/// Without a C compiler, which building SQLite needs as well.
pub(crate) fn compile(source: &str, library: &Path) {
    let mut compiler = Command::new("cc")
        .args(["-x", "c", "-O1", "-shared", "-fPIC", "-Wall", "-Werror", "-o"])
        .arg(library)
        .arg("-")
        .stdin(Stdio::piped())
        .spawn()
        .expect("`cc`, which builds SQLite too, can be started");
    let mut input = compiler.stdin.take().expect("it is piped");
    input.write_all(source.as_bytes()).expect("the compiler reads its source");
    drop(input);
    assert!(compiler.wait().expect("the compiler ends").success(), "the shim compiles");
}
