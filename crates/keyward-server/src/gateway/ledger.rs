//! What the gateway writes down: usage, and parts of budgets that are reserved before they are spent.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use keyward_access::{BudgetUnit, BudgetWindow};
use keyward_gateway::{
    BudgetId, Budgets, CannotRecord, DenialCount, Denied, Reason, Refill, Truth, UsageRecord, UsageSink, VirtualKeyId,
};
use keyward_types::Timestamp;
use keyward_vault::{Error, GatewayDenial, Reserved, UsageCall, UsageCounts, Vault};
use sha2::{Digest, Sha256};

use super::tally::Tally;

/// The other side of what is written down: the vault, while it is open.
pub(super) struct Ledger {
    node: String,
    tally: Arc<Tally>,
    vault: RwLock<Weak<Vault>>,
    budgets: Mutex<HashMap<BudgetId, Known>>,
}

/// A budget by the names that the vault has for it.
#[derive(Clone)]
struct Known {
    key: String,
    unit: BudgetUnit,
    window: BudgetWindow,
    /// When the window began that was reserved of last.
    start: Timestamp,
}

/// Later than every moment.
const NEVER: Timestamp = Timestamp(i64::MAX);

impl Ledger {
    pub(super) fn new(node: String, tally: Arc<Tally>) -> Self {
        Self { node, tally, vault: RwLock::default(), budgets: Mutex::default() }
    }

    /// From now on this vault is written to.
    pub(super) fn attach(&self, vault: Weak<Vault>) {
        *self.vault.write().unwrap_or_else(PoisonError::into_inner) = vault;
    }

    /// The id of a budget for the data plane, under which it is known here from now on.
    pub(super) fn budget(&self, key: &str, unit: BudgetUnit, window: BudgetWindow) -> BudgetId {
        let mut hash = Sha256::new();
        for part in [key, unit.as_str(), window.as_str()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut id = [0; 16];
        id.copy_from_slice(&hash.finalize()[..16]);
        let id = BudgetId::from_bytes(id);
        let known = Known { key: key.to_owned(), unit, window, start: Timestamp(0) };
        self.budgets.lock().unwrap_or_else(PoisonError::into_inner).entry(id).or_insert(known);
        id
    }

    fn vault(&self) -> Option<Arc<Vault>> {
        self.vault.read().unwrap_or_else(PoisonError::into_inner).upgrade()
    }

    fn known(&self, budget: BudgetId) -> Option<Known> {
        self.budgets.lock().unwrap_or_else(PoisonError::into_inner).get(&budget).cloned()
    }
}

impl Budgets for Ledger {
    fn refill(&self, budget: BudgetId, want: u64) -> Refill {
        let (Some(vault), Some(known)) = (self.vault(), self.known(budget)) else { return Refill::Unavailable };
        match vault.reserve_budget(&self.node, &known.key, known.unit, known.window, want) {
            Ok(Reserved { amount: 0, until, .. }) => Refill::Exhausted { until: until.unwrap_or(NEVER) },
            Ok(Reserved { amount, start, until }) => {
                let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(known) = budgets.get_mut(&budget) {
                    known.start = start;
                }
                Refill::Granted { amount, until: until.unwrap_or(NEVER) }
            }
            // It was taken from the key, or the key is gone: what it had is nobody's.
            Err(Error::Missing { .. }) => Refill::Exhausted { until: NEVER },
            Err(error) => {
                tracing::error!(reason = %error, "a budget cannot be reserved");
                Refill::Unavailable
            }
        }
    }

    fn give_back(&self, budget: BudgetId, amount: u64) {
        let (Some(vault), Some(known)) = (self.vault(), self.known(budget)) else { return };
        let given = Reserved { amount, start: known.start, until: None };
        match vault.give_back_budget(&self.node, &known.key, known.unit, known.window, given) {
            Ok(()) | Err(Error::Missing { .. }) => {}
            Err(error) => tracing::warn!(reason = %error, "what was reserved of a budget stays spent"),
        }
    }
}

impl UsageSink for Ledger {
    fn record(&self, batch: u64, calls: &[UsageRecord], denials: &[DenialCount]) -> Result<(), CannotRecord> {
        let vault = self.vault().ok_or_else(|| CannotRecord("the server is sealed".to_owned()))?;
        let keys: Vec<String> = calls.iter().map(|call| text_of(call.key)).collect();
        let used: Vec<UsageCall<'_>> = calls.iter().zip(&keys).map(|(call, key)| called(call, key)).collect();
        let who: Vec<(Option<String>, Option<String>)> = denials.iter().map(|denial| told(denial.who)).collect();
        let denied = denials.iter().zip(&who).map(|(denial, (key, network))| GatewayDenial {
            key: key.as_deref(),
            network: network.clone(),
            reason: denial.reason.code(),
            canary: denial.reason == Reason::Canary,
            second: denial.second,
            count: denial.count.into(),
        });
        let denied: Vec<GatewayDenial<'_>> = denied.collect();
        let recorded = vault.record_usage((&self.node, batch), &used, &denied);
        recorded.map_err(|error| CannotRecord(error.to_string()))?;
        self.tally.count(calls, denials);
        Ok(())
    }
}

fn called<'a>(call: &'a UsageRecord, key: &'a str) -> UsageCall<'a> {
    let is_estimated = call.truth == Truth::Estimated;
    UsageCall {
        at: call.at,
        key,
        secret: call.secret,
        version: call.version,
        provider: call.provider.as_str(),
        model: call.model.as_str(),
        tag: call.tag.as_str(),
        endpoint: call.endpoint.as_str(),
        counts: UsageCounts {
            requests: 1,
            failed: u64::from(call.status == 0 || call.status >= 400),
            tokens_in: call.counts.input,
            tokens_out: call.counts.output,
            cached: call.counts.cached,
            reasoning: call.counts.reasoning,
            cost: call.cost,
            estimated: u64::from(is_estimated),
            estimated_cost: if is_estimated { call.cost } else { 0 },
        },
    }
}

fn told(who: Denied) -> (Option<String>, Option<String>) {
    match who {
        Denied::Key(id) => (Some(text_of(id)), None),
        Denied::Network(network) => (None, Some(format!("{network}/{}", if network.is_ipv4() { 24 } else { 48 }))),
        Denied::Others => (None, None),
    }
}

/// The data plane's form of a key's id, which has twelve letters.
pub(super) fn id_of(key: &str) -> VirtualKeyId {
    let mut bytes = [0; 16];
    let length = key.len().min(16);
    bytes[..length].copy_from_slice(&key.as_bytes()[..length]);
    VirtualKeyId::from_bytes(bytes)
}

pub(super) fn text_of(id: VirtualKeyId) -> String {
    let bytes = id.as_bytes();
    let length = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_comes_back_as_it_was() {
        assert_eq!(text_of(id_of("a1B2c3D4e5F6")), "a1B2c3D4e5F6");
    }

    #[test]
    fn without_a_vault_nothing_is_recorded_and_nothing_spent() {
        let ledger = Ledger::new("node".into(), Arc::default());
        assert!(ledger.record(1, &[], &[]).is_err());
        let budget = ledger.budget("a1B2c3D4e5F6", BudgetUnit::Tokens, BudgetWindow::Day);
        assert_eq!(budget, ledger.budget("a1B2c3D4e5F6", BudgetUnit::Tokens, BudgetWindow::Day));
        assert_ne!(budget, ledger.budget("a1B2c3D4e5F6", BudgetUnit::Tokens, BudgetWindow::Month));
        assert_eq!(ledger.refill(budget, 1), Refill::Unavailable);
    }
}
