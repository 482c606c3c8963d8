//! A proof serves once, so it cannot be copied.
use keyward_access::Permit;
use keyward_types::Read;
use keyward_vault::Recorded;

fn copy(proof: &Recorded<Permit<Read>>) -> Recorded<Permit<Read>> {
    proof.clone()
}

fn main() {}
