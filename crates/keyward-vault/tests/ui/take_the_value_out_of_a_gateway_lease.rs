//! A gateway applies what it has a lease of, and has no way to the value itself.
use keyward_vault::GatewayLease;

fn take(lease: GatewayLease) -> Vec<u8> {
    lease.lease.value.expose().clone()
}

fn main() {}
