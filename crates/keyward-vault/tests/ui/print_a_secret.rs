//! A secret has no `Display`.
use keyward_types::Secret;

fn print(secret: &Secret<String>) -> String {
    format!("{secret}")
}

fn main() {}
