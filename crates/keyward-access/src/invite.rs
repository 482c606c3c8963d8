use keyward_types::{PrincipalId, Record, Timestamp};
use serde::{Deserialize, Serialize};

use crate::TokenHash;

/// A link by which somebody chooses a password, once: the first owner, a new colleague, or who has
/// forgotten his. A person has at most one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invite {
    /// The public id in the link.
    pub id: String,
    /// The hash of what is in the link.
    pub hash: TokenHash,
    /// For whom it is.
    pub principal: PrincipalId,
    /// Who made it.
    pub created_by: PrincipalId,
    /// When.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Whether it takes the authenticator away too, for who has lost it and the recovery codes.
    #[serde(default)]
    pub without_second_factor: bool,
}

impl Invite {
    /// How long a link lasts, in milliseconds: an hour.
    pub const LASTS: i64 = 60 * 60 * 1000;

    /// Whether it can be used at this moment. One from a time that has not come cannot, so that a
    /// clock that jumps back gives it no second hour.
    pub fn serves(&self, now: Timestamp) -> bool {
        let age = now.0.saturating_sub(self.created_at.0);
        now < self.expires_at && (-SKEW..Self::LASTS).contains(&age)
    }
}

/// Clocks that are set right move by less than this.
const SKEW: i64 = 5 * 60 * 1000;

impl Record for Invite {
    const COLLECTION: &'static str = "invite";

    /// By person: a new link takes the place of the last one.
    fn key(&self) -> Vec<u8> {
        self.principal.as_str().as_bytes().to_vec()
    }

    fn indexes(&self) -> Vec<(&'static str, Vec<u8>)> {
        vec![("id", self.id.as_bytes().to_vec())]
    }
}

#[cfg(test)]
mod tests {
    use keyward_types::token::{PlainToken, TokenKind};

    use super::*;
    use crate::credential::testing::{OneKey, Seeded};

    #[test]
    fn a_link_lasts_an_hour_and_a_clock_that_jumps_gives_no_second_one() {
        let token = PlainToken::generate(TokenKind::OneTime, &Seeded(1)).unwrap();
        let invite = Invite {
            id: token.id().to_owned(),
            hash: TokenHash::of(&token, &OneKey(1)).unwrap(),
            principal: "user:ada".parse().unwrap(),
            created_by: "user:eve".parse().unwrap(),
            created_at: Timestamp(Invite::LASTS),
            expires_at: Timestamp(2 * Invite::LASTS),
            without_second_factor: false,
        };
        assert!(invite.serves(Timestamp(2 * Invite::LASTS - 1)));
        assert!(!invite.serves(Timestamp(2 * Invite::LASTS)));
        assert!(!invite.serves(Timestamp(0)));
        let far = Invite { expires_at: Timestamp(i64::MAX), ..invite };
        assert!(!far.serves(Timestamp(3 * Invite::LASTS)));
    }
}
