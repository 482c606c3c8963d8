//! The two ceremonies: a passkey is made, and a passkey is shown. The library checks what the
//! standard demands of each; here stands what we ask for, and how it is kept.

use std::num::NonZeroU32;

use data_encoding::BASE64URL_NOPAD;
use keyward_types::{PrincipalId, Timestamp};
use serde_json::Value;
use webauthn_rp::bin::{Decode, Encode};
use webauthn_rp::request::auth::AuthenticationVerificationOptions;
use webauthn_rp::request::register::{
    CredProtect, Nickname, PublicKeyCredentialUserEntity, RegistrationVerificationOptions, UserHandle, Username,
};
use webauthn_rp::request::{ExtensionInfo, PublicKeyCredentialDescriptor};
use webauthn_rp::response::auth::error::AuthCeremonyErr;
use webauthn_rp::response::register::error::RegCeremonyErr;
use webauthn_rp::response::register::{CompressedPubKey, DynamicState, StaticState};
use webauthn_rp::response::{AuthTransports, CredentialId};
use webauthn_rp::{
    AuthenticatedCredential, DiscoverableAuthentication, DiscoverableAuthenticationServerState,
    DiscoverableCredentialRequestOptions, PublicKeyCredentialCreationOptions, Registration, RegistrationServerState,
};

use super::{Handle, Passkey, PasskeyError, Site};

/// A question to an authenticator.
#[derive(Debug)]
pub struct Asked {
    /// For the browser, as `PublicKeyCredential.parse…OptionsFromJSON` takes it.
    pub options: Value,
    /// What is kept of it, to be sealed.
    pub state: Vec<u8>,
}

/// A passkey that was just made.
#[derive(Clone, Debug)]
pub struct NewPasskey {
    credential: Vec<u8>,
    handle: Handle,
    key: Vec<u8>,
    state: [u8; 7],
    transports: u8,
}

/// A passkey that somebody shows, not looked up yet.
#[derive(Debug)]
pub struct Presented(DiscoverableAuthentication<HANDLE>);

/// Bytes of a handle.
const HANDLE: usize = 32;

/// For how long a question stands, in milliseconds: two minutes.
const STANDS: NonZeroU32 = NonZeroU32::new(2 * 60 * 1000).expect("two minutes are more than nothing");

type Key = CompressedPubKey<[u8; 32], [u8; 32], [u8; 48], Vec<u8>>;

/// Asks for a new passkey for an account. An authenticator that has one of the `known` makes none.
///
/// # Errors
/// [`PasskeyError::Damaged`] when a known one cannot be read.
pub fn begin_registration(
    site: &Site,
    handle: Handle,
    login: &str,
    name: &str,
    known: &[Passkey],
) -> Result<Asked, PasskeyError> {
    let handle = UserHandle::<HANDLE>::decode(handle.0).map_err(never)?;
    // What authenticators show; a name that they could not is left out.
    let user = PublicKeyCredentialUserEntity {
        name: Username::try_from(login).map_err(|error| PasskeyError::Refused(error.to_string()))?,
        id: &handle,
        display_name: Nickname::try_from(name).ok(),
    };
    let known = known.iter().filter(|passkey| passkey.site == site.domain()).map(descriptor);
    let mut options = PublicKeyCredentialCreationOptions::passkey(&site.id, user, known.collect::<Result<_, _>>()?);
    options.timeout = STANDS;
    // Where an authenticator has it: it shows the passkey to nobody whom it has not recognised. Were it
    // enforced, browsers would take no other authenticator.
    options.extensions.cred_protect = CredProtect::UserVerificationRequired(ExtensionInfo::AllowDontEnforceValue);
    let (state, options) = options.start_ceremony().map_err(|error| PasskeyError::Refused(error.to_string()))?;
    Ok(Asked {
        options: serde_json::to_value(&options).map_err(|_| PasskeyError::Damaged)?,
        state: state.encode().map_err(|_| PasskeyError::Damaged)?,
    })
}

