//! What can be altered, and how.

use super::{Cell, Row, Rows, TABLES, Table};
use crate::Seed;

/// What an attacker has to work with.
pub struct World {
    /// The store as it is.
    pub present: Rows,
    /// The same store at earlier moments, oldest first.
    pub earlier: Vec<Rows>,
    /// Another vault of his own.
    pub foreign: Rows,
}

/// A way to alter a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// One bit of one column of one row.
    Flip,
    /// Two rows change contents.
    Swap,
    /// A row goes: a record without or with its index rows, an index row, an entry, a head.
    Delete,
    /// Entries of the log change places, or the log closes over a missing one.
    Reorder,
    /// A row gets another's key, collection, index or number.
    Relabel,
    /// A record is in an earlier authentic state, its index rows with it.
    RollBack,
    /// A record that was deleted is back as it was, its index rows with it.
    Revive,
    /// The log loses its end or its beginning.
    Truncate,
    /// The log loses its end, and an older signed head says that this is right.
    TruncateUnderOldHead,
    /// The header is an older authentic one.
    OldHeader,
    /// The header says something else, or the same in other bytes.
    EditHeader,
    /// An index lists what it should not.
    Index,
    /// A record or an entry that nobody wrote.
    Forge,
    /// What belongs to another vault stands here.
    Foreign,
    /// A name that is no text.
    NotText,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Flip,
        Self::Swap,
        Self::Delete,
        Self::Reorder,
        Self::Relabel,
        Self::RollBack,
        Self::Revive,
        Self::Truncate,
        Self::TruncateUnderOldHead,
        Self::OldHeader,
        Self::EditHeader,
        Self::Index,
        Self::Forge,
        Self::Foreign,
        Self::NotText,
    ];

    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Flip => "flip",
            Self::Swap => "swap",
            Self::Delete => "delete",
            Self::Reorder => "reorder",
            Self::Relabel => "relabel",
            Self::RollBack => "roll back",
            Self::Revive => "revive",
            Self::Truncate => "truncate",
            Self::TruncateUnderOldHead => "truncate under an old head",
            Self::OldHeader => "old header",
            Self::EditHeader => "edit header",
            Self::Index => "index",
            Self::Forge => "forge",
            Self::Foreign => "foreign",
            Self::NotText => "not text",
        }
    }

    /// Whether a record as such can be authentic afterwards though it is not the present one: then
    /// a read alone cannot know, and an earlier value may be served until the log is verified.
    #[must_use]
    pub fn leaves_authentic_records(self) -> bool {
        matches!(self, Self::RollBack | Self::Revive | Self::Delete)
    }

    /// The store, altered; `None` when this choice would change nothing.
    #[must_use]
    pub fn apply(self, world: &World, seed: &mut Seed) -> Option<Rows> {
        let mut rows = world.present.clone();
        match self {
            Self::Flip => flip(&mut rows, seed),
            Self::Swap => swap(&mut rows, seed),
            Self::Delete => delete(&mut rows, seed),
            Self::Reorder => reorder(&mut rows, seed),
            Self::Relabel => relabel(&mut rows, seed),
            Self::RollBack => roll_back(&mut rows, seed.choose(&world.earlier), seed),
            Self::Revive => revive(&mut rows, seed.choose(&world.earlier), seed),
            Self::Truncate => truncate(&mut rows, seed),
            Self::TruncateUnderOldHead => under_old_head(&mut rows, seed.choose(&world.earlier)),
            Self::OldHeader => rows.of_mut(Table::Header).clone_from(seed.choose(&world.earlier).of(Table::Header)),
            Self::EditHeader => edit_header(&mut rows, seed),
            Self::Index => index(&mut rows, seed),
            Self::Forge => forge(&mut rows, seed),
            Self::Foreign => foreign(&mut rows, &world.foreign, seed),
            Self::NotText => not_text(&mut rows, seed),
        }
        // What counts is which rows there are, not their order in a list.
        rows.sort();
        (rows != world.present).then_some(rows)
    }
}

