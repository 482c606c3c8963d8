//! The way to a provider and back. What was asked there, why, and of whom is sealed into the browser
//! that went, so that every node knows it when it comes back, and nobody who was not there.

use keyward_access::Login;
use keyward_types::token::{PlainToken, TokenKind};
use keyward_types::{IdentityProviderId, Keys, PrincipalId, Purpose, Secret, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::crypto::context;
use crate::identity_providers::IdentityProvider;
use crate::sessions::SignedIn;
use crate::sign_in::Visitor;
use crate::spent::Spent;
use crate::{Error, Vault};

/// Why somebody goes to a provider.
#[derive(Clone, Copy, Debug)]
pub enum Intent<'a> {
    /// To sign in.
    SignIn,
    /// To take the place of a password, with the link of an invitation.
    Invite(&'a PlainToken),
    /// To make the identity there his own here. He has proved himself once more.
    Link(&'a SignedIn),
}

/// Somebody who goes to a provider.
#[derive(Debug)]
pub struct Departure {
    /// Where to.
    pub provider: IdentityProvider,
    /// What he comes back with.
    pub state: String,
    /// What the answer has to hold.
    pub nonce: String,
    /// PKCE's challenge (RFC 7636, S256).
    pub challenge: String,
    /// For his browser, to be brought back.
    pub sealed: Secret<String>,
}

/// Somebody who came back, with the question that he went with.
pub struct Journey {
    pub(crate) provider: IdentityProvider,
    pub(crate) travel: Travel,
    /// Marks that he came back.
    pub(crate) spent: Spent,
}

/// What is sealed.
#[derive(Serialize, Deserialize)]
pub(crate) struct Travel {
    provider: IdentityProviderId,
    state: String,
    nonce: String,
    verifier: String,
    redirect_uri: String,
    at: Timestamp,
    pub(crate) purpose: Errand,
}

/// [`Intent`], as it is sealed.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum Errand {
    SignIn,
    Invite { link: String },
    Link { principal: PrincipalId, session: String },
}

impl Journey {
    /// The provider.
    pub fn provider(&self) -> &IdentityProvider {
        &self.provider
    }

    /// What the answer has to hold.
    pub fn nonce(&self) -> &str {
        &self.travel.nonce
    }

    /// What PKCE's challenge was made of.
    pub fn verifier(&self) -> &str {
        &self.travel.verifier
    }

    /// Where the browser was sent back to.
    pub fn redirect_uri(&self) -> &str {
        &self.travel.redirect_uri
    }
}

impl Vault {
    /// How long somebody may be under way, in milliseconds.
    pub const JOURNEY: i64 = 10 * 60 * 1000;

    /// Sends somebody to a provider.
    ///
    /// # Errors
    /// [`Error::Missing`] for a provider that there is not; [`Error::NotIdentified`] for a link that
    /// is over.
    pub fn depart(&self, name: &Login, intent: Intent<'_>, redirect_uri: &str) -> Result<Departure, Error> {
        let provider = self.identity_provider(name)?.record;
        let purpose = match intent {
            Intent::SignIn => Errand::SignIn,
            Intent::Invite(link) => {
                self.invited(link)?;
                Errand::Invite { link: link.expose().to_owned() }
            }
            Intent::Link(who) => Errand::Link { principal: who.principal().clone(), session: who.session().id.clone() },
        };
        let travel = Travel {
            provider: provider.id,
            state: self.unguessable()?,
            nonce: self.unguessable()?,
            verifier: self.unguessable()?,
            redirect_uri: redirect_uri.to_owned(),
            at: self.tools.clock.now(),
            purpose,
        };
        let challenge = data_encoding::BASE64URL_NOPAD.encode(&Sha256::digest(travel.verifier.as_bytes()));
        let sealed = self.seal_for_browser(TRAVEL, &travel)?;
        let Travel { state, nonce, .. } = travel;
        Ok(Departure { provider, state, nonce, challenge, sealed })
    }

    /// Knows somebody again who comes back from a provider.
    ///
    /// # Errors
    /// [`Error::Strayed`] when he did not go from here, went elsewhere, was away too long or came
    /// back before; [`Error::Missing`], [`Error::TooManyAttempts`].
    pub fn returning(
        &self,
        name: &Login,
        sealed: Option<&str>,
        state: &str,
        from: &Visitor<'_>,
    ) -> Result<Journey, Error> {
        let provider = self.identity_provider(name)?.record;
        self.refuse_untimely(&self.tally_of_network(from)?, None, from)?;
        let strayed = |why: &'static str| match self.tell_refusal(None, from, why) {
            Ok(()) => Error::Strayed(why),
            Err(error) => error,
        };
        let travel = sealed.and_then(|sealed| self.unseal_of_browser::<Travel>(TRAVEL, sealed));
        let travel = travel.ok_or_else(|| strayed("it was not begun in this browser"))?;
        if !bool::from(travel.state.as_bytes().ct_eq(state.as_bytes())) {
            return Err(strayed("another one was begun in this browser since"));
        }
        if travel.provider != provider.id {
            return Err(strayed("it was begun at another provider"));
        }
        if !(0..Self::JOURNEY).contains(&self.tools.clock.now().0.saturating_sub(travel.at.0)) {
            return Err(strayed("it was begun more than ten minutes ago"));
        }
        let until = Timestamp(travel.at.0.saturating_add(Self::JOURNEY));
        let spent = self.spent("state", &[&travel.state], until)?;
        match self.is_spent(&spent)? {
            true => Err(strayed("its answer was used already")),
            false => Ok(Journey { provider, travel, spent }),
        }
    }

    /// 256 bits as text that needs no encoding.
    pub(crate) fn unguessable(&self) -> Result<String, Error> {
        let mut bytes = Zeroizing::new([0; 32]);
        self.tools.random.fill(&mut *bytes)?;
        Ok(data_encoding::BASE64URL_NOPAD.encode(&*bytes))
    }

    pub(crate) fn seal_for_browser(&self, what: &str, travel: &impl Serialize) -> Result<Secret<String>, Error> {
        let text = serde_json::to_vec(travel).map(Zeroizing::new);
        let text = text.map_err(|_| Error::Damaged("what a browser keeps cannot be written"))?;
        let sealed = self.ring.seal(&Purpose::Provider, &context(what, &[self.id().as_bytes()]), &text)?;
        Ok(Secret::new("sign-in under way", data_encoding::BASE64URL_NOPAD.encode(&sealed)))
    }

    pub(crate) fn unseal_of_browser<T: DeserializeOwned>(&self, what: &str, sealed: &str) -> Option<T> {
        let sealed = data_encoding::BASE64URL_NOPAD.decode(sealed.as_bytes()).ok()?;
        let text = self.ring.unseal(&Purpose::Provider, &context(what, &[self.id().as_bytes()]), &sealed).ok()?;
        serde_json::from_slice(&Zeroizing::new(text)).ok()
    }
}

impl Errand {
    /// The link that somebody went with.
    pub(crate) fn link(&self) -> Option<PlainToken> {
        let Self::Invite { link } = self else { return None };
        link.parse::<PlainToken>().ok().filter(|link| link.kind() == TokenKind::OneTime)
    }
}

/// What is sealed is known by its sort.
const TRAVEL: &str = "keyward/journey/1";
