//! What is kept of a question to an authenticator: sealed, by the browser that was asked. So every
//! node knows it when the answer comes, nobody fills the store by asking, and each serves once: that
//! it did is one change with what it was for.

use data_encoding::BASE64URL_NOPAD;
use keyward_access::Identity;
use keyward_access::passkey::{Asked, Site};
use keyward_types::{Keys, PrincipalId, Purpose, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::crypto::context;
use crate::sign_in::Visitor;
use crate::spent::Spent;
use crate::{Error, Vault};

/// A question to an authenticator.
#[derive(Debug)]
pub struct PasskeyQuestion {
    /// For the browser: the options of WebAuthn, as JSON.
    pub options: Value,
    /// To be sent back with the answer: what is kept of the question, sealed.
    pub ceremony: String,
}

/// What a question is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Errand {
    /// Whoever it is signs in.
    SignIn,
    /// This person, in this session, makes a passkey.
    Register { principal: PrincipalId, session: String },
}

/// What is sealed.
#[derive(Serialize, Deserialize)]
struct Ceremony {
    errand: Errand,
    site: String,
    /// What the checks need of the question, its challenge among it; base64url.
    state: String,
    at: Timestamp,
}

/// A question that stands still.
pub(crate) struct Standing {
    pub(crate) state: Vec<u8>,
    /// Marks that it was answered.
    pub(crate) spent: Spent,
}

impl Vault {
    /// How long a question stands, in milliseconds: two minutes.
    pub const PASSKEY_CEREMONY: i64 = 2 * 60 * 1000;

    pub(crate) fn seal_ceremony(&self, asked: Asked, errand: Errand, site: &Site) -> Result<PasskeyQuestion, Error> {
        let ceremony = Ceremony {
            errand,
            site: site.domain().to_owned(),
            state: BASE64URL_NOPAD.encode(&asked.state),
            at: self.tools.clock.now(),
        };
        let text = serde_json::to_vec(&ceremony).map_err(|_| Error::Damaged("a question cannot be written"))?;
        let sealed = self.ring.seal(&Purpose::Credential, &self.ceremony_context(), &text)?;
        Ok(PasskeyQuestion { options: asked.options, ceremony: BASE64URL_NOPAD.encode(&sealed) })
    }

    /// The question that a browser brings back, if it stands and is this one.
    pub(crate) fn standing_ceremony(
        &self,
        sealed: &str,
        errand: &Errand,
        site: &Site,
        account: Option<&Identity>,
        from: &Visitor<'_>,
    ) -> Result<Standing, Error> {
        let refused = |why: &'static str| match self.tell_refusal(account, from, why) {
            Ok(()) => Error::Refused(format!("{why}: begin anew")),
            Err(error) => error,
        };
        let ceremony = self.unseal_ceremony(sealed).ok_or_else(|| refused("the passkey was not asked for here"))?;
        if ceremony.errand != *errand || ceremony.site != site.domain() {
            return Err(refused("the passkey was asked for something else"));
        }
        let age = self.tools.clock.now().0.saturating_sub(ceremony.at.0);
        // Clocks of nodes differ by a little.
        if !(-SKEW..Self::PASSKEY_CEREMONY).contains(&age) {
            return Err(refused("the passkey was asked for more than two minutes ago"));
        }
        let until = Timestamp(ceremony.at.0.saturating_add(Self::PASSKEY_CEREMONY));
        let spent = self.spent("passkey", &[&ceremony.state], until)?;
        if self.is_spent(&spent)? {
            return Err(refused("the question was answered already"));
        }
        let state = BASE64URL_NOPAD.decode(ceremony.state.as_bytes());
        Ok(Standing { state: state.map_err(|_| Error::Damaged("a question is not well formed"))?, spent })
    }

    fn unseal_ceremony(&self, sealed: &str) -> Option<Ceremony> {
        let sealed = BASE64URL_NOPAD.decode(sealed.as_bytes()).ok()?;
        let text = self.ring.unseal(&Purpose::Credential, &self.ceremony_context(), &sealed).ok()?;
        serde_json::from_slice(&text).ok()
    }

    fn ceremony_context(&self) -> Vec<u8> {
        context("keyward/passkey-ceremony/1", &[self.id().as_bytes()])
    }
}

/// Clocks that are set right move by less than this.
const SKEW: i64 = 30 * 1000;