/// Records most of all, then the log, then the rest.
fn some_table(rows: &Rows, seed: &mut Seed) -> Table {
    const CHOICE: [Table; 11] = [
        Table::Record,
        Table::Record,
        Table::Record,
        Table::Record,
        Table::Record,
        Table::Log,
        Table::Log,
        Table::Log,
        Table::Index,
        Table::LogHead,
        Table::Header,
    ];
    let table = *seed.choose(&CHOICE);
    if rows.of(table).is_empty() { Table::Record } else { table }
}

fn flip(rows: &mut Rows, seed: &mut Seed) {
    let table = some_table(rows, seed);
    let at = seed.below(rows.of(table).len());
    let row = &mut rows.of_mut(table)[at];
    let column = seed.below(row.len());
    row[column].flip(seed);
}

fn swap(rows: &mut Rows, seed: &mut Seed) {
    let table = *seed.choose(&[Table::Record, Table::Record, Table::Log, Table::Index]);
    let (a, b) = (seed.below(rows.of(table).len()), seed.below(rows.of(table).len()));
    let keys = TABLES[table as usize].2 % rows.of(table)[a].len();
    let columns: Vec<usize> = (keys..rows.of(table)[a].len()).collect();
    // All that is not the key, or one column of it.
    let columns = if seed.once_in(2) { columns } else { vec![*seed.choose(&columns)] };
    for column in columns {
        let (from_a, from_b) = (rows.of(table)[a][column].clone(), rows.of(table)[b][column].clone());
        rows.of_mut(table)[a][column] = from_b;
        rows.of_mut(table)[b][column] = from_a;
    }
}

fn delete(rows: &mut Rows, seed: &mut Seed) {
    match seed.below(8) {
        0..=2 => drop(remove(rows, Table::Record, seed)),
        3..=4 => {
            let row = remove(rows, Table::Record, seed);
            rows.of_mut(Table::Index).retain(|index| !belongs(index, &row));
        }
        5 => drop(remove(rows, Table::Index, seed)),
        6 => drop(remove(rows, Table::Log, seed)),
        _ => {
            let table = *seed.choose(&[Table::LogHead, Table::Header]);
            drop(remove(rows, table, seed));
        }
    }
}

fn remove(rows: &mut Rows, table: Table, seed: &mut Seed) -> Row {
    let at = seed.below(rows.of(table).len());
    rows.of_mut(table).remove(at)
}

fn reorder(rows: &mut Rows, seed: &mut Seed) {
    let log = rows.of_mut(Table::Log);
    let (a, b) = (seed.below(log.len()), seed.below(log.len()));
    match seed.below(3) {
        0 => log.swap(a, b),
        1 => log[a.min(b)..=a.max(b)].rotate_left(1),
        _ => drop(log.remove(a)),
    }
    for (number, row) in log.iter_mut().enumerate() {
        row[0] = Cell::Integer(i64::try_from(number).expect("the log is short"));
    }
}

fn relabel(rows: &mut Rows, seed: &mut Seed) {
    let table = *seed.choose(&[Table::Record, Table::Record, Table::Index, Table::Log]);
    let (at, other) = (seed.below(rows.of(table).len()), seed.below(rows.of(table).len()));
    let other = rows.of(table)[other].clone();
    // Never the values: these are swapped elsewhere.
    let columns: &[usize] = match table {
        Table::Record => &[0, 1, 2],
        Table::Index => &[0, 1, 2, 3],
        _ => &[0],
    };
    let column = *seed.choose(columns);
    let row = &mut rows.of_mut(table)[at];
    row[column] = match &other[column] {
        Cell::Integer(number) if table == Table::Log => Cell::Integer(number + 1_000),
        Cell::Integer(number) => Cell::Integer(number + 1),
        cell => cell.clone(),
    };
    // A key is free only once.
    let keys = TABLES[table as usize].2;
    let taken = row[..keys].to_vec();
    let mut number = 0;
    rows.of_mut(table).retain(|row| {
        number += 1;
        number - 1 == at || row[..keys] != taken
    });
}

