//! Writing tiles in one pass over the entries.

use super::{Kind, Tile, WIDTH};
use crate::merkle::{Frontier, leaf_hash, node_hash};
use crate::{Error, Hash};

/// Takes the files of a tiled log.
pub trait TileSink {
    /// What writing may fail with.
    type Error;

    /// Takes one tile's bytes; each tile comes once.
    ///
    /// # Errors
    /// When the file cannot be written.
    fn tile(&mut self, tile: Tile, bytes: &[u8]) -> Result<(), Self::Error>;
}

/// Makes tiles and bundles of entries as they come, and keeps only the unfinished ones: at most
/// 255 hashes a level and one bundle.
#[derive(Debug, Clone, Default)]
pub struct TileWriter {
    size: u64,
    /// For each level the hashes of its unfinished tile.
    levels: Vec<Vec<Hash>>,
    bundle: Vec<u8>,
}

impl TileWriter {
    /// A writer at the start of a log.
    pub fn new() -> TileWriter {
        TileWriter::default()
    }

    /// Number of entries so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends an entry, of at most 65,535 bytes, and passes on each tile that it completes.
    ///
    /// # Errors
    /// Those of the sink.
    ///
    /// # Panics
    /// When the entry is longer; [`crate::Entry::canonical`] makes none such.
    pub fn push<S: TileSink>(&mut self, entry: &[u8], sink: &mut S) -> Result<(), S::Error> {
        let length = u16::try_from(entry.len()).expect("entries fit a bundle");
        self.bundle.extend_from_slice(&length.to_be_bytes());
        self.bundle.extend_from_slice(entry);
        self.size += 1;
        if self.size.is_multiple_of(WIDTH) {
            let index = self.size / WIDTH - 1;
            sink.tile(Tile { kind: Kind::Entries, index, width: WIDTH as u16 }, &self.bundle)?;
            self.bundle.clear();
        }
        let mut hash = leaf_hash(entry);
        for level in 0.. {
            if level == self.levels.len() {
                self.levels.push(Vec::with_capacity(WIDTH as usize));
            }
            let hashes = &mut self.levels[level];
            hashes.push(hash);
            if hashes.len() < WIDTH as usize {
                break;
            }
            let index = (self.size >> (8 * (level + 1))) - 1;
            let tile = Tile { kind: Kind::Hashes(level as u8), index, width: WIDTH as u16 };
            sink.tile(tile, &concat(hashes))?;
            hash = full_root(hashes);
            hashes.clear();
        }
        Ok(())
    }

    /// Passes on the partial tiles of the present size. The writer can go on afterwards.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn partial<S: TileSink>(&self, sink: &mut S) -> Result<(), S::Error> {
        for (level, hashes) in self.levels.iter().enumerate().filter(|(_, hashes)| !hashes.is_empty()) {
            let index = self.size >> (8 * (level + 1));
            let tile = Tile { kind: Kind::Hashes(level as u8), index, width: hashes.len() as u16 };
            sink.tile(tile, &concat(hashes))?;
        }
        let width = (self.size % WIDTH) as u16;
        if width > 0 {
            sink.tile(Tile { kind: Kind::Entries, index: self.size / WIDTH, width }, &self.bundle)?;
        }
        Ok(())
    }

    /// The unfinished tiles as bytes, to go on from when the entries before are dropped. None
    /// where a bundle is unfinished too: the cut must lie at a multiple of 256 entries.
    pub fn encode(&self) -> Option<Vec<u8>> {
        if !self.bundle.is_empty() {
            return None;
        }
        let mut bytes = self.size.to_be_bytes().to_vec();
        for hashes in &self.levels {
            bytes.push(u8::try_from(hashes.len()).expect("an unfinished tile has at most 255"));
            bytes.extend(concat(hashes));
        }
        Some(bytes)
    }

    /// Reads what [`TileWriter::encode`] wrote.
    ///
    /// # Errors
    /// [`Error::Tile`] when bytes are missing or do not fit the size.
    pub fn decode(bytes: &[u8]) -> Result<TileWriter, Error> {
        const MALFORMED: Error = Error::Tile("the edge does not fit its size");
        let (size, mut rest) = bytes.split_first_chunk::<8>().ok_or(MALFORMED)?;
        let size = u64::from_be_bytes(*size);
        let mut levels = Vec::new();
        while let Some((width, after)) = rest.split_first() {
            let fits = levels.len() < 8 && u64::from(*width) == size >> (8 * levels.len()) & 0xff;
            let (hashes, after) = after.split_at_checked(usize::from(*width) * 32).ok_or(MALFORMED)?;
            if !fits {
                return Err(MALFORMED);
            }
            levels.push(hashes.chunks_exact(32).map(|hash| Hash(hash.try_into().expect("32 bytes"))).collect());
            rest = after;
        }
        let covered = levels.len() == 8 || size >> (8 * levels.len()) == 0;
        if !covered || !size.is_multiple_of(WIDTH) {
            return Err(MALFORMED);
        }
        Ok(TileWriter { size, levels, bundle: Vec::new() })
    }

    /// The right edge of the tree so far.
    pub fn frontier(&self) -> Frontier {
        let mut nodes = Vec::new();
        for hashes in self.levels.iter().rev() {
            let mut rest = hashes.as_slice();
            while !rest.is_empty() {
                let (perfect, after) = rest.split_at(1 << rest.len().ilog2());
                nodes.push(full_root(perfect));
                rest = after;
            }
        }
        Frontier::from_nodes(self.size, nodes).expect("one node for each bit of the size")
    }
}

/// Root over a power of two of hashes.
pub(super) fn full_root(hashes: &[Hash]) -> Hash {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row.chunks_exact(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
    }
    row[0]
}

fn concat(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}
