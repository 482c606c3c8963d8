//! What every engine must do, as one suite. Call it from an engine's `tests/*.rs`:
//!
//! ```no_run
//! # use keyward_store::{conformance::store_conformance, memory::Memory};
//! store_conformance(|| Box::new(Memory::new(|| 0)));
//! ```
//!
//! A failing case panics and names what did not hold.

mod commits;
mod groups;
mod kit;
mod loading;
mod reading;
mod tampering;

pub use kit::{HashChain, KeyedMac};

use crate::Engine;

/// Runs every case twice, each time on a fresh, empty engine: with a store that asks the engine each
/// time, and with one that remembers what it was told.
///
/// # Panics
/// When the engine does not conform.
pub fn store_conformance(mut make_engine: impl FnMut() -> Box<dyn Engine>) {
    for remembering in [false, true] {
        kit::remember(remembering);
        for case in CASES {
            case(make_engine());
        }
    }
    kit::remember(false);
}

const CASES: &[fn(Box<dyn Engine>)] = &[
    commits::an_empty_store_is_empty,
    commits::a_batch_changes_records_and_log_together,
    commits::generations_grow_and_are_not_reused,
    commits::changes_are_made_in_order,
    commits::expectations_are_judged,
    commits::headers_are_exchanged,
    commits::meta_is_kept,
    groups::a_conflict_is_refused_alone,
    groups::later_batches_see_earlier_ones,
    groups::a_refusing_log_head_refuses_all,
    groups::the_log_head_is_extended_once_a_group,
    groups::many_threads_leave_a_dense_log,
    groups::a_panic_wedges_nobody,
    groups::who_does_not_wait_is_told,
    groups::a_store_ends_when_all_are_told,
    groups::a_store_may_end_in_a_call,
    loading::a_store_is_loaded_whole,
    loading::only_an_empty_store_is_loaded,
    loading::a_refused_source_leaves_nothing,
    reading::scans_follow_range_cursor_and_limit,
    reading::long_ranges_are_mapped_in_order,
    reading::collections_are_apart,
    reading::indexes_follow_their_records,
    reading::the_log_is_read_by_index,
    reading::a_snapshot_stands_still,
    reading::everything_can_be_listed,
    tampering::a_record_under_another_mac_is_refused,
    tampering::a_forged_record_ends_a_long_range,
];
