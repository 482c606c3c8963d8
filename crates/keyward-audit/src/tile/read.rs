//! Reading tiles: the hashes of proofs, and the entries.

use super::edge::full_root;
use super::{Kind, Tile, WIDTH};
use crate::merkle::{HashSource, subtree_range};
use crate::{Error, Hash};

/// Hashes of a log of `size` entries, taken from its tiles. The tiles are not trusted: a proof
/// made from them is to be verified, as [`crate::LogProof::new`] does.
#[derive(Debug)]
pub struct TileHashes<F> {
    size: u64,
    read: F,
}

impl<F: Fn(&Tile) -> Result<Vec<u8>, Error>> TileHashes<F> {
    /// Reads each tile by this function.
    pub fn new(size: u64, read: F) -> TileHashes<F> {
        TileHashes { size, read }
    }
}

impl<F: Fn(&Tile) -> Result<Vec<u8>, Error>> HashSource for TileHashes<F> {
    type Error = Error;

    fn subtree(&self, level: u32, index: u64) -> Result<Hash, Error> {
        let range = subtree_range(level, index).filter(|range| range.end <= self.size);
        let range = range.ok_or(Error::OutsideTree { index, size: self.size })?;
        let (tile_level, rest) = (level / 8, level % 8);
        let hashes = self.size >> (8 * tile_level);
        let first = range.start >> (8 * tile_level);
        let number = first / WIDTH;
        let width = WIDTH.min(hashes - number * WIDTH);
        let kind = Kind::Hashes(tile_level as u8);
        let tile = Tile { kind, index: number, width: width as u16 };
        let hashes = parse_hashes(&tile, &(self.read)(&tile)?)?;
        let first = (first % WIDTH) as usize;
        Ok(full_root(&hashes[first..first + (1 << rest)]))
    }
}

/// The hashes of a hash tile.
///
/// # Errors
/// [`Error::Tile`] when the bytes do not have the tile's width.
pub fn parse_hashes(tile: &Tile, bytes: &[u8]) -> Result<Vec<Hash>, Error> {
    if bytes.len() != usize::from(tile.width) * 32 {
        return Err(Error::Tile("its length does not fit its width"));
    }
    Ok(bytes.chunks_exact(32).map(|hash| Hash(hash.try_into().expect("32 bytes"))).collect())
}

/// The entries of a bundle.
///
/// # Errors
/// [`Error::Tile`] when the bytes do not hold exactly as many entries as the tile is wide.
pub fn parse_bundle<'a>(tile: &Tile, mut bytes: &'a [u8]) -> Result<Vec<&'a [u8]>, Error> {
    const SHORT: Error = Error::Tile("an entry is cut short");
    let mut entries = Vec::with_capacity(usize::from(tile.width));
    for _ in 0..tile.width {
        let (length, rest) = bytes.split_first_chunk::<2>().ok_or(SHORT)?;
        let (entry, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into()).ok_or(SHORT)?;
        entries.push(entry);
        bytes = rest;
    }
    if bytes.is_empty() { Ok(entries) } else { Err(Error::Tile("more follows after its entries")) }
}
