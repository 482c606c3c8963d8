//! Who may write may not apply what is there.
use keyward_access::Permit;
use keyward_types::Write;
use keyward_vault::{Recorded, Sealed, Vault};

fn lease(vault: &Vault, proof: Recorded<Permit<Write>>, sealed: &Sealed) {
    let _ = vault.lease(proof, sealed);
}

fn main() {}
