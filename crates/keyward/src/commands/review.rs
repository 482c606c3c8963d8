use clap::Subcommand;
use keyward_client::{Decision, Result, ReviewInfo, ReviewLineInfo, Role, Suggestion};

use crate::commands::shown;
use crate::context::Context;
use crate::output::{self, Exit};

/// Access reviews: who still needs which right; what nobody answers for ends at the deadline
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward review start --days 14")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Ask about every right that there is
    #[command(after_help = "Example: keyward review start --days 14")]
    Start {
        /// How long answers are waited for
        #[arg(long, value_name = "N", default_value_t = 14, value_parser = clap::value_parser!(u32).range(1..=90))]
        days: u32,
    },
    /// Show the newest review, or another one
    #[command(after_help = "Example: keyward review show")]
    Show {
        /// Which; default: the newest
        id: Option<String>,
    },
    /// Answer for a right: nobody answers for his own
    #[command(after_help = "Example: keyward review decide 3 keep")]
    Decide {
        /// The line's number
        line: u32,
        #[command(subcommand)]
        answer: Answer,
    },
}

#[derive(Debug, Subcommand)]
enum Answer {
    /// The holder keeps it
    #[command(after_help = "Example: keyward review decide 3 keep")]
    Keep,
    /// The holder loses it
    #[command(after_help = "Example: keyward review decide 3 remove")]
    Remove,
    /// The holder gets this role in its place
    #[command(after_help = "Example: keyward review decide 3 narrow auditor")]
    Narrow {
        /// developer, operator, auditor or ci
        role: Role,
    },
    /// Give back what was taken away, by an answer or by the deadline
    #[command(after_help = "Example: keyward review decide 3 restore")]
    Restore {
        /// Of which review; default: the newest
        #[arg(long, value_name = "ID")]
        review: Option<String>,
    },
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let desk = connection.desk();
        match self.verb {
            Verb::Start { days } => show(context, &desk.start_review(days)?)?,
            Verb::Show { id } => show(context, &desk.review(id)?)?,
            Verb::Decide { line, answer } => {
                let line = match answer {
                    Answer::Keep => desk.decide_review_line(line, Decision::Keep)?,
                    Answer::Remove => desk.decide_review_line(line, Decision::Remove)?,
                    Answer::Narrow { role } => desk.decide_review_line(line, Decision::Narrow(role.to_string()))?,
                    Answer::Restore { review } => desk.restore_review_line(review, line)?,
                };
                said(context, &line)?;
            }
        }
        Ok(Exit::Done)
    }
}

fn said(context: &Context, line: &ReviewLineInfo) -> Result<()> {
    if context.global.json {
        return output::json(&serde_json::json!({ "line": line }));
    }
    output::note(format!("the role {} of `{}` in {} is {}", line.role, line.account, line.at, line.answer));
    Ok(())
}

fn show(context: &Context, review: &ReviewInfo) -> Result<()> {
    if context.global.json {
        return output::json(&serde_json::json!({ "review": review }));
    }
    let rows: Vec<Vec<String>> = review.lines.iter().map(row).collect();
    output::table(&["LINE", "WHO", "ROLE", "WHERE", "BY", "LAST USED", "SUGGESTION", "ANSWER"], &rows)?;
    let open = review.lines.iter().filter(|line| line.answer == "open").count() as u64;
    output::note(format!(
        "review `{}` is {}: {} without an answer, deadline {}",
        review.id,
        review.state,
        shown::counted(open, "line"),
        shown::moment(review.deadline)
    ));
    if review.state == "open" && open > 0 {
        output::hint(
            "`keyward review decide LINE keep|remove|narrow ROLE`; what nobody answers is removed, reversibly",
        );
    }
    if review.state == "closed" {
        output::note(format!("the next review is due on {}", shown::day(review.next_due)));
    }
    Ok(())
}

fn row(line: &ReviewLineInfo) -> Vec<String> {
    let suggestion = match line.suggestion {
        Suggestion::Keep => "keep",
        Suggestion::Narrow => "narrow",
        Suggestion::Remove => "remove",
    };
    let answer = match &line.answered_by {
        Some(by) => format!("{} by {by}", line.answer),
        None if line.answer == "removed" => "removed at the deadline".to_owned(),
        None => line.answer.clone(),
    };
    vec![
        line.number.to_string(),
        line.account.clone(),
        line.role.clone(),
        line.at.clone(),
        line.group.clone().map_or("-".to_owned(), |group| format!("group {group}")),
        line.last_used.map_or("never".to_owned(), shown::day),
        suggestion.to_owned(),
        answer,
    ]
}