/// What was hidden and brought back is, but for its generation, what it was before: putting that back
/// changes nothing that anybody reads, and is not chosen.
fn roll_back(rows: &mut Rows, earlier: &Rows, seed: &mut Seed) {
    let says_otherwise = |old: &Row, new: &Row| new[..2] == old[..2] && new[3..5] != old[3..5];
    let changed: Vec<&Row> = earlier
        .of(Table::Record)
        .iter()
        .filter(|old| rows.of(Table::Record).iter().any(|new| says_otherwise(old, new)))
        .collect();
    if changed.is_empty() {
        return;
    }
    let old = (*seed.choose(&changed)).clone();
    put_back(rows, earlier, &old);
}

fn revive(rows: &mut Rows, earlier: &Rows, seed: &mut Seed) {
    let gone: Vec<&Row> = earlier
        .of(Table::Record)
        .iter()
        .filter(|old| !rows.of(Table::Record).iter().any(|new| new[..2] == old[..2]))
        .collect();
    if gone.is_empty() {
        return;
    }
    let old = (*seed.choose(&gone)).clone();
    put_back(rows, earlier, &old);
}

fn put_back(rows: &mut Rows, earlier: &Rows, old: &Row) {
    rows.of_mut(Table::Record).retain(|row| row[..2] != old[..2]);
    rows.of_mut(Table::Record).push(old.clone());
    rows.of_mut(Table::Index).retain(|index| !belongs(index, old));
    let listed = earlier.of(Table::Index).iter().filter(|index| belongs(index, old)).cloned();
    rows.of_mut(Table::Index).extend(listed);
    rows.of_mut(Table::Deleted).retain(|row| row[..2] != old[..2]);
}

/// Whether an index row lists this record.
fn belongs(index: &Row, record: &Row) -> bool {
    index[0] == record[0] && index[3] == record[1]
}

fn truncate(rows: &mut Rows, seed: &mut Seed) {
    let length = rows.entries();
    let cut = 1 + seed.below(length);
    match seed.below(3) {
        0 => rows.of_mut(Table::Log).truncate(length - cut),
        1 => {
            rows.of_mut(Table::Log).truncate(length - cut);
            set_size(rows, length - cut);
        }
        _ => drop(rows.of_mut(Table::Log).drain(..cut)),
    }
}

fn set_size(rows: &mut Rows, size: usize) {
    rows.of_mut(Table::LogHead)[0][1] = Cell::Integer(i64::try_from(size).expect("the log is short"));
}

fn under_old_head(rows: &mut Rows, earlier: &Rows) {
    rows.of_mut(Table::Log).truncate(earlier.entries());
    rows.of_mut(Table::LogHead).clone_from(earlier.of(Table::LogHead));
}

fn edit_header(rows: &mut Rows, seed: &mut Seed) {
    let Cell::Blob(bytes) = &mut rows.of_mut(Table::Header)[0][1] else { return };
    let mut text = String::from_utf8(bytes.clone()).expect("a header is JSON");
    let edits: [(&str, &str); 7] = [
        ("\"label\":\"", "\"label\":\"x"),
        ("\"root_generation\":", "\"root_generation\": "),
        ("\"root_generation\":2", "\"root_generation\":3"),
        ("keyward/1", "keyward/2"),
        ("\"owner\":\"user:", "\"owner\":\"user:x"),
        ("\"incarnation\":\"", "\"incarnation\":\"0"),
        ("\"mac\":", "\"safe_mode\":\"no reason\",\"mac\":"),
    ];
    let (from, to) = *seed.choose(&edits);
    text = text.replacen(from, to, 1);
    *bytes = text.into_bytes();
}

