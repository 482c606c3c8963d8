//! Recomputing MACs.

use std::num::NonZero;

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

/// The first row that does not verify. Many rows are shared out among the processor's cores: their
/// MACs take about as long as reading them.
pub(crate) fn first_invalid<'r>(
    mac: &dyn RecordMac,
    collection: &str,
    rows: &'r [StoredRecord],
) -> Option<&'r StoredRecord> {
    let find =
        |rows: &'r [StoredRecord]| rows.iter().find(|stored| mac_state(mac, collection, stored) == MacState::Invalid);
    let shares = (rows.len() / SHARE).clamp(1, MOST_THREADS);
    if shares == 1 {
        return find(rows);
    }
    let shares = shares.min(std::thread::available_parallelism().map_or(1, NonZero::get));
    let mut chunks = rows.chunks(rows.len().div_ceil(shares));
    let own = chunks.next()?;
    std::thread::scope(|scope| {
        let others: Vec<_> = chunks.map(|chunk| scope.spawn(move || find(chunk))).collect();
        let first = find(own);
        others.into_iter().fold(first, |first, other| {
            // A panic in the caller's MAC goes on in the caller's thread.
            let found = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            first.or(found)
        })
    })
}

/// Compares without stopping at the first difference, so that time tells nothing about the MAC.
fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    let difference = a.iter().zip(b).fold(0, |seen, (a, b)| seen | (a ^ b));
    std::hint::black_box(difference) == 0
}

/// Rows for which another core is worth a thread.
const SHARE: usize = 1_000;

/// A scan does not take more of a large machine than this.
const MOST_THREADS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls a record authentic whose MAC is full of its generation.
    struct Repeat;

    impl RecordMac for Repeat {
        fn mac(&self, _: &str, _: &[u8], generation: u64, _: &[u8], _: &[(String, Vec<u8>)]) -> [u8; 32] {
            [generation as u8; 32]
        }
    }

    #[test]
    fn the_first_bad_row_is_found_in_any_share() {
        let row = |key: u32| {
            let key = key.to_be_bytes().to_vec();
            let record = Record { key, generation: 7, value: Vec::new(), indexes: Vec::new() };
            StoredRecord { record, mac: Some([7; 32]) }
        };
        let mut rows: Vec<_> = (0..10_000).map(row).collect();
        assert_eq!(first_invalid(&Repeat, "c", &rows), None);
        assert_eq!(first_invalid(&Repeat, "c", &[]), None);
        for bad in [9_999, 7_000, 2_501, 2_499, 0] {
            rows[bad].mac = Some([8; 32]);
            assert_eq!(first_invalid(&Repeat, "c", &rows), Some(&rows[bad]));
        }
        rows[5].mac = None;
        assert_eq!(first_invalid(&Repeat, "c", &rows[1..]), Some(&rows[5]));
    }
}
