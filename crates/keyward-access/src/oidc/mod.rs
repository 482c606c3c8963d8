//! What an OpenID provider signed about somebody is believed here or nowhere: ID tokens of people,
//! and the tokens that a build or a cluster gives its workloads.
//!
//! What holds here:
//!
//! - A signature counts by RS256, PS256, ES256 or EdDSA, with a public key of the provider's own set.
//!   No secret is ever a key, so that a token under `HS256` or `none` is none.
//! - [`Claims`] are made by [`verify`] alone: whoever holds them has been through it.
//! - Nothing here fetches anything: keys are brought by the caller.

mod claims;
mod condition;
mod keys;

pub use claims::{Claims, Expected, issuer_of};
pub use condition::{Condition, ConditionError};
pub use keys::KeySet;

use std::str::FromStr as _;

use keyward_types::Timestamp;
use openidconnect::core::{CoreGenderClaim, CoreIdTokenVerifier, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm};
use openidconnect::core::{CoreJsonWebKeySet, CoreJwsSigningAlgorithm as Algorithm};
use openidconnect::{
    AccessToken, AccessTokenHash, ClaimsVerificationError, ClientId, EmptyAdditionalClaims, IdToken, IdTokenClaims,
    IssuerUrl, Nonce, SignatureVerificationError,
};

/// Why a token is not believed. Its holder is told no more than what helps an honest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It is no signed token, or too long.
    Malformed,
    /// It is signed in a way that does not count.
    Algorithm,
    /// None of the keys is the one it names.
    UnknownKey,
    /// The signature is wrong.
    Signature,
    /// Another issuer made it.
    Issuer,
    /// It is for somebody else.
    Audience,
    /// It answers another question.
    Nonce,
    /// It is over, or made too long ago.
    Expired,
    /// It is from a time that has not come.
    Early,
    /// It belongs to another access token.
    AccessToken,
    /// It says nobody's name.
    Subject,
}

/// Longest token, in bytes; those of workloads have some 2,000.
pub const LONGEST: usize = 16 * 1024;
/// Clocks that are set right differ by less than this, in milliseconds.
const SKEW: i64 = 60 * 1000;
/// How long ago a token may have been made that was just asked for.
const FRESH: i64 = 10 * 60 * 1000;

type Signed = IdToken<EmptyAdditionalClaims, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, Algorithm>;

/// Believes a token, or says why not.
///
/// # Errors
/// [`Fault`].
pub fn verify(token: &str, keys: &KeySet, expected: &Expected<'_>, now: Timestamp) -> Result<Claims, Fault> {
    if token.len() > LONGEST || token.bytes().filter(|byte| *byte == b'.').count() != 2 {
        return Err(Fault::Malformed);
    }
    let signed = Signed::from_str(token).map_err(|_| malformed(token))?;
    let verifier = verifier(keys, expected, now)?;
    let said = signed.claims(&verifier, |nonce: Option<&Nonce>| same_nonce(nonce, expected.nonce)).map_err(fault)?;
    if said.authorized_party().is_some_and(|party| party.as_str() != expected.audience) && expected.nonce.is_some() {
        return Err(Fault::Audience);
    }
    check_access_token(&signed, said, &verifier, expected)?;
    let claims = Claims::of(token, said.issuer().as_str(), said.subject().as_str())?;
    claims.check_times(now, expected.nonce.is_some().then_some(FRESH), SKEW)?;
    Ok(claims)
}

