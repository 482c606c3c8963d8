//! Pages and the trees that they make.

use super::record::varint;

/// The pages of a file, and which of them were read.
pub(super) struct Pages<'a> {
    bytes: &'a [u8],
    size: usize,
    /// Bytes of a page that hold content.
    usable: usize,
    read: Vec<bool>,
    /// Something pointed to where no page is, or twice to the same one.
    pub(super) damaged: bool,
    /// The rest of some payload was not there.
    pub(super) cut: bool,
}

/// Trees are not deeper: the least fan-out of a page gives more rows than a file can hold.
const DEEPEST: usize = 40;

impl<'a> Pages<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Option<Self> {
        let size = match u16::from_be_bytes([*bytes.get(16)?, *bytes.get(17)?]) {
            1 => 65536,
            size => usize::from(size),
        };
        let usable = size.checked_sub(usize::from(*bytes.get(20)?))?;
        let known = size.is_power_of_two() && size >= 512 && usable >= 480;
        let read = vec![false; bytes.len().div_ceil(size.max(1)) + 1];
        known.then_some(Self { bytes, size, usable, read, damaged: false, cut: false })
    }

    /// One page alone, as a log holds them. What it points to is not there.
    pub(super) fn single(page: &'a [u8]) -> Option<Self> {
        let size = page.len();
        let known = size.is_power_of_two() && (512..=65536).contains(&size);
        known.then(|| Self { bytes: page, size, usable: size, read: vec![false; 1], damaged: false, cut: false })
    }

    /// Calls `visit` with the row id and the record of every cell of a tree, in order.
    pub(super) fn walk(&mut self, root: u32, visit: &mut dyn FnMut(i64, &[u8])) {
        // Pages still to be read, the next one last.
        let mut open = vec![(root, 0)];
        while let Some((number, depth)) = open.pop() {
            let Some(page) = (depth <= DEEPEST).then(|| self.take(number)).flatten() else {
                self.damaged = true;
                continue;
            };
            // The first page of a file has the file's header before its own.
            let header = if page.starts_with(super::MAGIC) { 100 } else { 0 };
            let Some(&kind) = page.get(header) else { continue };
            let (interior, table) = match kind {
                0x05 => (true, true),
                0x0d => (false, true),
                0x02 => (true, false),
                0x0a => (false, false),
                _ => {
                    self.damaged = true;
                    continue;
                }
            };
            let first = header + if interior { 12 } else { 8 };
            let mut children = Vec::new();
            for index in 0..usize::from(number_at::<2>(page, header + 3).unwrap_or(0) as u16) {
                let cell = number_at::<2>(page, first + index * 2).and_then(|at| page.get(at as usize..));
                let Some(mut cell) = cell else {
                    self.damaged = true;
                    break;
                };
                if interior {
                    children.extend(number_at::<4>(cell, 0));
                    cell = cell.get(4..).unwrap_or_default();
                }
                // The inner pages of a table hold no rows, those of an index do.
                if !(interior && table) {
                    self.cell(cell, table, visit);
                }
            }
            if interior {
                children.extend(number_at::<4>(page, header + 8));
                open.extend(children.into_iter().rev().map(|child| (child, depth + 1)));
            }
        }
    }

    fn cell(&mut self, cell: &[u8], table: bool, visit: &mut dyn FnMut(i64, &[u8])) {
        let Some((length, rest)) = varint(cell) else {
            self.damaged = true;
            return;
        };
        let (row_id, rest) = if table { varint(rest).unwrap_or((0, &[])) } else { (0, rest) };
        let Ok(length) = usize::try_from(length) else {
            self.damaged = true;
            return;
        };
        let local = self.local(length, table);
        let Some(start) = rest.get(..local) else {
            self.damaged = true;
            return;
        };
        if local == length {
            return visit(row_id as i64, start);
        }
        let mut payload = start.to_vec();
        let mut next = number_at::<4>(rest, local).unwrap_or(0);
        while payload.len() < length && next != 0 {
            let Some(page) = self.take(next) else { break };
            let wanted = (length - payload.len()).min(self.usable - 4);
            payload.extend_from_slice(page.get(4..4 + wanted).or(page.get(4..)).unwrap_or_default());
            next = number_at::<4>(page, 0).unwrap_or(0);
        }
        self.cut |= payload.len() < length;
        visit(row_id as i64, &payload);
    }

    /// How much of a payload is in its cell; the rest is in overflow pages (section 1.6 of the format).
    fn local(&self, length: usize, table: bool) -> usize {
        let usable = self.usable;
        let most = if table { usable - 35 } else { (usable - 12) * 64 / 255 - 23 };
        if length <= most {
            return length;
        }
        let least = (usable - 12) * 32 / 255 - 23;
        let fitting = least + (length - least) % (usable - 4);
        if fitting <= most { fitting } else { least }
    }

    /// A page that was not read before.
    fn take(&mut self, number: u32) -> Option<&'a [u8]> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        let start = index.checked_mul(self.size)?;
        let page = self.bytes.get(start..self.bytes.len().min(start.checked_add(self.size)?))?;
        let read = self.read.get_mut(index)?;
        (!std::mem::replace(read, true) && !page.is_empty()).then_some(page)
    }
}

/// A big-endian number of `N` bytes, up to four.
fn number_at<const N: usize>(bytes: &[u8], at: usize) -> Option<u32> {
    let found = bytes.get(at..at.checked_add(N)?)?;
    Some(found.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)))
}
