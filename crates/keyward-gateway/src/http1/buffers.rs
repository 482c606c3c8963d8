//! The room that a core reads into and writes from. A connection that waits holds none of it, so that a
//! thousand open streams cost next to nothing.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::HeaderMap;
use tokio::io::{AsyncRead, ReadBuf};

/// One core's room.
pub(crate) struct Buffers {
    scratch: RefCell<Box<[u8]>>,
    free: RefCell<Vec<Vec<u8>>>,
    tables: RefCell<Vec<HeaderMap>>,
}

/// What is read at once. A socket that gives less has given all, and is not asked again.
const AT_ONCE: usize = 64 << 10;
/// What a buffer begins with, and the most that one is kept with.
const FIRST: usize = 4 << 10;
const LARGEST: usize = 64 << 10;
/// How many are kept.
const KEPT: usize = 32;
/// The most fields that a table is kept with.
const MOST_FIELDS: usize = 64;

impl Default for Buffers {
    fn default() -> Self {
        Self { scratch: RefCell::new(vec![0; AT_ONCE].into()), free: RefCell::default(), tables: RefCell::default() }
    }
}

impl Buffers {
    /// Reads what there is; nothing at the end.
    pub(crate) fn read<T>(
        &self,
        stream: &mut (impl AsyncRead + Unpin),
        context: &mut Context<'_>,
        take: impl FnOnce(&[u8]) -> T,
    ) -> Poll<io::Result<T>> {
        let mut scratch = self.scratch.borrow_mut();
        let mut buffer = ReadBuf::new(&mut scratch);
        ready!(Pin::new(stream).poll_read(context, &mut buffer))?;
        Poll::Ready(Ok(take(buffer.filled())))
    }

    /// Room to write from.
    pub(crate) fn lend(&self) -> Vec<u8> {
        self.free.borrow_mut().pop().unwrap_or_else(|| Vec::with_capacity(FIRST))
    }

    /// Takes it back.
    pub(crate) fn give_back(&self, mut buffer: Vec<u8>) {
        let mut free = self.free.borrow_mut();
        if (1..=LARGEST).contains(&buffer.capacity()) && free.len() < KEPT {
            buffer.clear();
            free.push(buffer);
        }
    }

    /// A table for the fields of a head.
    pub(crate) fn lend_table(&self) -> HeaderMap {
        self.tables.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes it back.
    pub(crate) fn give_back_table(&self, mut table: HeaderMap) {
        let mut tables = self.tables.borrow_mut();
        if (1..=MOST_FIELDS).contains(&table.capacity()) && tables.len() < KEPT {
            table.clear();
            tables.push(table);
        }
    }
}
