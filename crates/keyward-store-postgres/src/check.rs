//! Checks of the engine's own structure. What rows are worth is for their MACs and the log to say.

use crate::error::Failed;
use crate::schema;
use crate::session::Session;

/// One sentence a problem.
pub(crate) fn check(session: &Session) -> Result<Vec<String>, Failed> {
    let mut problems = Vec::new();
    let sql = "SELECT h.size, (SELECT count(*) FROM log), (SELECT coalesce(min(idx), 0) FROM log), \
        (SELECT coalesce(max(idx) + 1, 0) FROM log) FROM log_head h WHERE h.id = 0";
    // It reads the whole log's index.
    let rows = session.run_long(session.query(sql, &[]))?;
    let numbers = rows.first().map(|row| [row.get::<_, i64>(0), row.get(1), row.get(2), row.get(3)]);
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
    problems.extend(actors(session)?);
    Ok(problems)
}

/// Triggers, rules and policies: things in the database that act when rows are read or written. We
/// make none.
fn actors(session: &Session) -> Result<Vec<String>, Failed> {
    let sql = "WITH ours AS (SELECT c.oid, c.relname, c.relrowsecurity FROM pg_class c \
            JOIN pg_namespace n ON n.oid = c.relnamespace \
            WHERE n.nspname = current_setting('search_path') AND c.relname = ANY ($1)) \
        SELECT 'trigger', t.tgname::text, o.relname::text FROM pg_trigger t JOIN ours o ON o.oid = t.tgrelid \
        UNION ALL SELECT 'rule', r.rulename::text, o.relname::text FROM pg_rewrite r JOIN ours o ON o.oid = r.ev_class \
        UNION ALL SELECT 'row policy', '', o.relname::text FROM ours o WHERE o.relrowsecurity ORDER BY 1, 2, 3";
    let rows = session.run_long(session.query(sql, &[&schema::NAMES]))?;
    let problem = |row: &tokio_postgres::Row| {
        let [kind, name, table]: [String; 3] = [row.get(0), row.get(1), row.get(2)];
        format!("table `{table}` has a {kind} `{name}` that keyward did not make").replace(" ``", "")
    };
    Ok(rows.iter().map(problem).collect())
}
