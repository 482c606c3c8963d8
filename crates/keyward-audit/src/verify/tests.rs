use std::collections::BTreeMap;

use keyward_store::LogRow;
use proptest::prelude::*;

use super::*;
use crate::checkpoint::origin;
use crate::note::{Ed25519Signer, Signer};
use crate::private::commit;
use crate::{Action, Error, Hash, Integrator, Outcome, RecordChange};

const SALT: [u8; 32] = [5; 32];

/// A log with records, made as the vault makes them, that tests then tamper with.
#[derive(Clone)]
struct World {
    rows: Vec<LogRow>,
    head: Option<Vec<u8>>,
    header: Option<Hash>,
    records: BTreeMap<(String, Vec<u8>), Present>,
    counters: Vec<ReadCounter>,
    checkpoints: Vec<String>,
}

fn signer(vault: &str) -> Ed25519Signer {
    Ed25519Signer::new(&origin(vault), &[1; 32]).unwrap()
}

fn keys() -> [VerifierKey; 1] {
    [signer("v").verifier().clone()]
}

fn entry(n: u64) -> Entry {
    let time = format!("2026-11-23T21:43:{:02}.{:03}Z", n / 1000 % 60, n % 1000);
    let commit = commit(&SALT, n.to_string().as_bytes());
    Entry::new(Action::SecretWrite, Outcome::Allowed, "owner", "v", time, commit)
}

fn change(key: &str, state: Option<&str>) -> RecordChange {
    RecordChange { collection: "heads".into(), key: key.into(), hash: state.map(|s| Hash::of(s.as_bytes())) }
}

impl World {
    /// `count` entries, each a commit of its own, that write, delete and read five records.
    fn new(count: u64) -> World {
        let mut world = World {
            rows: Vec::new(),
            head: None,
            header: None,
            records: BTreeMap::new(),
            counters: Vec::new(),
            checkpoints: Vec::new(),
        };
        let integrator = Integrator::new(signer("v"));
        for n in 0..count {
            let mut entry = entry(n);
            match n % 7 {
                6 => world.read(&mut entry),
                5 => world.change(&mut entry, change("k3", None)),
                _ => world.change(&mut entry, change(&format!("k{}", n % 5), Some(&n.to_string()))),
            }
            if n % 40 == 0 {
                entry.header = Some(Hash::of(&n.to_be_bytes()));
                world.header = entry.header;
            }
            if n == 30 {
                entry.action = Action::EpochBegin;
                entry.checkpoint = world.checkpoints.last().cloned();
            }
            if n == 35 {
                entry.action = Action::LogCheckpoint;
                entry.checkpoint = Some(world.checkpoints[20].clone());
            }
            world.append(&integrator, &entry);
        }
        world
    }

    fn append(&mut self, integrator: &Integrator<Ed25519Signer>, entry: &Entry) {
        let (index, public) = (self.rows.len() as u64, entry.canonical().unwrap());
        let private = [SALT.as_slice(), index.to_string().as_bytes()].concat();
        let head = integrator.extend(self.head.as_deref(), index, &[&public]).unwrap();
        self.checkpoints.push(crate::head::Head::decode(&head).unwrap().checkpoint);
        self.head = Some(head);
        self.rows.push(LogRow { index, public, private });
    }

    fn change(&mut self, entry: &mut Entry, change: RecordChange) {
        let place = (change.collection.clone(), change.key.clone());
        match change.hash {
            Some(hash) => drop(self.records.insert(place, Present::Authentic(hash))),
            None => drop(self.records.remove(&place)),
        }
        entry.records.push(change);
    }

    fn read(&mut self, entry: &mut Entry) {
        entry.action = Action::SecretRead;
        (entry.secret, entry.version, entry.count) = (Some("s".into()), Some(2), Some(3));
        match self.counters.first_mut() {
            Some(counter) => counter.count += 3,
            None => {
                let (principal, secret) = ("owner".into(), "s".into());
                self.counters.push(ReadCounter { principal, secret, version: 2, count: 3 });
            }
        }
    }

    fn verify(&self) -> Report {
        self.verify_against(&[])
    }

