//! Secrets that expire, and when to warn of them.

use std::collections::BTreeMap;

use keyward_types::{EnvironmentName, Head, ProjectName, SecretName, Timestamp};

use crate::{Alert, AlertKind, Severity, Subject};

/// A secret that may expire, with where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Expiring<'a> {
    /// Its project.
    pub project: &'a ProjectName,
    /// Its environment.
    pub environment: &'a EnvironmentName,
    /// What is known of it; nothing is opened.
    pub head: &'a Head,
}

/// How many days before the end it is told. 0: at the end.
pub const WARNINGS: [i64; 6] = [30, 14, 7, 3, 1, 0];
/// How many names one alert spells.
const MOST_NAMES: usize = 20;

/// Secrets of an environment that expire within the same number of days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// Their project.
    pub project: ProjectName,
    /// Their environment.
    pub environment: EnvironmentName,
    /// Within how many days; 0: they have expired.
    pub days: i64,
    /// How many there are.
    pub count: u64,
    /// The names of the first of them, as the alert spells them.
    pub names: String,
}

/// The warnings that fell due after `since` and up to `now`: one for all secrets of an environment
/// that expire within the same number of days. Called again with the last `now` as `since` it
/// repeats nothing; a secret of which several warnings are due is told of once.
pub fn expiring<'a>(secrets: impl IntoIterator<Item = Expiring<'a>>, since: Timestamp, now: Timestamp) -> Vec<Expiry> {
    let mut due: BTreeMap<(&ProjectName, &EnvironmentName, i64), Vec<&SecretName>> = BTreeMap::new();
    for secret in secrets {
        let Some(end) = secret.head.expires_at.filter(|_| secret.head.active().is_some()) else { continue };
        let falls_due = |days: &&i64| (since.0 + 1..=now.0).contains(&end.plus_days(-**days).0);
        if let Some(days) = WARNINGS.iter().rev().find(falls_due) {
            due.entry((secret.project, secret.environment, *days)).or_default().push(&secret.head.name);
        }
    }
    due.into_iter().map(|((project, environment, days), names)| spelled(project, environment, days, names)).collect()
}

fn spelled(project: &ProjectName, environment: &EnvironmentName, days: i64, mut names: Vec<&SecretName>) -> Expiry {
    names.sort();
    let shown = names.iter().take(MOST_NAMES).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    Expiry { project: project.clone(), environment: environment.clone(), days, count: names.len() as u64, names: shown }
}

/// The alert that such a warning is, once it stands in the log.
pub(crate) fn alert(place: &str, days: i64, count: u64, names: &str, time: Timestamp) -> Alert {
    let when = match (days, count) {
        (0, 1) => "has expired".to_owned(),
        (0, _) => "have expired".to_owned(),
        (1, 1) => "expires within a day".to_owned(),
        (1, _) => "expire within a day".to_owned(),
        (_, 1) => format!("expires within {days} days"),
        _ => format!("expire within {days} days"),
    };
    let rest = match count.saturating_sub(MOST_NAMES as u64) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let noun = if count == 1 { "secret" } else { "secrets" };
    let text = format!("{count} {noun} of `{place}` {when}: {names}{rest}");
    let severity = match days {
        0 | 1 => Severity::Critical,
        2..=7 => Severity::Warning,
        _ => Severity::Info,
    };
    let subject = Subject::new("environment", place);
    Alert::new(AlertKind::ExpiringSecrets, severity, time, subject, text)
        .with("days", days.to_string())
        .with("secrets", count.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyward_types::{
        EnvironmentId, Kind, Label, Place, PrincipalId, ProjectId, SecretId, VaultId, Version, VersionHead,
        VersionState,
    };

    const DAY: i64 = 24 * 60 * 60 * 1000;

    fn head(name: &str, expires_at: Option<i64>) -> Head {
        let place = Place {
            vault: VaultId::from_bytes([1; 16]),
            project: ProjectId::from_bytes([1; 16]),
            environment: EnvironmentId::from_bytes([1; 16]),
            secret: SecretId::from_bytes([1; 16]),
        };
        let version = VersionHead {
            version: Version::FIRST,
            state: VersionState::Live,
            created_at: Timestamp(0),
            created_by: PrincipalId::system("test"),
            size: 1,
            bits: 128,
            fingerprint: String::new(),
            secret: false,
            age_unknown: false,
            expires_at: None,
        };
        let json = serde_json::json!({
            "place": place, "name": name, "kind": Kind::ApiKey, "labels": { Label::active().to_string(): 1 },
            "versions": [version], "created_at": 0, "expires_at": expires_at,
        });
        serde_json::from_value(json).unwrap()
    }

    fn told(heads: &[Head], since: i64, now: i64) -> Vec<Expiry> {
        let (project, environment) = ("shop".parse().unwrap(), "production".parse().unwrap());
        let all = heads.iter().map(|head| Expiring { project: &project, environment: &environment, head });
        expiring(all, Timestamp(since), Timestamp(now))
    }

    fn in_words(warning: &Expiry) -> String {
        let place = format!("{}/{}", warning.project, warning.environment);
        alert(&place, warning.days, warning.count, &warning.names, Timestamp(0)).text
    }

    #[test]
    fn each_warning_is_told_once_whenever_it_is_looked() {
        let heads = [head("A", Some(40 * DAY)), head("NEVER", None)];
        for step in [DAY / 24, DAY, DAY + 7] {
            let (mut now, mut days) = (0, Vec::new());
            while now < 50 * DAY {
                let alerts = told(&heads, now, now + step);
                days.extend(alerts.iter().map(|warning| warning.days));
                now += step;
            }
            assert_eq!(days, WARNINGS, "every {step} ms");
        }
        let late = told(&heads, 0, 60 * DAY);
        assert_eq!((late.len(), in_words(&late[0]).as_str()), (1, "1 secret of `shop/production` has expired: `A`"));
    }

    #[test]
    fn secrets_of_an_environment_are_told_together() {
        let heads: Vec<Head> = (10..40).map(|n| head(&format!("KEY_{n}"), Some(7 * DAY))).collect();
        let warnings = told(&heads, -1, 0);
        assert_eq!((warnings.len(), warnings[0].days, warnings[0].count), (1, 7, 30));
        let text = in_words(&warnings[0]);
        assert!(text.starts_with("30 secrets of `shop/production` expire within 7 days: `KEY_10`, "), "{text}");
        assert!(text.ends_with("`KEY_29` and 10 more"), "{text}");
    }
}
