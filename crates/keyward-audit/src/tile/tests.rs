use std::collections::BTreeMap;
use std::convert::Infallible;

use proptest::prelude::*;

use super::*;
use crate::Hash;
use crate::merkle::{self, Frontier, leaf_hash};

#[derive(Default)]
struct Files(BTreeMap<String, Vec<u8>>);

impl TileSink for Files {
    type Error = Infallible;

    fn tile(&mut self, tile: Tile, bytes: &[u8]) -> Result<(), Infallible> {
        assert!(self.0.insert(tile.to_string(), bytes.to_vec()).is_none(), "{tile} came twice");
        Ok(())
    }
}

fn entry(n: u64) -> Vec<u8> {
    n.to_string().repeat(1 + n as usize % 3).into_bytes()
}

fn tiled(size: u64) -> (Files, TileWriter) {
    let (mut files, mut writer) = (Files::default(), TileWriter::new());
    for n in 0..size {
        writer.push(&entry(n), &mut files).unwrap();
    }
    writer.partial(&mut files).unwrap();
    (files, writer)
}

fn paths(tiles: &[Tile]) -> Vec<String> {
    let mut paths: Vec<_> = tiles.iter().map(Tile::to_string).collect();
    paths.sort();
    paths
}

#[test]
fn paths_are_those_of_the_specification() {
    let tile = |kind, index, width| Tile { kind, index, width };
    let known = [
        (tile(Kind::Hashes(0), 0, 256), "tile/0/000"),
        (tile(Kind::Hashes(3), 1_234_067, 256), "tile/3/x001/x234/067"),
        (tile(Kind::Hashes(3), 1_234_067, 8), "tile/3/x001/x234/067.p/8"),
        (tile(Kind::Entries, 1000, 255), "tile/entries/x001/000.p/255"),
        (tile(Kind::Entries, 999, 256), "tile/entries/999"),
    ];
    for (tile, path) in known {
        assert_eq!(tile.to_string(), path);
        assert_eq!(path.parse(), Ok(tile));
    }
    for bad in [
        "",
        "tile/0",
        "tile/0/",
        "tile/8/000",
        "tile/00/000",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/000",
        "tile/0/001/000",
        "tile/0/x001/x000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/+00",
        "tile/data/000",
        "/tile/0/000",
        "tile/0/000/",
    ] {
        assert!(bad.parse::<Tile>().is_err(), "{bad}");
    }
}

/// The example of the specification: a tree of 70,000 entries.
#[test]
fn a_log_has_the_tiles_of_the_specification() {
    let tiles = Tile::between(0, 70_000);
    let count = |kind| tiles.iter().filter(|tile| tile.kind == kind && tile.is_full()).count();
    let partial = |kind| tiles.iter().find(|tile| tile.kind == kind && !tile.is_full()).map(|tile| tile.width);
    assert_eq!((count(Kind::Hashes(0)), partial(Kind::Hashes(0))), (273, Some(112)));
    assert_eq!((count(Kind::Hashes(1)), partial(Kind::Hashes(1))), (1, Some(17)));
    assert_eq!((count(Kind::Hashes(2)), partial(Kind::Hashes(2))), (0, Some(1)));
    assert_eq!((count(Kind::Entries), partial(Kind::Entries)), (273, Some(112)));
    assert_eq!(paths(&Tile::between(0, 256)), ["tile/0/000", "tile/1/000.p/1", "tile/entries/000"]);
    assert_eq!(paths(&Tile::between(256, 257)), ["tile/0/001.p/1", "tile/entries/001.p/1"]);
    assert_eq!(Tile::between(7, 7), []);
}

#[test]
fn the_writer_writes_exactly_these_tiles() {
    for size in [0, 1, 255, 256, 257, 511, 512, 1000, 66_000] {
        let (files, writer) = tiled(size);
        assert_eq!(files.0.keys().cloned().collect::<Vec<_>>(), paths(&Tile::between(0, size)), "{size}");
        let mut frontier = Frontier::new();
        (0..size).for_each(|n| frontier.push(leaf_hash(&entry(n))));
        assert_eq!(writer.frontier(), frontier);
    }
}

#[test]
fn no_hash_is_read_from_outside_the_tree() {
    let tiles = TileHashes::new(300, |_: &Tile| Ok(vec![0; 8192]));
    for (level, index) in [(0, 300), (8, 1), (9, 0), (1, 1 << 63), (64, 0), (200, 0)] {
        assert_eq!(
            merkle::HashSource::subtree(&tiles, level, index),
            Err(crate::Error::OutsideTree { index, size: 300 })
        );
    }
}

#[test]
fn bundles_hold_the_entries() {
    let (files, _) = tiled(600);
    let mut read = Vec::new();
    for tile in Tile::between(0, 600).iter().filter(|tile| tile.kind == Kind::Entries) {
        let bytes = &files.0[&tile.to_string()];
        read.extend(parse_bundle(tile, bytes).unwrap().into_iter().map(<[u8]>::to_vec));
        assert!(parse_bundle(tile, &bytes[..bytes.len() - 1]).is_err());
        assert!(parse_bundle(tile, &[bytes.as_slice(), &[0, 0]].concat()).is_err());
    }
    assert_eq!(read, (0..600).map(entry).collect::<Vec<_>>());
}

#[test]
fn a_writer_goes_on_from_its_encoded_edge() {
    for size in [0, 256, 1024, 65_536, 66_048] {
        let (_, writer) = tiled(size);
        let bytes = writer.encode().unwrap();
        let mut read = TileWriter::decode(&bytes).unwrap();
        assert_eq!(read.frontier(), writer.frontier());
        let (mut files, mut expected) = (Files::default(), writer.clone());
        read.push(b"next", &mut files).unwrap();
        expected.push(b"next", &mut Files::default()).unwrap();
        assert_eq!(read.frontier(), expected.frontier());
        for cut in 0..bytes.len().min(300) {
            assert!(TileWriter::decode(&bytes[..cut]).is_err(), "{size}: {cut}");
        }
        assert!(TileWriter::decode(&[bytes.as_slice(), &[1]].concat()).is_err());
    }
    assert_eq!(tiled(257).1.encode(), None);
    assert!(TileWriter::decode(&257u64.to_be_bytes()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn proofs_from_tiles_are_those_from_the_leaves(size in 1u64..2000, a: u64, b: u64) {
        let (files, _) = tiled(size);
        let tiles = TileHashes::new(size, |tile: &Tile| Ok(files.0[&tile.to_string()].clone()));
        let leaves: Vec<Hash> = (0..size).map(|n| leaf_hash(&entry(n))).collect();
        let (index, old) = (a % size, b % (size + 1));
        prop_assert_eq!(
            merkle::inclusion(&tiles, index, size),
            merkle::inclusion(leaves.as_slice(), index, size)
        );
        prop_assert_eq!(
            merkle::consistency(&tiles, old, size),
            merkle::consistency(leaves.as_slice(), old, size)
        );
        prop_assert!(merkle::inclusion(&tiles, index, size + 1).is_err() || size.is_power_of_two());
    }
}
