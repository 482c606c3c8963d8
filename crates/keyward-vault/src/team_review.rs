//! Access reviews as they are kept: what was asked, and what was answered.

use keyward_access::Object;
use keyward_audit::Action as ActionName;
use keyward_types::{PrincipalId, Record, Timestamp};
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::change::{Change, Names, Telling};
use crate::records;
use crate::team::plain;
use crate::team_carry::refuse_himself;
use crate::write::raced;
use crate::{Error, Vault};

/// A review of who has which rights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// Names it for ever, for example `2026-11-25`.
    pub id: String,
    /// Who began it.
    pub started_by: PrincipalId,
    /// When.
    pub started_at: Timestamp,
    /// Until when answers are waited for.
    pub deadline: Timestamp,
    /// When what nobody had answered was taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
}

/// One right of one holder, with the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewLine {
    /// The review it belongs to.
    pub review: String,
    /// Its number in the review, from 1.
    pub number: u32,
    /// What is asked about. All that giving it back takes.
    pub right: Right,
    /// What its use suggests.
    pub suggestion: Suggestion,
    /// The answer.
    pub answer: Answer,
}

/// A right that somebody has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Right {
    /// Who has it.
    pub holder: PrincipalId,
    /// Who answers for the holder, if that is a service account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<PrincipalId>,
    /// The role; those that a group gives, joined by commas.
    pub role: String,
    /// Where: `*`, a project or `project/environment`; of a group, joined by commas.
    pub at: String,
    /// The role binding that gives it, by its id; of a group, one of them.
    pub binding: String,
    /// The group by which he has it, as it was called; `None`: his own. Which one it is tells the binding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// Whether it allows more than to look.
    pub changes: bool,
    /// When he last used it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Timestamp>,
    /// When he last changed something by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_changed: Option<Timestamp>,
    /// Whether nobody could administer the vault without it: it is never taken away by itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub indispensable: bool,
}

/// What the use of a right suggests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Suggestion {
    /// It is used.
    Keep,
    /// It is used to look only, and allows changes.
    Narrow,
    /// It is not used.
    Remove,
}

/// What became of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Nobody has answered.
    Open,
    /// The holder keeps it.
    Kept {
        /// Who said so.
        by: PrincipalId,
        /// When.
        at: Timestamp,
    },
    /// The holder gets another role in its place.
    Narrowed {
        /// Who said so.
        by: PrincipalId,
        /// When.
        at: Timestamp,
        /// The role.
        to: String,
    },
    /// The holder lost it.
    Removed {
        /// Who said so; `None`: nobody answered until the deadline.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<PrincipalId>,
        /// When.
        at: Timestamp,
    },
    /// It was taken away, and the holder got it back.
    Restored {
        /// Who gave it back.
        by: PrincipalId,
        /// When.
        at: Timestamp,
    },
}

impl Record for Review {
    const COLLECTION: &'static str = "review";

    fn key(&self) -> Vec<u8> {
        self.id.as_bytes().to_vec()
    }
}

impl Record for ReviewLine {
    const COLLECTION: &'static str = "review-line";

    fn key(&self) -> Vec<u8> {
        line_key(&self.review, self.number)
    }
}

fn line_key(review: &str, number: u32) -> Vec<u8> {
    [review.as_bytes(), &[0], &number.to_be_bytes()].concat()
}

impl Answer {
    /// The word in lists.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Kept { .. } => "kept",
            Self::Narrowed { .. } => "narrowed",
            Self::Removed { .. } => "removed",
            Self::Restored { .. } => "restored",
        }
    }
}

impl Vault {
    /// Puts a new review and its lines on record.
    ///
    /// # Errors
    /// [`Error::Exists`] when there is one of this id; [`Error::Refused`] while another one is
    /// open; [`Error::Denied`].
    pub fn start_review(&self, actor: &Actor, review: &Review, lines: &[ReviewLine]) -> Result<(), Error> {
        let (object, action) = (Object::Vault(self.id()), ActionName::ReviewStart);
        let names = Names::default().with("review", &*review.id);
        let permit = self.permit_administer(actor, object, action, &names)?;
        if let Some(open) = self.all_reviews()?.iter().find(|other| other.closed_at.is_none() && other.id != review.id)
        {
            let deadline = open.deadline.to_string();
            return Err(Error::Refused(format!(
                "the review `{}` is open until its deadline on {}: answer its lines with `keyward review decide`",
                open.id,
                deadline.split('T').next().unwrap_or_default()
            )));
        }
        let telling = Telling::new(action, object).count(lines.len() as u64).names(names);
        let mut change = Change::permitted(self, actor, permit, telling);
        change.expect(records::absent(review));
        change.put(review);
        lines.iter().for_each(|line| change.put(line));
        change.commit().map(drop).map_err(|error| match error {
            Error::Store(keyward_store::Error::Conflict(_)) => {
                Error::Exists { noun: "review", name: review.id.clone() }
            }
            other => other,
        })
    }