/// Takes the answer to [`begin_registration`].
///
/// # Errors
/// What is wrong with it.
pub fn finish_registration(site: &Site, state: &[u8], answer: &Value) -> Result<NewPasskey, PasskeyError> {
    let state = RegistrationServerState::<HANDLE>::decode(state).map_err(|_| PasskeyError::Damaged)?;
    let answer = Registration::from_json_relaxed(&bytes(answer)).map_err(malformed)?;
    let options = RegistrationVerificationOptions::<String, String> {
        allowed_origins: &site.origins,
        // Browsers add extensions of their own, which say nothing here.
        error_on_unsolicited_extensions: false,
        ..RegistrationVerificationOptions::default()
    };
    let made = state.verify(&site.id, &answer, &options)?;
    let handle = made.user_id().as_ref().try_into().map_err(|_| PasskeyError::Damaged)?;
    Ok(NewPasskey {
        credential: made.id().as_ref().to_vec(),
        handle: Handle(handle),
        key: made.static_state().encode().map_err(never)?,
        state: made.dynamic_state().encode().map_err(never)?,
        transports: made.transports().encode().map_err(never)?,
    })
}

/// Asks for any passkey of this site, with the person recognised.
///
/// # Errors
/// When the question cannot be written.
pub fn begin_sign_in(site: &Site) -> Result<Asked, PasskeyError> {
    let mut options = DiscoverableCredentialRequestOptions::passkey(&site.id);
    options.0.timeout = STANDS;
    let (state, options) = options.start_ceremony().map_err(|error| PasskeyError::Refused(error.to_string()))?;
    Ok(Asked {
        options: serde_json::to_value(&options).map_err(|_| PasskeyError::Damaged)?,
        state: state.encode().map_err(|_| PasskeyError::Damaged)?,
    })
}

impl NewPasskey {
    /// The record of it.
    pub fn of(self, principal: PrincipalId, name: &str, site: &Site, now: Timestamp) -> Passkey {
        Passkey {
            id: Passkey::id_of(&self.credential),
            principal,
            name: name.to_owned(),
            credential: BASE64URL_NOPAD.encode(&self.credential),
            handle: self.handle,
            key: BASE64URL_NOPAD.encode(&self.key),
            state: BASE64URL_NOPAD.encode(&self.state),
            transports: self.transports,
            site: site.domain().to_owned(),
            created_at: now,
            last_used: None,
        }
    }
}

impl Presented {
    /// Reads what a browser sends. Nothing of it is believed.
    ///
    /// # Errors
    /// [`PasskeyError::Malformed`].
    pub fn parse(answer: &Value) -> Result<Self, PasskeyError> {
        DiscoverableAuthentication::from_json_relaxed(&bytes(answer)).map(Self).map_err(malformed)
    }

    /// What names the passkey that it claims to be.
    pub fn id(&self) -> String {
        Passkey::id_of(self.0.raw_id().as_ref())
    }

    /// Checks that it is this passkey, in answer to the question that `state` was kept of; gives the
    /// record as it is to be left behind.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, site: &Site, state: &[u8], passkey: &Passkey, now: Timestamp) -> Result<Passkey, PasskeyError> {
        let state = DiscoverableAuthenticationServerState::decode(state).map_err(|_| PasskeyError::Damaged)?;
        let handle = UserHandle::<HANDLE>::decode(passkey.handle.0).map_err(never)?;
        let key = decoded(&passkey.key)?;
        let key = StaticState::<Key>::decode(&key).map_err(|_| PasskeyError::Damaged)?;
        let credential = decoded(&passkey.credential)?;
        let credential = CredentialId::<&[u8]>::decode(&credential).map_err(|_| PasskeyError::Damaged)?;
        let mut known = AuthenticatedCredential::new(credential, &handle, key, state_of(passkey)?)
            .map_err(|_| PasskeyError::Damaged)?;
        let options = AuthenticationVerificationOptions::<String, String> {
            allowed_origins: &site.origins,
            error_on_unsolicited_extensions: false,
            ..AuthenticationVerificationOptions::default()
        };
        state.verify(&site.id, &self.0, &mut known, &options)?;
        let state = known.dynamic_state().encode().map_err(never)?;
        Ok(Passkey { state: BASE64URL_NOPAD.encode(&state), last_used: Some(now), ..passkey.clone() })
    }
}