    fn verify_against(&self, against: &[String]) -> Report {
        let open = |_: &Entry, sealed: &[u8]| Ok(Some(Zeroizing::new(sealed.to_vec())));
        let keys = keys();
        let verifier = Verifier::new(&keys).against(against).open_private(&open).reads(&self.counters);
        verifier.log_and_records(&self.rows, self.head.as_deref(), self)
    }

    fn faults(&self) -> Vec<Fault> {
        self.verify().faults
    }
}

impl Records for World {
    fn header(&self) -> Result<Option<Hash>, String> {
        Ok(self.header)
    }

    fn records(&self) -> Box<dyn Iterator<Item = Result<PresentRecord, String>> + '_> {
        let record = |((collection, key), state): (&(String, Vec<u8>), &Present)| {
            Ok(PresentRecord { collection: collection.clone(), key: key.clone(), state: *state })
        };
        Box::new(self.records.iter().map(record))
    }
}

fn place(key: &str) -> (String, Vec<u8>) {
    ("heads".into(), key.into())
}

#[test]
fn what_was_not_touched_holds() {
    for count in [0, 1, 2, 7, 64, 100] {
        let world = World::new(count);
        let report = world.verify_against(&world.checkpoints);
        assert_eq!(report.faults, []);
        assert_eq!((report.first, report.size, report.records), (0, count, world.records.len() as u64));
        assert_eq!(report.checkpoint.map_or(0, |checkpoint| checkpoint.size), count);
    }
}

#[test]
fn a_flipped_byte_is_named() {
    let mut world = World::new(50);
    let text = String::from_utf8(world.rows[17].public.clone()).unwrap();
    world.rows[17].public = text.replace("owner", "other").into_bytes();
    // Still an entry: the checkpoints in entries 30 and 35 enclose it.
    let faults = world.faults();
    assert!(faults.contains(&Fault::Forked { outside: Outside::Entry(35), signed: 21 }), "{faults:?}");
    assert!(faults.contains(&Fault::Altered { after: 0, before: 21 }), "{faults:?}");
    let outside = [world.checkpoints[9].clone(), world.checkpoints[18].clone()];
    let faults = world.verify_against(&outside).faults;
    assert!(faults.contains(&Fault::Forked { outside: Outside::Given(1), signed: 19 }), "{faults:?}");
    assert!(faults.contains(&Fault::Altered { after: 10, before: 21 }), "{faults:?}");
    world.rows[17].public = text.replace("\"v\":1", "\"v\": 1").into_bytes();
    assert!(world.faults().iter().any(|fault| matches!(fault, Fault::Entry { index: 17, .. })));
}

#[test]
fn a_deleted_a_swapped_and_a_moved_entry_are_named() {
    let good = World::new(50);
    let mut deleted = good.clone();
    deleted.rows.remove(17);
    assert_eq!(deleted.faults()[0], Fault::Gap { expected: 17, found: 18 });
    assert!(deleted.faults().iter().all(|fault| !matches!(fault, Fault::Truncated { .. } | Fault::Altered { .. })));
    let mut moved = good.clone();
    moved.rows.swap(17, 18);
    assert_eq!(moved.faults()[0], Fault::Gap { expected: 17, found: 18 });
    assert_eq!(moved.faults()[1], Fault::Order { expected: 19, found: 17 });
    let mut swapped = good.clone();
    let (one, other) = (good.rows[17].public.clone(), good.rows[18].public.clone());
    (swapped.rows[17].public, swapped.rows[18].public) = (other, one);
    let faults = swapped.faults();
    assert!(faults.contains(&Fault::Private { index: 17, why: Error::Commitment }), "{faults:?}");
    assert!(faults.contains(&Fault::Altered { after: 0, before: 21 }), "{faults:?}");
}

#[test]
fn a_cut_log_is_named() {
    let mut world = World::new(50);
    world.rows.truncate(45);
    assert!(world.faults().contains(&Fault::Truncated { entries: 45, signed: 50 }));
    world.rows.clear();
    assert!(world.faults().contains(&Fault::Truncated { entries: 0, signed: 50 }));
}

