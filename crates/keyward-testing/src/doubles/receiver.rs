use std::collections::HashSet;

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

use super::{Reply, Request, Service};

/// Somebody who takes signed posts (Standard Webhooks): he believes no other signature, and takes
/// what has the same id once.
pub struct Receiver {
    key: Vec<u8>,
    ids: HashSet<String>,
    /// What he took, in order.
    pub taken: Vec<String>,
}

impl Receiver {
    /// With a fresh signing secret; gives it too.
    ///
    /// # Panics
    /// When this machine has no randomness.
    pub fn new() -> (Self, String) {
        let mut key = vec![0; 32];
        getrandom::fill(&mut key).expect("this machine has randomness");
        let text = format!("{}{}", "whsec_", BASE64.encode(&key));
        (Self { key, ids: HashSet::new(), taken: Vec::new() }, text)
    }
}

impl Service for Receiver {
    const HOSTS: &'static [&'static str] = &[];

    fn answer(&mut self, request: &Request) -> Reply {
        let header = |name: &str| request.header(name).unwrap_or_default();
        let id = header("webhook-id").to_owned();
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of every length");
        mac.update(format!("{id}.{}.{}", header("webhook-timestamp"), request.body).as_bytes());
        if header("webhook-signature") != format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes())) {
            return Reply::json(401, &json!({ "error": "wrong_signature" }));
        }
        if self.ids.insert(id) {
            let value = request.json()["data"]["value"].as_str().unwrap_or_default().to_owned();
            self.taken.push(value);
        }
        Reply::text(204, "")
    }
}
