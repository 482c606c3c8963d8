//! Who makes a secret's successor, and what may not manage what.

use std::collections::BTreeMap;

use keyward_lifecycle::rotation::{Making, Plan, Service, State, Unfit};
use keyward_types::{Head, Kind, Place, Read, SecretName, Use};
use keyward_vault::Scope;

use super::Rotations;
use crate::rotation_wire::{PostgresAsk, RotateAsk, ServiceAsk};
use crate::verdicts::http;
use crate::{Code, Failure, Result};

/// The part of an account that names the key which is replaced: it is another one each time.
const KEY: &str = "key";
/// How many secrets may manage one another in a row.
const DEPTH: usize = 16;

impl Rotations<'_> {
    /// Who makes the successor: who asks says so, or it was said before, or its kind leaves no doubt.
    pub(super) fn making(&self, scope: &Scope, head: &Head, ask: &RotateAsk) -> Result<Making> {
        let said = match (&ask.postgres, &ask.generate, &ask.service) {
            (Some(postgres), ..) => Some(self.by_roles(scope, head, postgres)?),
            (_, Some(profile), _) => {
                profile.parse::<keyward_providers::Profile>().map_err(|error| Failure::usage(error.to_string()))?;
                Some(Making::Here { profile: profile.clone() })
            }
            (_, _, Some(service)) if !is_key_alone(service) => Some(self.by_service(scope, head, service)?),
            _ => None,
        };
        if let Some(making) = said {
            return Ok(making);
        }
        if let Some(plan) = self.vault.rotation_plan(head)? {
            return serde_json::from_value(plan.plan)
                .map_err(|error| Failure::internal(format!("how `{}` is rotated cannot be read: {error}", head.name)));
        }
        let own = head.provider.as_deref().is_none_or(|provider| provider == "better-auth");
        if !own {
            return self.by_itself(head);
        }
        if head.provider.is_some() && head.name.as_str().ends_with("SECRETS") {
            return Ok(Making::BetterAuth);
        }
        if head.kind == Kind::SigningKey {
            return Ok(Making::Here { profile: "signing-key".into() });
        }
        let what = format!("a {}, and keyward does not know who makes its successor", head.kind);
        Err(unknown(head, &what))
    }

    /// The id of the key that is replaced, where somebody says it, or keyward made it itself.
    pub(super) fn said_key(&self, head: &Head, ask: &RotateAsk) -> Result<Option<String>> {
        if let Some(key) = ask.service.as_ref().and_then(|service| service.account.get(KEY)) {
            return Ok(Some(key.clone()));
        }
        let active = head.active().map(|active| active.version);
        let mut rows = self.vault.rotations()?.into_iter().map(|row| row.rotation().clone());
        let made = rows.find(|one| one.place == head.place && one.over && one.candidate == active);
        let state = made.and_then(|one| State::of(&one).ok()).filter(State::is_done);
        Ok(state.and_then(|state| state.candidate).and_then(|candidate| candidate.key))
    }

    /// What manages a secret is not replaced while it does so.
    pub(super) fn refuse_together(&self, head: &Head, making: &Making) -> Result<()> {
        for row in self.vault.open_rotations()? {
            let plan: Option<Plan> = serde_json::from_value(row.rotation().plan.clone()).ok();
            let manages = plan.and_then(|plan| plan.making.admin().copied());
            if manages == Some(head.place) || making.admin() == Some(&row.rotation().place) {
                return Err(Failure::new(
                    Code::Conflict,
                    "a secret and what manages it are not rotated at the same time",
                )
                .hint("`keyward rotation list` shows what is under way"));
            }
        }
        Ok(())
    }

    fn by_roles(&self, scope: &Scope, head: &Head, postgres: &PostgresAsk) -> Result<Making> {
        let admin = self.manager(scope, head, &postgres.admin, false)?;
        let making = Making::PostgresRoles { roles: postgres.roles.clone(), admin };
        making.rotator(http()).map(|_| making).map_err(Failure::usage)
    }

    fn by_service(&self, scope: &Scope, head: &Head, ask: &ServiceAsk) -> Result<Making> {
        let provider = head.provider.as_deref().ok_or_else(|| {
            let message = format!("of which service `{}` is a key is not known", head.name);
            Failure::usage(message).hint(format!("`keyward edit {} --provider openai` says it", head.name))
        })?;
        let mut account = ask.account.clone();
        account.remove(KEY);
        let service = Service::of(provider, &account).map_err(|unfit| Failure::usage(unfit.to_string()))?;
        let elsewhere = service.goes_elsewhere();
        if elsewhere {
            // Whoever names an address says where the values go, and from a server he would look
            // around in its network.
            if !self.actor.caller.is_opener() {
                return Err(Failure::new(
                    Code::Denied,
                    "an address of one's own is named on the vault's machine alone",
                ));
            }
            self.vault.permit_secret::<Read>(self.actor, scope, &head.name)?;
        }
        let admin = match (&ask.admin, service.is_managed()) {
            (Some(admin), true) => Some(self.manager(scope, head, admin, elsewhere)?),
            (None, true) => return Err(unmanaged(provider, &head.name)),
            (Some(_), false) => {
                return Err(Failure::usage(format!("keys of `{provider}` have no secret that manages them")));
            }
            (None, false) => None,
        };
        let making = Making::Service { service, admin };
        making.rotator(http()).map(|_| making).map_err(Failure::usage)
    }

    /// The place of a secret that manages another: not the same, and not managed by it.
    fn manager(&self, scope: &Scope, head: &Head, admin: &SecretName, discloses: bool) -> Result<Place> {
        // Whoever lets it be applied has to be allowed to apply it himself.
        let found = match discloses {
            true => self.vault.permit_secret::<Read>(self.actor, scope, admin)?,
            false => self.vault.permit_secret::<Use>(self.actor, scope, admin)?,
        };
        let mut place = found.place;
        for _ in 0..DEPTH {
            if place == head.place {
                let message = match found.place == head.place {
                    true => "what manages a secret is another one".to_owned(),
                    false => format!("`{admin}` is managed by `{}`: neither could mend the other", head.name),
                };
                return Err(Failure::usage(message));
            }
            let (_, next) = self.vault.head_at(&place)?;
            let plan = self.vault.rotation_plan(&next)?;
            let making = plan.and_then(|plan| serde_json::from_value::<Making>(plan.plan).ok());
            match making.and_then(|making| making.admin().copied()) {
                Some(above) => place = above,
                None => return Ok(found.place),
            }
        }
        Err(Failure::usage("too many secrets manage one another"))
    }

    /// A service whose keys need nothing to be said: a person makes them, or showing one revokes it.
    fn by_itself(&self, head: &Head) -> Result<Making> {
        let provider = head.provider.as_deref().unwrap_or_default();
        match Service::of(provider, &BTreeMap::new()) {
            Ok(service) if !service.is_managed() => {
                let making = Making::Service { service, admin: None };
                // The catalogue may need an address to ask at.
                making.rotator(http()).map(|_| making).map_err(Failure::usage)
            }
            Ok(_) => Err(unmanaged(provider, &head.name)),
            Err(unfit @ Unfit::Missing { .. }) => {
                let hint =
                    format!("and `--admin SECRET` names the secret that manages its keys; once for `{}`", head.name);
                Err(Failure::usage(format!("`{}` is a key of `{provider}`; {unfit}", head.name)).hint(hint))
            }
            Err(_) => {
                Err(unknown(head, &format!("a key of `{provider}`, and keyward does not know how one is made there")))
            }
        }
    }
}

