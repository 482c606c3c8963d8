//! A permit serves once, so it cannot be copied.
use keyward_access::Permit;
use keyward_types::Read;

fn copy(permit: &Permit<Read>) -> Permit<Read> {
    permit.clone()
}

fn main() {}
