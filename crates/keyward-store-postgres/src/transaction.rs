//! The two round trips of a commit.

use std::collections::BTreeSet;

use keyward_store::IndexRow;
use tokio_postgres::Row;

use crate::error::Failed;
use crate::needs::{Before, Found, Needs, Place};
use crate::questions::Questions;
use crate::rows;
use crate::session::Session;
use crate::writes::{Entry, NewRow, Writes};

/// Begins a transaction, takes the head of the log, and reads what the group needs to know. Each
/// statement sees what was committed before it began, so those after the second see all there is to
/// see: nobody else commits until this transaction ends.
pub(crate) fn begin(session: &Session, needs: &Needs<'_>) -> Result<Found, Failed> {
    let (collections, keys): (Vec<&str>, Vec<&[u8]>) = needs.places.iter().copied().unzip();
    let listed_in: Vec<&str> = needs.listings.iter().map(|listing| listing.0).collect();
    let indexes: Vec<&str> = needs.listings.iter().map(|listing| listing.1).collect();
    let values: Vec<&[u8]> = needs.listings.iter().map(|listing| listing.2).collect();
    let mut questions = Questions::new(session);
    questions.ask("BEGIN", []);
    questions.ask(LOCK_HEAD, []);
    questions.ask_if(needs.header, "SELECT bytes FROM header WHERE id = 0", []);
    let any = !keys.is_empty();
    questions.ask_if(any, FIND_RECORDS, [Box::new(&collections), Box::new(&keys)]);
    questions.ask_if(any, FIND_DELETED, [Box::new(&collections), Box::new(&keys)]);
    let any = !values.is_empty();
    questions.ask_if(any, FIND_LISTED, [Box::new(listed_in), Box::new(indexes), Box::new(values)]);
    questions.ask_if(!needs.jobs.is_empty(), FIND_EPOCHS, [Box::new(&needs.jobs)]);
    let answers = questions.answers()?;
    let [_, head, header, records, deleted, listed, epochs] =
        <[Vec<Row>; 7]>::try_from(answers).expect("seven questions have seven answers");
    let epoch = |row| Ok((rows::column(row, 0)?, rows::column(row, 1)?));
    Ok(Found {
        head: rows::head_of(head.first())?,
        header: header.first().map(|row| rows::column(row, 0)).transpose()?,
        records: before(needs.places.len(), &deleted, &records),
        listed: keys_of(needs.listings.len(), &listed)?,
        epochs: epochs.iter().map(epoch).collect::<Result<_, Failed>>()?,
    })
}

/// Writes all, and commits. `mark` stays with the first entry. A statement that writes fewer rows than
/// it was given is an error of its own, and nothing is committed.
pub(crate) fn finish(session: &Session, writes: &Writes<'_>, mark: &[u8]) -> Result<(), Failed> {
    let mut questions = Questions::new(session);
    for part in parts(&writes.put, |row| row.value.len() + row.indexes.len() + row.place.1.len()) {
        put(&mut questions, part);
    }
    remove(&mut questions, REMOVE_RECORDS, &writes.gone);
    remove(&mut questions, REMOVE_DELETED, &writes.revived);
    bury(&mut questions, &writes.buried);
    list(&mut questions, UNLIST, &writes.unlisted);
    list(&mut questions, LIST, &writes.listed);
    if let Some(header) = writes.header {
        questions.ask(PUT_HEADER, [Box::new(header)]);
    }
    let mut changed: BTreeSet<&str> = writes.changed.iter().map(|place| place.0).collect();
    changed.extend(writes.header.map(|_| HEADER));
    questions.ask_if(!changed.is_empty(), CHANGE, [Box::new(Vec::from_iter(changed)), Box::new(writes.size)]);
    let mut mark = Some(mark);
    for part in parts(&writes.entries, |entry| entry.public.len() + entry.private.len()) {
        append(&mut questions, part, mark.take());
    }
    questions.ask(MOVE_HEAD, [Box::new(writes.size), Box::new(Some(&writes.state))]);
    // After a failed statement the server takes this for a rollback; the failure is among the answers.
    questions.ask("COMMIT", []);
    questions.answers().map(drop)
}

/// Ends a transaction that shall leave nothing.
pub(crate) fn roll_back(session: &Session) -> Result<(), Failed> {
    session.run(session.query("ROLLBACK", &[])).map(drop)
}

/// The mark of the entry at `first`, once every earlier transaction has ended.
pub(crate) fn mark_at(session: &Session, first: i64) -> Result<Option<Vec<u8>>, Failed> {
    let mut questions = Questions::new(session);
    questions.ask("BEGIN", []);
    questions.ask(LOCK_HEAD, []);
    questions.ask("SELECT mark FROM log WHERE idx = $1", [Box::new(first)]);
    questions.ask("ROLLBACK", []);
    Ok(questions.answers()?[2].first().map(|row| rows::column(row, 0)).transpose()?.flatten())
}

