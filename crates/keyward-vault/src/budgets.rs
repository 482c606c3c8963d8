//! What virtual keys may still cost. A node reserves a part of a budget before anything of it is spent,
//! and that is durable before it may: after a crash all that was reserved counts as spent, and of nodes
//! that ask at the same time each gets what is left after the other.

use keyward_access::{Budget, BudgetUnit, BudgetWindow, Caller, KeyState, SystemTask, VirtualKey};
use keyward_audit::Action as ActionName;
use keyward_types::{Record, Timestamp};
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::change::{Change, Telling};
use crate::record::ATTEMPTS;
use crate::records::{self, Row};
use crate::{Error, Vault};

/// How much of a budget is reserved or spent, in its present window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetUse {
    /// The key whose budget it is.
    pub key: String,
    /// Of what, in which time: `usd/day`.
    pub of: String,
    /// When the window began.
    pub start: Timestamp,
    /// How much is reserved or spent, in the smallest parts of the unit.
    pub used: u64,
}

/// What a node got of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserved {
    /// How much, in the smallest parts of the unit; 0: nothing is left.
    pub amount: u64,
    /// When the window began that it is of, to give back what is left.
    pub start: Timestamp,
    /// When the window ends, and what is left of it with it; `None`: never.
    pub until: Option<Timestamp>,
}

/// A node reserves this part of a budget at least, so that it asks seldom: what it may lose by a crash.
const CHUNKS: u64 = 100;

impl BudgetUse {
    fn at(key: &str, budget: &Budget) -> Vec<u8> {
        [key.as_bytes(), &[0], of(budget).as_bytes()].concat()
    }
}

impl Record for BudgetUse {
    const COLLECTION: &'static str = "budget";

    fn key(&self) -> Vec<u8> {
        [self.key.as_bytes(), &[0], self.of.as_bytes()].concat()
    }
}

impl Vault {
    /// Reserves at least `want` of a key's budget for a node, or what is left of it. Keys with strict
    /// budgets get no more than that, others a hundredth of the whole, so that they ask seldom. How much
    /// the budget is stands in the key's record alone.
    ///
    /// # Errors
    /// [`Error::Missing`] when the key has no such budget; when the store refuses: nothing may be spent
    /// then.
    pub fn reserve_budget(
        &self,
        node: &str,
        key: &str,
        unit: BudgetUnit,
        window: BudgetWindow,
        want: u64,
    ) -> Result<Reserved, Error> {
        let key = self.key_row(key)?.record;
        let budget = cap(&key, unit, window)?;
        for _ in 0..ATTEMPTS {
            let now = self.tools.clock.now();
            let (start, until) = (budget.window_start(now), budget.window_end(now));
            let row = self.budget_row(&key, &budget)?;
            let used = row.as_ref().filter(|row| row.record.start == start).map_or(0, |row| row.record.used);
            let left = if key.state(now) == KeyState::Live { budget.amount.saturating_sub(used) } else { 0 };
            let chunk = if key.rules.strict { want } else { want.max(budget.amount / CHUNKS) };
            let amount = chunk.min(left);
            if amount == 0 {
                return Ok(Reserved { amount, start, until });
            }
            let after = BudgetUse { key: key.id.clone(), of: of(&budget), start, used: used + amount };
            match self.put_budget(node, &key, row.as_ref(), &after, ("reserved", amount)) {
                Err(Error::Store(keyward_store::Error::Conflict(_))) => {}
                done => return done.map(|()| Reserved { amount, start, until }),
            }
        }
        Err(Error::Raced("a budget".into()))
    }

    /// Takes back what a node had reserved and did not spend. Of a window that is over it is nothing.
    ///
    /// # Errors
    /// [`Error::Missing`] when the key has no such budget; when the store refuses: it stays spent.
    pub fn give_back_budget(
        &self,
        node: &str,
        key: &str,
        unit: BudgetUnit,
        window: BudgetWindow,
        given: Reserved,
    ) -> Result<(), Error> {
        let key = self.key_row(key)?.record;
        let budget = cap(&key, unit, window)?;
        for _ in 0..ATTEMPTS {
            let Some(row) = self.budget_row(&key, &budget)?.filter(|row| row.record.start == given.start) else {
                return Ok(());
            };
            let amount = given.amount.min(row.record.used);
            if amount == 0 {
                return Ok(());
            }
            let after = BudgetUse { used: row.record.used - amount, ..row.record.clone() };
            match self.put_budget(node, &key, Some(&row), &after, ("given_back", amount)) {
                Err(Error::Store(keyward_store::Error::Conflict(_))) => {}
                done => return done,
            }
        }
        Err(Error::Raced("a budget".into()))
    }

    /// How much of each of a key's budgets is reserved or spent in its present window.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn budget_uses(&self, key: &VirtualKey) -> Result<Vec<(Budget, u64)>, Error> {
        let now = self.tools.clock.now();
        key.rules
            .caps()
            .map(|budget| {
                let row = self.budget_row(key, &budget)?.filter(|row| row.record.start == budget.window_start(now));
                Ok((budget, row.map_or(0, |row| row.record.used)))
            })
            .collect()
    }

    fn budget_row(&self, key: &VirtualKey, budget: &Budget) -> Result<Option<Row<BudgetUse>>, Error> {
        records::load::<BudgetUse>(&self.store, &BudgetUse::at(&key.id, budget))
    }

    fn put_budget(
        &self,
        node: &str,
        key: &VirtualKey,
        before: Option<&Row<BudgetUse>>,
        after: &BudgetUse,
        (what, amount): (&str, u64),
    ) -> Result<(), Error> {
        let actor = Actor::new(Caller::system(SystemTask::Gateway), format!("keyward gateway {node}"));
        let scope = self.scope_of(key)?;
        let names = scope.names(None).with("virtual_key", &*key.id).with("budget", &*after.of);
        let telling = Telling::new(ActionName::BudgetReserve, scope.object(self.id()));
        let telling = telling.names(names.with(what, amount.to_string()));
        let mut change = Change::told(self, &actor, telling);
        change.expect(before.map_or_else(|| records::absent(after), records::unchanged));
        change.put(after);
        change.commit().map(drop)
    }
}

fn of(budget: &Budget) -> String {
    format!("{}/{}", budget.unit.as_str(), budget.window.as_str())
}

fn cap(key: &VirtualKey, unit: BudgetUnit, window: BudgetWindow) -> Result<Budget, Error> {
    let found = key.rules.caps().find(|budget| budget.unit == unit && budget.window == window);
    found.ok_or_else(|| Error::Missing {
        noun: "budget",
        name: format!("{}/{} of `{}`", unit.as_str(), window.as_str(), key.name),
    })
}
