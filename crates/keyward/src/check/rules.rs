//! The rules. Numbers: 1xx plaintext files, 2xx stored values, 3xx the vault itself.

use keyward_client::{SecretInfo, UNKNOWN_AGE_DAYS, default_days};
use keyward_providers::{public_prefix, strength};
use keyward_types::{Access, EnvironmentName, Timestamp};

use super::facts::PlainFile;
use super::{Files, Rule, Stored, Test};

/// Every rule, in the order of ids.
pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "KW101",
        title: "no .env file is tracked by git",
        why: "everybody who has the repository has the keys in it",
        mend: "git rm --cached FILE, new keys at their providers, `keyward set NAME`, revoke the old ones",
        guide: &["3.1", "3.2", "3.5", "12.1"],
        test: Test::Files(|facts| files(facts, |file| file.git.is_some_and(|git| git.tracked), "is tracked by git")),
    },
    Rule {
        id: "KW102",
        title: "no .env file is in git's history",
        why: "a key in an old commit is as public as one in the newest",
        mend: "new keys at their providers, `keyward set NAME`, revoke the old ones; then rewrite the history if you must",
        guide: &["3.2", "12.1"],
        test: Test::Files(|facts| facts.committed.iter().map(|name| format!("`{name}` is in git's history")).collect()),
    },
    Rule {
        id: "KW103",
        title: "every .env file is ignored by git",
        why: "the next `git add .` commits it",
        mend: "add the file to .gitignore, or bring it into the vault: `keyward init --remove-plaintext`",
        guide: &["3.5", "12.1"],
        test: Test::Files(|facts| {
            files(facts, |file| file.git.is_some_and(|git| !git.ignored && !git.tracked), "is not ignored by git")
        }),
    },
    Rule {
        id: "KW104",
        title: "no .env file can be read by other users",
        why: "every account and service on the machine can read the keys",
        mend: "chmod 600 FILE",
        guide: &["12.4"],
        test: Test::Files(|facts| {
            files(facts, |file| file.mode & 0o077 != 0 && file.secrets != Some(0), "can be read by others")
        }),
    },
    Rule {
        id: "KW105",
        title: "no secret lies in a plaintext file",
        why: "backups, malware, coding agents and screen shares read files; the vault's copies stay sealed",
        mend: "`keyward init --remove-plaintext` compares and deletes .env files; delete other copies by hand",
        guide: &["3.1", "3.3", "12.4"],
        test: Test::Files(plaintext),
    },
    Rule {
        id: "KW201",
        title: "no secret value serves two environments",
        why: "a leak in development is then a leak in production",
        mend: "make a key of its own for each environment, `keyward set NAME -e ENV`",
        guide: &["4.1", "4.3"],
        test: Test::Stored(reused),
    },
    Rule {
        id: "KW202",
        title: "every secret is hard to guess",
        why: "a weak password or signing key is found by trying",
        mend: "`keyward set NAME --generate=password -e ENV` (or signing-key), and change it at the service",
        guide: &["2.3", "11.4", "12.6"],
        test: Test::Stored(|facts| secrets(facts, weak)),
    },
    Rule {
        id: "KW203",
        title: "no secret has expired",
        why: "programs fail with it, and nobody knows whether it was replaced",
        mend: "make a new one at its provider, `keyward set NAME -e ENV --expires WHEN`",
        guide: &["2.5", "5.1"],
        test: Test::Stored(|facts| {
            let now = facts.now;
            secrets(facts, |secret, _| {
                secret.expires_at.filter(|at| *at <= now).map(|at| format!("expired on {}", day(at)))
            })
        }),
    },
    Rule {
        id: "KW204",
        title: "no secret is older than its rotation period (90 days in production and of databases, 180 elsewhere; 14 of those brought here)",
        why: "the longer a key lives, the more places have it",
        mend: "make a new one at its provider, `keyward set NAME -e ENV`; another period: `keyward edit NAME --rotate-every 365d`",
        guide: &["5.1"],
        test: Test::Stored(|facts| secrets(facts, |secret, environment| old(secret, environment, facts.now))),
    },
    Rule {
        id: "KW205",
        title: "no secret expires within 14 days",
        why: "programs will fail with it",
        mend: "make a new one at its provider, `keyward set NAME -e ENV --expires WHEN`",
        guide: &["5.1"],
        test: Test::Stored(|facts| {
            let now = facts.now;
            secrets(facts, |secret, _| {
                let soon = |at: &keyward_types::Timestamp| *at > now && *at <= now.plus_days(14);
                secret.expires_at.filter(soon).map(|at| format!("expires on {}", day(at)))
            })
        }),
    },
    Rule {
        id: "KW206",
        title: "no secret has a name that a frontend build publishes",
        why: "VITE_, NEXT_PUBLIC_ and their like are copied into the pages that browsers load",
        mend: "rename it and let the backend call the service; if it is no secret, `keyward edit NAME --kind config`",
        guide: &["3.4", "6.2"],
        test: Test::Stored(|facts| {
            secrets(facts, |secret, _| {
                let prefix = public_prefix(secret.name.as_str()).filter(|_| secret.access != Some(Access::Public))?;
                Some(format!("is published by builds that take `{prefix}`"))
            })
        }),
    },
    Rule {
        id: "KW207",
        title: "every environment in use has the names that programs need",
        why: "a program that starts without a key fails later, and somewhere else",
        mend: "`keyward set NAME -e ENV`, or take the name out of keyward.toml",
        guide: &["4.2", "4.4"],
        test: Test::Stored(missing),
    },
    Rule {
        id: "KW301",
        title: "the key file does not lie beside the store",
        why: "whoever copies the one folder has the secrets and the key to them",
        mend: "set KEYWARD_KEYS to a folder elsewhere and move the key file there, or use a passphrase: `keyward slot add passphrase`",
        guide: &["3.6", "12.4"],
        test: Test::Stored(beside),
    },
    Rule {
        id: "KW302",
        title: "there is a second way into the vault",
        why: "when the only key file or passphrase is lost, so are the secrets",
        mend: "`keyward slot add recovery-code`, and keep the code on paper",
        guide: &["9.1"],
        test: Test::Stored(|facts| match facts.status.slots.len() {
            0 | 1 => vec!["the vault has one slot".to_owned()],
            _ => vec![],
        }),
    },
    Rule {
        id: "KW303",
        title: "the key file can be read by its owner alone",
        why: "it opens the vault without a passphrase",
        mend: "chmod 600 the file, then `keyward rekey`",
        guide: &["12.4"],
        test: Test::Stored(|facts| match facts.key_file_mode {
            Some(mode) if mode & 0o077 != 0 => {
                vec![format!("`{}` has mode {mode:03o}", facts.home.key_file(facts.status.vault).display())]
            }
            _ => vec![],
        }),
    },
    Rule {
        id: "KW304",
        title: "a backup could be opened elsewhere",
        why: "the key file and the keyring stay on this machine, and go with it",
        mend: "`keyward slot add recovery-code` or `keyward slot add passphrase`",
        guide: &["9.1"],
        test: Test::Stored(|facts| {
            let portable = facts.status.slots.iter().any(|slot| slot.portable);
            if portable { vec![] } else { vec!["no slot opens a copy of the store on another machine".to_owned()] }
        }),
    },
    Rule {
        id: "KW305",
        title: "the store is the one that was last seen",
        why: "a store that was put back may hold revoked keys and lack entries of the log",
        mend: "compare `keyward audit log` with what you expect, then `keyward store accept`",
        guide: &["5.8"],
        test: Test::Stored(|facts| {
            facts.status.safe_mode.iter().map(|why| format!("the vault is in safe mode: {why}")).collect()
        }),
    },
];

