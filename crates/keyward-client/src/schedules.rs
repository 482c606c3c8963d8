//! When secrets are rotated by themselves: the local desk's calls about rules, and the job that begins
//! what is due.

use keyward_access::SystemTask;
use keyward_lifecycle::schedule::{Turn, turns};
use keyward_types::{Head, Kind, Place, SecretName, Timestamp};
use keyward_vault::{Actor, Lead, Overdue, ScheduleOf, ScheduleRecord, Scope, Vault};
use serde::{Deserialize, Serialize};

use crate::rotation_wire::RotateAsk;
use crate::rotations::Rotations;
use crate::{Code, Failure, Result};

pub use keyward_lifecycle::schedule::{Blackout, Rule as ScheduleRule, RuleError as ScheduleRuleError, Window};

/// A rule of when secrets are rotated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScheduleInfo {
    /// Of which secret; `None`: of all, or of all of a kind.
    pub secret: Option<SecretName>,
    /// Of which kind.
    pub kind: Option<Kind>,
    /// What is set.
    pub rule: ScheduleRule,
    /// The same in words.
    pub told: String,
    /// Since when.
    pub set_at: Timestamp,
    /// Id of whoever set it.
    pub set_by: String,
}

/// What a rule is about: neither is every secret of the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleAbout {
    /// One secret.
    #[serde(default)]
    pub secret: Option<SecretName>,
    /// Every secret of a kind.
    #[serde(default)]
    pub kind: Option<Kind>,
}

impl ScheduleAbout {
    fn of(&self) -> Result<ScheduleOf> {
        match (&self.secret, self.kind) {
            (Some(_), Some(_)) => Err(Failure::usage("a rule is of a secret or of a kind")),
            (Some(secret), None) => Ok(ScheduleOf::Secret(secret.clone())),
            (None, Some(kind)) => Ok(ScheduleOf::Kind(kind)),
            (None, None) => Ok(ScheduleOf::Environment),
        }
    }
}

impl Rotations<'_> {
    /// The rules of an environment, the widest first.
    pub(crate) fn schedules(&self, scope: &Scope) -> Result<Vec<ScheduleInfo>> {
        let (rules, heads) = self.vault.schedules_seen(self.actor, scope)?;
        rules.iter().map(|rule| info(rule, &heads)).collect()
    }

    /// Sets a rule.
    pub(crate) fn set_schedule(
        &self,
        scope: &Scope,
        about: &ScheduleAbout,
        rule: &ScheduleRule,
    ) -> Result<ScheduleInfo> {
        rule.judge().map_err(|error| Failure::usage(error.to_string()))?;
        let json = serde_json::to_value(rule).map_err(|error| Failure::internal(error.to_string()))?;
        let set = self.vault.set_schedule(self.actor, scope, &about.of()?, json, &rule.told())?;
        told(&set, about)
    }

    /// Takes a rule away.
    pub(crate) fn clear_schedule(&self, scope: &Scope, about: &ScheduleAbout) -> Result<ScheduleInfo> {
        told(&self.vault.clear_schedule(self.actor, scope, &about.of()?)?, about)
    }
}

fn read(record: &ScheduleRecord) -> Result<ScheduleRule> {
    serde_json::from_value(record.rule.clone()).map_err(|_| {
        Failure::internal("a rule of when secrets are rotated cannot be read")
            .hint("a newer keyward may have written it; `keyward schedule set` writes it anew")
    })
}

fn told(record: &ScheduleRecord, about: &ScheduleAbout) -> Result<ScheduleInfo> {
    let rule = read(record)?;
    Ok(ScheduleInfo {
        secret: about.secret.clone(),
        kind: record.kind,
        told: rule.told(),
        rule,
        set_at: record.set_at,
        set_by: record.set_by.to_string(),
    })
}

fn info(record: &ScheduleRecord, heads: &[Head]) -> Result<ScheduleInfo> {
    let secret = heads.iter().find(|head| Some(head.place.secret) == record.secret).map(|head| head.name.clone());
    told(record, &ScheduleAbout { secret, kind: record.kind })
}

/// The rules of an environment, read once for all of its secrets.
pub(crate) struct Rules {
    /// The widest first.
    each: Vec<(ScheduleRecord, ScheduleRule)>,
    usual: ScheduleRule,
}

impl Rules {
    pub(crate) fn of(records: Vec<ScheduleRecord>) -> Result<Self> {
        let each: Result<Vec<_>> = records.into_iter().map(|one| read(&one).map(|rule| (one, rule))).collect();
        Ok(Self { each: each?, usual: ScheduleRule::default() })
    }

    /// The rule that counts for a secret: the narrowest one, or what is usual.
    pub(crate) fn of_head(&self, head: &Head) -> &ScheduleRule {
        self.each.iter().rev().find(|(record, _)| record.is_about(head)).map_or(&self.usual, |(_, rule)| rule)
    }
}

