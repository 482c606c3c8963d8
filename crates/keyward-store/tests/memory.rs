//! The in-memory engine keeps the rules that the durable engines keep.

use keyward_store::conformance::store_conformance;
use keyward_store::memory::Memory;

#[test]
fn the_memory_engine_conforms() {
    store_conformance(|| Box::new(Memory::new(|| 0)));
}
