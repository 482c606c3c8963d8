//! What the store does with rows that it did not write. Each engine's own tests alter its files.

use super::kit::{HashChain, KeyedMac, log, open, put_indexed};
use crate::{Engine, Error, KeyRange, MacState};

pub(super) fn a_record_under_another_mac_is_refused(engine: Box<dyn Engine>) {
    let batch = log("forged").put(put_indexed("secret", b"a", &[("name", "x")]));
    engine.apply(&[batch], &KeyedMac(8), &HashChain)[0].clone().expect("engines do not verify");
    let store = open(engine);
    let tampered = Error::Tampered { collection: "secret".into(), key: b"a".to_vec() };
    assert_eq!(store.get("secret", b"a"), Err(tampered.clone()));
    assert_eq!(store.by_index("secret", "name", b"x"), Err(tampered.clone()));
    assert_eq!(store.scan("secret", &KeyRange::all(), None, 10), Err(tampered));
    let states: Vec<_> = store.reader().all_records().map(|checked| checked.expect("read").mac).collect();
    assert_eq!(states, [MacState::Invalid], "the row can be named nevertheless");
}
