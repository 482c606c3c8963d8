//! What a lease applies does not outlive the application.
use keyward_types::Timestamp;
use keyward_vault::Lease;

fn keep<'a>(lease: &'a Lease, now: Timestamp) -> Option<&'a [u8]> {
    lease.apply(now, |value| value)
}

fn main() {}
