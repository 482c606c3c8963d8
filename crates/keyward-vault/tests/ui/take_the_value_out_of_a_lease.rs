//! A lease hands its value to nobody.
use keyward_vault::Lease;

fn take(lease: Lease) -> Vec<u8> {
    lease.value.expose().clone()
}

fn main() {}
