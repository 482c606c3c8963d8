use proptest::prelude::*;

use super::*;

/// The leaves of the well-known test tree of the Certificate Transparency project.
const LEAVES: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];

/// Its roots at sizes 1 to 8.
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

const A: &str = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7";
const B: &str = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";
const C: &str = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4";
const D: &str = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b";
const E: &str = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";
const F: &str = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a";

fn hex(text: &str) -> Hash {
    Hash::from_hex(text).unwrap()
}

fn leaves() -> Vec<Hash> {
    LEAVES.iter().map(|leaf| leaf_hash(leaf)).collect()
}

fn numbered(count: u64) -> Vec<Hash> {
    (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect()
}

/// The definition of RFC 6962, 2.1, word for word and slow.
fn mth(leaves: &[Hash]) -> Hash {
    match leaves.len() {
        0 => Hash::EMPTY,
        1 => leaves[0],
        n => {
            let (left, right) = leaves.split_at(split_point(n as u64) as usize);
            node_hash(&mth(left), &mth(right))
        }
    }
}

#[test]
fn roots_of_the_known_tree() {
    assert_eq!(Hash::of(b""), Hash::EMPTY);
    let mut frontier = Frontier::new();
    assert_eq!(frontier.root(), Hash::EMPTY);
    for (leaf, root) in leaves().into_iter().zip(ROOTS) {
        frontier.push(leaf);
        assert_eq!(frontier.root(), hex(root));
    }
}

#[test]
fn proofs_of_the_known_tree() {
    let source = leaves();
    let prove = |index, size| inclusion(source.as_slice(), index, size).unwrap();
    assert_eq!(prove(0, 1), []);
    assert_eq!(prove(0, 8), [A, B, C].map(hex));
    assert_eq!(prove(5, 8), [D, E, ROOTS[3]].map(hex));
    assert_eq!(prove(2, 3), [ROOTS[1]].map(hex));
    assert_eq!(prove(1, 5), [ROOTS[0], B, D].map(hex));
    let prove = |old, new| consistency(source.as_slice(), old, new).unwrap();
    assert_eq!(prove(1, 1), []);
    assert_eq!(prove(1, 8), [A, B, C].map(hex));
    assert_eq!(prove(6, 8), [F, E, ROOTS[3]].map(hex));
    assert_eq!(prove(2, 5), [B, D].map(hex));
}

#[test]
fn every_proof_of_every_small_tree_holds_and_no_other_does() {
    let all = numbered(40);
    for size in 1..=40u64 {
        let root = mth(&all[..size as usize]);
        for index in 0..size {
            let leaf = &all[index as usize];
            let proof = inclusion(all.as_slice(), index, size).unwrap();
            verify_inclusion(&proof, leaf, index, size, &root).unwrap();
            for other in (0..size + 2).filter(|other| *other != index) {
                assert!(verify_inclusion(&proof, leaf, other, size, &root).is_err());
            }
            let mut longer = proof.clone();
            longer.push(root);
            assert!(verify_inclusion(&longer, leaf, index, size, &root).is_err());
            if let Some((_, shorter)) = proof.split_last() {
                assert!(verify_inclusion(shorter, leaf, index, size, &root).is_err());
            }
        }
        for old in 0..=size {
            let old_root = mth(&all[..old as usize]);
            let proof = consistency(all.as_slice(), old, size).unwrap();
            verify_consistency(&proof, old, &old_root, size, &root).unwrap();
            let forged = leaf_hash(b"forged");
            assert!(verify_consistency(&proof, old, &forged, size, &root).is_err());
            if old > 0 {
                assert!(verify_consistency(&proof, old, &old_root, size, &forged).is_err());
            }
        }
    }
}

#[test]
fn what_lies_outside_the_tree_has_no_proof() {
    let all = numbered(4);
    assert_eq!(inclusion_ranges(4, 4), Err(outside(4, 4)));
    assert_eq!(consistency_ranges(5, 4), Err(outside(5, 4)));
    assert_eq!(inclusion(all.as_slice(), 0, 5), Err(outside(4, 4)));
    for (level, index) in [(1, 1 << 63), (63, 2), (64, 0), (3, 1)] {
        assert_eq!(all.as_slice().subtree(level, index), Err(outside(index, 4)));
    }
    let mut hasher = RangeHasher::new(inclusion_ranges(0, 5).unwrap());
    all.iter().for_each(|leaf| hasher.push(*leaf));
    assert_eq!(hasher.finish(), Err(outside(4, 4)));
}

#[test]
fn a_cut_frontier_is_refused() {
    let mut frontier = Frontier::new();
    numbered(11).into_iter().for_each(|leaf| frontier.push(leaf));
    let mut bytes = Vec::new();
    frontier.encode(&mut bytes);
    for length in 0..bytes.len() {
        assert!(Frontier::decode(&bytes[..length]).is_err());
    }
    assert!(Frontier::decode(&[0xff; 8 + 64 * 32]).is_err());
    bytes.push(7);
    assert_eq!(Frontier::decode(&bytes).unwrap(), (frontier, &[7u8][..]));
}

proptest! {
    #[test]
    fn frontier_and_definition_agree(size in 0u64..600) {
        let all = numbered(size);
        let root = root_of(all.iter().map(|leaf| Ok::<_, Error>(*leaf))).unwrap();
        prop_assert_eq!(root, mth(&all));
    }

    #[test]
    fn one_pass_gives_the_proofs_that_random_access_gives(
        size in 1u64..600, a in 0u64..600, b in 0u64..600,
    ) {
        let all = numbered(size);
        let pass = |ranges| {
            let mut hasher = RangeHasher::new(ranges);
            all.iter().for_each(|leaf| hasher.push(*leaf));
            hasher.finish().unwrap()
        };
        let index = a % size;
        prop_assert_eq!(
            pass(inclusion_ranges(index, size).unwrap()),
            inclusion(all.as_slice(), index, size).unwrap()
        );
        let old = b % (size + 1);
        prop_assert_eq!(
            pass(consistency_ranges(old, size).unwrap()),
            consistency(all.as_slice(), old, size).unwrap()
        );
    }

    #[test]
    fn an_altered_proof_does_not_hold(
        size in 2u64..600, index in 0u64..600, which in 0usize..64, bit in 0usize..256,
    ) {
        let all = numbered(size);
        let index = index % size;
        let root = mth(&all);
        let mut proof = inclusion(all.as_slice(), index, size).unwrap();
        let which = which % proof.len();
        proof[which].0[bit / 8] ^= 1 << (bit % 8);
        let leaf = &all[index as usize];
        prop_assert_eq!(verify_inclusion(&proof, leaf, index, size, &root), Err(Error::Proof));
    }

    #[test]
    fn an_altered_history_has_no_consistency_proof(
        new in 2u64..400, old in 1u64..400, changed in 0u64..400,
    ) {
        let old = 1 + old % (new - 1);
        let all = numbered(new);
        let mut edited = all.clone();
        edited[(changed % old) as usize] = leaf_hash(b"edited");
        let old_root = mth(&all[..old as usize]);
        let proof = consistency(edited.as_slice(), old, new).unwrap();
        prop_assert_eq!(
            verify_consistency(&proof, old, &old_root, new, &mth(&edited)),
            Err(Error::Proof)
        );
    }

    #[test]
    fn verifiers_stand_any_input(
        proof in prop::collection::vec(any::<[u8; 32]>().prop_map(Hash), 0..70),
        index: u64, size: u64,
    ) {
        let leaf = leaf_hash(b"x");
        prop_assert!(verify_inclusion(&proof, &leaf, index, size, &Hash::EMPTY).is_err());
        let _ = verify_consistency(&proof, index, &leaf, size, &Hash::EMPTY);
    }
}