pub(crate) fn put<'a>(questions: &mut Questions<'a>, rows: &'a [NewRow<'a>]) {
    let (collections, keys): (Vec<&str>, Vec<&[u8]>) = rows.iter().map(|row| row.place).unzip();
    let generations: Vec<i64> = rows.iter().map(|row| row.generation).collect();
    let values: Vec<&[u8]> = rows.iter().map(|row| row.value).collect();
    let indexes: Vec<&[u8]> = rows.iter().map(|row| &row.indexes[..]).collect();
    let macs: Vec<&[u8]> = rows.iter().map(|row| &row.mac[..]).collect();
    questions.ask(
        PUT,
        [
            Box::new(collections),
            Box::new(keys),
            Box::new(generations),
            Box::new(values),
            Box::new(indexes),
            Box::new(macs),
        ],
    );
}

fn remove<'a>(questions: &mut Questions<'a>, sql: &'static str, places: &'a [Place<'a>]) {
    let (collections, keys): (Vec<&str>, Vec<&[u8]>) = places.iter().copied().unzip();
    questions.ask_if(!keys.is_empty(), sql, [Box::new(collections), Box::new(keys)]);
}

pub(crate) fn bury<'a>(questions: &mut Questions<'a>, places: &'a [(Place<'a>, i64)]) {
    let (collections, keys): (Vec<&str>, Vec<&[u8]>) = places.iter().map(|(place, _)| *place).unzip();
    let generations: Vec<i64> = places.iter().map(|(_, generation)| *generation).collect();
    questions.ask_if(!keys.is_empty(), BURY, [Box::new(collections), Box::new(keys), Box::new(generations)]);
}

pub(crate) fn list<'a>(questions: &mut Questions<'a>, sql: &'static str, rows: &'a BTreeSet<IndexRow>) {
    let collections: Vec<&str> = rows.iter().map(|row| &*row.collection).collect();
    let names: Vec<&str> = rows.iter().map(|row| &*row.index).collect();
    let values: Vec<&[u8]> = rows.iter().map(|row| &*row.value).collect();
    let keys: Vec<&[u8]> = rows.iter().map(|row| &*row.key).collect();
    let any = !keys.is_empty();
    questions.ask_if(any, sql, [Box::new(collections), Box::new(names), Box::new(values), Box::new(keys)]);
}

pub(crate) fn append<'a>(questions: &mut Questions<'a>, entries: &'a [Entry<'a>], mark: Option<&'a [u8]>) {
    let indexes: Vec<i64> = entries.iter().map(|entry| entry.index).collect();
    let public: Vec<&[u8]> = entries.iter().map(|entry| entry.public).collect();
    let private: Vec<&[u8]> = entries.iter().map(|entry| entry.private).collect();
    let mut marks = vec![None; entries.len()];
    marks[0] = mark;
    questions.ask(APPEND, [Box::new(indexes), Box::new(public), Box::new(private), Box::new(marks)]);
}

fn before(places: usize, deleted: &[Row], records: &[Row]) -> Vec<Before> {
    let mut found = vec![Before::Nothing; places];
    // What cannot be read is nothing to count on from: the group refuses what would.
    let generation = |row| rows::readable(row, 1).unwrap_or(-1);
    for row in deleted {
        found[place_number(row)] = Before::Deleted(generation(row));
    }
    for row in records {
        let indexes: Option<Vec<u8>> = rows::readable(row, 2);
        let generation = if indexes.is_some() { generation(row) } else { -1 };
        found[place_number(row)] = Before::Live { generation, indexes: indexes.unwrap_or_default() };
    }
    found
}

fn keys_of(listings: usize, listed: &[Row]) -> Result<Vec<BTreeSet<Vec<u8>>>, Failed> {
    let mut found = vec![BTreeSet::new(); listings];
    for row in listed {
        found[place_number(row)].insert(rows::column(row, 1)?);
    }
    Ok(found)
}

/// `WITH ORDINALITY` counts from 1, and what it counts is what we asked for, whatever lies in the tables.
fn place_number(row: &Row) -> usize {
    usize::try_from(row.get::<_, i64>(0) - 1).expect("an ordinality is positive")
}

/// Cuts a list so that no message comes near the protocol's limit of 1 GiB.
fn parts<T>(items: &[T], size: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let mut parts = Vec::new();
    let (mut first, mut sum) = (0, 0);
    for (place, item) in items.iter().enumerate() {
        let size = size(item);
        if place > first && sum + size > MOST_BYTES {
            parts.push(&items[first..place]);
            (first, sum) = (place, 0);
        }
        sum += size;
    }
    if first < items.len() {
        parts.push(&items[first..]);
    }
    parts
}