#[test]
fn entries_that_nobody_signed_are_named() {
    let mut world = World::new(50);
    let (index, public) = (50, entry(50).canonical().unwrap());
    let private = [SALT.as_slice(), b"50"].concat();
    world.rows.push(LogRow { index, public, private });
    assert_eq!(world.faults(), [Fault::Unsigned { entries: 51, signed: 50 }]);
    world.head = None;
    assert_eq!(world.faults(), [Fault::NoHead]);
    world.head = Integrator::new(signer("other")).extend(None, 0, &[]).ok();
    assert_eq!(world.faults(), [Fault::Head(Error::Unsigned)]);
}

#[test]
fn a_store_put_back_whole_is_found_by_an_outside_checkpoint_alone() {
    let (old, new) = (World::new(40), World::new(50));
    assert_eq!(old.faults(), []);
    let outside = [new.checkpoints[49].clone()];
    let found = old.verify_against(&outside).faults;
    assert_eq!(found, [Fault::Older { outside: Outside::Given(0), signed: 50, entries: 40 }]);
    assert_eq!(new.verify_against(&outside).faults, []);
}

#[test]
fn a_forked_log_is_found_by_an_outside_checkpoint() {
    let good = World::new(30);
    let mut fork = World::new(29);
    let integrator = Integrator::new(signer("v"));
    let mut other = entry(29);
    other.principal = "other".into();
    fork.append(&integrator, &other);
    let found = fork.verify_against(&[good.checkpoints[29].clone()]).faults;
    assert!(found.contains(&Fault::Forked { outside: Outside::Given(0), signed: 30 }), "{found:?}");
    let mut head_of_fork = good.clone();
    head_of_fork.head = fork.head.clone();
    for outside in [&[][..], &good.checkpoints[29..]] {
        let found = head_of_fork.verify_against(outside).faults;
        assert!(found.contains(&Fault::HeadForked { signed: 30 }), "{found:?}");
    }
    let forged = good.checkpoints[29].replace("\n30\n", "\n29\n");
    let found = good.verify_against(&[forged]).faults;
    assert!(matches!(found[..], [Fault::Checkpoint { outside: Outside::Given(0), .. }]), "{found:?}");
}

#[test]
fn an_altered_private_part_is_named() {
    let mut world = World::new(20);
    world.rows[11].private[33] ^= 1;
    assert_eq!(world.faults(), [Fault::Private { index: 11, why: Error::Commitment }]);
    let erased = |_: &Entry, _: &[u8]| Ok(None);
    let keys = keys();
    assert!(Verifier::new(&keys).open_private(&erased).log(&world.rows, world.head.as_deref()).holds());
}

#[test]
fn an_entry_of_another_vault_is_named() {
    let mut world = World::new(3);
    let mut other = entry(3);
    other.vault = "w".into();
    world.append(&Integrator::new(signer("v")), &other);
    assert!(world.faults().contains(&Fault::Vault { index: 3, found: "w".into() }));
}

#[test]
fn an_epoch_begins_with_the_checkpoint_of_all_before_it() {
    let integrator = Integrator::new(signer("v"));
    let mut world = World::new(20);
    let mut begin = entry(20);
    begin.action = Action::EpochBegin;
    let bare = {
        let mut world = world.clone();
        world.append(&integrator, &begin);
        world
    };
    assert!(matches!(bare.faults()[..], [Fault::Entry { index: 20, .. }]));
    begin.checkpoint = World::new(30).checkpoints.last().cloned();
    world.append(&integrator, &begin);
    assert!(matches!(world.faults()[..], [Fault::Checkpoint { outside: Outside::Entry(20), .. }]));
}

