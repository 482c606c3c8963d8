//! A device with passkeys that we did not write: authenticator and client by 1Password.

use async_trait::async_trait;
use passkey_authenticator::{Authenticator, UiHint, UserCheck, UserValidationMethod};
use passkey_client::{Client, DefaultClientData};
use passkey_crypto::rust_crypto::RustCryptoBackend;
use passkey_types::Passkey;
use passkey_types::ctap2::{Aaguid, Ctap2Error, get_assertion};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

type Inside = Authenticator<Option<Passkey>, Owner, RustCryptoBackend>;

/// One passkey at most, which counts its signatures if it is told to.
pub(super) struct Device {
    passkey: Option<Passkey>,
    counts: bool,
}

/// Always there, and recognised when that is asked for.
struct Owner;

#[async_trait]
impl UserValidationMethod for Owner {
    type PasskeyItem = Passkey;

    async fn check_user<'a>(
        &self,
        _: UiHint<'a, Passkey>,
        presence: bool,
        verification: bool,
    ) -> Result<UserCheck, Ctap2Error> {
        Ok(UserCheck { presence, verification })
    }

    fn is_presence_enabled(&self) -> bool {
        true
    }

    fn is_verification_enabled(&self) -> Option<bool> {
        Some(true)
    }
}

impl Device {
    pub(super) fn new() -> Self {
        Self { passkey: None, counts: false }
    }

    pub(super) fn counting() -> Self {
        Self { passkey: None, counts: true }
    }

    /// A copy of it, as somebody makes who has taken it apart.
    pub(super) fn copied(&self) -> Self {
        Self { passkey: self.passkey.clone(), counts: self.counts }
    }

    /// What the device's browser does at `navigator.credentials.create`.
    pub(super) fn create(&mut self, page: &str, options: &Value) -> Value {
        let asked = serde_json::from_value(json!({ "publicKey": options })).unwrap();
        let page = Url::parse(page).unwrap();
        let mut client = Client::new(self.inside()).allows_insecure_localhost(true);
        let made = now(client.register(&page, asked, DefaultClientData)).unwrap();
        self.passkey.clone_from(client.authenticator().store());
        serde_json::to_value(made).unwrap()
    }

    /// What the device's browser does at `navigator.credentials.get`.
    pub(super) fn get(&mut self, page: &str, options: &Value) -> Value {
        let asked = serde_json::from_value(json!({ "publicKey": options })).unwrap();
        let page = Url::parse(page).unwrap();
        let mut client = Client::new(self.inside()).allows_insecure_localhost(true);
        let shown = now(client.authenticate(&page, asked, DefaultClientData)).unwrap();
        self.passkey.clone_from(client.authenticator().store());
        serde_json::to_value(shown).unwrap()
    }

    /// The authenticator without a browser around it: it signs what it is told to, for any domain.
    pub(super) fn sign(&mut self, domain: &str, client_data: &Value) -> Value {
        let client_data = client_data.to_string().into_bytes();
        let mut inside = self.inside();
        let asked = get_assertion::Request {
            rp_id: domain.to_owned(),
            client_data_hash: Sha256::digest(&client_data).to_vec().into(),
            allow_list: None,
            extensions: None,
            options: get_assertion::Options { up: true, uv: true },
            pin_auth: None,
            pin_protocol: None,
        };
        let signed = now(inside.get_assertion(asked)).unwrap();
        self.passkey.clone_from(inside.store());
        let id = base64url(&signed.credential.unwrap().id);
        json!({
            "id": id, "rawId": id, "type": "public-key", "clientExtensionResults": {},
            "authenticatorAttachment": "platform",
            "response": {
                "clientDataJSON": base64url(&client_data),
                "authenticatorData": base64url(&signed.auth_data.to_vec()),
                "signature": base64url(&signed.signature),
                "userHandle": base64url(&signed.user.unwrap().id),
            },
        })
    }

    fn inside(&self) -> Inside {
        let mut inside = Authenticator::new(Aaguid::new_empty(), self.passkey.clone(), Owner, RustCryptoBackend);
        inside.set_make_credentials_with_signature_counter(self.counts);
        inside
    }
}

pub(super) fn base64url(bytes: &[u8]) -> String {
    data_encoding::BASE64URL_NOPAD.encode(bytes)
}

/// Its calls wait for nobody.
fn now<T>(call: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(call)
}
