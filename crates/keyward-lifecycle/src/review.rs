//! Access reviews: who still needs which right. Quarterly by default.
//!
//! A review asks about each right of each holder, with its last use and a suggestion. Somebody
//! else than the holder answers. What nobody has answered by the deadline is taken away, and can be
//! given back as it was: the line keeps all of it.

use keyward_types::{PrincipalId, Timestamp};
use keyward_vault::{Answer, Review, ReviewLine, Right, Suggestion};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What somebody answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// The holder keeps it.
    Keep,
    /// The holder gets this role in its place.
    Narrow(String),
    /// The holder loses it.
    Remove,
}

/// Why an answer is not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// It is about whoever answers.
    #[error("nobody reviews his own rights, or those of his service accounts: let somebody else answer")]
    Himself,
    /// The review is over.
    #[error("the review `{0}` is closed: what it took away can be restored")]
    Closed(String),
    /// There is time left to answer.
    #[error("the review `{0}` runs until {1}: rights that nobody has answered for are removed then")]
    NotYet(String, Timestamp),
    /// Nothing was taken away.
    #[error("line {0} was not removed, so that there is nothing to restore")]
    NotRemoved(u32),
    /// It was taken away already.
    #[error("line {0} took the right away: restore it first")]
    Removed(u32),
    /// It would leave nobody.
    #[error("nobody could administer the vault without this right: it can be kept only")]
    Indispensable,
    /// What a group gives is kept or lost as one.
    #[error("the group `{0}` gives it: remove it, which takes him out of the group, and grant a narrower role")]
    ByGroup(String),
    /// The same role is nothing narrower.
    #[error("`{0}` is the role that he has: name a narrower one")]
    SameRole(String),
}

/// How long answers are waited for, unless somebody says otherwise.
pub const DAYS_TO_ANSWER: i64 = 14;
/// How often there is a review, unless somebody says otherwise.
pub const DAYS_BETWEEN: i64 = 91;

/// A right that was not used for longer is not needed, as it seems.
const UNUSED_DAYS: i64 = 90;
/// So long nobody wonders that a new right was not used yet.
const NEW_DAYS: i64 = 30;

/// When the next review is due.
pub fn next_due(last: Option<&Review>, vault_since: Timestamp) -> Timestamp {
    last.map_or(vault_since, |review| review.started_at).plus_days(DAYS_BETWEEN)
}

/// A review of these rights: the unused ones first, then by holder.
pub fn start(id: &str, by: &PrincipalId, rights: Vec<Right>, days: i64, now: Timestamp) -> (Review, Vec<ReviewLine>) {
    let review = Review {
        id: id.to_owned(),
        started_by: by.clone(),
        started_at: now,
        deadline: now.plus_days(days),
        closed_at: None,
    };
    let mut rights: Vec<(Suggestion, Right)> =
        rights.into_iter().map(|right| (suggestion(&right, now), right)).collect();
    rights.sort_by(|(a, x), (b, y)| {
        let place = |suggestion: &Suggestion, right: &Right| {
            (urgency(*suggestion), right.holder.clone(), right.at.clone(), right.role.clone(), right.binding.clone())
        };
        place(a, x).cmp(&place(b, y))
    });
    let lines = (1..).zip(rights).map(|(number, (suggestion, right))| ReviewLine {
        review: id.to_owned(),
        number,
        right,
        suggestion,
        answer: Answer::Open,
    });
    let lines = lines.collect();
    (review, lines)
}

/// What the use of a right suggests.
pub fn suggestion(right: &Right, now: Timestamp) -> Suggestion {
    let lately = |at: Option<Timestamp>| at.is_some_and(|at| now.days_since(at) <= UNUSED_DAYS);
    if right.indispensable || now.days_since(right.since) < NEW_DAYS {
        Suggestion::Keep
    } else if !lately(right.last_used.max(right.last_changed)) {
        Suggestion::Remove
    } else if right.changes && !lately(right.last_changed) {
        Suggestion::Narrow
    } else {
        Suggestion::Keep
    }
}

