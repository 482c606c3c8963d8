//! The local desk's calls about people, roles, policies and tokens: logins become ids on the way
//! in, and ids logins on the way out.

use keyward_access::{
    Elevation, ElevationState, Group, Identity, IdentityKind, Login, PolicyRecord, RoleBinding, Subject, TokenRecord,
    Verdict,
};
use keyward_types::{Clock, EnvironmentId, PrincipalId, ProjectId, Timestamp};
use keyward_vault::{Actor, NewToken, Question, Reach, Vault};

use crate::access_wire::{
    AccountInfo, DecidingInfo, ElevationAsk, ElevationInfo, GrantInfo, Grantee, GroupInfo, MadeInvite, MadeToken,
    NewTokenInfo, PolicyInfo, QuestionInfo, RoleBindingInfo, TokenInfo, VerdictInfo,
};
use crate::{Bytes, Code, Failure, Result, SystemClock};

/// Who there is, as one caller administers it.
pub(crate) struct Access<'a> {
    pub(crate) vault: &'a Vault,
    pub(crate) actor: &'a Actor,
}

impl Access<'_> {
    pub(crate) fn accounts(&self) -> Result<Vec<AccountInfo>> {
        let accounts = self.vault.accounts(self.actor)?;
        let counts = self.vault.passkey_counts(self.actor)?;
        let count = |account: &Identity| counts.get(&account.principal).copied().unwrap_or_default();
        accounts.iter().map(|account| self.account_with(account, count(account))).collect()
    }

    pub(crate) fn add_user(&self, login: &Login, name: &str) -> Result<AccountInfo> {
        self.account_info(&self.vault.add_user(self.actor, login, name)?)
    }

    pub(crate) fn add_service_account(&self, login: &Login, name: &str, owner: Option<&Login>) -> Result<AccountInfo> {
        let owner = match owner {
            Some(owner) => self.principal(owner)?,
            None => self.actor.principal().clone(),
        };
        self.account_info(&self.vault.add_service_account(self.actor, login, name, &owner)?)
    }

    pub(crate) fn disable(&self, login: &Login) -> Result<AccountInfo> {
        self.account_info(&self.vault.disable(self.actor, &self.principal(login)?)?)
    }

    pub(crate) fn enable(&self, login: &Login) -> Result<AccountInfo> {
        self.account_info(&self.vault.enable(self.actor, &self.principal(login)?)?)
    }

    pub(crate) fn hand_over(&self, login: &Login) -> Result<()> {
        Ok(self.vault.hand_over(self.actor, &self.principal(login)?)?)
    }

    pub(crate) fn invite(&self, login: &Login, without_second_factor: bool) -> Result<MadeInvite> {
        let (link, invite) = self.vault.invite(self.actor, &self.principal(login)?, without_second_factor)?;
        Ok(MadeInvite {
            text: Bytes::new(link.expose().as_bytes().to_vec()),
            login: login.clone(),
            expires_at: invite.expires_at,
            without_second_factor,
        })
    }

    pub(crate) fn reset_passkeys(&self, login: &Login) -> Result<u64> {
        Ok(self.vault.reset_passkeys(self.actor, &self.principal(login)?)?)
    }

    pub(crate) fn groups(&self) -> Result<Vec<GroupInfo>> {
        self.vault.groups(self.actor)?.iter().map(|group| self.group_info(group)).collect()
    }

    pub(crate) fn create_group(&self, name: &Login) -> Result<GroupInfo> {
        self.group_info(&self.vault.create_group(self.actor, name)?)
    }

    pub(crate) fn delete_group(&self, name: &Login) -> Result<GroupInfo> {
        self.group_info(&self.vault.delete_group(self.actor, name)?)
    }

    pub(crate) fn join_group(&self, name: &Login, member: &Login) -> Result<GroupInfo> {
        self.group_info(&self.vault.join_group(self.actor, name, &self.principal(member)?)?)
    }

    pub(crate) fn leave_group(&self, name: &Login, member: &Login) -> Result<GroupInfo> {
        self.group_info(&self.vault.leave_group(self.actor, name, &self.principal(member)?)?)
    }

    pub(crate) fn role_bindings(&self) -> Result<Vec<RoleBindingInfo>> {
        let bindings = self.vault.role_bindings(self.actor)?;
        bindings.iter().map(|binding| self.binding_info(binding)).collect()
    }

    pub(crate) fn grant(&self, grant: &GrantInfo) -> Result<RoleBindingInfo> {
        let subject = match &grant.to {
            Grantee::Account(login) => Subject::Principal(self.principal(login)?),
            Grantee::Group(name) => Subject::Group(self.vault.group_named(self.actor, name)?.id),
        };
        let reach = self.vault.reach(self.actor, grant.project.as_ref(), grant.environment.as_ref())?;
        self.binding_info(&self.vault.grant(self.actor, &subject, grant.role, &reach, grant.until)?)
    }

    pub(crate) fn revoke_role(&self, id: &str) -> Result<RoleBindingInfo> {
        let id = id.parse().map_err(|error: keyward_types::Error| Failure::usage(error.to_string()))?;
        self.binding_info(&self.vault.revoke_role(self.actor, id)?)
    }

    pub(crate) fn policies(&self) -> Result<Vec<PolicyInfo>> {
        self.vault.policies(self.actor)?.into_iter().map(|policy| self.policy_info(policy)).collect()
    }

    pub(crate) fn put_policy(&self, name: &Login, text: &str, enabled: bool) -> Result<Vec<String>> {
        Ok(self.vault.put_policy(self.actor, name, text, enabled)?)
    }

    pub(crate) fn delete_policy(&self, name: &Login) -> Result<PolicyInfo> {
        self.policy_info(self.vault.delete_policy(self.actor, name)?)
    }

    pub(crate) fn test_policy(&self, asked: &QuestionInfo) -> Result<VerdictInfo> {
        let question = Question {
            principal: self.principal(&asked.account)?,
            operation: asked.operation,
            reach: self.vault.reach(self.actor, asked.project.as_ref(), asked.environment.as_ref())?,
            secret: asked.secret.clone(),
        };
        let draft = asked.draft.as_ref().map(|draft| (&draft.name, draft.text.as_str()));
        Ok(verdict_info(self.vault.test_policy(self.actor, &question, draft)?))
    }

    pub(crate) fn tokens(&self) -> Result<Vec<TokenInfo>> {
        self.vault.tokens(self.actor)?.iter().map(|token| self.token_info(token)).collect()
    }

    pub(crate) fn create_token(&self, new: NewTokenInfo) -> Result<MadeToken> {
        let scopes = new.scopes.iter().map(|text| text.parse());
        let networks = new.networks.iter().map(|text| text.parse());
        let new = NewToken {
            owner: new.account.as_ref().map(|login| self.principal(login)).transpose()?,
            scopes: scopes.collect::<Result<_, keyward_access::ScopeError>>().map_err(usage)?,
            networks: networks.collect::<Result<_, keyward_access::NetworkError>>().map_err(usage)?,
            name: new.name,
            read_only: new.read_only,
            uses: new.uses,
            expires_at: new.expires_at,
        };
        let (token, record) = self.vault.create_token(self.actor, new)?;
        let text = Bytes::new(token.expose().as_bytes().to_vec());
        Ok(MadeToken { text, token: self.token_info(&record)? })
    }

    pub(crate) fn revoke_token(&self, id: &str) -> Result<TokenInfo> {
        self.token_info(&self.vault.revoke_token(self.actor, id)?)
    }

    pub(crate) fn elevations(&self) -> Result<Vec<ElevationInfo>> {
        self.vault.elevations(self.actor)?.iter().map(|one| self.elevation_info(one)).collect()
    }

    pub(crate) fn request_elevation(&self, ask: &ElevationAsk) -> Result<ElevationInfo> {
        let role = ask.role.ok_or_else(|| Failure::usage("a request names the role that is asked for"))?;
        let reach = self.vault.reach(self.actor, ask.project.as_ref(), ask.environment.as_ref())?;
        let asked = self.vault.request_elevation(self.actor, role, &reach, ask.seconds, &ask.reason)?;
        self.elevation_info(&asked)
    }

    pub(crate) fn approve_elevation(&self, id: &str) -> Result<ElevationInfo> {
        self.elevation_info(&self.vault.approve_elevation(self.actor, elevation_id(id)?)?)
    }

    pub(crate) fn deny_elevation(&self, id: &str) -> Result<ElevationInfo> {
        self.elevation_info(&self.vault.deny_elevation(self.actor, elevation_id(id)?)?)
    }

    pub(crate) fn break_glass(&self, ask: &ElevationAsk) -> Result<ElevationInfo> {
        let reach = self.vault.reach(self.actor, ask.project.as_ref(), ask.environment.as_ref())?;
        self.elevation_info(&self.vault.break_glass(self.actor, &reach, ask.seconds, &ask.reason)?)
    }

    pub(crate) fn principal(&self, login: &Login) -> Result<PrincipalId> {
        Ok(self.vault.account_named(self.actor, login)?.principal)
    }

    /// The login of a principal, or its id where it has none.
    fn login(&self, principal: &PrincipalId) -> Result<String> {
        let account = self.vault.account_of(principal)?;
        let login = account.and_then(|account| account.login).map(String::from);
        Ok(login.unwrap_or_else(|| principal.to_string()))
    }

    fn account_info(&self, account: &Identity) -> Result<AccountInfo> {
        self.account_with(account, self.vault.passkey_count(&account.principal)?)
    }

    fn account_with(&self, account: &Identity, passkeys: u64) -> Result<AccountInfo> {
        let kind = match account.kind {
            IdentityKind::Person => "person",
            IdentityKind::Service => "service",
        };
        Ok(AccountInfo {
            principal: account.principal.to_string(),
            kind: kind.to_owned(),
            login: account.login.clone(),
            name: account.name.clone(),
            owner: account.owner.as_ref().map(|owner| self.login(owner)).transpose()?,
            created_at: account.created_at,
            disabled_at: account.disabled_at,
            passkeys,
        })
    }

    fn group_info(&self, group: &Group) -> Result<GroupInfo> {
        let members = group.members.iter().map(|member| self.login(member)).collect::<Result<_>>()?;
        Ok(GroupInfo { name: group.name.clone(), members, created_at: group.created_at })
    }

    fn binding_info(&self, binding: &RoleBinding) -> Result<RoleBindingInfo> {
        let (account, group) = match &binding.subject {
            Subject::Principal(principal) => (Some(self.login(principal)?), None),
            Subject::Group(id) => (None, Some(self.vault.group_name(*id)?.map_or(id.to_string(), String::from))),
        };
        let reach = self.reach(binding.project, binding.environment)?;
        Ok(RoleBindingInfo {
            id: binding.id.to_string(),
            account,
            group,
            role: binding.role,
            project: reach.project.map(|project| project.name),
            environment: reach.environment.map(|environment| environment.name),
            until: binding.until,
            granted_by: self.login(&binding.granted_by)?,
            created_at: binding.created_at,
        })
    }

    fn policy_info(&self, policy: PolicyRecord) -> Result<PolicyInfo> {
        let changed_by = self.login(&policy.changed_by)?;
        let PolicyRecord { name, text, enabled, changed_at, .. } = policy;
        Ok(PolicyInfo { name, text, enabled, changed_at, changed_by })
    }

    fn token_info(&self, token: &TokenRecord) -> Result<TokenInfo> {
        Ok(TokenInfo {
            id: token.id.clone(),
            name: token.name.clone(),
            account: self.login(&token.owner)?,
            state: token_state(token, SystemClock.now()).to_owned(),
            scopes: token.scopes.iter().map(|scope| scope.text.clone()).collect(),
            read_only: token.read_only,
            networks: token.networks.iter().map(ToString::to_string).collect(),
            uses_left: token.uses_left,
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
            created_at: token.created_at,
            created_by: self.login(&token.created_by)?,
            last_used: token.last_used,
        })
    }

    fn elevation_info(&self, one: &Elevation) -> Result<ElevationInfo> {
        let reach = self.reach(one.project, one.environment)?;
        let state = match one.state {
            ElevationState::Open if !one.is_open(SystemClock.now()) => "lapsed",
            ElevationState::Open => "open",
            ElevationState::Approved => "approved",
            ElevationState::Denied => "denied",
            ElevationState::BrokenGlass => "broken-glass",
        };
        Ok(ElevationInfo {
            id: one.id.to_string(),
            account: self.login(&one.principal)?,
            role: one.role,
            project: reach.project.map(|project| project.name),
            environment: reach.environment.map(|environment| environment.name),
            seconds: one.seconds,
            reason: one.reason.clone(),
            state: state.to_owned(),
            created_at: one.created_at,
            decided_by: one.decided_by.as_ref().map(|who| self.login(who)).transpose()?,
            until: one.until,
        })
    }

    fn reach(&self, project: Option<ProjectId>, environment: Option<EnvironmentId>) -> Result<Reach> {
        Ok(self.vault.reach_of_ids(project, environment)?)
    }
}

fn verdict_info(verdict: Verdict) -> VerdictInfo {
    let deciding = verdict.deciding.into_iter();
    let deciding = deciding.map(|one| DecidingInfo { name: one.name, of_role: one.of_role, forbids: one.forbids });
    VerdictInfo { allowed: verdict.allowed, deciding: deciding.collect(), roles: verdict.roles }
}

fn token_state(token: &TokenRecord, now: Timestamp) -> &'static str {
    match token {
        TokenRecord { revoked_at: Some(_), .. } => "revoked",
        TokenRecord { expires_at: Some(end), .. } if now >= *end => "expired",
        TokenRecord { uses_left: Some(0), .. } => "used-up",
        _ => "live",
    }
}

fn elevation_id(text: &str) -> Result<keyward_types::ElevationId> {
    text.parse().map_err(|_| {
        let shown: String = text.chars().take(60).flat_map(char::escape_debug).collect();
        Failure::new(Code::NotFound, format!("there is no request `{shown}`"))
            .hint("`keyward elevate list` shows what there is")
    })
}

fn usage(error: impl std::fmt::Display) -> Failure {
    Failure::usage(error.to_string())
}