const MOST_BYTES: usize = 32 << 20;

/// The name under which a change of the header is noted: no collection has it.
pub(crate) const HEADER: &str = "";

pub(crate) const LOCK_HEAD: &str = "SELECT size, state FROM log_head WHERE id = 0 FOR UPDATE";

const FIND_RECORDS: &str = "SELECT q.n, r.generation, r.indexes \
    FROM unnest($1::text[], $2::bytea[]) WITH ORDINALITY AS q (collection, key, n) \
    JOIN record r ON r.collection = q.collection AND r.key = q.key";

const FIND_DELETED: &str = "SELECT q.n, r.generation \
    FROM unnest($1::text[], $2::bytea[]) WITH ORDINALITY AS q (collection, key, n) \
    JOIN deleted r ON r.collection = q.collection AND r.key = q.key";

const FIND_LISTED: &str = "SELECT q.n, r.key \
    FROM unnest($1::text[], $2::text[], $3::bytea[]) WITH ORDINALITY AS q (collection, name, value, n) \
    JOIN record_index r ON r.collection = q.collection AND r.name = q.name AND r.value = q.value";

const FIND_EPOCHS: &str = "SELECT job, epoch FROM lease WHERE job = ANY ($1)";

/// A statement that writes, and fails where other rows are written than `$rows` of them, by a division
/// by zero: so a trigger or a rule that drops rows keeps the `COMMIT` behind it from doing anything,
/// without a round trip of its own.
macro_rules! exactly {
    ($rows:literal, $($sql:literal)+) => {
        concat!("WITH done AS (", $($sql,)+ " RETURNING 1) SELECT 1 / (count(*) = ", $rows, ")::int FROM done")
    };
}

const PUT: &str = exactly!(
    "cardinality($1::text[])",
    "INSERT INTO record (collection, key, generation, value, indexes, mac) \
    SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bytea[], $5::bytea[], $6::bytea[]) \
    ON CONFLICT (collection, key) DO UPDATE SET generation = excluded.generation, value = excluded.value, \
    indexes = excluded.indexes, mac = excluded.mac"
);

const REMOVE_RECORDS: &str = exactly!(
    "cardinality($1::text[])",
    "DELETE FROM record r USING unnest($1::text[], $2::bytea[]) AS q (collection, key) \
    WHERE r.collection = q.collection AND r.key = q.key"
);

const REMOVE_DELETED: &str = exactly!(
    "cardinality($1::text[])",
    "DELETE FROM deleted r USING unnest($1::text[], $2::bytea[]) AS q (collection, key) \
    WHERE r.collection = q.collection AND r.key = q.key"
);

const BURY: &str = exactly!(
    "cardinality($1::text[])",
    "INSERT INTO deleted (collection, key, generation) \
    SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[]) \
    ON CONFLICT (collection, key) DO UPDATE SET generation = excluded.generation"
);

/// Of index rows some may be missing, or there already: verification lists them.
const UNLIST: &str = "DELETE FROM record_index r \
    USING unnest($1::text[], $2::text[], $3::bytea[], $4::bytea[]) AS q (collection, name, value, key) \
    WHERE r.collection = q.collection AND r.name = q.name AND r.value = q.value AND r.key = q.key";

pub(crate) const LIST: &str = "INSERT INTO record_index (collection, name, value, key) \
    SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bytea[]) ON CONFLICT DO NOTHING";

const PUT_HEADER: &str = exactly!(
    "1",
    "INSERT INTO header (id, bytes) VALUES (0, $1) ON CONFLICT (id) DO UPDATE SET bytes = excluded.bytes"
);

const CHANGE: &str = exactly!(
    "cardinality($1::text[])",
    "INSERT INTO change (collection, size) SELECT c, $2 FROM unnest($1::text[]) AS c \
    ON CONFLICT (collection) DO UPDATE SET size = excluded.size"
);

const APPEND: &str = exactly!(
    "cardinality($1::bigint[])",
    "INSERT INTO log (idx, public, private, mark) \
    SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::bytea[])"
);

pub(crate) const MOVE_HEAD: &str = exactly!("1", "UPDATE log_head SET size = $1, state = $2 WHERE id = 0");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut_and_nothing_is_lost() {
        let sizes = [MOST_BYTES, 1, 2, MOST_BYTES - 3, 1, 2 * MOST_BYTES, 5];
        let cut: Vec<Vec<usize>> = parts(&sizes, |size| *size).into_iter().map(<[usize]>::to_vec).collect();
        assert_eq!(cut, [&[MOST_BYTES][..], &[1, 2, MOST_BYTES - 3], &[1], &[2 * MOST_BYTES], &[5]]);
        assert!(parts(&[0_usize; 0], |size| *size).is_empty());
    }
}