    /// Every review, the oldest first.
    ///
    /// # Errors
    /// [`Error::Denied`] for a caller who may not list the vault.
    pub fn reviews(&self, actor: &Actor) -> Result<Vec<Review>, Error> {
        self.permit_list_vault(actor)?;
        self.all_reviews()
    }

    fn all_reviews(&self) -> Result<Vec<Review>, Error> {
        let mut reviews = plain(records::scan::<Review>(&self.store, &[])?);
        reviews.sort_by(|a, b| (a.started_at, &a.id).cmp(&(b.started_at, &b.id)));
        Ok(reviews)
    }

    /// The lines of a review, in their order.
    ///
    /// # Errors
    /// [`Error::Denied`] for a caller who may not list the vault.
    pub fn review_lines(&self, actor: &Actor, review: &str) -> Result<Vec<ReviewLine>, Error> {
        self.permit_list_vault(actor)?;
        Ok(plain(records::scan::<ReviewLine>(&self.store, &[review.as_bytes(), &[0]].concat())?))
    }

    /// Puts an answer on record in the place of the line that was seen, and carries it out: both
    /// are done, or neither is.
    ///
    /// # Errors
    /// [`Error::Refused`] when the actor has the right himself or answers for who has it, could not
    /// give or take it, or the line speaks of another right; [`Error::Raced`] when somebody else
    /// answered meanwhile;
    /// [`Error::Denied`].
    pub fn answer_review_line(&self, actor: &Actor, seen: &ReviewLine, answered: &ReviewLine) -> Result<(), Error> {
        let object = Object::Vault(self.id());
        let action = match answered.answer {
            Answer::Restored { .. } => ActionName::ReviewRestore,
            _ => ActionName::ReviewDecide,
        };
        let names = Names::default()
            .with("review", &*seen.review)
            .with("line", seen.number.to_string())
            .with("answer", answered.answer.as_str());
        let permit = self.permit_administer(actor, object, action, &names)?;
        let right = &answered.right;
        refuse_himself(right, actor.principal())?;
        if (&seen.review, seen.number, &seen.right) != (&answered.review, answered.number, right) {
            return Err(Error::Refused("an answer changes nothing of what was asked".into()));
        }
        let row = records::load::<ReviewLine>(&self.store, &seen.key())?
            .filter(|row| row.record == *seen)
            .ok_or_else(|| Error::Raced(format!("line {} of review `{}`", seen.number, seen.review)))?;
        let mut change = Change::permitted(self, actor, permit, Telling::new(action, object).names(names));
        change.expect(records::unchanged(&row));
        change.put(answered);
        self.carrying(actor).out(&mut change, &[(right, &answered.answer)])?;
        change.commit().map(drop).map_err(|error| raced(error, &format!("line {}", seen.number)))
    }

    /// Closes a review: the lines that nobody answered, as they are from now on, and their rights
    /// taken away in the same change. What whoever began the review could not have taken away
    /// stays, and its line stays open. Answers the review and how many rights were taken.
    ///
    /// # Errors
    /// [`Error::Refused`] when there is none of this id or it is closed; [`Error::Denied`].
    pub fn close_review(&self, actor: &Actor, id: &str, removed: &[ReviewLine]) -> Result<(Review, u64), Error> {
        let (object, action) = (Object::Vault(self.id()), ActionName::ReviewClose);
        let names = Names::default().with("review", id);
        let permit = self.permit_administer(actor, object, action, &names)?;
        let row = records::load::<Review>(&self.store, id.as_bytes())?
            .filter(|row| row.record.closed_at.is_none())
            .ok_or_else(|| Error::Refused(format!("there is no open review `{id}`")))?;
        let review = Review { closed_at: Some(self.tools.clock.now()), ..row.record.clone() };
        let carrying = self.carrying_deadline(actor, &review)?;
        let mut taken = Vec::with_capacity(removed.len());
        for line in removed {
            if carrying.may_take(&line.right)? {
                taken.push(line);
            }
        }
        let telling = Telling::new(action, object).count(taken.len() as u64).names(names);
        let mut change = Change::permitted(self, actor, permit, telling);
        change.expect(records::unchanged(&row));
        change.put(&review);
        for line in &taken {
            let open = records::load::<ReviewLine>(&self.store, &line.key())?
                .filter(|row| row.record.answer == Answer::Open && row.record.right == line.right)
                .ok_or_else(|| Error::Raced(format!("line {} of review `{id}`", line.number)))?;
            change.expect(records::unchanged(&open));
            change.put(*line);
        }
        let answers: Vec<(&Right, &Answer)> = taken.iter().map(|line| (&line.right, &line.answer)).collect();
        carrying.out(&mut change, &answers)?;
        change.commit().map_err(|error| raced(error, id))?;
        Ok((review, taken.len() as u64))
    }
}
