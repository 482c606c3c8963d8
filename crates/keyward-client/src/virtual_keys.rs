//! The local desk's calls about virtual keys: names become ids on the way in, and the catalogue says
//! whether a service can be reached by the gateway.

use std::collections::BTreeMap;

use keyward_access::{KeyRoute, KeyRules, VirtualKey};
use keyward_providers::provider;
use keyward_types::token::PlainToken;
use keyward_types::{Clock, PrincipalId, Timestamp};
use keyward_vault::{Actor, NewChild, NewRoute, NewVirtualKey, Scope, UsageCounts, UsageRow, Vault};

use crate::virtual_key_wire::{
    BudgetInfo, KeyRulesInfo, KeySecretInfo, MadeVirtualKey, NewChildKeyInfo, NewVirtualKeyInfo, UsageCountsInfo,
    UsageInfo, VirtualKeyDetail, VirtualKeyInfo,
};
use crate::{Bytes, Failure, Result, SystemClock};

/// What there is for gateways, as one caller looks after it.
pub(crate) struct VirtualKeys<'a> {
    pub(crate) vault: &'a Vault,
    pub(crate) actor: &'a Actor,
}

/// Longest time whose usage is told at once, in days.
const MOST_DAYS: i64 = 400;

impl VirtualKeys<'_> {
    pub(crate) fn list(&self) -> Result<Vec<VirtualKeyInfo>> {
        self.vault.virtual_keys(self.actor)?.iter().map(|key| self.info(key)).collect()
    }

    pub(crate) fn show(&self, id: &str) -> Result<VirtualKeyDetail> {
        let (key, children) = self.vault.virtual_key(self.actor, id)?;
        let budgets = self.vault.budget_uses(&key)?.into_iter();
        let budgets =
            budgets.map(|(budget, used)| BudgetInfo { budget: budget.to_string(), amount: budget.amount, used });
        Ok(VirtualKeyDetail { virtual_key: self.info(&key)?, children, budgets: budgets.collect() })
    }

    pub(crate) fn create(
        &self,
        scope: &Scope,
        owner: Option<PrincipalId>,
        new: NewVirtualKeyInfo,
    ) -> Result<MadeVirtualKey> {
        let secrets = new.secrets.into_iter().map(route).collect::<Result<_>>()?;
        let new =
            NewVirtualKey { name: new.name, owner, secrets, rules: rules(&new.rules)?, expires_at: new.expires_at };
        let service = |route: &KeyRoute| self.reachable(route);
        self.made(self.vault.create_virtual_key(self.actor, scope, new, &service)?)
    }

    pub(crate) fn rotate(&self, id: &str, grace_seconds: u32) -> Result<MadeVirtualKey> {
        self.made(self.vault.rotate_virtual_key(self.actor, id, i64::from(grace_seconds) * 1000)?)
    }

    pub(crate) fn mint(&self, id: &str, new: NewChildKeyInfo) -> Result<MadeVirtualKey> {
        let new = NewChild {
            providers: new.providers,
            rules: rules(&new.rules)?,
            lives: new.seconds.map(|seconds| i64::from(seconds) * 1000),
            subject: new.subject,
        };
        self.made(self.vault.mint_child_key(self.actor, id, new)?)
    }

    pub(crate) fn revoke(&self, id: &str) -> Result<VirtualKeyInfo> {
        self.info(&self.vault.revoke_virtual_key(self.actor, id)?)
    }

    pub(crate) fn usage(&self, from: Timestamp, to: Timestamp) -> Result<Vec<UsageInfo>> {
        if from > to || to.days_since(from) > MOST_DAYS {
            return Err(Failure::usage(format!("usage is told of 1 to {MOST_DAYS} days, the earlier one first")));
        }
        let mut sums: BTreeMap<_, (UsageRow, UsageCounts)> = BTreeMap::new();
        for row in self.vault.usage(self.actor, from, to)? {
            let words = (row.provider.clone(), row.model.clone(), row.tag.clone());
            let at = (row.key.clone(), row.place.secret, row.version, words);
            let counts = row.counts;
            sums.entry(at).or_insert_with(|| (row, UsageCounts::default())).1.add(&counts);
        }
        let mut names = BTreeMap::new();
        for (row, _) in sums.values() {
            if !names.contains_key(&row.key) {
                names.insert(
                    row.key.clone(),
                    self.vault.virtual_key(self.actor, &row.key).ok().map(|(key, _)| key.name),
                );
            }
        }
        sums.into_values()
            .map(|(row, counts)| {
                Ok(UsageInfo {
                    name: names.get(&row.key).cloned().flatten(),
                    secret: match self.vault.spelled_place(&row.place)? {
                        Some(spelled) => spelled.to_string(),
                        None => row.place.secret.to_string(),
                    },
                    key: row.key,
                    version: row.version,
                    provider: row.provider,
                    model: row.model,
                    tag: row.tag,
                    counts: counts_info(counts),
                })
            })
            .collect()
    }

    /// Whether a gateway knows how to send a key to this service, and where it is.
    fn reachable(&self, route: &KeyRoute) -> std::result::Result<(), String> {
        let id = &route.provider;
        let Some(service) = provider(id) else {
            return Err(format!(
                "there is no service `{id}` in the catalogue: `keyward provider list` shows what there is"
            ));
        };
        let Some(inject) = &service.inject else {
            return Err(format!(
                "the catalogue does not say how {} takes its key, so that no gateway sends it",
                service.name
            ));
        };
        match inject.needs_upstream() && route.upstream.is_none() {
            true => Err(format!("{} has an address for each account: say which (upstream)", service.name)),
            false => Ok(()),
        }
    }

    fn made(&self, (token, key): (PlainToken, VirtualKey)) -> Result<MadeVirtualKey> {
        let text = Bytes::new(token.expose().as_bytes().to_vec());
        Ok(MadeVirtualKey { text, virtual_key: self.info(&key)?, gateway: self.vault.gateway().map(str::to_owned) })
    }

    fn info(&self, key: &VirtualKey) -> Result<VirtualKeyInfo> {
        let place = self.vault.key_place(key)?;
        let secret = |route: &KeyRoute| -> Result<KeySecretInfo> {
            Ok(KeySecretInfo {
                secret: self.vault.spelled_place(&route.place)?.map(|spelled| spelled.name),
                provider: Some(route.provider.clone()),
                upstream: route.upstream.as_ref().map(ToString::to_string),
            })
        };
        let now = SystemClock.now();
        Ok(VirtualKeyInfo {
            id: key.id.clone(),
            name: key.name.clone(),
            state: key.state(now).to_string(),
            account: self.login(&key.owner)?,
            project: place.as_ref().map(|scope| scope.project.name.clone()),
            environment: place.map(|scope| scope.environment.name),
            secrets: key.routes.iter().map(secret).collect::<Result<_>>()?,
            rules: rules_info(&key.rules)?,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            previous_until: key.previous(now).map(|previous| previous.until),
            parent: key.parent.clone(),
            subject: key.subject.clone(),
            created_at: key.created_at,
            created_by: self.login(&key.created_by)?,
        })
    }

    fn login(&self, principal: &PrincipalId) -> Result<String> {
        let account = self.vault.account_of(principal)?;
        let login = account.and_then(|account| account.login);
        Ok(login.map_or_else(|| principal.to_string(), |login| login.to_string()))
    }
}

