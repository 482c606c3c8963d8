//! The tables, and how a file is known to be ours.

/// Marks the file as keyward's (`PRAGMA application_id`): "kwd1" in ASCII.
pub(crate) const APPLICATION_ID: i32 = 0x6b77_6431;

/// Format of the file (`PRAGMA user_version`).
pub(crate) const FORMAT: u32 = 1;

/// Every table, as `sqlite_schema` shows it. A file whose tables differ is refused, so that no
/// trigger, view or default planted in it ever runs.
pub(crate) const TABLES: &[(&str, &str)] = &[
    ("deleted", DELETED),
    ("header", HEADER),
    ("log", LOG),
    ("log_head", LOG_HEAD),
    ("meta", META),
    ("record", RECORD),
    ("record_index", RECORD_INDEX),
];

/// Last generation of keys that were deleted: a key that comes back continues from there.
const DELETED: &str = "CREATE TABLE deleted (\
    collection TEXT NOT NULL, key BLOB NOT NULL, generation INTEGER NOT NULL, \
    PRIMARY KEY (collection, key)) STRICT, WITHOUT ROWID";

const HEADER: &str = "CREATE TABLE header (id INTEGER PRIMARY KEY CHECK (id = 0), bytes BLOB NOT NULL) STRICT";

const LOG: &str = "CREATE TABLE log (idx INTEGER PRIMARY KEY, public BLOB NOT NULL, private BLOB NOT NULL) STRICT";

const LOG_HEAD: &str = "CREATE TABLE log_head (\
    id INTEGER PRIMARY KEY CHECK (id = 0), size INTEGER NOT NULL, state BLOB) STRICT";

const META: &str = "CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID";

/// Lies in the order of writing, found by an index: new records fill the last page. In the order of
/// keys a group of commits would write twice as many pages (`benches/commit.rs`: 0.55 instead of 0.89
/// of the floor at 64 callers).
const RECORD: &str = "CREATE TABLE record (\
    collection TEXT NOT NULL, key BLOB NOT NULL, generation INTEGER NOT NULL, \
    value BLOB NOT NULL, indexes BLOB NOT NULL, mac BLOB NOT NULL, \
    PRIMARY KEY (collection, key)) STRICT";

const RECORD_INDEX: &str = "CREATE TABLE record_index (\
    collection TEXT NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL, key BLOB NOT NULL, \
    PRIMARY KEY (collection, name, value, key)) STRICT, WITHOUT ROWID";
