use keyward_providers::RotationClass;
use keyward_types::Secret;
use serde_json::json;
use zeroize::Zeroizing;

use super::api;
use crate::http::Ask;
use crate::{
    Account, Call, Chosen, Ctx, Fault, Found, Http, KeyId, LastUsed, Minted, Minting, Preflight, Refusal, Rotator,
    Site, Tag, Verdict,
};

/// GitHub's personal access tokens: a person makes the new one, and the old one is revoked by showing
/// it. That takes no administrative credential, and its owner gets mail. GitHub has no id for a token
/// of one's own: [`KeyId`] is a part of its hash.
pub struct GitHub {
    http: Http,
    site: Site,
}

impl GitHub {
    /// Tokens at github.com.
    pub fn new(http: Http) -> Self {
        let site = Site::of(api::service("github"), "https://api.github.com");
        Self { http, site: site.expect("it is one of GitHub's own") }
    }
}

impl Rotator for GitHub {
    fn class(&self) -> RotationClass {
        RotationClass::Console
    }

    fn minting(&self) -> Minting {
        Minting::ByHand
    }

    fn is_reversible(&self) -> bool {
        false
    }

    fn is_ended_by_showing(&self) -> bool {
        true
    }

    fn plan(&self) -> Vec<Call> {
        vec![
            Call::new("preflight", "GET", "https://api.github.com/user"),
            Call::new("mint", "by hand", "https://github.com/settings/personal-access-tokens/new"),
            Call::new("test", "GET", "https://api.github.com/user"),
            Call::new("retire", "POST", "https://api.github.com/credentials/revoke")
                .with(r#"{"credentials":["<value>"]}"#),
        ]
    }

    fn preflight(&self, ctx: &Ctx<'_>) -> Result<Preflight, Fault> {
        let current = api::current(ctx)?;
        if !is_revocable(current) {
            return Err(Fault::refused(
                Refusal::Input,
                "tokens of this form are not revoked by showing them; of a GitHub App, `--account app=…` and `installation=…` say more",
            ));
        }
        Ok(api::preflight(Some(api::hashed(current)), ""))
    }

    fn mint(&self, _: &Ctx<'_>, tag: &Tag, _: Option<&Chosen>) -> Result<Minted, Fault> {
        let how = format!(
            "make a token named `{tag}` at https://github.com/settings/personal-access-tokens/new, with the same \
             repositories and permissions as the old one, and paste it here"
        );
        Err(Fault::refused(Refusal::ByHand, how))
    }

    fn find(&self, _: &Ctx<'_>, _: &Tag) -> Result<Vec<Found>, Fault> {
        // A person makes it, and nobody but him has it before he brings it.
        Ok(Vec::new())
    }

    fn probe(&self, _: &Ctx<'_>, value: &Secret<String>) -> Result<Verdict, Fault> {
        api::probe(&self.http, "github", value, &Account::default())
    }

    fn identify(&self, _: &Ctx<'_>, value: &Secret<String>) -> Result<Option<KeyId>, Fault> {
        Ok(Some(api::hashed(value)))
    }

    fn last_used(&self, _: &Ctx<'_>, _: &KeyId) -> Result<LastUsed, Fault> {
        Ok(LastUsed::Unknown)
    }

    fn retire(&self, ctx: &Ctx<'_>, id: &KeyId) -> Result<(), Fault> {
        let value = api::current(ctx)?;
        if api::hashed(value) != *id {
            return Err(Fault::refused(Refusal::Input, "a token is revoked by showing it, and this is another one"));
        }
        let body = Zeroizing::new(json!({ "credentials": [value.expose()] }).to_string());
        let headers = [("accept", "application/vnd.github+json"), ("content-type", "application/json")];
        // Revoking twice is harmless, so that it does not matter whether it arrived.
        let ask = Ask {
            method: "POST",
            path: "/credentials/revoke",
            headers: &headers,
            body: Some(body.as_bytes()),
            reads: true,
        };
        let answer = self.http.ask(&self.site, &ask)?;
        match answer.status {
            202 => Ok(()),
            // Sixty an hour from one address.
            403 => Err(Fault::Limited(None)),
            _ => Err(answer.refusal()),
        }
    }

    fn settles_in(&self) -> u32 {
        60
    }
}

fn is_revocable(value: &Secret<String>) -> bool {
    ["ghp_", "github_pat_", "gho_", "ghu_", "ghr_"].iter().any(|prefix| value.expose().starts_with(prefix))
}
