//! The local desk's calls about newcomers.

use keyward_access::{Identity, IdentityKind, Login, Role, Subject};
use keyward_lifecycle::onboarding::{self, Evidence, POLICY, POLICY_VERSION, Step};
use keyward_types::ProjectName;
use keyward_vault::{Confirmation, Error};

use crate::team::Team;
use crate::team_wire::{Confirmed, OnboardingInfo};
use crate::{Code, Failure, Result};

impl Team<'_> {
    /// Gives a newcomer the roles of a template, and begins his checklist.
    pub(crate) fn onboard(
        &self,
        login: &Login,
        template: &str,
        project: Option<&ProjectName>,
    ) -> Result<OnboardingInfo> {
        let account = self.vault.account_named(self.actor, login)?;
        if account.kind != IdentityKind::Person {
            return Err(Failure::usage(format!("`{login}` is a program: people are onboarded")));
        }
        let template = onboarding::template(template).ok_or_else(|| {
            let names: Vec<&str> = onboarding::TEMPLATES.iter().map(|template| template.name).collect();
            let shown: String = template.chars().take(40).flat_map(char::escape_debug).collect();
            Failure::usage(format!("there is no template `{shown}`: use {}", names.join(", ")))
        })?;
        for given in template.roles {
            let role: Role = given.role.parse().map_err(Failure::internal)?;
            let project = match (given.in_project, project) {
                (false, _) => None,
                (true, Some(project)) => Some(project),
                (true, None) => {
                    return Err(Failure::usage(format!("the template `{}` is for a project", template.name))
                        .hint("name it with `-p PROJECT`"));
                }
            };
            let reach = self.vault.reach(self.actor, project, None)?;
            let subject = Subject::Principal(account.principal.clone());
            match self.vault.grant(self.actor, &subject, role, &reach, None) {
                Ok(_) | Err(Error::Exists { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        match self.vault.begin_onboarding(self.actor, &account.principal, template.name) {
            Ok(_) | Err(Error::Exists { .. }) => self.checklist(login),
            Err(error) => Err(error.into()),
        }
    }

    /// How far somebody is.
    pub(crate) fn checklist(&self, login: &Login) -> Result<OnboardingInfo> {
        let account = self.person(login)?;
        let begun = self.vault.onboarding(self.actor, &account.principal)?.ok_or_else(|| {
            Failure::new(Code::NotFound, format!("nobody has begun the onboarding of `{login}`"))
                .hint(format!("`keyward onboard {login} --template developer -p PROJECT` does"))
        })?;
        let traces = self.vault.traces(self.actor, &account.principal, begun.started_at)?;
        let mut items = onboarding::state(&Evidence {
            since: begun.started_at,
            policy_accepted: begun.policy,
            policy: POLICY_VERSION.to_owned(),
            second_factor: traces.second_factor,
            own_account: traces.first_act,
            shared_account: traces.shared_account,
            first_run: traces.first_run,
            leak_contact: begun.leak_contact,
        });
        let whom =
            self.vault.owner()?.0.login.map_or_else(|| "whoever opens it".to_owned(), |owner| format!("`{owner}`"));
        for item in items.iter_mut().filter(|item| item.step == Step::LeakContact && item.done.is_none()) {
            item.note =
                format!("a key that may have leaked: tell {whom}, the vault's owner, at once; confirm that you know");
        }
        Ok(OnboardingInfo {
            account: login.clone(),
            template: begun.template,
            started_at: begun.started_at,
            complete: onboarding::is_complete(&items),
            items,
            policy: POLICY.to_owned(),
        })
    }

    /// What the caller says of himself.
    pub(crate) fn confirm(&self, login: &Login, said: Confirmed) -> Result<OnboardingInfo> {
        if self.person(login)?.principal != *self.actor.principal() {
            return Err(Failure::new(Code::Denied, format!("only `{login}` himself can say this"))
                .hint("sign in as the newcomer"));
        }
        let said = match said {
            Confirmed::Policy => Confirmation::Policy(POLICY_VERSION.to_owned()),
            Confirmed::LeakContact => Confirmation::LeakContact,
        };
        self.vault.confirm_onboarding(self.actor, &said)?;
        self.checklist(login)
    }

    /// An account: one's own for everybody, and others for who may know of them.
    fn person(&self, login: &Login) -> Result<Identity> {
        let own = self.vault.account_of(self.actor.principal())?.filter(|own| own.login.as_ref() == Some(login));
        match own {
            Some(own) => Ok(own),
            None => Ok(self.vault.account_named(self.actor, login)?),
        }
    }
}
