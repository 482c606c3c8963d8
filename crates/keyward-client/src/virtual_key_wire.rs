//! What calls about virtual keys and their usage take and give.

use std::collections::BTreeMap;

use keyward_access::Login;
use keyward_types::{EnvironmentName, ProjectName, SecretName, Timestamp, Version};
use serde::{Deserialize, Serialize};

use crate::Bytes;

/// A virtual key that is to be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewVirtualKeyInfo {
    /// What people call it.
    pub name: Login,
    /// The account whose rights it has a part of; `None`: one's own.
    #[serde(default)]
    pub account: Option<Login>,
    /// What it stands for.
    pub secrets: Vec<KeySecretInfo>,
    /// What it is good for.
    #[serde(default)]
    pub rules: KeyRulesInfo,
    /// From when on it is dead; `None`: when it is revoked.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}

/// A narrower key that is to be made of one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NewChildKeyInfo {
    /// The services it is for; empty: all of its parent's.
    #[serde(default)]
    pub providers: Vec<String>,
    /// What it is good for; what it says nothing of is as with its parent.
    #[serde(default)]
    pub rules: KeyRulesInfo,
    /// How long it lives, in seconds; `None`: an hour.
    #[serde(default)]
    pub seconds: Option<u32>,
    /// For whom, as the backend calls its user.
    #[serde(default)]
    pub subject: Option<String>,
}

/// A secret of a virtual key, and where it goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySecretInfo {
    /// The secret's name; of a key that is there `None` when the secret is gone.
    pub secret: Option<SecretName>,
    /// The service; of a new key `None`: the one that the secret belongs to.
    #[serde(default)]
    pub provider: Option<String>,
    /// Where requests go, where that is not the catalogue's address.
    #[serde(default)]
    pub upstream: Option<String>,
}

/// The rules of a virtual key, as they are written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeyRulesInfo {
    /// `POST /v1/chat/*`; empty: all that the service has.
    pub allow: Vec<String>,
    /// `gpt-4o*`; empty: all.
    pub models: Vec<String>,
    /// The most that a number of the body may be.
    pub max_fields: BTreeMap<String, u64>,
    /// From where (CIDR); empty: from everywhere.
    pub networks: Vec<String>,
    /// Pages that may use it; empty: none.
    pub origins: Vec<String>,
    /// Requests a minute.
    pub rpm: Option<u64>,
    /// Tokens a minute.
    pub tpm: Option<u64>,
    /// Requests at a time.
    pub parallel: Option<u64>,
    /// `5usd/day`, `100000tokens/month`.
    pub budgets: Vec<String>,
    /// Whether a node reserves for each request by itself.
    pub strict: bool,
    /// How often it may be used.
    pub uses: Option<u64>,
    /// For how many seconds a node that hears nothing goes on serving it.
    pub max_stale: Option<u32>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Whether it is a trap.
    pub canary: bool,
}

/// A virtual key, without its text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VirtualKeyInfo {
    /// Its public id.
    pub id: String,
    /// What people call it.
    pub name: Login,
    /// `live`, `expired` or `revoked`.
    pub state: String,
    /// The account whose rights it has a part of.
    pub account: String,
    /// Its project; `None` when that is gone.
    pub project: Option<ProjectName>,
    /// Its environment; `None` when that is gone.
    pub environment: Option<EnvironmentName>,
    /// What it stands for.
    pub secrets: Vec<KeySecretInfo>,
    /// What it is good for.
    pub rules: KeyRulesInfo,
    /// From when on it is dead.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Until when its text before this one serves.
    pub previous_until: Option<Timestamp>,
    /// The key that it is a child of.
    pub parent: Option<String>,
    /// For whom it was made, as a backend calls its user.
    pub subject: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
}

/// A virtual key with what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VirtualKeyDetail {
    /// The key.
    pub virtual_key: VirtualKeyInfo,
    /// How many children of it there are, dead ones too.
    pub children: u64,
    /// Each cap, and how much of it is reserved or spent in its present window, in the smallest parts of
    /// its unit.
    pub budgets: Vec<BudgetInfo>,
}

/// A cap of a virtual key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetInfo {
    /// `5usd/day`.
    pub budget: String,
    /// How much it is: millionths of a dollar, tokens or requests.
    pub amount: u64,
    /// How much of it is reserved or spent.
    pub used: u64,
}

/// A virtual key that has a new text, which is shown this once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MadeVirtualKey {
    /// The text.
    pub text: Bytes,
    /// What it is.
    pub virtual_key: VirtualKeyInfo,
    /// Where the gateway is called that serves it, without a `/` at its end; `None` where that is not known.
    #[serde(default)]
    pub gateway: Option<String>,
}

/// What one virtual key used of one secret at one service with one model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageInfo {
    /// The virtual key, by id.
    pub key: String,
    /// What people call it; `None` when its record is gone.
    pub name: Option<Login>,
    /// `project/environment/NAME`; the secret's id when it is gone.
    pub secret: String,
    /// The secret's version.
    pub version: Version,
    /// The service.
    pub provider: String,
    /// The model; empty where there is none.
    pub model: String,
    /// What its holder has it counted under, where he made it narrower; else empty.
    #[serde(default)]
    pub tag: String,
    /// The counts.
    #[serde(flatten)]
    pub counts: UsageCountsInfo,
}

/// Counts of calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageCountsInfo {
    /// Calls.
    pub requests: u64,
    /// Those that the service did not answer well.
    pub failed: u64,
    /// Tokens of input, cached ones among them.
    pub tokens_in: u64,
    /// Tokens of output, those of reasoning among them.
    pub tokens_out: u64,
    /// Tokens of input that the service had in its cache.
    pub cached: u64,
    /// Tokens of output that nobody sees.
    pub reasoning: u64,
    /// Millionths of a US dollar.
    pub cost_microusd: u64,
    /// Calls whose counts are estimated.
    pub estimated: u64,
    /// What of the cost is estimated.
    pub estimated_microusd: u64,
}

impl UsageCountsInfo {
    /// Adds others to these.
    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.failed += other.failed;
        self.tokens_in += other.tokens_in;
        self.tokens_out += other.tokens_out;
        self.cached += other.cached;
        self.reasoning += other.reasoning;
        self.cost_microusd += other.cost_microusd;
        self.estimated += other.estimated;
        self.estimated_microusd += other.estimated_microusd;
    }
}
