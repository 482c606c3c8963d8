use keyward_providers::{Provider, RotationClass};
use keyward_types::Secret;

use super::api;
use crate::{
    Account, Call, Chosen, Ctx, Fault, Found, Http, KeyId, LastUsed, Minted, Minting, Preflight, Refusal, Rotator, Tag,
    Verdict,
};

/// A service whose keys a person makes and ends at its console: Cohere, Hugging Face, and every other
/// that the catalogue can ask about a key. The service is asked whether the new key works, and at the
/// end until it says that the old one does not. [`KeyId`] is a part of a value's hash.
pub struct Console {
    http: Http,
    provider: &'static Provider,
    console: &'static str,
    request: &'static str,
    account: Account,
}

impl Console {
    /// Keys of this service; `account` has the parts that its address needs.
    ///
    /// # Errors
    /// When the catalogue has no console of it, or not how it is asked about a key.
    pub fn new(http: Http, provider: &'static Provider, account: Account) -> Result<Self, Fault> {
        let unknown = |what: &str| {
            Fault::refused(Refusal::Input, format!("the catalogue does not have {what} of {}", provider.name))
        };
        let console = provider.console.ok_or_else(|| unknown("the console"))?;
        let verify = provider.verify.ok_or_else(|| unknown("the question about a key"))?;
        Ok(Self { http, provider, console, request: verify.request, account })
    }

    fn asked(&self, step: &str) -> Call {
        let (method, address) = self.request.split_once(' ').unwrap_or(("GET", self.request));
        Call::new(step, method, address)
    }
}

impl Rotator for Console {
    fn class(&self) -> RotationClass {
        RotationClass::Console
    }

    fn minting(&self) -> Minting {
        Minting::ByHand
    }

    fn is_reversible(&self) -> bool {
        false
    }

    fn plan(&self) -> Vec<Call> {
        vec![
            Call::new("mint", "by hand", self.console),
            self.asked("test"),
            Call::new("retire", "by hand", self.console),
            self.asked("prove"),
        ]
    }

    fn preflight(&self, ctx: &Ctx<'_>) -> Result<Preflight, Fault> {
        Ok(api::preflight(Some(api::hashed(api::current(ctx)?)), ""))
    }

    fn mint(&self, _: &Ctx<'_>, tag: &Tag, _: Option<&Chosen>) -> Result<Minted, Fault> {
        let how = format!(
            "make a key named `{tag}` at {}, with the same permissions as the old one, and bring it",
            self.console
        );
        Err(Fault::refused(Refusal::ByHand, how))
    }

    fn find(&self, _: &Ctx<'_>, _: &Tag) -> Result<Vec<Found>, Fault> {
        // A person makes it, and nobody but him has it before he brings it.
        Ok(Vec::new())
    }

    fn probe(&self, _: &Ctx<'_>, value: &Secret<String>) -> Result<Verdict, Fault> {
        api::probe(&self.http, self.provider.id, value, &self.account)
    }

    fn identify(&self, _: &Ctx<'_>, value: &Secret<String>) -> Result<Option<KeyId>, Fault> {
        Ok(Some(api::hashed(value)))
    }

    fn last_used(&self, _: &Ctx<'_>, _: &KeyId) -> Result<LastUsed, Fault> {
        Ok(LastUsed::Unknown)
    }

    /// A person ends it; here it is seen whether he has.
    fn retire(&self, ctx: &Ctx<'_>, id: &KeyId) -> Result<(), Fault> {
        let value = api::current(ctx)?;
        if api::hashed(value) != *id {
            return Err(Fault::refused(Refusal::Input, "this is another key than the one that is to end"));
        }
        if self.probe(ctx, value)?.is_dead() {
            return Ok(());
        }
        let how = format!("delete the old key at {}: {} says that it works still", self.console, self.provider.name);
        Err(Fault::refused(Refusal::ByHand, how))
    }

    fn settles_in(&self) -> u32 {
        60
    }
}
