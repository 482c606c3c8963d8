//! Statements that are sent together, in one round trip.

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::error::Failed;
use crate::session::{Session, Work, pipelined};

/// Statements and their values. What is not asked has an empty answer.
pub(crate) struct Questions<'a> {
    session: &'a Session,
    asked: Vec<Option<Question<'a>>>,
}

struct Question<'a> {
    sql: &'static str,
    values: Vec<Value<'a>>,
}

pub(crate) type Value<'a> = Box<dyn ToSql + Sync + 'a>;

impl<'a> Questions<'a> {
    pub(crate) fn new(session: &'a Session) -> Self {
        Self { session, asked: Vec::new() }
    }

    pub(crate) fn ask<const N: usize>(&mut self, sql: &'static str, values: [Value<'a>; N]) {
        self.asked.push(Some(Question { sql, values: values.into() }));
    }

    pub(crate) fn ask_if<const N: usize>(&mut self, asked: bool, sql: &'static str, values: [Value<'a>; N]) {
        if asked {
            self.ask(sql, values);
        } else {
            self.asked.push(None);
        }
    }

    /// The rows of each, or the first failure.
    pub(crate) fn answers(self) -> Result<Vec<Vec<Row>>, Failed> {
        let (session, asked) = (self.session, &self.asked);
        session.run(async move {
            let mut statements = Vec::with_capacity(asked.len());
            for question in asked {
                statements.push(match question {
                    Some(question) => Some(session.prepared(question.sql).await?),
                    None => None,
                });
            }
            let work = asked.iter().zip(&statements).map(|(question, statement)| {
                let (Some(question), Some(statement)) = (question, statement) else {
                    return Box::pin(std::future::ready(Ok(Vec::new()))) as Work<'_, _, _>;
                };
                Box::pin(async move {
                    let values: Vec<&(dyn ToSql + Sync)> = question.values.iter().map(|value| &**value as _).collect();
                    session.client.query(statement, &values).await
                })
            });
            pipelined(work.collect()).await
        })
    }
}
