//! The token by which the owner signs in where the operating system does not say who he is.

use keyward_access::{Caller, Object, TokenHash};
use keyward_audit::Action as ActionName;
use keyward_types::token::{PlainToken, TokenKind};
use keyward_types::{Record, Timestamp};
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::change::{Change, Names, Telling};
use crate::records;
use crate::{Error, Vault};

/// A token of the vault's owner, as the store keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnerToken {
    id: String,
    hash: TokenHash,
    created_at: Timestamp,
}

impl Record for OwnerToken {
    const COLLECTION: &'static str = "owner-token";

    fn key(&self) -> Vec<u8> {
        self.id.as_bytes().to_vec()
    }
}

impl Vault {
    /// Whether the owner was ever given a token.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn has_owner_token(&self) -> Result<bool, Error> {
        Ok(!records::scan::<OwnerToken>(&self.store, &[])?.is_empty())
    }

    /// Makes a token that stands for the owner. It is shown once: the store keeps a hash.
    ///
    /// # Errors
    /// [`Error::Denied`], or when the store refuses.
    pub fn issue_owner_token(&self, actor: &Actor) -> Result<PlainToken, Error> {
        let object = Object::Vault(self.id());
        let token = PlainToken::generate(TokenKind::Personal, &*self.tools.random)?;
        let names = Names::default().with("token", token.id());
        let permit = self.permit_administer(actor, object, ActionName::TokenCreate, &names)?;
        let record = OwnerToken {
            id: token.id().to_owned(),
            hash: TokenHash::of(&token, &*self.ring)?,
            created_at: self.tools.clock.now(),
        };
        let telling = Telling::new(ActionName::TokenCreate, object).names(names);
        let mut change = Change::permitted(self, actor, permit, telling);
        change.expect(records::absent(&record));
        change.put(&record);
        change.commit()?;
        Ok(token)
    }

    /// The owner, for a token of his; `None` for every other token, whatever is wrong with it.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn owner_of_token(&self, token: &PlainToken) -> Result<Option<Caller>, Error> {
        // A caveat narrows a token, and nothing here could check one.
        if token.caveats().is_some() {
            return Ok(None);
        }
        let presented = TokenHash::of(token, &*self.ring)?;
        let Some(row) = records::load::<OwnerToken>(&self.store, token.id().as_bytes())? else { return Ok(None) };
        if !row.record.hash.matches(&presented) {
            return Ok(None);
        }
        Ok(Some(self.owner()?.1))
    }
}
