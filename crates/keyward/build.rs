//! Has the linker lay functions that run beside each other (`order.ld` says what that is good for). LLD, which
//! Rust brings, and GNU's take such a script; mold does not, so that whoever chose a linker has it left alone.

use std::env;

const ORDER: &str = "order.ld";

fn main() {
    println!("cargo::rerun-if-changed={ORDER}");
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| variable(name) == value;
    let chosen = variable("CARGO_ENCODED_RUSTFLAGS");
    let own_linker = !is("RUSTC_LINKER", "") || ["linker", "fuse-ld"].iter().any(|flag| chosen.contains(flag));
    if is("PROFILE", "release") && is("TARGET", "x86_64-unknown-linux-gnu") && !own_linker {
        let folder = variable("CARGO_MANIFEST_DIR");
        // Apart, as a folder's name may hold what divides arguments.
        println!("cargo::rustc-link-arg-bin=keyward=-T");
        println!("cargo::rustc-link-arg-bin=keyward={folder}/{ORDER}");
    }
}

#[allow(clippy::disallowed_methods, reason = "so does Cargo speak to build scripts")]
fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}