#[test]
fn records_are_compared_with_their_last_entries() {
    let good = World::new(50);
    let faults = |tamper: &dyn Fn(&mut World)| {
        let mut world = good.clone();
        tamper(&mut world);
        world.faults()
    };
    let (collection, key) = place("k1");
    let at = |to: Option<u64>| match to {
        Some(to) => Fault::RecordRolledBack { collection: "heads".into(), key: b"k1".into(), to, last: 46 },
        None => Fault::RecordAltered { collection: "heads".into(), key: b"k1".into(), last: 46 },
    };
    let set = |world: &mut World, key: &str, state| {
        world.records.insert(place(key), state);
    };
    let rolled_back = |world: &mut World| set(world, "k1", Present::Authentic(Hash::of(b"31")));
    assert_eq!(faults(&rolled_back), [at(Some(31))]);
    let altered = |world: &mut World| set(world, "k1", Present::Authentic(Hash::of(b"never")));
    assert_eq!(faults(&altered), [at(None)]);
    let foreign = |world: &mut World| set(world, "k9", Present::Authentic(Hash::of(b"1")));
    assert_eq!(faults(&foreign), [Fault::RecordUnlogged { collection: "heads".into(), key: b"k9".into() }]);
    let forged = |world: &mut World| set(world, "k1", Present::Forged);
    assert_eq!(faults(&forged), [Fault::RecordMac { collection: collection.clone(), key: key.clone() }]);
    let missing = |world: &mut World| {
        world.records.remove(&place("k1"));
    };
    assert_eq!(faults(&missing), [Fault::RecordMissing { collection, key, last: 46 }]);
}

#[test]
fn a_deleted_record_that_came_back_is_named() {
    let mut world = World::new(49);
    assert!(!world.records.contains_key(&place("k3")));
    world.records.insert(place("k3"), Present::Authentic(Hash::of(b"43")));
    let (collection, key) = place("k3");
    assert_eq!(world.faults(), [Fault::RecordUndeleted { collection, key, last: 47 }]);
}

#[test]
fn a_deleted_record_is_told_from_one_of_a_dropped_epoch() {
    let mut world = World::new(50);
    let mut base = Frontier::new();
    world.rows.iter().take(32).for_each(|row| base.push(crate::merkle::leaf_hash(&row.public)));
    world.rows.drain(..32);
    world.records.insert(place("k3"), Present::Authentic(Hash::of(b"3")));
    world.records.insert(place("k9"), Present::Authentic(Hash::of(b"in a dropped epoch")));
    let keys = keys();
    let found = Verifier::new(&keys).base(&base).log_and_records(&world.rows, world.head.as_deref(), &world).faults;
    let (collection, key) = place("k3");
    assert_eq!(found, [Fault::RecordUndeleted { collection, key, last: 47 }]);
}

#[test]
fn a_header_that_was_put_back_is_named() {
    let mut world = World::new(50);
    world.header = Some(Hash::of(&0u64.to_be_bytes()));
    assert_eq!(world.faults(), [Fault::HeaderRolledBack { to: 0, last: 40 }]);
    world.header = None;
    assert_eq!(world.faults(), [Fault::HeaderAltered { last: 40 }]);
}

#[test]
fn counters_are_compared_with_the_entries() {
    let mut world = World::new(50);
    let fault =
        |logged, counted| Fault::Reads { principal: "owner".into(), secret: "s".into(), version: 2, logged, counted };
    world.counters[0].count += 1;
    assert_eq!(world.faults(), [fault(21, 22)]);
    world.counters.clear();
    assert_eq!(world.faults(), [fault(21, 0)]);
}

#[test]
fn a_log_without_its_dropped_epochs_holds() {
    let mut world = World::new(50);
    let mut base = Frontier::new();
    world.rows.iter().take(32).for_each(|row| base.push(crate::merkle::leaf_hash(&row.public)));
    world.rows.drain(..32);
    world.counters[0].count += 5;
    let keys = keys();
    let verify = |world: &World, base: &Frontier, against: &[String]| {
        let verifier = Verifier::new(&keys).base(base).against(against).reads(&world.counters);
        verifier.log_and_records(&world.rows, world.head.as_deref(), world)
    };
    let report = verify(&world, &base, &world.checkpoints[31..]);
    assert_eq!((report.first, report.size, report.faults), (32, 50, vec![]));
    let report = verify(&world, &base, &world.checkpoints[10..11]);
    assert!(matches!(report.faults[..], [Fault::Checkpoint { .. }]), "{:?}", report.faults);
    let report = verify(&world, &Frontier::new(), &[]);
    assert_eq!(report.faults[0], Fault::Gap { expected: 0, found: 32 });
}