/// Whether something fell due in a time; the first time, all that is due did.
fn fell(due: Timestamp, since: Option<Timestamp>, now: Timestamp) -> bool {
    since.is_none_or(|since| due > since) && due <= now
}

/// Begins rotations that are due, where a rule says that keyward does and where everything that is
/// needed is known; puts on record what has become overdue. Answers how many rotations it began.
///
/// # Errors
/// When the vault refuses, or another process leads.
pub fn begin_due_rotations(vault: &Vault, lead: &Lead, agent: &str) -> Result<u64> {
    if vault.safe_mode().is_some() {
        return Ok(0);
    }
    let actor = Actor::task(SystemTask::Rotation, lead, agent);
    let rotations = Rotations { vault, actor: &actor };
    let (now, since) = (vault.clock().now(), vault.looked_for_overdue()?);
    let (mut begun, mut overdue) = (0, Vec::new());
    for project in vault.projects()? {
        for environment in vault.environments(&project)? {
            let scope = Scope { project: project.clone(), environment };
            let due = Due::of(vault, &actor, &scope, since, now)?;
            overdue.extend(due.since(&scope, since, now));
            for name in due.to_begin(now) {
                // What cannot be rotated by itself is told as overdue, and stays so.
                match rotations.rotate(&scope, &name, &RotateAsk::default()) {
                    Ok(_) => begun += 1,
                    Err(failure) if matches!(failure.code, Code::Usage | Code::Conflict | Code::Raced) => {}
                    Err(failure) => return Err(failure),
                }
            }
        }
    }
    overdue.sort_by_key(|one| one.due);
    vault.tell_overdue(lead, agent, &overdue, now)?;
    Ok(begun)
}

/// The secrets of an environment that are due or under way, with their rules. Those of which nothing is to
/// be told or begun are left out: of very many heads few are held.
struct Due {
    each: Vec<(Head, ScheduleRule, Option<Timestamp>)>,
    under_way: Vec<Place>,
    /// What was begun since it was due, and was undone: that is for a person.
    tried: Vec<Place>,
}

impl Due {
    fn of(vault: &Vault, actor: &Actor, scope: &Scope, since: Option<Timestamp>, now: Timestamp) -> Result<Self> {
        let rules = Rules::of(vault.schedules(scope)?)?;
        let environment = scope.environment.name.as_str();
        let (open, rows) = (vault.open_rotations()?, vault.rotations()?);
        let under_way: Vec<Place> = open.iter().map(|row| row.rotation().place).collect();
        let due = |head: &Head| rules.of_head(head).due(head, environment).filter(|due| *due <= now);
        let matters = |head: &Head| {
            let rule = rules.of_head(head);
            let late = |due: Timestamp| rule.acts || rule.group.is_some() || fell(due, since, now);
            due(head).is_some_and(late) || under_way.contains(&head.place)
        };
        let mut heads = vault.heads_of(actor, scope, matters)?;
        heads.sort_by(|a, b| a.name.cmp(&b.name));
        let with_rule = |head: Head| {
            let (rule, due) = (rules.of_head(&head).clone(), due(&head));
            (head, rule, due)
        };
        let each: Vec<_> = heads.into_iter().map(with_rule).collect();
        let since = |place: &Place, due: Timestamp| {
            rows.iter().any(|row| row.rotation().place == *place && row.rotation().begun_at >= due)
        };
        let late = each.iter().filter_map(|(head, _, due)| Some((head.place, (*due)?)));
        let tried = late.filter(|(place, due)| since(place, *due)).map(|(place, _)| place).collect();
        Ok(Self { each, under_way, tried })
    }

    /// What has become overdue in a time; the first time, all that is.
    fn since(&self, scope: &Scope, since: Option<Timestamp>, now: Timestamp) -> Vec<Overdue> {
        let fell = |due: &Timestamp| fell(*due, since, now);
        let each = self.each.iter().filter_map(|(head, _, due)| Some((head, due.filter(fell)?)));
        each.map(|(head, due)| Overdue { scope: scope.clone(), head: head.clone(), due }).collect()
    }

    /// What may begin now, in the order of groups.
    fn to_begin(&self, now: Timestamp) -> Vec<SecretName> {
        let turn = |(head, rule, due): &(Head, ScheduleRule, Option<Timestamp>)| Turn {
            name: head.name.clone(),
            group: rule.group.clone().map(|group| (group, rule.order)),
            due: due.is_some(),
            under_way: self.under_way.contains(&head.place),
        };
        let all: Vec<Turn> = self.each.iter().map(turn).collect();
        let opens = |name: &SecretName| {
            self.each
                .iter()
                .any(|(head, rule, _)| head.name == *name && rule.opens(now) && !self.tried.contains(&head.place))
        };
        turns(&all).into_iter().filter(|name| opens(name)).cloned().collect()
    }
}
