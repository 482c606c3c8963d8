//! Verifiers that we did not write, `signed_note` and `tlog_tiles`, must accept our checkpoints,
//! tiles and proofs, and refuse altered ones.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

mod common;

use common::{Files, keys, log};
use keyward_audit::LogProof;
use keyward_audit::merkle::{consistency, leaf_hash};
use proptest::prelude::*;
use signed_note::{Note, StandardVerifier, VerifierList};
use std::sync::LazyLock;
use tlog_tiles::{Checkpoint, Error, Hash, HashReader, Tile, TileHashReader, TileReader};
use tlog_tiles::{check_record, check_tree, prove_record, prove_tree, record_hash, tree_hash};

const SIZES: [u64; 6] = [1, 5, 255, 256, 700, 1300];

static EXPORTS: LazyLock<Vec<(u64, Files)>> = LazyLock::new(|| SIZES.map(|size| (size, log(size).export(None))).into());

/// Our checkpoint as they read it.
fn open(note: &[u8]) -> Option<Checkpoint> {
    let verifier = StandardVerifier::new(&keys().0[0].to_string()).unwrap();
    let note = Note::from_bytes(note).ok()?;
    note.verify(&VerifierList::new(vec![Box::new(verifier)])).ok()?;
    Checkpoint::from_bytes(note.text()).ok()
}

/// Our tiles as they read them.
struct Tiles<'a>(&'a Files);

impl TileReader for Tiles<'_> {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, Error> {
        let read = |tile: &Tile| {
            let kind = keyward_audit::tile::Kind::Hashes(tile.level());
            let tile = keyward_audit::Tile { kind, index: tile.level_index(), width: tile.width() as u16 };
            self.0.0.get(&tile.to_string()).cloned().ok_or(Error::InvalidTile)
        };
        tiles.iter().map(read).collect()
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

fn theirs(hashes: &[keyward_audit::Hash]) -> Vec<Hash> {
    hashes.iter().map(|hash| Hash(hash.0)).collect()
}

#[test]
fn they_accept_our_checkpoints() {
    for (size, files) in EXPORTS.iter() {
        let checkpoint = open(&files.0["checkpoint"]).unwrap();
        assert_eq!((checkpoint.origin(), checkpoint.size()), ("keyward.local/v", *size));
    }
}

#[test]
fn they_read_the_root_from_our_tiles() {
    for (size, files) in EXPORTS.iter() {
        let checkpoint = open(&files.0["checkpoint"]).unwrap();
        let tiles = Tiles(files);
        let reader = TileHashReader::new(*size, *checkpoint.hash(), &tiles);
        assert!(tree_hash(*size, &reader).unwrap() == *checkpoint.hash());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn they_refuse_altered_checkpoints(which in 0usize..6, at in 0usize..1000, bit in 0u8..8) {
        let mut note = EXPORTS[which].1.0["checkpoint"].clone();
        let at = at % note.len();
        note[at] ^= 1 << bit;
        prop_assert!(open(&note).is_none());
    }

    #[test]
    fn their_proofs_are_ours(which in 0usize..6, a: u64, b: u64) {
        let (size, files) = &EXPORTS[which];
        let log = log(*size);
        let leaves: Vec<_> = log.rows.iter().map(|row| leaf_hash(&row.public)).collect();
        let checkpoint = open(&files.0["checkpoint"]).unwrap();
        let tiles = Tiles(files);
        let reader = TileHashReader::new(*size, *checkpoint.hash(), &tiles);
        let (index, old) = (a % size, 1 + b % size);

        let note = String::from_utf8(files.0["checkpoint"].clone()).unwrap();
        let public = &log.rows[index as usize].public;
        let ours = LogProof::new(leaves.as_slice(), public, index, &note, &keys().0).unwrap();
        let mut proof = theirs(&ours.hashes);
        prop_assert!(prove_record(*size, index, &reader).unwrap() == proof);
        let check = |proof: &Vec<Hash>| check_record(proof, *size, *checkpoint.hash(), index, record_hash(public));
        prop_assert!(check(&proof).is_ok());
        if let Some(last) = proof.last_mut() {
            last.0[7] ^= 1;
            prop_assert!(check(&proof).is_err());
        }

        let mut proof = theirs(&consistency(leaves.as_slice(), old, *size).unwrap());
        prop_assert!(prove_tree(*size, old, &reader).unwrap() == proof);
        let old_root = Hash(open(log.checkpoint_at(old as usize).as_bytes()).unwrap().hash().0);
        let check = |proof: &Vec<Hash>| check_tree(proof, *size, *checkpoint.hash(), old, old_root);
        prop_assert!(check(&proof).is_ok());
        if let Some(last) = proof.last_mut() {
            last.0[7] ^= 1;
            prop_assert!(check(&proof).is_err());
        }
    }

    /// Only sizes with one tile for each complete subtree: where two subtrees share a tile,
    /// `tlog_tiles` 0.2.0 leaves as many of the other tiles unchecked.
    #[test]
    fn they_refuse_altered_tiles(
        size in prop::sample::select(vec![1u64, 256, 257, 512, 513]), file: usize, at: usize, bit in 0u8..8,
    ) {
        let mut files = log(size).export(None);
        let checkpoint = open(&files.0["checkpoint"]).unwrap();
        let paths: Vec<_> = files.0.keys().filter(|path| path.starts_with("tile/0/")).cloned().collect();
        let bytes = files.0.get_mut(&paths[file % paths.len()]).unwrap();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        let tiles = Tiles(&files);
        let reader = TileHashReader::new(size, *checkpoint.hash(), &tiles);
        let all: Vec<u64> = (0..size).map(|n| tlog_tiles::stored_hash_index(0, n)).collect();
        prop_assert!(reader.read_hashes(&all).is_err());
    }
}
