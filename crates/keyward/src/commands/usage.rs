use std::collections::BTreeMap;

use clap::ValueEnum;
use keyward_client::{Result, SystemClock, UsageCountsInfo, UsageInfo};
use keyward_types::Clock as _;
use serde::Serialize;

use crate::context::Context;
use crate::output::{self, Exit};

/// What virtual keys were used for: requests, tokens, cost
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward usage --by model --days 7")]
pub(crate) struct Args {
    /// What is counted together
    #[arg(long, value_enum, default_value = "key")]
    by: By,
    /// Of how many days, today included; days begin at midnight UTC
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(i64).range(1..=400))]
    days: i64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum By {
    /// The virtual key
    Key,
    /// The service
    Provider,
    /// The model
    Model,
    /// The secret
    Secret,
    /// What holders of keys have their use counted under (`virtual-key narrow --tag`)
    Tag,
}

/// One line of the answer.
#[derive(Serialize)]
struct Sum {
    /// What it is of.
    #[serde(flatten)]
    of: BTreeMap<&'static str, String>,
    #[serde(flatten)]
    counts: UsageCountsInfo,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let to = SystemClock.now();
        let used = connection.desk().usage(to.plus_days(1 - self.days), to)?;
        let sums = self.by.sums(&used);
        if context.global.json {
            output::listing("usage", &sums)?;
            return Ok(Exit::Done);
        }
        let rows: Vec<Vec<String>> = sums.iter().map(|sum| self.by.row(sum)).collect();
        output::table(&[self.by.head(), "REQUESTS", "FAILED", "TOKENS IN", "CACHED", "TOKENS OUT", "COST"], &rows)?;
        if sums.iter().any(|sum| sum.counts.estimated > 0) {
            output::note("`~`: a part is estimated, as the service did not get to say it");
        }
        Ok(Exit::Done)
    }
}

impl By {
    fn of(self, one: &UsageInfo) -> BTreeMap<&'static str, String> {
        match self {
            Self::Key => {
                let name = one.name.as_ref().map_or_else(|| one.key.clone(), ToString::to_string);
                BTreeMap::from([("key", one.key.clone()), ("name", name)])
            }
            Self::Provider => BTreeMap::from([("provider", one.provider.clone())]),
            Self::Model => BTreeMap::from([("provider", one.provider.clone()), ("model", one.model.clone())]),
            Self::Secret => BTreeMap::from([("secret", one.secret.clone())]),
            Self::Tag => BTreeMap::from([("key", one.key.clone()), ("tag", one.tag.clone())]),
        }
    }

    /// The dearest first.
    fn sums(self, used: &[UsageInfo]) -> Vec<Sum> {
        let mut sums: BTreeMap<_, UsageCountsInfo> = BTreeMap::new();
        for one in used {
            sums.entry(self.of(one)).or_default().add(&one.counts);
        }
        let mut sums: Vec<Sum> = sums.into_iter().map(|(of, counts)| Sum { of, counts }).collect();
        sums.sort_by_key(|sum| std::cmp::Reverse((sum.counts.cost_microusd, sum.counts.requests)));
        sums
    }

    fn head(self) -> &'static str {
        match self {
            Self::Key => "KEY",
            Self::Provider => "PROVIDER",
            Self::Model => "MODEL",
            Self::Secret => "SECRET",
            Self::Tag => "TAG",
        }
    }

    fn row(self, sum: &Sum) -> Vec<String> {
        let word = match self {
            Self::Key => &sum.of["name"],
            Self::Provider => &sum.of["provider"],
            Self::Model => &sum.of["model"],
            Self::Secret => &sum.of["secret"],
            Self::Tag => &sum.of["tag"],
        };
        let counts = &sum.counts;
        let about = if counts.estimated > 0 { "~" } else { "" };
        vec![
            if word.is_empty() { "-".to_owned() } else { word.clone() },
            counts.requests.to_string(),
            counts.failed.to_string(),
            format!("{about}{}", counts.tokens_in),
            counts.cached.to_string(),
            format!("{about}{}", counts.tokens_out),
            format!("{about}{}", dollars(counts.cost_microusd)),
        ]
    }
}

/// Millionths of a dollar as dollars, to a hundredth of a cent, rounded up: nothing that cost is nothing.
fn dollars(micro: u64) -> String {
    let parts = micro.div_ceil(100);
    format!("{}.{:04} USD", parts / 10_000, parts % 10_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cost_anything_is_not_nothing() {
        assert_eq!(
            [0, 1, 100, 2_500_000, 12_345_678].map(dollars),
            ["0.0000 USD", "0.0001 USD", "0.0001 USD", "2.5000 USD", "12.3457 USD"]
        );
    }
}
