//! A permit alone opens nothing.
use keyward_access::Permit;
use keyward_types::Read;
use keyward_vault::{Sealed, Vault};

fn open(vault: &Vault, permit: Permit<Read>, sealed: &Sealed) {
    let _ = vault.open(permit, sealed);
}

fn main() {}
