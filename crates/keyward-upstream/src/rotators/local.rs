use keyward_providers::{GenerateError, Profile, RotationClass, generate};
use keyward_types::{Secret, Verified};

use super::api;
use crate::{
    Call, Chosen, Ctx, Fault, Found, KeyId, LastUsed, Minted, Minting, Preflight, Refusal, Rotator, Tag, Verdict,
};

/// A secret that is made here and used by our own programs alone, without an overlap: a session
/// secret, a password between two of them. The old one ends where the new one is deployed.
pub struct Local {
    profile: Profile,
    bits: Option<u32>,
}

/// Keys that sign or encrypt and that a program reads as a list, the current one first: with the new
/// key in front the old ones still verify, until a value without them is deployed.
pub struct SigningKeys {
    separator: char,
}

/// Better Auth's versioned secrets, `BETTER_AUTH_SECRETS="2:NEW,1:OLD"`. What was encrypted with an old
/// version is still read; cookies are not: they are signed with the first one alone.
pub struct BetterAuth;

/// Longest keyring that is handed on.
const MOST_KEYS: usize = 8;

impl Local {
    /// Secrets of this form; `bits`: `None` takes the form's default.
    pub fn new(profile: Profile, bits: Option<u32>) -> Self {
        Self { profile, bits }
    }
}

impl SigningKeys {
    /// Keys that stand one behind the other with this between them.
    pub fn separated_by(separator: char) -> Self {
        Self { separator }
    }
}

/// What is the same of all that nobody else has to do with.
macro_rules! here {
    () => {
        fn minting(&self) -> Minting {
            Minting::Chosen
        }

        fn has_provider(&self) -> bool {
            false
        }

        fn is_reversible(&self) -> bool {
            false
        }

        fn mint(&self, _: &Ctx<'_>, _: &Tag, chosen: Option<&Chosen>) -> Result<Minted, Fault> {
            let chosen = chosen.ok_or_else(|| Fault::refused(Refusal::Input, "no value was chosen"))?;
            Ok(Minted { value: chosen.value.clone(), id: chosen.id.clone(), expires: None })
        }

        fn find(&self, _: &Ctx<'_>, _: &Tag) -> Result<Vec<Found>, Fault> {
            Ok(Vec::new())
        }

        fn probe(&self, _: &Ctx<'_>, _: &Secret<String>) -> Result<Verdict, Fault> {
            Ok(Verdict::new(Verified::Indeterminate, "made here: there is nobody to ask"))
        }

        fn identify(&self, _: &Ctx<'_>, _: &Secret<String>) -> Result<Option<KeyId>, Fault> {
            Ok(None)
        }

        fn last_used(&self, _: &Ctx<'_>, _: &KeyId) -> Result<LastUsed, Fault> {
            Ok(LastUsed::Unknown)
        }

        fn retire(&self, _: &Ctx<'_>, _: &KeyId) -> Result<(), Fault> {
            Ok(())
        }
    };
}

impl Rotator for Local {
    fn class(&self) -> RotationClass {
        RotationClass::InPlace
    }

    fn choose(&self, ctx: &Ctx<'_>, tag: &Tag) -> Result<Option<Chosen>, Fault> {
        let value = drawn(ctx, self.profile, self.bits)?;
        Ok(Some(Chosen { value, id: KeyId::new(tag.as_str()), expires: None }))
    }

    fn plan(&self) -> Vec<Call> {
        vec![Call::new("mint", "local", format!("a new value of the form `{}`", self.profile.as_str()))]
    }

    fn preflight(&self, _: &Ctx<'_>) -> Result<Preflight, Fault> {
        let warning = "the old value ends where the new one is deployed: what it signed or opened is no longer taken";
        Ok(Preflight { current: None, slots: None, warnings: vec![warning.into()] })
    }

    here!();
}

impl Rotator for SigningKeys {
    fn class(&self) -> RotationClass {
        RotationClass::Keyring
    }

    fn choose(&self, ctx: &Ctx<'_>, tag: &Tag) -> Result<Option<Chosen>, Fault> {
        let new = drawn(ctx, Profile::SigningKey, None)?;
        let old = api::current(ctx)?.expose().split(self.separator).map(str::trim).filter(|key| !key.is_empty());
        let all: Vec<&str> = std::iter::once(new.expose().as_str()).chain(old).take(MOST_KEYS).collect();
        let value = Secret::new("a keyring", all.join(&self.separator.to_string()));
        Ok(Some(Chosen { value, id: KeyId::new(tag.as_str()), expires: None }))
    }

    fn without_predecessors(&self, value: &Secret<String>) -> Result<Option<Secret<String>>, Fault> {
        let alone = value.expose().split(self.separator).next().unwrap_or_default().trim();
        let alone = Secret::new("a signing key", alone.to_owned());
        Ok((alone.expose() != value.expose()).then_some(alone))
    }

    fn plan(&self) -> Vec<Call> {
        vec![
            Call::new("mint", "local", "a new key in front of the old ones"),
            Call::new("retire", "local", "the new key alone"),
        ]
    }

    fn preflight(&self, ctx: &Ctx<'_>) -> Result<Preflight, Fault> {
        api::current(ctx)?;
        Ok(Preflight::default())
    }

    here!();
}

impl Rotator for BetterAuth {
    fn class(&self) -> RotationClass {
        RotationClass::Keyring
    }

