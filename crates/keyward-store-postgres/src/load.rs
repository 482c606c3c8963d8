//! Filling an empty store from another engine's.

use std::collections::BTreeSet;

use keyward_store::{Error, IndexRow, LogRow, Page, Reads, Result, StoredRecord, Tombstone, encode_indexes, transfer};

use crate::error::Failed;
use crate::questions::Questions;
use crate::session::Session;
use crate::transaction;
use crate::writer::Writer;
use crate::writes::{Entry, NewRow};

/// Writes all that `source` holds, in one transaction.
pub(crate) fn load(writer: &mut Writer, source: &dyn Reads) -> Result<()> {
    writer.once(|session| {
        must_be_empty(session)?;
        transfer(source, |page| write(session, &page).map_err(|failed| failed.into_error(LOAD)))?;
        let mut questions = Questions::new(session);
        questions.ask("INSERT INTO change (collection, size) SELECT DISTINCT collection, 0 FROM record", []);
        questions.ask("COMMIT", []);
        questions.answers().map(drop)
    })
}

/// Begins the transaction, with the head of the log in hand: nobody writes meanwhile.
fn must_be_empty(session: &Session) -> Result<(), Failed> {
    let mut questions = Questions::new(session);
    questions.ask("BEGIN", []);
    questions.ask(transaction::LOCK_HEAD, []);
    questions.ask(
        "SELECT EXISTS (SELECT FROM record) OR EXISTS (SELECT FROM deleted) OR EXISTS (SELECT FROM log) \
            OR EXISTS (SELECT FROM header)",
        [],
    );
    match questions.answers()?[2].first().map(|row| row.get(0)) {
        Some(false) => Ok(()),
        _ => Err(Failed::Refused(Error::Exists { path: "the store".into() })),
    }
}

fn write(session: &Session, page: &Page) -> Result<(), Failed> {
    match page {
        Page::Header(header) => {
            let sql = "INSERT INTO header (id, bytes) VALUES (0, $1)";
            session.run(session.query(sql, &[header])).map(drop)
        }
        Page::Records(rows) => records(session, rows),
        Page::Tombstones(rows) => tombstones(session, rows),
        Page::Log(rows) => log(session, rows),
        Page::Head(head) => {
            let size = number(head.size)?;
            session.run(session.query(transaction::MOVE_HEAD, &[&size, &head.state])).map(drop)
        }
        other => Err(Failed::Refused(Error::Damaged { detail: format!("no place for {other:?}") })),
    }
}

fn records(session: &Session, rows: &[(String, StoredRecord)]) -> Result<(), Failed> {
    let mut new = Vec::with_capacity(rows.len());
    let mut listed = BTreeSet::new();
    for (collection, StoredRecord { record, mac }) in rows {
        let illegible = || Error::Tampered { collection: collection.clone(), key: record.key.clone() };
        listed.extend(record.indexes.iter().map(|(index, value)| IndexRow {
            collection: collection.clone(),
            index: index.clone(),
            value: value.clone(),
            key: record.key.clone(),
        }));
        new.push(NewRow {
            place: (collection, &record.key),
            generation: number(record.generation)?,
            value: &record.value,
            indexes: encode_indexes(&record.indexes),
            mac: mac.ok_or_else(illegible)?,
        });
    }
    let mut questions = Questions::new(session);
    transaction::put(&mut questions, &new);
    transaction::list(&mut questions, transaction::LIST, &listed);
    questions.answers().map(drop)
}

fn tombstones(session: &Session, rows: &[Tombstone]) -> Result<(), Failed> {
    let generations = rows.iter().map(|row| number(row.generation)).collect::<Result<Vec<_>>>()?;
    let buried: Vec<_> =
        rows.iter().zip(generations).map(|(row, generation)| ((&*row.collection, &*row.key), generation)).collect();
    let mut questions = Questions::new(session);
    transaction::bury(&mut questions, &buried);
    questions.answers().map(drop)
}

fn log(session: &Session, rows: &[LogRow]) -> Result<(), Failed> {
    let entries = rows.iter().map(|LogRow { index, public, private }| -> Result<Entry<'_>> {
        Ok(Entry { index: number(*index)?, public, private })
    });
    let entries = entries.collect::<Result<Vec<_>>>()?;
    let mut questions = Questions::new(session);
    transaction::append(&mut questions, &entries, None);
    questions.answers().map(drop)
}

fn number(value: u64) -> Result<i64> {
    i64::try_from(value).map_err(|_| Error::Damaged { detail: "a generation or index is out of range".into() })
}

const LOAD: &str = "fill the store";
