use keyward_types::Operation;

use crate::{Facts, Object, TokenScope};

/// What narrows a caller's rights: that he came with a token. It can only take away, and both it
/// and the policies have to allow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restriction {
    /// The token's public id.
    pub token: Option<String>,
    /// The parts of the rights that are left; empty: all.
    pub scopes: Vec<TokenScope>,
    /// Whether nothing may be changed.
    pub read_only: bool,
}

impl Restriction {
    /// Whether it leaves this operation on this object.
    pub fn allows(&self, operation: Operation, object: &Object, facts: &Facts<'_>) -> bool {
        let changes = matches!(operation, Operation::Write | Operation::Administer);
        !(changes && self.read_only)
            && (self.scopes.is_empty() || self.scopes.iter().any(|scope| scope.covers(operation, object, facts)))
    }

    /// Whether all that `other` leaves is left by this one.
    pub fn includes(&self, other: &Self) -> bool {
        let scoped = self.scopes.is_empty()
            || !other.scopes.is_empty()
                && other.scopes.iter().all(|theirs| self.scopes.iter().any(|mine| mine.includes(theirs)));
        scoped && (other.read_only || !self.read_only)
    }

    /// Whether two secrets of one environment may differ in what is left.
    pub fn tells_secrets_apart(&self) -> bool {
        self.scopes.iter().any(|scope| scope.secrets.is_some())
    }

    /// Whether it is for keeping accounts and groups, and for nothing else.
    pub fn provisions(&self) -> bool {
        matches!(self.scopes.as_slice(), [scope] if scope.provisions())
    }

    /// Whether it takes anything away.
    pub fn narrows(&self) -> bool {
        self.read_only || !self.scopes.is_empty()
    }
}
