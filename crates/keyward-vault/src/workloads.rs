//! A workload shows what its issuer signed, and gets a token of a program's account for it. What
//! fails is counted under the network alone: whoever knows an account's name must not make its
//! pipelines wait.

use keyward_access::oidc::{self, Claims};
use keyward_access::{Identity, IdentityKind, TokenHash, TokenRecord};
use keyward_audit::Action as ActionName;
use keyward_types::token::{PlainToken, TokenKind};
use keyward_types::{Record, Timestamp};

use crate::change::{Change, Names};
use crate::people::of_account;
use crate::records;
use crate::sign_in::{ROUNDS, Visitor, Who, from_where};
use crate::trusts::WorkloadTrust;
use crate::{Error, Vault};

impl Vault {
    /// The trusts by which this account takes this token, before anything of it is believed.
    ///
    /// # Errors
    /// [`Error::NotIdentified`] when there is none, which is counted; [`Error::TooManyAttempts`].
    pub fn trusts_for(&self, login: &str, token: &str, from: &Visitor<'_>) -> Result<Vec<WorkloadTrust>, Error> {
        self.refuse_untimely(&self.tally_of_network(from)?, None, from)?;
        let account = self.account_in_question(&Who::Login(login))?;
        let account = account.filter(|one| one.kind == IdentityKind::Service && one.is_enabled());
        let issuer = oidc::issuer_of(token);
        let mut trusts = match &account {
            Some(account) => self.trusts_of(&account.principal)?,
            None => Vec::new(),
        };
        trusts.retain(|trust| issuer.as_deref() == Some(trust.issuer.as_str()));
        match trusts.is_empty() {
            true => Err(self.refuse_workload(account.as_ref(), None, "no trust", from)),
            false => Ok(trusts),
        }
    }

    /// Counts what a workload showed and is not believed, and gives the answer to it.
    pub fn refuse_trust(&self, trust: &WorkloadTrust, why: &'static str, from: &Visitor<'_>) -> Error {
        match self.account_of(&trust.account) {
            Ok(account) => self.refuse_workload(account.as_ref(), Some(trust), why, from),
            Err(error) => error,
        }
    }

    /// Gives a token for what a workload showed.
    ///
    /// # Errors
    /// [`Error::NotIdentified`] for claims that are not of this trust, a token that was shown
    /// before, or an account that is disabled: counted.
    pub fn workload_token(
        &self,
        trust: &WorkloadTrust,
        claims: &Claims,
        from: &Visitor<'_>,
    ) -> Result<(PlainToken, TokenRecord), Error> {
        if !trust.admits(claims) {
            return Err(self.refuse_trust(trust, "conditions", from));
        }
        for _ in 0..ROUNDS {
            match self.give(trust, claims, from) {
                Err(Error::Store(keyward_store::Error::Conflict(_))) => {}
                Ok(Err(why)) => return Err(self.refuse_trust(trust, why, from)),
                Ok(Ok(given)) => return Ok(given),
                Err(error) => return Err(error),
            }
        }
        Err(Error::Busy)
    }

    /// Gives the token, or says why not.
    fn give(
        &self,
        trust: &WorkloadTrust,
        claims: &Claims,
        from: &Visitor<'_>,
    ) -> Result<Result<(PlainToken, TokenRecord), &'static str>, Error> {
        let row = records::load::<WorkloadTrust>(&self.store, &trust.key())?;
        let Some(row) = row.filter(|row| row.record == *trust) else { return Ok(Err("no trust any more")) };
        let account = self.account_row(&trust.account)?;
        if !account.record.is_enabled() {
            return Ok(Err("disabled"));
        }
        let spent = match claims.token_id().filter(|_| !trust.reusable) {
            Some(id) => Some(self.spent("jti", &[claims.issuer(), id], claims.expires_at())?),
            None => None,
        };
        if let Some(spent) = &spent
            && self.is_spent(spent)?
        {
            return Ok(Err("shown before"));
        }
        let token = PlainToken::generate(TokenKind::Service, &*self.tools.random)?;
        let now = self.tools.clock.now();
        let subject: String = claims.subject().chars().take(SHOWN).collect();
        let record = TokenRecord {
            id: token.id().to_owned(),
            hash: TokenHash::of(&token, &*self.ring)?,
            owner: trust.account.clone(),
            name: format!("workload {subject}"),
            scopes: trust.scopes.clone(),
            read_only: trust.read_only,
            networks: Vec::new(),
            uses_left: None,
            expires_at: Some(Timestamp(now.0.saturating_add(i64::from(trust.seconds) * 1000))),
            revoked_at: None,
            created_by: trust.account.clone(),
            made_with: None,
            trust: Some(trust.id),
            created_at: now,
            last_used: None,
        };
        let names = of_account(&account.record).with("token", token.id()).with("trust", trust.id.to_string());
        let names = names.with("issuer", claims.issuer()).with("sub", claims.subject());
        let names = match claims.token_id() {
            Some(id) => names.with("jti", id.chars().filter(|c| !c.is_control()).take(SHOWN).collect::<String>()),
            None => names,
        };
        let actor = self.in_person(&trust.account, from)?;
        let telling = self.about_vault(ActionName::TokenCreate).names(from_where(names, from));
        let mut change = Change::told(self, &actor, telling);
        change.expect(records::unchanged(&row));
        change.expect(records::unchanged(&account));
        if let Some(spent) = &spent {
            spent.take_into(&mut change);
        }
        change.expect(records::absent(&record));
        change.put(&record);
        change.commit()?;
        Ok(Ok((token, record)))
    }

    fn refuse_workload(
        &self,
        account: Option<&Identity>,
        trust: Option<&WorkloadTrust>,
        why: &'static str,
        from: &Visitor<'_>,
    ) -> Error {
        let names = match trust {
            Some(trust) => Names::default().with("issuer", trust.issuer.as_str()).with("trust", trust.id.to_string()),
            None => Names::default(),
        };
        let counted =
            self.tally_of_network(from).and_then(|tally| self.count_failed(&tally, account, names, why, from));
        match counted {
            Ok(()) => Error::NotIdentified,
            Err(error) => error,
        }
    }
}

/// So much of what an issuer says of a workload stands in lists and in the log.
const SHOWN: usize = 200;
