//! Checks of the engine's own structure. What rows are worth is for their MACs and the log to say.

use std::collections::BTreeSet;

use crate::error::Failed;
use crate::rows::column;
use crate::schema;
use crate::session::Session;

/// One sentence a problem.
pub(crate) fn check(session: &Session) -> Result<Vec<String>, Failed> {
    let mut problems = Vec::new();
    let sql = "SELECT h.size, (SELECT count(*) FROM log), (SELECT coalesce(min(idx), 0) FROM log), \
        (SELECT coalesce(max(idx) + 1, 0) FROM log) FROM log_head h WHERE h.id = 0";
    // It reads the whole log's index.
    let rows = session.run_long(session.query(sql, &[]))?;
    let numbers = |row| Ok::<_, Failed>([column::<i64>(row, 0)?, column(row, 1)?, column(row, 2)?, column(row, 3)?]);
    let numbers = rows.first().map(numbers).transpose()?;
    match numbers {
        None => problems.push("the log has no head".into()),
        Some([size, count, first, end]) if (count, first, end) != (size, 0, size) => {
            problems.push(format!("the log's head says {size} entries; there are {count}, from {first} to {end}"))
        }
        Some(_) => {}
    }
    let sql = "SELECT count(*) FROM deleted d JOIN record r ON r.collection = d.collection AND r.key = d.key";
    let rows = session.run_long(session.query(sql, &[]))?;
    if let Some(both) = rows.first().map(|row| row.get::<_, i64>(0)).filter(|both| *both > 0) {
        problems.push(format!("{both} records are there and deleted at once"));
    }
    problems.extend(structure(session)?);
    Ok(problems)
}

/// What the tables are that they should not be: altered, or with something that acts when they are read
/// or written. What is wrong here can make the database acknowledge what it does not keep.
pub(crate) fn structure(session: &Session) -> Result<Vec<String>, Failed> {
    let mut problems = actors(session)?;
    let found: BTreeSet<String> = texts(session, PARTS)?.into_iter().map(|[part]| part).collect();
    let made = |part: &String| schema::PARTS.contains(&&**part);
    problems.extend(
        found
            .iter()
            .filter(|part| !made(part))
            .map(|part| format!("the tables have `{part}`, which keyward did not make")),
    );
    let missing = schema::PARTS.iter().filter(|part| !found.contains(**part));
    problems.extend(missing.map(|part| format!("the tables lack `{part}`")));
    Ok(problems)
}

/// Triggers, rules and policies. We make none.
fn actors(session: &Session) -> Result<Vec<String>, Failed> {
    let problem = |[kind, name, table]: [String; 3]| {
        format!("table `{table}` has a {kind} `{name}` that keyward did not make").replace(" ``", "")
    };
    Ok(texts(session, ACTORS)?.into_iter().map(problem).collect())
}

/// Rows of texts about our tables.
fn texts<const N: usize>(session: &Session, sql: &'static str) -> Result<Vec<[String; N]>, Failed> {
    let rows = session.run_long(session.query(sql, &[&schema::NAMES]))?;
    let read = |row| {
        let mut texts = [const { String::new() }; N];
        for (at, text) in texts.iter_mut().enumerate() {
            *text = column(row, at)?;
        }
        Ok(texts)
    };
    rows.iter().map(read).collect()
}

/// Our tables: those of the schema that every session looks in.
macro_rules! of_ours {
    ($sql:literal) => {
        concat!(
            "WITH ours AS (SELECT c.oid, c.relname, c.relrowsecurity, c.relpersistence FROM pg_class c \
            JOIN pg_namespace n ON n.oid = c.relnamespace \
            WHERE n.nspname = (parse_ident(current_setting('search_path')))[1] AND c.relname = ANY ($1)) ",
            $sql
        )
    };
}

const ACTORS: &str = of_ours!(
    "SELECT 'trigger', t.tgname::text, o.relname::text FROM pg_trigger t JOIN ours o ON o.oid = t.tgrelid \
    UNION ALL SELECT 'rule', r.rulename::text, o.relname::text FROM pg_rewrite r JOIN ours o ON o.oid = r.ev_class \
    UNION ALL SELECT 'row policy', '', o.relname::text FROM ours o WHERE o.relrowsecurity ORDER BY 1, 2, 3"
);

/// Columns and constraints, each a text as in [`schema::PARTS`]. That a column is not null is one of
/// its own constraints for newer servers, and is said with the column.
const PARTS: &str = of_ours!(
    "SELECT o.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) \
        || CASE WHEN l.collname IN ('default') OR l.collname IS NULL THEN '' ELSE ' collate ' || l.collname END \
        || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END || CASE WHEN a.atthasdef THEN ' default' ELSE '' END \
        || CASE WHEN a.attidentity = '' THEN '' ELSE ' identity' END \
    FROM pg_attribute a JOIN ours o ON o.oid = a.attrelid LEFT JOIN pg_collation l ON l.oid = a.attcollation \
    WHERE a.attnum > 0 AND NOT a.attisdropped \
    UNION ALL SELECT o.relname || ' ' || pg_get_constraintdef(k.oid) \
    FROM pg_constraint k JOIN ours o ON o.oid = k.conrelid WHERE k.contype <> 'n' \
    UNION ALL SELECT o.relname || ' is not permanent' FROM ours o WHERE o.relpersistence <> 'p'"
);
