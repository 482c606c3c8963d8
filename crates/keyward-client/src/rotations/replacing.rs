//! The command that replaces a value, as whole as it can be said by somebody who never rotated it.

use std::collections::BTreeMap;

use keyward_lifecycle::rotation::{Making, Service, Unfit};
use keyward_types::{Head, Kind, SecretName};
use keyward_vault::Scope;

use super::Rotations;
use crate::Result;
use crate::rotation_wire::RotateAsk;

/// What is to be put where the name of the secret is not known that manages keys.
const ADMIN: &str = "ADMIN_SECRET";

impl Rotations<'_> {
    /// The command that replaces a secret in an emergency, and what its reader has to fill in first,
    /// where he has to.
    pub(crate) fn command(&self, scope: &Scope, head: &Head) -> (String, Option<String>) {
        let place = format!("{}/{}", scope.project.name, scope.environment.name);
        let bare =
            format!("keyward rotate {} -p {} -e {} --emergency", head.name, scope.project.name, scope.environment.name);
        let ask = RotateAsk { emergency: true, ..RotateAsk::default() };
        if self.making(scope, head, &ask).is_ok() {
            return (bare, None);
        }
        match head.provider.as_deref() {
            Some(provider) if provider != "postgresql" => self.by_provider(scope, head, provider, &place, bare),
            _ if head.kind == Kind::ConnectionString => {
                let command = format!("{bare} --postgres-roles ROLE_A,ROLE_B --admin {ADMIN}");
                let needs = format!(
                    "of a PostgreSQL: `ROLE_A` and `ROLE_B` are two roles that stand in for each other, and `{ADMIN}` is the \
                     secret of `{place}` with an administrator's connection URL"
                );
                (command, Some(needs))
            }
            _ => {
                let needs = "`--generate` is right where only your own programs know the value; a service's key says whose \
                             it is by `keyward edit NAME --provider ID` first";
                (format!("{bare} --generate"), Some(needs.to_owned()))
            }
        }
    }

    fn by_provider(
        &self,
        scope: &Scope,
        head: &Head,
        provider: &str,
        place: &str,
        bare: String,
    ) -> (String, Option<String>) {
        let missing = match Service::of(provider, &BTreeMap::new()) {
            // What it lacks is no part of the command.
            Ok(service) if !service.is_managed() => return (bare, None),
            Ok(_) => Vec::new(),
            Err(Unfit::Missing { missing, .. }) => missing,
            Err(_) => {
                let needs = format!(
                    "keyward cannot make keys of `{provider}`: make one there, then `keyward set {}`",
                    head.name
                );
                return (bare, Some(needs));
            }
        };
        let manages = Service::manager(provider).unwrap_or("what manages its keys");
        let known = self.known_manager(scope, head, provider).ok().flatten();
        let admin = known.as_ref().map_or(ADMIN, SecretName::as_str);
        let mut command = format!("{bare} --admin {admin}");
        let mut needs: Vec<String> = Vec::new();
        for part in missing {
            let blank = part.name.to_ascii_uppercase();
            command.push_str(&format!(" --account {}={blank}", part.name));
            needs.push(format!("`{blank}` is {}", part.what));
        }
        if known.is_none() {
            needs.push(format!(
                "`{ADMIN}` is the name of the secret of `{place}` that holds {manages}; `keyward set` stores one"
            ));
        }
        let needs = if needs.is_empty() { None } else { Some(needs.join("; ")) };
        (command, needs)
    }

    /// The secret of this environment that manages another key of the same service already, or the one of
    /// that service which is called so.
    fn known_manager(&self, scope: &Scope, head: &Head, provider: &str) -> Result<Option<SecretName>> {
        let heads = self.vault.heads(self.actor, scope)?;
        let others: Vec<&Head> = heads.iter().filter(|other| other.place != head.place).collect();
        for other in others.iter().filter(|other| other.provider.as_deref() == Some(provider)) {
            let Some(plan) = self.vault.rotation_plan(other)? else { continue };
            let making = serde_json::from_value::<Making>(plan.plan).ok();
            let place = making.and_then(|making| making.admin().copied());
            if let Some(manager) = others.iter().find(|one| Some(one.place) == place) {
                return Ok(Some(manager.name.clone()));
            }
        }
        let named = |other: &&&Head| {
            other.provider.as_deref() == Some(provider)
                && ["ADMIN", "MANAGEMENT"].iter().any(|word| other.name.as_str().to_ascii_uppercase().contains(word))
        };
        let mut fitting = others.iter().filter(named);
        Ok(match (fitting.next(), fitting.next()) {
            (Some(only), None) => Some(only.name.clone()),
            _ => None,
        })
    }
}