#[test]
fn faults_without_end_are_counted_not_kept() {
    let mut world = World::new(1);
    world.rows = (0..3000).map(|n| LogRow { index: n, public: b"{}".into(), private: Vec::new() }).collect();
    let report = world.verify();
    assert_eq!(report.faults.len(), MAX_FAULTS);
    assert!(report.more > 1990);
}

/// How a test alters a log, with numbers that are reduced to what is there.
#[derive(Debug, Clone)]
enum Tamper {
    Flip(usize, usize, u8),
    FlipPrivate(usize, usize, u8),
    FlipHead(usize, u8),
    Swap(usize, usize),
    SwapRows(usize, usize),
    Delete(usize),
    Renumbered(usize),
    Duplicate(usize),
    Truncate(usize),
    Rollback(usize),
}

fn any_tamper() -> impl Strategy<Value = Tamper> {
    let (n, bit) = (0usize..10_000, 0u8..8);
    prop_oneof![
        (n.clone(), n.clone(), bit.clone()).prop_map(|(a, b, c)| Tamper::Flip(a, b, c)),
        (n.clone(), n.clone(), bit.clone()).prop_map(|(a, b, c)| Tamper::FlipPrivate(a, b, c)),
        (n.clone(), bit).prop_map(|(a, b)| Tamper::FlipHead(a, b)),
        (n.clone(), n.clone()).prop_map(|(a, b)| Tamper::Swap(a, b)),
        (n.clone(), n.clone()).prop_map(|(a, b)| Tamper::SwapRows(a, b)),
        n.clone().prop_map(Tamper::Delete),
        n.clone().prop_map(Tamper::Renumbered),
        n.clone().prop_map(Tamper::Duplicate),
        n.clone().prop_map(Tamper::Truncate),
        n.prop_map(Tamper::Rollback),
    ]
}

fn flip(bytes: &mut [u8], at: usize, bit: u8) {
    let at = at % bytes.len();
    bytes[at] ^= 1 << bit;
}

/// Returns false when nothing changed.
fn tamper(world: &mut World, with: &Tamper) -> bool {
    let count = world.rows.len();
    match *with {
        Tamper::Flip(row, at, bit) => flip(&mut world.rows[row % count].public, at, bit),
        Tamper::FlipPrivate(row, at, bit) => flip(&mut world.rows[row % count].private, at, bit),
        Tamper::FlipHead(at, bit) => flip(world.head.as_mut().unwrap(), at, bit),
        Tamper::Swap(a, b) => world.rows.swap(a % count, b % count),
        Tamper::SwapRows(a, b) => {
            world.rows.swap(a % count, b % count);
            renumber(&mut world.rows);
        }
        Tamper::Delete(row) => drop(world.rows.remove(row % count)),
        Tamper::Renumbered(row) => {
            world.rows.remove(row % count);
            renumber(&mut world.rows);
        }
        Tamper::Duplicate(row) => {
            let copy = world.rows[row % count].clone();
            world.rows.insert(row % count, copy);
            renumber(&mut world.rows);
        }
        Tamper::Truncate(to) => world.rows.truncate(to % count),
        Tamper::Rollback(to) => {
            let old = World::new((to % count) as u64);
            (world.rows, world.head) = (old.rows, old.head);
        }
    }
    match *with {
        Tamper::Swap(a, b) | Tamper::SwapRows(a, b) => a % count != b % count,
        _ => true,
    }
}

fn renumber(rows: &mut [LogRow]) {
    for (index, row) in (0..).zip(rows) {
        row.index = index;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn every_alteration_is_found(count in 1u64..60, with in any_tamper()) {
        let good = World::new(count);
        let mut bad = good.clone();
        let changed = tamper(&mut bad, &with);
        let report = bad.verify_against(&good.checkpoints[good.checkpoints.len() - 1..]);
        prop_assert_eq!(report.holds(), !changed, "{:?}", report.faults);
    }
}
