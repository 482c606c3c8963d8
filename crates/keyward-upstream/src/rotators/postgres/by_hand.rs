use keyward_providers::RotationClass;
use keyward_types::{Secret, Verified};
use tokio_postgres::config::Host;

use super::{Address, api};
use crate::{
    Call, Chosen, Ctx, Fault, Found, KeyId, LastUsed, Minted, Minting, Preflight, Refusal, Rotator, Tag, Verdict,
};

/// The one password of a role that a person resets where the database is hosted, such as Neon. A reset
/// ends the old password at once and cuts whoever is connected: it is never done by itself, and a person
/// who does it cannot be locked out, since the console resets or shows it again. What is brought is
/// tried at the database; at the end it is seen there that the old one is dead. [`KeyId`] is a part of a
/// value's hash.
pub struct ByHand;

/// Where Neon's databases are, and what resets a password there.
const NEON: &str = ".neon.tech";
const RESET: &str = "https://console.neon.tech/api/v2/projects/<project>/branches/<branch>/roles";

impl ByHand {
    fn current(ctx: &Ctx<'_>) -> Result<Address, Fault> {
        Address::parse(api::current(ctx)?)
            .ok_or_else(|| Fault::refused(Refusal::Input, "the current value is no connection URL of PostgreSQL"))
    }
}

impl Rotator for ByHand {
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
        let sql = |step: &str, what: &str| Call::new(step, "SQL", what).with("SELECT 1");
        vec![
            Call::new(
                "mint",
                "by hand",
                format!("where the database is hosted (Neon: POST {RESET}/<role>/reset_password)"),
            ),
            sql("test", "a connection with the new value"),
            Call::new("retire", "nothing", "the reset has ended the old password"),
            sql("prove", "a connection with the old value, which is refused"),
        ]
    }

    fn preflight(&self, ctx: &Ctx<'_>) -> Result<Preflight, Fault> {
        Self::current(ctx)?;
        let warning = "a reset ends the old password at once and cuts every connection: whoever uses it is out until he has \
                       the new one; two roles (`--postgres-roles`) are replaced without that";
        let current = Some(api::hashed(api::current(ctx)?));
        Ok(Preflight { current, slots: None, warnings: vec![warning.to_owned()] })
    }

    fn mint(&self, ctx: &Ctx<'_>, _: &Tag, _: Option<&Chosen>) -> Result<Minted, Fault> {
        let address = Self::current(ctx)?;
        let role = address.user();
        let is_neon = address.config().get_hosts().iter().any(|host| match host {
            Host::Tcp(name) => name.to_ascii_lowercase().ends_with(NEON),
            Host::Unix(_) => false,
        });
        let how = match is_neon {
            true => format!(
                "reset the password of the role `{role}` at https://console.neon.tech, or with an API key: \
                 `POST {RESET}/{role}/reset_password`. It holds when the last operation of the answer is `finished`; if the \
                 answer is lost, `GET {RESET}/{role}/reveal_password` shows the password again. Branches have passwords of \
                 their own. Then bring the whole connection URL with the new password"
            ),
            false => format!(
                "reset the password of the role `{role}` where the database is hosted (https://… of its console), and bring \
                 the whole connection URL with the new one; if it is lost before that, reset it again"
            ),
        };
        Err(Fault::refused(Refusal::ByHand, how))
    }

    fn find(&self, _: &Ctx<'_>, _: &Tag) -> Result<Vec<Found>, Fault> {
        // A person makes it, and nobody but him has it before he brings it.
        Ok(Vec::new())
    }

    fn probe(&self, _: &Ctx<'_>, value: &Secret<String>) -> Result<Verdict, Fault> {
        super::connected(value)
    }

    fn identify(&self, _: &Ctx<'_>, value: &Secret<String>) -> Result<Option<KeyId>, Fault> {
        Ok(Some(api::hashed(value)))
    }

    fn last_used(&self, _: &Ctx<'_>, _: &KeyId) -> Result<LastUsed, Fault> {
        Ok(LastUsed::Unknown)
    }

    /// The reset has ended it; here it is seen whether it has.
    fn retire(&self, ctx: &Ctx<'_>, id: &KeyId) -> Result<(), Fault> {
        let value = api::current(ctx)?;
        if api::hashed(value) != *id {
            return Err(Fault::refused(Refusal::Input, "this is another value than the one that is to end"));
        }
        if self.probe(ctx, value)?.verified == Verified::Invalid {
            return Ok(());
        }
        let how = "the old password works still: reset the password of its role where the database is hosted";
        Err(Fault::refused(Refusal::ByHand, how))
    }

    /// Neon's operations take seconds.
    fn settles_in(&self) -> u32 {
        60
    }
}