/// The line with an answer. `Keep` can be changed as long as the review is open; what was taken away
/// comes back by [`restore`].
///
/// # Errors
/// A [`Refusal`] when it is about whoever answers, the review is over, or nobody would be left.
pub fn decide(
    review: &Review,
    line: &ReviewLine,
    by: &PrincipalId,
    decision: Decision,
    now: Timestamp,
) -> Result<ReviewLine, Refusal> {
    refuse_himself(line, by)?;
    if review.closed_at.is_some() || now >= review.deadline {
        return Err(Refusal::Closed(review.id.clone()));
    }
    if let (Decision::Narrow(_), Some(group)) = (&decision, &line.right.group) {
        return Err(Refusal::ByGroup(group.clone()));
    }
    if matches!(line.answer, Answer::Removed { .. } | Answer::Narrowed { .. }) {
        return Err(Refusal::Removed(line.number));
    }
    let by = by.clone();
    let answer = match decision {
        Decision::Keep => Answer::Kept { by, at: now },
        Decision::Narrow(_) | Decision::Remove if line.right.indispensable => return Err(Refusal::Indispensable),
        Decision::Narrow(to) if to == line.right.role => return Err(Refusal::SameRole(to)),
        Decision::Narrow(to) => Answer::Narrowed { by, at: now, to },
        Decision::Remove => Answer::Removed { by: Some(by), at: now },
    };
    Ok(ReviewLine { answer, ..line.clone() })
}

/// What the deadline takes away: the lines without an answer, as they are from now on.
///
/// # Errors
/// [`Refusal::NotYet`] before the deadline, unless every line has an answer; [`Refusal::Closed`].
pub fn close(review: &Review, lines: &[ReviewLine], now: Timestamp) -> Result<Vec<ReviewLine>, Refusal> {
    if review.closed_at.is_some() {
        return Err(Refusal::Closed(review.id.clone()));
    }
    let mut open = lines.iter().filter(|line| line.answer == Answer::Open && !line.right.indispensable).peekable();
    if now < review.deadline && open.peek().is_some() {
        return Err(Refusal::NotYet(review.id.clone(), review.deadline));
    }
    let removed = Answer::Removed { by: None, at: now };
    Ok(open.map(|line| ReviewLine { answer: removed.clone(), ..line.clone() }).collect())
}

/// The line whose right is given back, also after the review was closed.
///
/// # Errors
/// [`Refusal::NotRemoved`]; [`Refusal::Himself`] when the holder would give it to himself.
pub fn restore(line: &ReviewLine, by: &PrincipalId, now: Timestamp) -> Result<ReviewLine, Refusal> {
    refuse_himself(line, by)?;
    match line.answer {
        Answer::Removed { .. } | Answer::Narrowed { .. } => {
            Ok(ReviewLine { answer: Answer::Restored { by: by.clone(), at: now }, ..line.clone() })
        }
        Answer::Open | Answer::Kept { .. } | Answer::Restored { .. } => Err(Refusal::NotRemoved(line.number)),
    }
}

fn refuse_himself(line: &ReviewLine, by: &PrincipalId) -> Result<(), Refusal> {
    let himself = line.right.holder == *by || line.right.answers.as_ref() == Some(by);
    if himself { Err(Refusal::Himself) } else { Ok(()) }
}

