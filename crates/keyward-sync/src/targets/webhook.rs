//! A signed post with the value, to a receiver of one's own (Standard Webhooks). Each has an id of its
//! own: an old value that comes back is no repetition, and to take the same twice is harmless.

use data_encoding::HEXLOWER;
use keyward_monitor::SigningSecret;
use keyward_types::{Clock, Random, Secret};
use keyward_upstream::{Ask, Http, Site};
use serde_json::json;
use zeroize::Zeroizing;

use super::text;
use crate::{Fault, Target};

pub(crate) struct Webhook<'a> {
    pub(crate) http: Http,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) random: &'a dyn Random,
    pub(crate) site: Site,
    /// Under which name the value is sent.
    pub(crate) name: String,
    pub(crate) signing: Secret<String>,
}

impl Target for Webhook<'_> {
    /// A receiver has nothing that could be asked without telling it something.
    fn check(&self) -> Result<(), Fault> {
        self.key().map(drop)
    }

    fn deploy(&self, value: &Secret<Vec<u8>>) -> Result<(), Fault> {
        let (key, value) = (self.key()?, text(value)?);
        let data = json!({ "name": self.name, "value": value.expose() });
        let body = Zeroizing::new(json!({ "type": "keyward.secret.deploy", "data": data }).to_string());
        let mut number = [0; 16];
        self.random.fill(&mut number).map_err(|error| Fault::Passing(error.to_string()))?;
        let id = format!("kw_{}", HEXLOWER.encode(&number));
        let seconds = self.clock.now().0.div_euclid(1000);
        let (time, signature) = (seconds.to_string(), key.sign(&id, seconds, body.as_bytes()));
        let headers = [
            ("content-type", "application/json"),
            ("webhook-id", id.as_str()),
            ("webhook-timestamp", time.as_str()),
            ("webhook-signature", signature.as_str()),
        ];
        let ask = Ask { method: "POST", path: "", headers: &headers, body: Some(body.as_bytes()), reads: false };
        Ok(self.http.ask(&self.site, &ask)?.good().map(drop)?)
    }

    fn read_back(&self) -> Result<Option<Secret<Vec<u8>>>, Fault> {
        Ok(None)
    }
}

impl Webhook<'_> {
    /// With or without the prefix that such keys have.
    fn key(&self) -> Result<SigningSecret, Fault> {
        let text = self.signing.expose().trim();
        let whole = Zeroizing::new(match text.starts_with("whsec_") {
            true => text.to_owned(),
            false => format!("whsec_{text}"),
        });
        let why = "its credential is no signing secret: 24 to 64 bytes in base64, as `keyward set NAME --generate=base64` makes them";
        SigningSecret::parse(&whole).map_err(|_| Fault::Refused(why.into()))
    }
}
