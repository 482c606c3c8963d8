//! Secrets that we make ourselves, and that only one's own programs know: signing keys, session
//! secrets, passwords. Nobody outside is asked; a value works as soon as the programs have it.

use keyward_providers::{Profile, RotationClass, generate};
use keyward_types::{Secret, Verified};
use keyward_upstream::{
    Call, Chosen, Ctx, Fault, Found, KeyId, LastUsed, Minted, Minting, Preflight, Refusal, Rotator, Tag, Verdict,
};
use serde::{Deserialize, Serialize};

/// How the value is put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// The value alone: with the new one whatever was signed with the old one is void.
    Plain,
    /// `2:<new>,1:<old>`, the newest first, as Better Auth reads `BETTER_AUTH_SECRETS`.
    Versions,
}

/// A secret that is made here.
#[derive(Clone, Copy, Debug)]
pub struct Local {
    /// How the value is written.
    pub profile: Profile,
    /// How it is put together.
    pub form: Form,
}

/// How many predecessors a versioned value carries along.
const KEPT: usize = 1;

impl Rotator for Local {
    fn class(&self) -> RotationClass {
        RotationClass::Keyring
    }

    fn minting(&self) -> Minting {
        Minting::Chosen
    }

    fn is_reversible(&self) -> bool {
        false
    }

    /// Nothing goes over a network.
    fn plan(&self) -> Vec<Call> {
        Vec::new()
    }

    fn preflight(&self, ctx: &Ctx<'_>) -> Result<Preflight, Fault> {
        let mut warnings = Vec::new();
        if self.form == Form::Versions {
            if let Some(current) = ctx.current {
                versions(current.expose())?;
            }
            // Better Auth 1.7 signs cookies with the first entry alone.
            warnings.push("Better Auth reads data under the old entry, and signs cookies with the first one alone: everybody is signed out, and links in mails that are under way are void".into());
        } else {
            warnings.push(
                "what was signed or encrypted with the old value is void once the programs have the new one".into(),
            );
        }
        Ok(Preflight { current: Some(KeyId::new("here")), slots: None, warnings })
    }

    fn choose(&self, ctx: &Ctx<'_>) -> Result<Option<Chosen>, Fault> {
        let refused = |error: &dyn std::fmt::Display| Fault::refused(Refusal::Input, error.to_string());
        let made =
            generate(self.profile, None, &mut |bytes| ctx.random.fill(bytes)).map_err(|error| refused(&error))?;
        let value = match (self.form, ctx.current) {
            (Form::Plain, _) => made.value,
            (Form::Versions, None) => Secret::new("a versioned secret", format!("1:{}", made.value.expose())),
            (Form::Versions, Some(current)) => {
                let entries = versions(current.expose())?;
                let next = entries[0].0.checked_add(1).ok_or_else(|| refused(&"its version is the last there is"))?;
                let kept: Vec<String> =
                    entries[..KEPT.min(entries.len())].iter().map(|(n, v)| format!("{n}:{v}")).collect();
                let text = format!("{next}:{},{}", made.value.expose(), kept.join(","));
                Secret::new("a versioned secret", text)
            }
        };
        Ok(Some(Chosen { value, id: KeyId::new("here") }))
    }

    fn mint(&self, _ctx: &Ctx<'_>, _tag: &Tag, chosen: Option<&Chosen>) -> Result<Minted, Fault> {
        let chosen = chosen.ok_or_else(|| Fault::refused(Refusal::Input, "there is no value to begin with"))?;
        Ok(Minted { value: chosen.value.clone(), id: chosen.id.clone(), expires: None })
    }

    fn find(&self, _ctx: &Ctx<'_>, _tag: &Tag) -> Result<Vec<Found>, Fault> {
        Ok(Vec::new())
    }

