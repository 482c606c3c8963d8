//! What an engine answers is no proof: nothing turns it into one.
use keyward_access::Permit;
use keyward_store::Committed;
use keyward_types::Read;
use keyward_vault::Recorded;

fn mint(permit: Permit<Read>, committed: Committed) -> Recorded<Permit<Read>> {
    Recorded::from((permit, committed))
}

fn main() {}
