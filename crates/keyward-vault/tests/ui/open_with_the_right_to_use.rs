//! The right to use a value is not the right to have it.
use keyward_access::Permit;
use keyward_types::Use;
use keyward_vault::{Recorded, Sealed, Vault};

fn open(vault: &Vault, proof: Recorded<Permit<Use>>, sealed: &Sealed) {
    let _ = vault.open(proof, sealed);
}

fn main() {}