fn day(moment: keyward_types::Timestamp) -> String {
    moment.to_string().split('T').next().unwrap_or_default().to_owned()
}

fn files(facts: &Files, breaks: impl Fn(&PlainFile) -> bool, how: &str) -> Vec<String> {
    let broken = facts.present.iter().filter(|file| breaks(file));
    broken.map(|file| format!("`{}` {how}", file.path.display())).collect()
}

fn plaintext(facts: &Files) -> Vec<String> {
    let sentence = |file: &PlainFile| match file.secrets {
        Some(0) => None,
        Some(n) => Some(format!("`{}` holds {n} secret values", file.path.display())),
        None => Some(format!("`{}` cannot be read as .env and may hold secrets", file.path.display())),
    };
    facts.present.iter().filter_map(sentence).collect()
}

/// A sentence about each secret (not `config`) that breaks a rule.
fn secrets(facts: &Stored, breaks: impl Fn(&SecretInfo, &EnvironmentName) -> Option<String>) -> Vec<String> {
    let all = facts.secrets.iter().flat_map(|(environment, secrets)| secrets.iter().map(move |one| (environment, one)));
    all.filter(|(_, secret)| secret.kind.is_secret())
        .filter_map(|(environment, secret)| {
            breaks(secret, environment).map(|how| format!("`{environment}/{}` {how}", secret.name))
        })
        .collect()
}

fn weak(secret: &SecretInfo, _: &EnvironmentName) -> Option<String> {
    let floor = strength::floor(secret.kind);
    let weak = f64::from(secret.bits) < floor && secret.access != Some(Access::Public);
    weak.then(|| format!("has about {} bits, a {} should have {floor}", secret.bits, secret.kind))
}

