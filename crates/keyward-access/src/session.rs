use keyward_types::{PrincipalId, Record, Timestamp};
use serde::{Deserialize, Serialize};

use crate::TokenHash;

/// Somebody who is signed in, as the store keeps it. It ends with the person, with his password,
/// by idleness and by age.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// The public id in its token.
    pub id: String,
    /// The token's hash.
    pub hash: TokenHash,
    /// Who is signed in.
    pub principal: PrincipalId,
    /// Where.
    pub kind: SessionKind,
    /// Whether a second factor was shown.
    pub second_factor: bool,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was last used; while it is in use, known to an eighth of the idle time.
    pub last_seen: Timestamp,
    /// When it ends, however much it is used.
    pub expires_at: Timestamp,
    /// With what program.
    pub agent: String,
    /// From what network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
}

/// Where a session lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SessionKind {
    /// In a browser's cookie: an hour idle, twelve in all.
    Browser,
    /// In a command line's file: a week idle, thirty days in all.
    Device,
}

/// Why a session serves no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionFault {
    /// It was not used for too long.
    Idle,
    /// It is too old.
    Over,
    /// It was made at a time that has not come: the clock was wrong, then or now.
    Early,
}

const MINUTE: i64 = 60 * 1000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Clocks that are set right move by less than this.
const SKEW: i64 = 5 * MINUTE;

impl SessionKind {
    /// After how many idle milliseconds it ends.
    pub const fn idle(self) -> i64 {
        match self {
            Self::Browser => HOUR,
            Self::Device => 7 * DAY,
        }
    }

    /// After how many milliseconds it ends in any case.
    pub const fn longest(self) -> i64 {
        match self {
            Self::Browser => 12 * HOUR,
            Self::Device => 30 * DAY,
        }
    }
}

impl Session {
    /// Whether it serves at this moment.
    ///
    /// # Errors
    /// [`SessionFault`].
    pub fn serves(&self, now: Timestamp) -> Result<(), SessionFault> {
        // The bound on the age holds even if the record's own end was made by a wrong clock.
        if now >= self.expires_at || now.0.saturating_sub(self.created_at.0) >= self.kind.longest() {
            return Err(SessionFault::Over);
        }
        if now.0.saturating_sub(self.last_seen.0) >= self.kind.idle() {
            return Err(SessionFault::Idle);
        }
        match now.0.saturating_add(SKEW) < self.created_at.0 {
            true => Err(SessionFault::Early),
            false => Ok(()),
        }
    }

    /// Whether its use has to be written down, so that it is not taken for idle: each eighth of the
    /// idle time, so that not each request is a write. What is not written down ends it early,
    /// never late.
    pub fn is_to_be_marked(&self, now: Timestamp) -> bool {
        now.0.saturating_sub(self.last_seen.0) >= self.kind.idle() / 8
    }
}

impl SessionFault {
    /// The word in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Over => "over",
            Self::Early => "early",
        }
    }
}

impl Record for Session {
    const COLLECTION: &'static str = "session";

    fn key(&self) -> Vec<u8> {
        self.id.as_bytes().to_vec()
    }

    fn indexes(&self) -> Vec<(&'static str, Vec<u8>)> {
        vec![("principal", self.principal.as_str().as_bytes().to_vec())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::testing::{OneKey, Seeded};

    fn session(kind: SessionKind) -> Session {
        let token = keyward_types::token::PlainToken::generate(keyward_types::token::TokenKind::Session, &Seeded(1));
        let token = token.unwrap();
        Session {
            id: token.id().to_owned(),
            hash: TokenHash::of(&token, &OneKey(1)).unwrap(),
            principal: "user:ada".parse().unwrap(),
            kind,
            second_factor: false,
            created_at: Timestamp(DAY),
            last_seen: Timestamp(DAY),
            expires_at: Timestamp(DAY + kind.longest()),
            agent: "test".into(),
            network: None,
        }
    }

    #[test]
    fn a_session_ends_by_idleness_and_by_age_to_the_millisecond() {
        let one = session(SessionKind::Browser);
        assert_eq!(one.serves(Timestamp(DAY + HOUR - 1)), Ok(()));
        assert_eq!(one.serves(Timestamp(DAY + HOUR)), Err(SessionFault::Idle));
        let used = Session { last_seen: Timestamp(DAY + 12 * HOUR - 1), ..one };
        assert_eq!(used.serves(Timestamp(DAY + 12 * HOUR - 1)), Ok(()));
        assert_eq!(used.serves(Timestamp(DAY + 12 * HOUR)), Err(SessionFault::Over));
    }

    #[test]
    fn clock_jumps_make_no_session_longer() {
        let one = session(SessionKind::Device);
        assert_eq!(one.serves(Timestamp(DAY - MINUTE)), Ok(()), "a clock that is set right ends nobody's session");
        assert_eq!(one.serves(Timestamp(DAY - HOUR)), Err(SessionFault::Early));
        assert_eq!(one.serves(Timestamp(i64::MAX)), Err(SessionFault::Over));
        assert_eq!(one.serves(Timestamp(i64::MIN)), Err(SessionFault::Early));
        // An end that a wrong clock made does not count.
        let far = Session { expires_at: Timestamp(i64::MAX), last_seen: Timestamp(40 * DAY), ..one };
        assert_eq!(far.serves(Timestamp(40 * DAY)), Err(SessionFault::Over));
    }

    #[test]
    fn use_is_written_down_now_and_then() {
        let one = session(SessionKind::Browser);
        assert!(!one.is_to_be_marked(Timestamp(DAY + 7 * MINUTE)));
        assert!(one.is_to_be_marked(Timestamp(DAY + 8 * MINUTE)));
    }
}
