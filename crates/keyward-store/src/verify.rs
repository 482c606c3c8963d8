//! Recomputing MACs.

use crate::{Record, RecordMac, StoredRecord};

/// Whether a record's MAC verifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MacState {
    /// It is authentic.
    Valid,
    /// It was altered, or moved here from another place.
    Invalid,
}

pub(crate) fn mac_state(mac: &dyn RecordMac, collection: &str, stored: &StoredRecord) -> MacState {
    let Record { key, generation, value, indexes } = &stored.record;
    match stored.mac {
        Some(found) if same(&found, &mac.mac(collection, key, *generation, value, indexes)) => MacState::Valid,
        _ => MacState::Invalid,
    }
}

/// Compares without stopping at the first difference, so that time tells nothing about the MAC.
fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    let difference = a.iter().zip(b).fold(0, |seen, (a, b)| seen | (a ^ b));
    std::hint::black_box(difference) == 0
}