fn urgency(suggestion: Suggestion) -> u8 {
    match suggestion {
        Suggestion::Remove => 0,
        Suggestion::Narrow => 1,
        Suggestion::Keep => 2,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp(1_795_000_000_000);

    fn person(n: u8) -> PrincipalId {
        format!("user:p{n}").parse().unwrap()
    }

    fn right(holder: u8) -> Right {
        Right {
            holder: person(holder),
            answers: None,
            role: "developer".into(),
            at: "shop".into(),
            binding: format!("b{holder}"),
            group: None,
            since: NOW.plus_days(-300),
            changes: true,
            last_used: None,
            last_changed: None,
            indispensable: false,
        }
    }

    fn rights() -> impl Strategy<Value = Vec<Right>> {
        let days = || proptest::option::of(-400i64..0);
        let one = (0u8..5, proptest::option::of(0u8..5), days(), days(), -400i64..0, any::<bool>(), any::<bool>());
        proptest::collection::vec(one, 0..20).prop_map(|all| {
            all.into_iter()
                .map(|(holder, answers, used, changed, since, changes, indispensable)| Right {
                    answers: answers.map(person),
                    since: NOW.plus_days(since),
                    last_used: used.map(|days| NOW.plus_days(days)),
                    last_changed: changed.map(|days| NOW.plus_days(days)),
                    changes,
                    indispensable,
                    ..right(holder)
                })
                .collect()
        })
    }

    fn decision() -> impl Strategy<Value = Decision> {
        prop_oneof![Just(Decision::Keep), Just(Decision::Remove), Just(Decision::Narrow("auditor".into()))]
    }

    #[test]
    fn use_suggests_what_to_do() {
        let ago = |days: i64| Some(NOW.plus_days(-days));
        let cases = [
            (right(1), Suggestion::Remove),
            (Right { since: NOW.plus_days(-5), ..right(1) }, Suggestion::Keep),
            (Right { last_used: ago(91), ..right(1) }, Suggestion::Remove),
            (Right { last_used: ago(3), ..right(1) }, Suggestion::Narrow),
            (Right { last_used: ago(3), changes: false, ..right(1) }, Suggestion::Keep),
            (Right { last_used: ago(3), last_changed: ago(80), ..right(1) }, Suggestion::Keep),
            (Right { indispensable: true, ..right(1) }, Suggestion::Keep),
        ];
        for (right, expected) in cases {
            assert_eq!(suggestion(&right, NOW), expected, "{right:?}");
        }
    }

    #[test]
    fn a_review_is_due_a_quarter_after_the_last_one() {
        let (review, _) = start("1", &person(0), vec![], DAYS_TO_ANSWER, NOW);
        assert_eq!(next_due(Some(&review), Timestamp(0)).days_since(NOW), 91);
        assert_eq!(next_due(None, NOW).days_since(NOW), 91);
    }

    #[test]
    fn a_closed_review_and_one_past_its_deadline_take_no_answers() {
        let (review, lines) = start("1", &person(0), vec![right(1)], 14, NOW);
        let late = decide(&review, &lines[0], &person(0), Decision::Keep, review.deadline);
        assert_eq!(late, Err(Refusal::Closed("1".into())));
        let closed = Review { closed_at: Some(NOW), ..review };
        assert!(decide(&closed, &lines[0], &person(0), Decision::Keep, NOW).is_err());
        assert!(close(&closed, &lines, NOW.plus_days(20)).is_err());
    }

    proptest! {
        #[test]
        fn nobody_reviews_himself(rights in rights(), decision in decision()) {
            let (review, lines) = start("1", &person(0), rights, 14, NOW);
            for line in &lines {
                let mut his = vec![line.right.holder.clone()];
                his.extend(line.right.answers.clone());
                for by in (0..5).map(person) {
                    let answered = decide(&review, line, &by, decision.clone(), NOW);
                    prop_assert_eq!(his.contains(&by), answered == Err(Refusal::Himself));
                    let removed = ReviewLine { answer: Answer::Removed { by: None, at: NOW }, ..line.clone() };
                    prop_assert_eq!(his.contains(&by), restore(&removed, &by, NOW) == Err(Refusal::Himself));
                }
            }
        }

        #[test]
        fn the_deadline_removes_what_nobody_answered_and_nothing_else(
            rights in rights(),
            answers in proptest::collection::vec(proptest::option::of(decision()), 20),
        ) {
            let (review, lines) = start("1", &person(0), rights.clone(), 14, NOW);
            prop_assert_eq!(lines.len(), rights.len());
            let reviewer = person(9);
            let lines: Vec<ReviewLine> = lines.into_iter().zip(answers).map(|(line, answer)| match answer {
                None => line,
                Some(answer) => decide(&review, &line, &reviewer, answer, NOW).unwrap_or(line),
            }).collect();
            let unanswered: Vec<&ReviewLine> = lines.iter()
                .filter(|line| line.answer == Answer::Open && !line.right.indispensable).collect();
            let early = close(&review, &lines, NOW);
            prop_assert_eq!(early.is_err(), !unanswered.is_empty());
            let removed = close(&review, &lines, review.deadline).unwrap();
            prop_assert_eq!(removed.len(), unanswered.len());
            for (removed, line) in removed.iter().zip(unanswered) {
                prop_assert_eq!(&removed.answer, &Answer::Removed { by: None, at: review.deadline });
                // Reversible: nothing of the right was lost, and it comes back by somebody else.
                let back = restore(removed, &reviewer, review.deadline.plus_days(100)).unwrap();
                prop_assert_eq!(&back.right, &line.right);
                prop_assert!(restore(&back, &reviewer, review.deadline).is_err(), "once");
            }
        }
    }
}
