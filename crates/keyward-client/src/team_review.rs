//! The local desk's calls about access reviews: answers are carried out at once.

use keyward_lifecycle::review::{self, Decision, Refusal};
use keyward_types::{Clock, PrincipalId, Timestamp};
use keyward_vault::{Answer, Review, ReviewLine};

use crate::team::Team;
use crate::team_wire::{ReviewInfo, ReviewLineInfo};
use crate::{Code, Failure, Result, SystemClock};

impl Team<'_> {
    /// Begins a review of every right that there is.
    pub(crate) fn start_review(&self, days: u32) -> Result<ReviewInfo> {
        self.close_due_reviews()?;
        let now = SystemClock.now();
        let rights = self.vault.rights_in_use(self.actor)?;
        let id = self.new_id(&now.to_string()[..10])?;
        let (review, lines) = review::start(&id, self.actor.principal(), rights, i64::from(days), now);
        self.vault.start_review(self.actor, &review, &lines)?;
        self.review_info(&review, &lines)
    }

    /// The review of this id, or the newest one.
    pub(crate) fn review(&self, id: Option<&str>) -> Result<ReviewInfo> {
        let review = self.found(id)?;
        let lines = self.vault.review_lines(self.actor, &review.id)?;
        self.review_info(&review, &lines)
    }

    /// Answers a line of the open review, and carries the answer out.
    pub(crate) fn decide(&self, number: u32, decision: Decision) -> Result<ReviewLineInfo> {
        let (review, line) = self.line(None, number)?;
        let decided = review::decide(&review, &line, self.actor.principal(), decision, SystemClock.now())?;
        self.vault.answer_review_line(self.actor, &line, &decided)?;
        self.line_info(&decided)
    }

    /// Gives back what a review took away; what it was narrowed to stays beside it.
    pub(crate) fn restore(&self, id: Option<&str>, number: u32) -> Result<ReviewLineInfo> {
        let (_, line) = self.line(id, number)?;
        let restored = review::restore(&line, self.actor.principal(), SystemClock.now())?;
        self.vault.answer_review_line(self.actor, &line, &restored)?;
        self.line_info(&restored)
    }

    /// Takes away what nobody has answered for by the deadline; answers how many rights that were.
    /// A review that cannot be closed holds up no other; it is told at the end.
    pub(crate) fn close_due_reviews(&self) -> Result<u64> {
        let now = SystemClock.now();
        let (mut removed, mut failed) = (0, None);
        let reviews = self.vault.reviews(self.actor)?;
        for review in reviews.iter().filter(|review| review.closed_at.is_none() && now >= review.deadline) {
            match self.close(review, now) {
                Ok(taken) => removed += taken,
                Err(failure) => {
                    failed.get_or_insert(failure);
                }
            }
        }
        failed.map_or(Ok(removed), Err)
    }

    fn close(&self, review: &Review, now: Timestamp) -> Result<u64> {
        let lines = self.vault.review_lines(self.actor, &review.id)?;
        let closed = review::close(review, &lines, now)?;
        Ok(self.vault.close_review(self.actor, &review.id, &closed)?.1)
    }

    fn found(&self, id: Option<&str>) -> Result<Review> {
        let mut reviews = self.vault.reviews(self.actor)?;
        let review = match id {
            None => reviews.pop(),
            Some(id) => reviews.into_iter().find(|review| review.id == id),
        };
        let shown = id.map_or("there was no review yet".to_owned(), |id| {
            let id: String = id.chars().take(60).flat_map(char::escape_debug).collect();
            format!("there is no review `{id}`")
        });
        review.ok_or_else(|| Failure::new(Code::NotFound, shown).hint("`keyward review start` begins one"))
    }

    fn line(&self, id: Option<&str>, number: u32) -> Result<(Review, ReviewLine)> {
        let review = self.found(id)?;
        let lines = self.vault.review_lines(self.actor, &review.id)?;
        let line = lines.into_iter().find(|line| line.number == number).ok_or_else(|| {
            Failure::new(Code::NotFound, format!("review `{}` has no line {number}", review.id))
                .hint("`keyward review show` lists them")
        })?;
        Ok((review, line))
    }

    /// The day, and a number where there was a review on that day.
    fn new_id(&self, day: &str) -> Result<String> {
        let taken: Vec<String> = self.vault.reviews(self.actor)?.into_iter().map(|review| review.id).collect();
        let numbered = (2..).map(|n| format!("{day}-{n}"));
        let mut ids = std::iter::once(day.to_owned()).chain(numbered).filter(|id| !taken.contains(id));
        Ok(ids.next().expect("numbers do not run out"))
    }

    fn review_info(&self, review: &Review, lines: &[ReviewLine]) -> Result<ReviewInfo> {
        let now = SystemClock.now();
        let state = match review.closed_at {
            Some(_) => "closed",
            None if now >= review.deadline => "overdue",
            None => "open",
        };
        Ok(ReviewInfo {
            id: review.id.clone(),
            state: state.to_owned(),
            started_at: review.started_at,
            started_by: self.login(&review.started_by)?,
            deadline: review.deadline,
            closed_at: review.closed_at,
            next_due: review::next_due(Some(review), review.started_at),
            lines: lines.iter().map(|line| self.line_info(line)).collect::<Result<_>>()?,
        })
    }

    fn line_info(&self, line: &ReviewLine) -> Result<ReviewLineInfo> {
        let by = match &line.answer {
            Answer::Open => None,
            Answer::Removed { by, .. } => by.as_ref(),
            Answer::Kept { by, .. } | Answer::Narrowed { by, .. } | Answer::Restored { by, .. } => Some(by),
        };
        let right = &line.right;
        Ok(ReviewLineInfo {
            number: line.number,
            account: self.login(&right.holder)?,
            role: right.role.clone(),
            at: right.at.clone(),
            group: right.group.clone(),
            since: right.since,
            last_used: right.last_used,
            suggestion: line.suggestion,
            answer: line.answer.as_str().to_owned(),
            answered_by: by.map(|by| self.login(by)).transpose()?,
        })
    }

    fn login(&self, principal: &PrincipalId) -> Result<String> {
        let login = self.vault.account_of(principal)?.and_then(|account| account.login).map(String::from);
        Ok(login.unwrap_or_else(|| principal.to_string()))
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::Himself => Code::Denied,
            _ => Code::Usage,
        };
        Self::new(code, refusal.to_string())
    }
}
