//! What the store does with rows that it did not write. Each engine's own tests alter its files.

use super::kit::{HashChain, KeyedMac, log, open, put, put_indexed};
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

pub(super) fn a_forged_record_ends_a_long_range(engine: Box<dyn Engine>) {
    let many = (0_u32..2_000).fold(log("many"), |batch, n| batch.put(put("secret", &n.to_be_bytes(), b"")));
    let forged = log("forged").put(put("secret", &1_500_u32.to_be_bytes(), b"other"));
    engine.apply(&[many], &KeyedMac(7), &HashChain)[0].clone().expect("written");
    engine.apply(&[forged], &KeyedMac(8), &HashChain)[0].clone().expect("engines do not verify");
    let store = open(engine);
    let tampered = Error::Tampered { collection: "secret".into(), key: 1_500_u32.to_be_bytes().to_vec() };
    assert_eq!(store.map("secret", &KeyRange::all(), |_| Ok::<_, Error>(())), Err(tampered));
}