fn index(rows: &mut Rows, seed: &mut Seed) {
    let row = seed.choose(rows.of(Table::Index)).clone();
    let other = seed.choose(rows.of(Table::Index)).clone();
    let added = match seed.below(3) {
        // The name of one record leads to another one.
        0 => vec![row[0].clone(), row[1].clone(), row[2].clone(), other[3].clone()],
        1 => vec![row[0].clone(), other[1].clone(), other[2].clone(), row[3].clone()],
        _ => vec![row[0].clone(), row[1].clone(), Cell::Blob(b"a new name".to_vec()), row[3].clone()],
    };
    if seed.once_in(2) {
        rows.of_mut(Table::Index).retain(|listed| *listed != row);
    }
    if !rows.of(Table::Index).contains(&added) {
        rows.of_mut(Table::Index).push(added);
    }
}

fn forge(rows: &mut Rows, seed: &mut Seed) {
    if seed.once_in(3) {
        let mut entry = seed.choose(rows.of(Table::Log)).clone();
        let length = rows.entries();
        entry[0] = Cell::Integer(i64::try_from(length).expect("the log is short"));
        rows.of_mut(Table::Log).push(entry);
        if seed.once_in(2) {
            set_size(rows, length + 1);
        }
        return;
    }
    let mut forged = seed.choose(rows.of(Table::Record)).clone();
    match &mut forged[1] {
        Cell::Blob(key) => key.push(0),
        cell => cell.flip(seed),
    }
    if seed.once_in(2) {
        forged[5].flip(seed);
    }
    rows.of_mut(Table::Record).push(forged);
}

fn foreign(rows: &mut Rows, foreign: &Rows, seed: &mut Seed) {
    let at = seed.below(rows.of(Table::Record).len());
    match seed.below(6) {
        // His record in the place of ours.
        0 | 1 => {
            let row = &mut rows.of_mut(Table::Record)[at];
            let same = foreign.of(Table::Record).iter().filter(|theirs| theirs[0] == row[0]);
            let same: Vec<&Row> = same.collect();
            if let Some(theirs) = (!same.is_empty()).then(|| *seed.choose(&same)) {
                row[2..].clone_from_slice(&theirs[2..]);
            }
        }
        // His record beside ours.
        2 => {
            let theirs = seed.choose(foreign.of(Table::Record)).clone();
            rows.of_mut(Table::Record).retain(|row| row[..2] != theirs[..2]);
            rows.of_mut(Table::Record).push(theirs);
        }
        3 => rows.of_mut(Table::Header).clone_from(foreign.of(Table::Header)),
        4 => rows.of_mut(Table::LogHead).clone_from(foreign.of(Table::LogHead)),
        _ => {
            let theirs = seed.choose(foreign.of(Table::Log)).clone();
            let at = seed.below(rows.entries());
            rows.of_mut(Table::Log)[at][1..].clone_from_slice(&theirs[1..]);
        }
    }
}

/// Above every name in its order, so that who pages by it comes back to it.
fn not_text(rows: &mut Rows, seed: &mut Seed) {
    let table = *seed.choose(&[Table::Record, Table::Index]);
    let at = seed.below(rows.of(table).len());
    let column = if table == Table::Index { seed.below(2) } else { 0 };
    let row = &mut rows.of_mut(table)[at];
    if let Cell::Text(bytes) = &mut row[column] {
        bytes[0] |= 0x80;
    }
}

impl Cell {
    fn flip(&mut self, seed: &mut Seed) {
        match self {
            Self::Null => {}
            Self::Integer(number) => *number ^= 1 << seed.below(64),
            Self::Text(bytes) | Self::Blob(bytes) if bytes.is_empty() => {}
            Self::Text(bytes) | Self::Blob(bytes) => {
                let at = seed.below(bytes.len());
                bytes[at] ^= 1 << seed.below(8);
            }
        }
    }
}
