//! Tiles (C2SP tlog-tiles): the tree and the entries as immutable files of 256 each.
//!
//! A hash tile holds up to 256 consecutive hashes of one level; a level is eight levels of the
//! tree apart from the next. An entry bundle holds up to 256 entries, each with its length before
//! it. From the tiles anyone can compute every proof, and a log can be copied by copying files.

mod edge;
mod read;

use std::fmt;
use std::str::FromStr;

pub use edge::{TileSink, TileWriter};
pub use read::{TileHashes, parse_bundle, parse_hashes};

use crate::Error;
use crate::checkpoint::decimal;

/// Number of hashes or entries in a full tile.
pub const WIDTH: u64 = 256;

/// One file of a tiled log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    /// What it holds.
    pub kind: Kind,
    /// Number of the tile in its level.
    pub index: u64,
    /// How many hashes or entries it holds: 1 to 256; below 256 the tile is partial.
    pub width: u16,
}

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Hashes of this level: of leaves at 0, of full tiles of the level below above that.
    Hashes(u8),
    /// Entries.
    Entries,
}

impl Tile {
    /// The tiles of a log of this size from its first `from` entries on, full and partial: those
    /// that a log must publish besides those it published at size `from`.
    pub fn between(from: u64, size: u64) -> Vec<Tile> {
        let mut tiles = Vec::new();
        for level in 0..=LAST_LEVEL {
            let (old, new) = (from >> (8 * level), size >> (8 * level));
            if new == 0 {
                break;
            }
            if old != new {
                push_level(&mut tiles, Kind::Hashes(level), old, new);
            }
        }
        if from != size {
            push_level(&mut tiles, Kind::Entries, from, size);
        }
        tiles
    }

    /// Whether it holds 256.
    pub fn is_full(&self) -> bool {
        u64::from(self.width) == WIDTH
    }
}

/// The tiles over the hashes `old..new` of one level.
fn push_level(tiles: &mut Vec<Tile>, kind: Kind, old: u64, new: u64) {
    let full = (old / WIDTH..new / WIDTH).map(|index| Tile { kind, index, width: WIDTH as u16 });
    tiles.extend(full);
    let width = (new % WIDTH) as u16;
    if width > 0 {
        tiles.push(Tile { kind, index: new / WIDTH, width });
    }
}

/// The path below the log's folder: `tile/0/x001/234.p/5`, `tile/entries/000`.
impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Hashes(level) => write!(f, "tile/{level}/")?,
            Kind::Entries => f.write_str("tile/entries/")?,
        }
        let digits = format!("{:03}", self.index);
        let digits = format!("{}{digits}", "0".repeat((3 - digits.len() % 3) % 3));
        let last = digits.len() - 3;
        for group in digits.as_bytes()[..last].chunks(3) {
            write!(f, "x{}/", str::from_utf8(group).expect("digits"))?;
        }
        f.write_str(&digits[last..])?;
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

/// Reads the one spelling of each path.
impl FromStr for Tile {
    type Err = Error;

    fn from_str(path: &str) -> Result<Tile, Error> {
        let tile = parse_path(path).filter(|tile| tile.to_string() == path);
        tile.ok_or(Error::Tile("it has no tile's path"))
    }
}

fn parse_path(path: &str) -> Option<Tile> {
    let (kind, rest) = path.strip_prefix("tile/")?.split_once('/')?;
    let kind = match kind {
        "entries" => Kind::Entries,
        level => Kind::Hashes(decimal(level)?.try_into().ok().filter(|level| *level <= LAST_LEVEL)?),
    };
    let (number, width) = match rest.split_once(".p/") {
        None => (rest, WIDTH as u16),
        Some((number, width)) => (number, decimal(width)?.try_into().ok()?),
    };
    let digits: String = number.split('/').map(|part| part.strip_prefix('x').unwrap_or(part)).collect();
    let index = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())??;
    (1..=WIDTH as u16).contains(&width).then_some(Tile { kind, index, width })
}

/// Levels above this hold no tile of a log with less than 2^64 entries.
const LAST_LEVEL: u8 = 7;

#[cfg(test)]
mod tests;
