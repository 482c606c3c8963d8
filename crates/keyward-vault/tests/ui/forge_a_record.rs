//! Only `Vault::record` makes a recorded permit.
use keyward_access::Permit;
use keyward_types::Read;
use keyward_vault::Recorded;

fn forge(permit: Permit<Read>) -> Recorded<Permit<Read>> {
    Recorded { permit, index: 0, holding: None }
}

fn main() {}
