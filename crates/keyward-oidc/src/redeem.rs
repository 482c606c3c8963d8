use data_encoding::BASE64;
use keyward_access::oidc::{Claims, Expected};
use keyward_types::{Secret, Timestamp};
use serde::Deserialize;
use zeroize::{Zeroize, Zeroizing};

use crate::encode::{encode, put};
use crate::fetch::Way;
use crate::providers::json;
use crate::{Fault, Issuer, Providers};

/// A code, with all that shows that it is ours.
#[derive(Clone, Copy, Debug)]
pub struct Redemption<'a> {
    /// As the provider knows us.
    pub client_id: &'a str,
    /// The secret that it knows us by; `None`: PKCE alone shows it.
    pub client_secret: Option<&'a Secret<Vec<u8>>>,
    /// What the browser brought.
    pub code: &'a Secret<String>,
    /// What PKCE's challenge was made of (RFC 7636).
    pub verifier: &'a str,
    /// Where the browser was sent back to.
    pub redirect_uri: &'a str,
    /// What the ID token has to answer.
    pub nonce: &'a str,
}

/// What comes for a code (OpenID Connect Core, 3.1.3.3).
#[derive(Deserialize)]
struct Tokens {
    id_token: Option<String>,
    access_token: Option<String>,
}

/// Why a code is refused (RFC 6749, 5.2).
#[derive(Deserialize)]
struct Refusal {
    error: String,
}

impl Drop for Tokens {
    fn drop(&mut self) {
        self.id_token.zeroize();
        self.access_token.zeroize();
    }
}

impl Providers {
    /// Asks the provider whose code it is, and believes what it signs or not.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn redeem(&self, issuer: &Issuer, with: &Redemption<'_>, now: Timestamp) -> Result<Claims, Fault> {
        let known = self.known(issuer)?;
        let endpoint = known.token_endpoint.as_deref().ok_or_else(|| Fault::odd("it names no `token_endpoint`"))?;
        let (authorization, form) = written(with, known.secret_in_form);
        let authorization = authorization.as_ref().map(|text| text.as_str());
        let answer = self.asking(|| Way::to(issuer).post_form(endpoint, authorization, &form))?;
        let tokens: Tokens = match answer.status {
            200 => json(&answer, "its answer to a code")?,
            400 | 401 => {
                let refusal: Refusal = json(&answer, "its answer to a code")?;
                return Err(match refusal.error.as_str() {
                    "invalid_grant" => Fault::Code,
                    "invalid_client" | "unauthorized_client" => {
                        Fault::odd("it does not know us by our client id and secret")
                    }
                    _ => Fault::odd("it refuses our question"),
                });
            }
            status => return Err(Fault::odd(format!("{status} for a code"))),
        };
        let token = tokens.id_token.as_deref().ok_or_else(|| Fault::odd("there is no ID token in its answer"))?;
        let expected = Expected {
            issuer: issuer.url(),
            audience: with.client_id,
            nonce: Some(with.nonce),
            access_token: tokens.access_token.as_deref(),
        };
        self.verified(issuer, token, &expected, now)
    }
}

/// How we show who we are, and the form.
fn written(with: &Redemption<'_>, secret_in_form: bool) -> (Option<Zeroizing<String>>, Zeroizing<String>) {
    let mut form = Zeroizing::new(String::with_capacity(2048));
    let mut put = |name: &str, value: &[u8]| put(&mut form, name, value);
    put("grant_type", b"authorization_code");
    put("code", with.code.expose().as_bytes());
    put("redirect_uri", with.redirect_uri.as_bytes());
    put("code_verifier", with.verifier.as_bytes());
    let Some(secret) = with.client_secret else {
        put("client_id", with.client_id.as_bytes());
        return (None, form);
    };
    if secret_in_form {
        put("client_id", with.client_id.as_bytes());
        put("client_secret", secret.expose());
        return (None, form);
    }
    // Both are encoded as in a form before they are joined (RFC 6749, 2.3.1).
    let mut pair = Zeroizing::new(String::with_capacity(512));
    encode(with.client_id.as_bytes(), &mut pair);
    pair.push(':');
    encode(secret.expose(), &mut pair);
    (Some(Zeroizing::new(format!("Basic {}", BASE64.encode(pair.as_bytes())))), form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_in_the_header_or_in_the_form_and_encoded() {
        let (code, secret) = (Secret::new("code", "a+b/c=".to_owned()), Secret::new("secret", b"s:%".to_vec()));
        let with = Redemption {
            client_id: "a b",
            client_secret: Some(&secret),
            code: &code,
            verifier: "v",
            redirect_uri: "https://kw.example/x?y",
            nonce: "n",
        };
        let begin = "grant_type=authorization_code&code=a%2Bb%2Fc%3D&redirect_uri=https%3A%2F%2Fkw.example%2Fx%3Fy&code_verifier=v";
        let (header, form) = written(&with, false);
        assert_eq!(header.unwrap().as_str(), format!("Basic {}", BASE64.encode(b"a%20b:s%3A%25")));
        assert_eq!(form.as_str(), begin);
        let (header, form) = written(&with, true);
        assert!(header.is_none());
        assert_eq!(form.as_str(), format!("{begin}&client_id=a%20b&client_secret=s%3A%25"));
        let (header, form) = written(&Redemption { client_secret: None, ..with }, false);
        assert!(header.is_none());
        assert_eq!(form.as_str(), format!("{begin}&client_id=a%20b"));
    }
}
