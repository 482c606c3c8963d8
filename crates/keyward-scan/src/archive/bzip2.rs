//! bzip2: blocks of a sorted text (Burrows and Wheeler, 1994), moved to front and Huffman-coded, as the program of Julian
//! Seward reads and writes them. Read only, a block at a time, and each block's sum is compared.

use std::io::{self, Read};

/// Symbols of a Huffman table: two for runs, one for each byte but the first of the list, one for the end.
const SYMBOLS: usize = 258;
/// A code has at most so many bits.
const LONGEST: usize = 20;
/// So many symbols are read by one table.
const GROUP: usize = 50;
/// What stands before a block, and before the end of a stream: digits of π and of its root.
const BLOCK: u64 = 0x3141_5926_5359;
const END: u64 = 0x1772_4538_5090;

/// Unpacks streams of bzip2 that stand one behind the other.
pub(super) struct Decoder<'a> {
    bits: Bits<'a>,
    /// Bytes of a block, at most; 0 before a stream's head was read.
    most: usize,
    block: Block,
    over: bool,
}

/// A block that was decoded, while it is given out.
#[derive(Default)]
struct Block {
    /// For each byte in its low eight bits, above them where the next one is.
    chain: Vec<u32>,
    at: u32,
    /// Bytes of the chain that are left.
    left: usize,
    /// The last byte, how often it came in a row, and how often it is to come still.
    last: u8,
    row: u8,
    again: u8,
    sum: u32,
    wanted: u32,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bits: Bits { bytes, hold: 0, count: 0 }, most: 0, block: Block::default(), over: false }
    }

    /// The next block; `false` at the end of all.
    fn next_block(&mut self) -> io::Result<bool> {
        loop {
            if self.most == 0 {
                // What is no stream behind one is nothing of it.
                let [b'B', b'Z', b'h', level @ b'1'..=b'9', rest @ ..] = self.bits.bytes else { return Ok(false) };
                self.most = usize::from(level - b'0') * 100_000;
                self.bits.bytes = rest;
            }
            match u64::from(self.bits.take(24)?) << 24 | u64::from(self.bits.take(24)?) {
                BLOCK => {
                    self.block = block(&mut self.bits, self.most)?;
                    return Ok(true);
                }
                END => {
                    self.bits.take(32)?;
                    self.bits.align();
                    self.most = 0;
                }
                _ => return Err(broken("no block where one should begin")),
            }
        }
    }
}

impl Read for Decoder<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.over && !buffer.is_empty() {
            let given = self.block.give(buffer);
            if given > 0 {
                return Ok(given);
            }
            if self.block.sum != self.block.wanted {
                return Err(broken("a block's sum differs"));
            }
            self.over = !self.next_block()?;
        }
        Ok(0)
    }
}

impl Block {
    /// Fills a buffer with what comes next; less only at the end of the block.
    fn give(&mut self, buffer: &mut [u8]) -> usize {
        let mut filled = 0;
        while filled < buffer.len() {
            if self.again > 0 {
                self.again -= 1;
            } else if self.left > 0 {
                self.step();
                if self.row == 5 {
                    // Behind four of a kind stands how many more there are.
                    self.row = 0;
                    continue;
                }
            } else {
                break;
            }
            buffer[filled] = self.last;
            filled += 1;
        }
        self.sum = !buffer[..filled]
            .iter()
            .fold(!self.sum, |sum, byte| sum << 8 ^ SUMS[(sum >> 24) as usize ^ usize::from(*byte)]);
        filled
    }

    /// Takes one byte of the chain; the fifth of a row is a count.
    fn step(&mut self) {
        let entry = self.chain[self.at as usize];
        (self.at, self.left) = (entry >> 8, self.left - 1);
        let byte = entry as u8;
        match self.row {
            4 => (self.again, self.row) = (byte, 5),
            row if row > 0 && byte == self.last => self.row += 1,
            _ => (self.last, self.row) = (byte, 1),
        }
    }
}

/// Reads a block behind its mark.
fn block(bits: &mut Bits<'_>, most: usize) -> io::Result<Block> {
    let wanted = bits.take(32)?;
    if bits.take(1)? == 1 {
        return Err(broken("made by a version before 0.9.5"));
    }
    let origin = bits.take(24)? as usize;
    let mut front = used(bits)?;
    let tables_count = bits.take(3)? as usize;
    if !(2..=6).contains(&tables_count) || front.is_empty() {
        return Err(broken("no tables"));
    }
    let selectors = selectors(bits, tables_count)?;
    let tables: Vec<Table> =
        (0..tables_count).map(|_| Table::read(bits, front.len() + 2)).collect::<io::Result<_>>()?;
    let end = front.len() as u16 + 1;
    let mut text: Vec<u8> = Vec::new();
    let (mut run, mut weight) = (0usize, 1usize);
    for number in 0.. {
        let selector = selectors.get(number / GROUP).ok_or_else(|| broken("too few tables are named"))?;
        let symbol = tables[usize::from(*selector)].decode(bits)?;
        if symbol <= 1 {
            run += weight << symbol;
            weight <<= 1;
        } else if run > 0 {
            text.resize(text.len() + run.min(most + 1), front[0]);
            (run, weight) = (0, 1);
        }
        if run > most || text.len() > most {
            return Err(broken("a block is too long"));
        }
        if symbol == end {
            break;
        }
        if symbol > 1 {
            front[..usize::from(symbol)].rotate_right(1);
            text.push(front[0]);
        }
    }
    if origin >= text.len() {
        return Err(broken("a block begins nowhere"));
    }
    let chain = chain(&text);
    let at = chain[origin] >> 8;
    Ok(Block { left: chain.len(), chain, at, wanted, ..Block::default() })
}