fn route(secret: KeySecretInfo) -> Result<NewRoute> {
    let name = secret.secret.ok_or_else(|| Failure::usage("a virtual key stands for secrets: name one"))?;
    let upstream = secret.upstream.map(|text| text.parse()).transpose();
    let upstream = upstream.map_err(|error: keyward_access::RuleError| Failure::usage(error.to_string()))?;
    Ok(NewRoute { secret: name, provider: secret.provider, upstream })
}

fn rules(info: &KeyRulesInfo) -> Result<KeyRules> {
    let value = serde_json::to_value(info).map_err(|error| Failure::internal(error.to_string()))?;
    serde_json::from_value(value).map_err(|error| Failure::usage(error.to_string()))
}

fn rules_info(rules: &KeyRules) -> Result<KeyRulesInfo> {
    let value = serde_json::to_value(rules).and_then(serde_json::from_value);
    value.map_err(|error| Failure::internal(format!("the rules of a virtual key cannot be written: {error}")))
}

fn counts_info(counts: UsageCounts) -> UsageCountsInfo {
    UsageCountsInfo {
        requests: counts.requests,
        failed: counts.failed,
        tokens_in: counts.tokens_in,
        tokens_out: counts.tokens_out,
        cached: counts.cached,
        reasoning: counts.reasoning,
        cost_microusd: counts.cost,
        estimated: counts.estimated,
        estimated_microusd: counts.estimated_cost,
    }
}
