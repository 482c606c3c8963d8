use keyward_types::{ElevationId, EnvironmentId, PrincipalId, ProjectId, Record, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Role;

/// A request for a role for some time. A second person decides it; what is given ends by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Elevation {
    /// Names it for ever.
    pub id: ElevationId,
    /// Who asks.
    pub principal: PrincipalId,
    /// For what.
    pub role: Role,
    /// In which project; `None`: in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectId>,
    /// In which environment; `None`: in all of the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<EnvironmentId>,
    /// For how long, from the moment of approval on.
    pub seconds: u32,
    /// Why, in the words of who asks.
    pub reason: String,
    /// When he asked.
    pub created_at: Timestamp,
    /// What became of it.
    pub state: ElevationState,
    /// Who decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<PrincipalId>,
    /// Until when the role lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ElevationState {
    /// Nobody has decided.
    Open,
    /// Given.
    Approved,
    /// Refused.
    Denied,
    /// Taken without asking, in an emergency.
    BrokenGlass,
}

impl Elevation {
    /// How long a request waits for somebody to decide it: a day.
    pub const WAITS_MS: i64 = 24 * 60 * 60 * 1000;
    /// For how long a role can be asked for: a day.
    pub const LONGEST: u32 = 24 * 60 * 60;

    /// Whether it can still be decided.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.state == ElevationState::Open && now.0 - self.created_at.0 < Self::WAITS_MS
    }
}

impl Record for Elevation {
    const COLLECTION: &'static str = "elevation";

    fn key(&self) -> Vec<u8> {
        self.id.as_bytes().to_vec()
    }

    fn indexes(&self) -> Vec<(&'static str, Vec<u8>)> {
        vec![("principal", self.principal.as_str().as_bytes().to_vec())]
    }
}