/// The bytes that a block has, sorted.
fn used(bits: &mut Bits<'_>) -> io::Result<Vec<u8>> {
    let (rows, mut all) = (bits.take(16)?, Vec::new());
    for row in (0..16u8).filter(|row| rows >> (15 - row) & 1 == 1) {
        let columns = bits.take(16)?;
        all.extend((0..16u8).filter(|column| columns >> (15 - column) & 1 == 1).map(|column| row * 16 + column));
    }
    Ok(all)
}

/// Which table each group of symbols is read by.
fn selectors(bits: &mut Bits<'_>, tables: usize) -> io::Result<Vec<u8>> {
    let mut front: Vec<u8> = (0..tables as u8).collect();
    let count = bits.take(15)?;
    let one = |_| {
        let mut at = 0;
        while bits.take(1)? == 1 {
            at += 1;
            if at >= tables {
                return Err(broken("a table that is not there"));
            }
        }
        front[..=at].rotate_right(1);
        Ok(front[0])
    };
    (0..count).map(one).collect()
}

/// Follows the sorted text back: for each byte where the next one stands.
fn chain(text: &[u8]) -> Vec<u32> {
    let mut starts = [0u32; 256];
    text.iter().for_each(|byte| starts[usize::from(*byte)] += 1);
    let mut sum = 0;
    for start in &mut starts {
        (*start, sum) = (sum, sum + *start);
    }
    let mut chain: Vec<u32> = text.iter().map(|byte| u32::from(*byte)).collect();
    for (at, byte) in (0u32..).zip(text) {
        let place = &mut starts[usize::from(*byte)];
        chain[*place as usize] |= at << 8;
        *place += 1;
    }
    chain
}

/// A canonical Huffman code.
struct Table {
    /// For each length how many codes have it.
    counts: [u32; LONGEST + 1],
    /// Symbols by code.
    symbols: Vec<u16>,
}

impl Table {
    fn read(bits: &mut Bits<'_>, symbols: usize) -> io::Result<Self> {
        let mut lengths = [0usize; SYMBOLS];
        let mut length = bits.take(5)? as usize;
        for own in &mut lengths[..symbols] {
            loop {
                if !(1..=LONGEST).contains(&length) {
                    return Err(broken("a code is too long"));
                }
                if bits.take(1)? == 0 {
                    break;
                }
                length = if bits.take(1)? == 0 { length + 1 } else { length - 1 };
            }
            *own = length;
        }
        let mut counts = [0; LONGEST + 1];
        lengths[..symbols].iter().for_each(|length| counts[*length] += 1);
        let mut sorted: Vec<u16> = (0..symbols as u16).collect();
        sorted.sort_by_key(|symbol| lengths[usize::from(*symbol)]);
        Ok(Self { counts, symbols: sorted })
    }

    fn decode(&self, bits: &mut Bits<'_>) -> io::Result<u16> {
        let (mut code, mut first, mut before) = (0u32, 0u32, 0u32);
        for count in &self.counts[1..] {
            code |= bits.take(1)?;
            if code < first + count {
                // A set of lengths that is no code has codes below the first.
                let place = code.checked_sub(first).map(|place| (before + place) as usize);
                return place.and_then(|place| self.symbols.get(place)).copied().ok_or_else(|| broken("no such code"));
            }
            before += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        Err(broken("no such code"))
    }
}

/// Bits from the highest of the first byte on.
struct Bits<'a> {
    bytes: &'a [u8],
    hold: u64,
    count: u32,
}

impl Bits<'_> {
    /// The next bits, at most 32.
    fn take(&mut self, bits: u32) -> io::Result<u32> {
        while self.count < bits {
            let (first, rest) = self.bytes.split_first().ok_or(io::ErrorKind::UnexpectedEof)?;
            self.hold = self.hold << 8 | u64::from(*first);
            (self.bytes, self.count) = (rest, self.count + 8);
        }
        self.count -= bits;
        Ok((self.hold >> self.count & ((1 << bits) - 1)) as u32)
    }

    /// Passes over what is left of a byte.
    fn align(&mut self) {
        self.count = 0;
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// The sums of single bytes: CRC-32 with the highest bit first.
const SUMS: [u32; 256] = {
    let (mut sums, mut byte) = ([0u32; 256], 0);
    while byte < 256 {
        let (mut sum, mut bit) = ((byte as u32) << 24, 0);
        while bit < 8 {
            sum = if sum >> 31 == 1 { sum << 1 ^ 0x04c1_1db7 } else { sum << 1 };
            bit += 1;
        }
        sums[byte] = sum;
        byte += 1;
    }
    sums
};
