//! What calls about leavers, newcomers and reviews take and give.

use keyward_access::Login;
use keyward_types::{Timestamp, Version};
use serde::{Deserialize, Serialize};

pub use keyward_lifecycle::offboarding::{
    CredentialFate, Fate, Item as TaskItem, Line as PlanLine, Plan as OffboardingPlan, Through,
};
pub use keyward_lifecycle::onboarding::{Item as OnboardingItem, Step as OnboardingStep};
pub use keyward_lifecycle::review::Decision;
pub use keyward_vault::{Settlement, Suggestion, TaskAbout, TaskState};

/// What somebody's leaving takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OffboardingInfo {
    /// Who leaves.
    pub account: Login,
    /// Since when his account is dead; `None`: it lives.
    pub disabled_at: Option<Timestamp>,
    /// What he knows, could have known, and works with.
    pub plan: OffboardingPlan,
    /// The lines to be worked off, with how far each is.
    pub tasks: Vec<TaskItem>,
}

/// Which task is meant, by what people call it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskName {
    /// `project/environment/NAME`, or the name or id of a credential.
    pub name: String,
    /// Which version, where there are tasks about several.
    #[serde(default)]
    pub version: Option<Version>,
}

/// An access review.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReviewInfo {
    /// Names it.
    pub id: String,
    /// `open`, `overdue` or `closed`.
    pub state: String,
    /// When it began.
    pub started_at: Timestamp,
    /// Who began it.
    pub started_by: String,
    /// Until when answers are waited for.
    pub deadline: Timestamp,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
    /// When the next one is due.
    pub next_due: Timestamp,
    /// What it asks.
    pub lines: Vec<ReviewLineInfo>,
}

/// A right that a review asks about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReviewLineInfo {
    /// Its number in the review.
    pub number: u32,
    /// Who has the right, by login.
    pub account: String,
    /// The role.
    pub role: String,
    /// Where: `*`, a project or `project/environment`.
    pub at: String,
    /// The group that gives it; `None`: his own.
    pub group: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// When he last used it.
    pub last_used: Option<Timestamp>,
    /// What that suggests.
    pub suggestion: Suggestion,
    /// `open`, `kept`, `narrowed`, `removed` or `restored`.
    pub answer: String,
    /// Who answered, by login; `None` while it is open, and for what the deadline took away.
    pub answered_by: Option<String>,
}

/// How far a newcomer is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OnboardingInfo {
    /// Who came.
    pub account: Login,
    /// By which template.
    pub template: String,
    /// When.
    pub started_at: Timestamp,
    /// Whether nothing is left to do.
    pub complete: bool,
    /// The checklist.
    pub items: Vec<OnboardingItem>,
    /// The policy that everybody accepts.
    pub policy: String,
}

/// What only the newcomer himself can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confirmed {
    /// He accepts the policy.
    Policy,
    /// He knows where to report a leak.
    LeakContact,
}