    fn choose(&self, ctx: &Ctx<'_>, tag: &Tag) -> Result<Option<Chosen>, Fault> {
        let ring = ring(api::current(ctx)?)?;
        let next = ring.iter().map(|(version, _)| *version).max().unwrap_or(0);
        let next = next.checked_add(1).ok_or_else(|| Fault::refused(Refusal::Input, "no version is left"))?;
        let new = drawn(ctx, Profile::SigningKey, None)?;
        let old = ring.iter().take(MOST_KEYS - 1).map(|(version, secret)| format!("{version}:{}", secret.expose()));
        let all: Vec<String> = std::iter::once(format!("{next}:{}", new.expose())).chain(old).collect();
        let value = Secret::new("versioned secrets", all.join(","));
        Ok(Some(Chosen { value, id: KeyId::new(tag.as_str()), expires: None }))
    }

    fn without_predecessors(&self, value: &Secret<String>) -> Result<Option<Secret<String>>, Fault> {
        let ring = ring(value)?;
        let alone = ring.first().filter(|_| ring.len() > 1);
        Ok(alone.map(|(version, secret)| Secret::new("versioned secrets", format!("{version}:{}", secret.expose()))))
    }

    fn plan(&self) -> Vec<Call> {
        vec![
            Call::new("mint", "local", "a new version in front of the old ones"),
            Call::new("retire", "local", "the new version alone, once no row has `$ba$` of an older one"),
        ]
    }

    fn preflight(&self, ctx: &Ctx<'_>) -> Result<Preflight, Fault> {
        let current = api::current(ctx)?;
        ring(current)?;
        let mut warnings = vec![
            "every session ends: Better Auth signs cookies with the first secret alone, so that everybody signs in \
             again, and links in mail under way are dead"
                .to_owned(),
            "old versions may go only once no row is left that begins with `$ba$` and their number".to_owned(),
        ];
        if !is_versioned(current.expose()) {
            warnings.push(
                "the value becomes one for `BETTER_AUTH_SECRETS`; keep the old one in `BETTER_AUTH_SECRET`, by which \
                 what was encrypted before is read"
                    .to_owned(),
            );
        }
        Ok(Preflight { current: None, slots: None, warnings })
    }

    here!();
}

pub(super) fn drawn(ctx: &Ctx<'_>, profile: Profile, bits: Option<u32>) -> Result<Secret<String>, Fault> {
    let made = generate(profile, bits, &mut |bytes| ctx.random.fill(bytes));
    made.map(|made| made.value).map_err(|error| match error {
        GenerateError::Random(error) => Fault::Unreachable(error.to_string()),
        error => Fault::refused(Refusal::Input, error.to_string()),
    })
}

/// The versions of a value, the current one first; of an unversioned one it is the first.
fn ring(value: &Secret<String>) -> Result<Vec<(u32, Secret<String>)>, Fault> {
    let text = value.expose().trim();
    if !is_versioned(text) {
        return Ok(vec![(1, Secret::new("a secret", text.to_owned()))]);
    }
    let odd = || Fault::refused(Refusal::Input, "the current value is no list of `VERSION:SECRET`");
    let entry = |entry: &str| {
        let (version, secret) = entry.trim().split_once(':').ok_or_else(odd)?;
        Ok((version.parse().map_err(|_| odd())?, Secret::new("a secret", secret.to_owned())))
    };
    text.split(',').map(entry).collect()
}

/// `NUMBER:…`, which no secret begins with by chance.
fn is_versioned(text: &str) -> bool {
    text.split_once(':').is_some_and(|(version, _)| !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyward_types::{Clock, Random, RandomError, Timestamp};

    struct Fixed;
    impl Clock for Fixed {
        fn now(&self) -> Timestamp {
            Timestamp(0)
        }
    }
    impl Random for Fixed {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
            bytes.iter_mut().zip((1_u8..).step_by(7).cycle()).for_each(|(byte, next)| *byte = next);
            Ok(())
        }
    }

    fn chosen(rotator: &dyn Rotator, current: &str) -> Result<String, Fault> {
        let current = Secret::new("current", current.to_owned());
        let ctx = Ctx { admin: None, current: Some(&current), replaces: None, clock: &Fixed, random: &Fixed };
        let chosen = rotator.choose(&ctx, &"kw-1".parse().unwrap())?;
        Ok(chosen.expect("these choose").value.expose().clone())
    }

    #[test]
    fn a_keyring_has_the_new_key_in_front() {
        let keys = SigningKeys::separated_by(',');
        let value = chosen(&keys, "one, two").unwrap();
        let parts: Vec<&str> = value.split(',').collect();
        assert_eq!(parts[1..], ["one", "two"]);
        assert_eq!(parts[0].len(), 43);
        let alone = keys.without_predecessors(&Secret::new("v", value.clone())).unwrap().unwrap();
        assert_eq!(alone.expose(), parts[0]);
        assert!(keys.without_predecessors(&alone).unwrap().is_none());
    }

    #[test]
    fn better_auth_counts_on_from_the_highest_version() {
        let value = chosen(&BetterAuth, "4:new,3:old").unwrap();
        assert!(value.starts_with("5:") && value.ends_with(",4:new,3:old"), "{value}");
        let first = chosen(&BetterAuth, "a secret without a version").unwrap();
        assert!(first.starts_with("2:") && first.ends_with(",1:a secret without a version"));
        let alone = BetterAuth.without_predecessors(&Secret::new("v", value)).unwrap().unwrap();
        assert!(alone.expose().starts_with("5:") && !alone.expose().contains(','));
        assert!(chosen(&BetterAuth, "4:new,old").is_err());
    }
}