fn verifier<'a>(keys: &KeySet, expected: &Expected<'_>, now: Timestamp) -> Result<CoreIdTokenVerifier<'a>, Fault> {
    let issuer = IssuerUrl::new(expected.issuer.to_owned()).map_err(|_| Fault::Issuer)?;
    let keys = CoreJsonWebKeySet::new(keys.keys().to_vec());
    let now = now.0.max(0).unsigned_abs();
    let now = std::time::UNIX_EPOCH.checked_add(std::time::Duration::from_millis(now)).ok_or(Fault::Expired)?;
    // As a public client, however secret ours is: a secret is no key to sign with.
    Ok(CoreIdTokenVerifier::new_public_client(ClientId::new(expected.audience.to_owned()), issuer, keys)
        .set_allowed_algs([
            Algorithm::RsaSsaPkcs1V15Sha256,
            Algorithm::RsaSsaPssSha256,
            Algorithm::EcdsaP256Sha256,
            Algorithm::EdDsa,
        ])
        .set_time_fn(move || now.into()))
}

/// Where a question had a nonce, the answer has it; where there was none, there is nothing to be compared.
fn same_nonce(said: Option<&Nonce>, asked: Option<&str>) -> Result<(), String> {
    let Some(asked) = asked else { return Ok(()) };
    let same = said.is_some_and(|said| {
        use subtle::ConstantTimeEq;
        said.secret().as_bytes().ct_eq(asked.as_bytes()).into()
    });
    same.then_some(()).ok_or_else(|| "another nonce".to_owned())
}

/// `at_hash` is optional where the access token came in the same answer (OpenID Connect Core,
/// 3.1.3.6); where it is there, it has to be right.
fn check_access_token(
    signed: &Signed,
    said: &IdTokenClaims<EmptyAdditionalClaims, CoreGenderClaim>,
    verifier: &CoreIdTokenVerifier<'_>,
    expected: &Expected<'_>,
) -> Result<(), Fault> {
    let (Some(hash), Some(token)) = (said.access_token_hash(), expected.access_token) else { return Ok(()) };
    let algorithm = signed.signing_alg().map_err(|_| Fault::Algorithm)?;
    let key: &CoreJsonWebKey = signed.signing_key(verifier).map_err(|_| Fault::UnknownKey)?;
    let made = AccessTokenHash::from_token(&AccessToken::new(token.to_owned()), algorithm, key);
    match made.is_ok_and(|made| made.as_str() == hash.as_str()) {
        true => Ok(()),
        false => Err(Fault::AccessToken),
    }
}

/// What cannot be read at all may be a token of a sort that does not count.
fn malformed(token: &str) -> Fault {
    let algorithm = claims::part(token, 0).and_then(|header| header.get("alg")?.as_str().map(str::to_owned));
    match algorithm.as_deref() {
        Some("RS256" | "PS256" | "ES256" | "EdDSA") | None => Fault::Malformed,
        Some(_) => Fault::Algorithm,
    }
}

fn fault(error: ClaimsVerificationError) -> Fault {
    use SignatureVerificationError as Signature;
    match error {
        ClaimsVerificationError::Expired(_) => Fault::Expired,
        ClaimsVerificationError::InvalidAudience(_) => Fault::Audience,
        ClaimsVerificationError::InvalidIssuer(_) => Fault::Issuer,
        ClaimsVerificationError::InvalidNonce(_) => Fault::Nonce,
        ClaimsVerificationError::InvalidSubject(_) => Fault::Subject,
        ClaimsVerificationError::SignatureVerification(why) => match why {
            Signature::NoSignature | Signature::DisallowedAlg(_) | Signature::UnsupportedAlg(_) => Fault::Algorithm,
            Signature::NoMatchingKey | Signature::AmbiguousKeyId(_) => Fault::UnknownKey,
            _ => Fault::Signature,
        },
        _ => Fault::Malformed,
    }
}

impl Fault {
    /// The word in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "no token",
            Self::Algorithm => "algorithm",
            Self::UnknownKey => "unknown key",
            Self::Signature => "signature",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Nonce => "nonce",
            Self::Expired => "expired",
            Self::Early => "not valid yet",
            Self::AccessToken => "access token",
            Self::Subject => "subject",
        }
    }

    /// Whether keys that are fetched anew may help: the provider may have taken another one.
    pub const fn may_be_a_new_key(self) -> bool {
        matches!(self, Self::UnknownKey | Self::Signature)
    }
}
