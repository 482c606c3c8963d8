//! A permit is recorded once.
use keyward_access::Permit;
use keyward_types::Read;
use keyward_vault::{Actor, Loaded, Vault, Via};

fn twice(vault: &Vault, actor: &Actor, permit: Permit<Read>, loaded: &Loaded) {
    let _ = vault.record(actor, vec![(permit, loaded)], Via::Read);
    let _ = vault.record(actor, vec![(permit, loaded)], Via::Read);
}

fn main() {}