/// Whether the answer to who makes it is kept for the next time.
pub(super) fn is_to_be_remembered(ask: &RotateAsk) -> bool {
    let service = ask.service.as_ref().is_some_and(|service| !is_key_alone(service));
    ask.generate.is_some() || ask.postgres.is_some() || service
}

/// Who makes it, for the log.
pub(super) fn told(making: &Making) -> String {
    match making {
        Making::Here { profile } => format!("made here, as {profile}"),
        Making::PostgresRoles { roles: [one, other], .. } => format!("PostgreSQL's roles {one} and {other}"),
        Making::Service { service, .. } => {
            let text = serde_json::to_value(service).ok();
            let of = text.as_ref().and_then(|text| text.get("of")?.as_str()).unwrap_or("a service");
            format!("by its service: {of}")
        }
        _ => "as its kind says".into(),
    }
}

fn is_key_alone(service: &ServiceAsk) -> bool {
    service.admin.is_none() && service.account.keys().all(|part| part == KEY)
}

fn unmanaged(provider: &str, name: &SecretName) -> Failure {
    Failure::usage(format!("`{name}` is a key of `{provider}`, and what manages its keys has to be said"))
        .hint(format!("`keyward rotate {name} --admin SECRET`; SECRET is another secret of the same environment"))
}

fn unknown(head: &Head, what: &str) -> Failure {
    Failure::usage(format!("`{}` is {what}", head.name)).hint(format!(
        "if only your own programs know it: `keyward rotate {} --generate`; a database by two roles: `--postgres-roles A,B --admin SECRET`; else make a new one there and `keyward set {}`",
        head.name, head.name
    ))
}
