//! Signatures of webhooks as the Standard Webhooks specification has them, so that receivers can
//! verify with any of its libraries: HMAC-SHA256 over `id.timestamp.body`.

use std::fmt;

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use keyward_types::{Random, RandomError, Secret};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::Error;

/// What a webhook is signed with, and verified by whoever receives it. Text form: `whsec_` and
/// base64.
#[derive(Clone)]
pub struct SigningSecret(Secret<Vec<u8>>);

const PREFIX: &str = "whsec_";
/// The specification wants 24 to 64 bytes.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;
const MADE: usize = 32;

impl SigningSecret {
    /// A fresh one of 256 bits.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn generate(random: &dyn Random) -> Result<Self, RandomError> {
        let mut bytes = vec![0; MADE];
        random.fill(&mut bytes)?;
        Ok(Self(Secret::new(NAME, bytes)))
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// [`Error::Credentials`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let encoded = text.strip_prefix(PREFIX).ok_or(Error::Credentials)?;
        let bytes = Zeroizing::new(BASE64.decode(encoded.as_bytes()).map_err(|_| Error::Credentials)?);
        match LENGTHS.contains(&bytes.len()) {
            true => Ok(Self(Secret::new(NAME, bytes.to_vec()))),
            false => Err(Error::Credentials),
        }
    }

    /// The text form, for whoever verifies. Whoever calls this answers for where it goes.
    pub fn expose_text(&self) -> Secret<String> {
        Secret::new(NAME, format!("{PREFIX}{}", BASE64.encode(self.0.expose())))
    }

    /// The value of the header `webhook-signature`. `timestamp` is in seconds since 1970.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose()).expect("HMAC takes keys of every length");
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()))
    }
}

const NAME: &str = "signing secret of a webhook";

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries; its key is put together here.
    #[test]
    fn signatures_are_those_of_the_specification() {
        let secret = SigningSecret::parse(&[PREFIX, "MfKQ9r8GKYqrTwjU", "PD8ILPZIo2LaLaSw"].concat()).unwrap();
        let id = ["msg_p5jXN8AQM9LW", "M0D4loKWxJek"].concat();
        let signature = secret.sign(&id, 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn the_text_form_is_read_back_and_short_ones_are_not_read() {
        let secret = SigningSecret(Secret::new(NAME, vec![7; MADE]));
        let text = secret.expose_text();
        assert_eq!(SigningSecret::parse(text.expose()).unwrap().sign("a", 1, b"x"), secret.sign("a", 1, b"x"));
        assert_ne!(secret.sign("a", 1, b"x"), secret.sign("a", 2, b"x"));
        assert_eq!(format!("{secret:?}"), "SigningSecret");
        for wrong in [BASE64.encode(&[7; MADE]), format!("{PREFIX}{}", BASE64.encode(&[7; 23])), format!("{PREFIX}*")] {
            assert!(SigningSecret::parse(&wrong).is_err());
        }
    }
}
