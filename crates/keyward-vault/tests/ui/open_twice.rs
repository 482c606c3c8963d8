//! A proof opens once.
use keyward_access::Permit;
use keyward_types::Read;
use keyward_vault::{Recorded, Sealed, Vault};

fn twice(vault: &Vault, proof: Recorded<Permit<Read>>, sealed: &Sealed) {
    let _ = vault.open(proof, sealed);
    let _ = vault.open(proof, sealed);
}

fn main() {}