/// What changes with each use of a passkey.
pub(super) fn state_of(passkey: &Passkey) -> Result<DynamicState, PasskeyError> {
    let state = decoded(&passkey.state)?.try_into().map_err(|_| PasskeyError::Damaged)?;
    DynamicState::decode(state).map_err(|_| PasskeyError::Damaged)
}

fn descriptor(passkey: &Passkey) -> Result<PublicKeyCredentialDescriptor<Vec<u8>>, PasskeyError> {
    Ok(PublicKeyCredentialDescriptor {
        id: CredentialId::<Vec<u8>>::decode(decoded(&passkey.credential)?).map_err(|_| PasskeyError::Damaged)?,
        transports: AuthTransports::decode(passkey.transports).map_err(|_| PasskeyError::Damaged)?,
    })
}

fn decoded(text: &str) -> Result<Vec<u8>, PasskeyError> {
    BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| PasskeyError::Damaged)
}

fn bytes(answer: &Value) -> Vec<u8> {
    answer.to_string().into_bytes()
}

/// What the library says of a text that it cannot read, without what stands in that.
fn malformed(error: impl std::fmt::Display) -> PasskeyError {
    PasskeyError::Malformed(error.to_string())
}

fn never(never: std::convert::Infallible) -> PasskeyError {
    match never {}
}

impl From<RegCeremonyErr> for PasskeyError {
    fn from(error: RegCeremonyErr) -> Self {
        match error {
            RegCeremonyErr::Timeout => Self::Late,
            RegCeremonyErr::ChallengeMismatch => Self::Challenge,
            RegCeremonyErr::OriginMismatch | RegCeremonyErr::CrossOrigin | RegCeremonyErr::TopOriginMismatch => {
                Self::Origin
            }
            RegCeremonyErr::RpIdHashMismatch => Self::Site,
            RegCeremonyErr::UserNotVerified => Self::NotVerified,
            RegCeremonyErr::AttestationSignature => Self::Signature,
            RegCeremonyErr::PublicKeyAlgorithmMismatch => Self::Algorithm,
            RegCeremonyErr::CollectedClientData(_)
            | RegCeremonyErr::CollectedClientDataRelaxed(_)
            | RegCeremonyErr::AttestationObject(_)
            | RegCeremonyErr::PubKey(_) => Self::Malformed(error.to_string()),
            error => Self::Refused(error.to_string()),
        }
    }
}

impl From<AuthCeremonyErr> for PasskeyError {
    fn from(error: AuthCeremonyErr) -> Self {
        match error {
            AuthCeremonyErr::Timeout => Self::Late,
            AuthCeremonyErr::ChallengeMismatch => Self::Challenge,
            AuthCeremonyErr::OriginMismatch | AuthCeremonyErr::CrossOrigin | AuthCeremonyErr::TopOriginMismatch => {
                Self::Origin
            }
            AuthCeremonyErr::RpIdHashMismatch => Self::Site,
            AuthCeremonyErr::UserNotVerified => Self::NotVerified,
            AuthCeremonyErr::AssertionSignature => Self::Signature,
            AuthCeremonyErr::SignatureCounter => Self::Copied,
            AuthCeremonyErr::UserHandleMismatch | AuthCeremonyErr::MissingUserHandle => Self::Account,
            AuthCeremonyErr::CollectedClientData(_)
            | AuthCeremonyErr::CollectedClientDataRelaxed(_)
            | AuthCeremonyErr::AuthenticatorData(_) => Self::Malformed(error.to_string()),
            error => Self::Refused(error.to_string()),
        }
    }
}
