//! Alterations of a database behind the store's back: by somebody who can write to the file, knows
//! its form, has kept earlier states of it and owns another vault, and has none of the keys.

mod alter;

use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params_from_iter};

pub use alter::{Kind, World};

/// Every row of a database, to be altered in memory and written to a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    tables: [Vec<Row>; TABLES.len()],
}

/// What a column of a row holds. Text is bytes: it need not be text after it was altered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cell {
    Null,
    Integer(i64),
    Text(Vec<u8>),
    Blob(Vec<u8>),
}

type Row = Vec<Cell>;

/// The tables, by their place in [`TABLES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Table {
    Record,
    Index,
    Log,
    LogHead,
    Header,
    Deleted,
}

/// Name, columns, and how many of these are its key.
const TABLES: [(&str, &str, usize); 6] = [
    ("record", "collection, key, generation, value, indexes, mac", 2),
    ("record_index", "collection, name, value, key", 4),
    ("log", "idx, public, private", 1),
    ("log_head", "id, size, state", 1),
    ("header", "id, bytes", 1),
    ("deleted", "collection, key, generation", 2),
];

impl Rows {
    /// Reads a database that nobody has open.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn read(path: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        let mut tables: [Vec<Row>; TABLES.len()] = Default::default();
        for (table, (name, columns, _)) in tables.iter_mut().zip(TABLES) {
            let sql = format!("SELECT {columns} FROM {name}");
            let width = columns.split(", ").count();
            let mut statement = connection.prepare(&sql)?;
            let rows = statement.query_map([], |row| (0..width).map(|n| Ok(Cell::of(row.get_ref(n)?))).collect())?;
            *table = rows.collect::<rusqlite::Result<_>>()?;
        }
        let mut rows = Self { tables };
        rows.sort();
        Ok(rows)
    }

    /// Makes a database that holds `before` hold these rows.
    ///
    /// # Errors
    /// What SQLite says: its tables do not take everything.
    pub fn write(&self, path: &Path, before: &Self) -> rusqlite::Result<()> {
        let mut connection = Connection::open(path)?;
        let transaction = connection.transaction()?;
        for ((table, before), (name, columns, _)) in self.tables.iter().zip(&before.tables).zip(TABLES) {
            if table == before {
                continue;
            }
            transaction.execute(&format!("DELETE FROM {name}"), [])?;
            for row in table {
                // Bytes that are no text come into a text column only by a cast.
                let values: Vec<&str> = row
                    .iter()
                    .map(|cell| if matches!(cell, Cell::Text(_)) { "CAST(? AS TEXT)" } else { "?" })
                    .collect();
                let sql = format!("INSERT INTO {name} ({columns}) VALUES ({})", values.join(", "));
                transaction.prepare_cached(&sql)?.execute(params_from_iter(row))?;
            }
        }
        transaction.commit()
    }

    /// Number of log entries.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.of(Table::Log).len()
    }

    /// Which tables differ, and by how many rows.
    #[must_use]
    pub fn difference(&self, other: &Self) -> String {
        let differing = self.tables.iter().zip(&other.tables).zip(TABLES).filter_map(|((ours, theirs), (name, ..))| {
            let more = ours.iter().filter(|row| !theirs.contains(row)).count();
            let fewer = theirs.iter().filter(|row| !ours.contains(row)).count();
            (more + fewer > 0).then(|| format!("{name}: {more} new, {fewer} gone"))
        });
        differing.collect::<Vec<_>>().join("; ")
    }

    fn sort(&mut self) {
        self.tables.iter_mut().for_each(|table| table.sort());
    }

    fn of(&self, table: Table) -> &Vec<Row> {
        &self.tables[table as usize]
    }

    fn of_mut(&mut self, table: Table) -> &mut Vec<Row> {
        &mut self.tables[table as usize]
    }
}

impl Cell {
    fn of(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Null | ValueRef::Real(_) => Self::Null,
            ValueRef::Integer(number) => Self::Integer(number),
            ValueRef::Text(bytes) => Self::Text(bytes.to_vec()),
            ValueRef::Blob(bytes) => Self::Blob(bytes.to_vec()),
        }
    }
}

impl rusqlite::ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        let value = match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(bytes) | Self::Blob(bytes) => ValueRef::Blob(bytes),
        };
        Ok(rusqlite::types::ToSqlOutput::Borrowed(value))
    }
}
