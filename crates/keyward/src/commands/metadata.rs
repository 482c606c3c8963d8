//! The flags that describe a secret, shared by `set` and `edit`.

use keyward_client::{EditInfo, Failure, Result};
use keyward_types::{Access, Clock, Kind, Timestamp};

use crate::output;

/// What can be said of a secret. An empty text clears what was said.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Metadata {
    /// What it is: api-key, service-account-key, bearer-token, signing-key, connection-string,
    /// password, certificate, document, or config for what is not secret
    #[arg(long)]
    kind: Option<Kind>,
    /// The service it belongs to
    #[arg(long, value_name = "ID")]
    provider: Option<String>,
    /// When the value stops working: 90d, 12h, or a date like 2027-03-31
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    /// How often a new value is due: 90d
    #[arg(long, value_name = "DAYS")]
    rotate_every: Option<String>,
    /// What it allows at its service: read-only, read-write, admin or public
    #[arg(long)]
    access: Option<Access>,
    /// Who answers for it
    #[arg(long)]
    owner: Option<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// A word to find it by; may be given more than once
    #[arg(long = "tag", value_name = "WORD")]
    tags: Vec<String>,
    /// `run` hands the value over as a private file, and the variable as its path
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    as_file: Option<bool>,
    /// How many versions keep their value; older ones are destroyed
    #[arg(long, value_name = "N")]
    max_versions: Option<u32>,
}

impl Metadata {
    /// The change that the flags ask for.
    pub(crate) fn edit(self, now: &dyn Clock) -> Result<EditInfo> {
        let text = |text: Option<String>| text.map(|text| (!text.is_empty()).then_some(text));
        let expires_at = self.expires.map(|when| moment(&when, now)).transpose()?;
        if expires_at.flatten().is_some_and(|end| end <= now.now()) {
            output::note("warning: it has expired by then already");
        }
        if let Some(id) =
            self.provider.as_deref().filter(|id| !id.is_empty() && keyward_providers::provider(id).is_none())
        {
            output::note(format!("warning: the catalogue knows no service `{id}`"));
            output::hint("`keyward provider list` shows the ids that it knows");
        }
        let rotate_every_days = self.rotate_every.map(|days| days_of(&days)).transpose()?;
        Ok(EditInfo {
            looks_like: None,
            kind: self.kind,
            provider: text(self.provider),
            owner: text(self.owner),
            description: text(self.description),
            access: self.access.map(Some),
            expires_at,
            rotate_every_days,
            tags: match self.tags.as_slice() {
                [] => None,
                [empty] if empty.is_empty() => Some(Vec::new()),
                tags => Some(tags.to_vec()),
            },
            as_file: self.as_file,
            max_versions: self.max_versions.map(Some),
            age_unknown: None,
        })
    }

    /// Whether no flag was given.
    pub(crate) fn is_empty(&self) -> bool {
        self.kind.is_none()
            && [&self.provider, &self.expires, &self.rotate_every, &self.owner, &self.description]
                .iter()
                .all(|flag| flag.is_none())
            && self.access.is_none()
            && self.tags.is_empty()
            && self.as_file.is_none()
            && self.max_versions.is_none()
    }
}

/// `90d`, `12h`, `30m`, a date, or a moment; empty: never.
pub(crate) fn moment(text: &str, now: &dyn Clock) -> Result<Option<Timestamp>> {
    let wrong = || {
        Failure::usage(format!("`{}` is no time", text.escape_debug()))
            .hint("write 90d, 12h, or a date like 2027-03-31")
    };
    if text.is_empty() || text == "never" {
        return Ok(None);
    }
    let from_now = |number: &str, unit: i64| {
        let n: i64 = number.parse().ok().filter(|n| (0..=1_000_000).contains(n)).ok_or_else(wrong)?;
        Ok(Some(Timestamp(now.now().0 + n * unit)))
    };
    for (suffix, unit) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000)] {
        if let Some(number) = text.strip_suffix(suffix) {
            return from_now(number, unit);
        }
    }
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    whole.parse().map(Some).map_err(|_| wrong())
}

fn days_of(text: &str) -> Result<Option<u32>> {
    if text.is_empty() || text == "never" {
        return Ok(None);
    }
    let days = text.strip_suffix('d').unwrap_or(text).parse().ok().filter(|days| (1..=3650).contains(days));
    days.map(Some)
        .ok_or_else(|| Failure::usage(format!("`{}` is no number of days", text.escape_debug())).hint("write 90d"))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;
    impl Clock for Fixed {
        fn now(&self) -> Timestamp {
            Timestamp(1_000)
        }
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        let at = |text| moment(text, &Fixed).map(|found| found.map(|moment| moment.0));
        assert_eq!(at("2d").unwrap(), Some(1_000 + 2 * 86_400_000));
        assert_eq!(at("1h").unwrap(), Some(3_601_000));
        assert_eq!(at("1970-01-02").unwrap(), Some(86_400_000));
        assert_eq!(at("never").unwrap(), None);
        for wrong in ["soon", "-1d", "99999999d", "2027-13-01", "d"] {
            assert!(at(wrong).is_err(), "{wrong}");
        }
        assert_eq!(days_of("90d").unwrap(), Some(90));
        assert!(days_of("0d").is_err());
    }
}