    fn probe(&self, _ctx: &Ctx<'_>, _value: &Secret<String>) -> Result<Verdict, Fault> {
        Ok(Verdict::new(Verified::NotChecked, "nobody is asked about a secret of one's own"))
    }

    fn identify(&self, _ctx: &Ctx<'_>, _value: &Secret<String>) -> Result<Option<KeyId>, Fault> {
        Ok(Some(KeyId::new("here")))
    }

    fn last_used(&self, _ctx: &Ctx<'_>, _id: &KeyId) -> Result<LastUsed, Fault> {
        Ok(LastUsed::Unknown)
    }

    fn without_predecessors(&self, value: &Secret<String>) -> Result<Option<Secret<String>>, Fault> {
        if self.form == Form::Plain {
            return Ok(None);
        }
        let entries = versions(value.expose())?;
        let (number, newest) = entries[0];
        let alone = || Secret::new("a versioned secret", format!("{number}:{newest}"));
        Ok((entries.len() > 1).then(alone))
    }

    fn retire(&self, _ctx: &Ctx<'_>, _id: &KeyId) -> Result<(), Fault> {
        Ok(())
    }
}

/// The entries of a versioned value, the newest first; at least one.
fn versions(text: &str) -> Result<Vec<(u64, &str)>, Fault> {
    let entry = |entry: &'_ str| -> Option<(u64, usize)> {
        let (number, value) = entry.trim().split_once(':')?;
        (!value.is_empty()).then_some((number.parse().ok()?, number.len() + 1))
    };
    let entries: Option<Vec<(u64, &str)>> =
        text.split(',').map(|part| entry(part).map(|(number, at)| (number, &part.trim()[at..]))).collect();
    entries.filter(|entries| !entries.is_empty()).ok_or_else(|| {
        Fault::refused(Refusal::Input, "the value is not of the form `2:<new>,1:<old>` that Better Auth reads")
    })
}

#[cfg(test)]
mod tests {
    use keyward_types::{Clock, Random, RandomError, Timestamp};

    use super::*;

    struct Noon;
    impl Clock for Noon {
        fn now(&self) -> Timestamp {
            Timestamp(0)
        }
    }

    struct Counting(std::sync::atomic::AtomicU8);
    impl Random for Counting {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
            bytes.fill_with(|| self.0.fetch_add(37, std::sync::atomic::Ordering::Relaxed));
            Ok(())
        }
    }

    fn chosen(form: Form, current: &str) -> Result<String, Fault> {
        let random = Counting(0.into());
        let current = Secret::new("current", current.to_owned());
        let ctx = Ctx { admin: None, current: Some(&current), replaces: None, clock: &Noon, random: &random };
        let chosen = Local { profile: Profile::SigningKey, form }.choose(&ctx)?;
        Ok(chosen.expect("it is we who choose").value.expose().clone())
    }

    #[test]
    fn a_versioned_secret_carries_one_predecessor_along_and_can_drop_it() {
        let first = chosen(Form::Versions, "1:first").unwrap();
        assert!(first.starts_with("2:") && first.ends_with(",1:first"), "{first}");
        let second = chosen(Form::Versions, "7:new, 6:old").unwrap();
        assert!(second.starts_with("8:") && second.ends_with(",7:new"), "{second}");
        let local = Local { profile: Profile::SigningKey, form: Form::Versions };
        let alone = local.without_predecessors(&Secret::new("value", "7:new,6:old".into())).unwrap().unwrap();
        assert_eq!(alone.expose(), "7:new");
        assert!(local.without_predecessors(&alone).unwrap().is_none());
    }

    #[test]
    fn what_has_another_form_is_refused_without_being_repeated() {
        for text in ["hidden-value", "x:hidden-value", "1:", ""] {
            let refused = chosen(Form::Versions, text).unwrap_err().to_string();
            assert!(!refused.contains("hidden-value"), "{refused}");
        }
        assert!(chosen(Form::Plain, "anything").unwrap().len() >= 43);
    }
}