fn old(secret: &SecretInfo, environment: &EnvironmentName, now: Timestamp) -> Option<String> {
    let allowed = secret.rotate_every_days.or_else(|| default_days(environment.as_str(), secret.kind))?;
    let age = now.days_since(secret.created_at);
    let brought = allowed.min(UNKNOWN_AGE_DAYS);
    match secret.age_unknown {
        true => (age > i64::from(brought)).then(|| {
            format!("was brought here {age} days ago and may be much older: it was to be replaced within {brought}")
        }),
        false => (age > i64::from(allowed)).then(|| format!("is {age} days old, {allowed} are allowed")),
    }
}

fn reused(facts: &Stored) -> Vec<String> {
    let mut by_value: std::collections::BTreeMap<&str, Vec<String>> = std::collections::BTreeMap::new();
    for (environment, secrets) in &facts.secrets {
        for secret in secrets.iter().filter(|secret| secret.access != Some(Access::Public)) {
            if let Some(same) = &secret.same {
                by_value.entry(same).or_default().push(format!("`{environment}/{}`", secret.name));
            }
        }
    }
    let environments = |places: &[String]| {
        places.iter().filter_map(|place| place.split('/').next()).collect::<std::collections::BTreeSet<_>>().len()
    };
    let reused = by_value.into_values().filter(|places| environments(places) > 1);
    reused.map(|places| format!("{} have the same value", places.join(" and "))).collect()
}

fn missing(facts: &Stored) -> Vec<String> {
    let in_use = facts.secrets.iter().filter(|(_, secrets)| !secrets.is_empty());
    in_use
        .flat_map(|(environment, secrets)| {
            let lacking = facts.needs.iter().filter(|name| !secrets.iter().any(|secret| secret.name == **name));
            lacking.map(move |name| format!("`{environment}` lacks `{name}`"))
        })
        .collect()
}

fn beside(facts: &Stored) -> Vec<String> {
    let file = facts.home.key_file(facts.status.vault);
    let used = facts.status.slots.iter().any(|slot| slot.kind == "key-file") && facts.key_file_mode.is_some();
    if used && file.starts_with(&facts.home.folder) {
        return vec![format!("`{}` lies in the store's folder `{}`", file.display(), facts.home.folder.display())];
    }
    vec![]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_in_order_and_every_rule_says_how_to_mend_it() {
        assert!(RULES.windows(2).all(|pair| pair[0].id < pair[1].id));
        assert!(RULES.iter().all(|rule| !rule.why.is_empty() && !rule.mend.is_empty() && !rule.guide.is_empty()));
    }

    #[test]
    fn a_value_is_old_after_its_own_days_or_its_environments() {
        let now: Timestamp = "2026-06-30T12:00:00Z".parse().unwrap();
        let old_in = |environment: &str, written: &str, days: Option<u32>| {
            let secret = secret(written, days);
            old(&secret, &environment.parse().unwrap(), now)
        };
        // 90 days before is 1 April; 180 days before is 1 January.
        assert_eq!(old_in("production", "2026-04-01T12:00:00Z", None), None);
        assert_eq!(old_in("production", "2026-03-31T12:00:00Z", None).unwrap(), "is 91 days old, 90 are allowed");
        assert_eq!(old_in("staging", "2026-01-01T12:00:00Z", None), None);
        assert!(old_in("staging", "2025-12-31T12:00:00Z", None).is_some());
        // What was said of the secret itself goes before the default, both ways.
        assert_eq!(old_in("production", "2026-01-01T12:00:00Z", Some(365)), None);
        assert!(old_in("development", "2026-06-22T12:00:00Z", Some(7)).is_some());
        // Of what was brought nobody knows how old it is; 14 days before is 16 June.
        let brought = |written: &str, days| {
            let secret = SecretInfo { age_unknown: true, ..secret(written, days) };
            old(&secret, &"staging".parse().unwrap(), now)
        };
        assert_eq!(brought("2026-06-16T12:00:00Z", None), None);
        assert!(brought("2026-06-15T12:00:00Z", None).unwrap().contains("brought here 15 days ago"));
        assert!(
            brought("2026-06-15T12:00:00Z", Some(365)).is_some() && brought("2026-06-22T12:00:00Z", Some(7)).is_some()
        );
    }

    fn secret(written: &str, rotate_every_days: Option<u32>) -> SecretInfo {
        let fields = serde_json::json!({
            "name": "API_KEY", "kind": "api-key", "environment": "production", "version": 1,
            "created_at": written, "tags": [], "rotate_every_days": rotate_every_days,
            "bits": 128, "size": 40, "as_file": false, "versions": [],
        });
        serde_json::from_value(fields).unwrap()
    }
}
