//! Which entries of the log are alerts. Names of actions and outcomes are those of the log, which
//! are never changed.

use std::collections::BTreeMap;

use keyward_types::Timestamp;

use crate::{Alert, AlertKind, Severity, Subject};

/// What an alert needs of an entry of the log.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// Its place in the log.
    pub index: u64,
    /// When.
    pub time: Timestamp,
    /// What: `break-glass`.
    pub action: &'a str,
    /// How it ended: `allowed`, `denied`, `not_found`, `failed`.
    pub outcome: &'a str,
    /// Who, by id.
    pub principal: &'a str,
    /// How often, where entries are counted together.
    pub count: Option<u64>,
    /// Project, environment and secret, as far as they are named.
    pub about: Option<&'a str>,
    /// Further names.
    pub more: &'a BTreeMap<String, String>,
}

/// Whether entries of this action are no alerts, whatever else they say: those of which a log has most,
/// so that whoever looks for alerts need not open them.
pub fn is_everyday(action: &str) -> bool {
    matches!(
        action,
        "secret.read" | "secret.run" | "secret.export" | "secret.copy" | "secret.use" | "secret.write" | "request.keep"
    )
}

/// The alert that an entry is, if it is one. What somebody gave as his reason stays in the log.
pub fn alert_of(entry: &Entry<'_>) -> Option<Alert> {
    let done = entry.outcome == "allowed";
    let alert = match entry.action {
        "break-glass" if done => entry.alert(AlertKind::BreakGlass, Severity::Critical, &{
            format!("`{}` took emergency rights in `{}`", entry.who().called(), entry.about.unwrap_or("the vault"))
        }),
        "role.grant" | "elevate.approve" if done => {
            let role = entry.more.get("role").filter(|role| matches!(role.as_str(), "owner" | "admin"))?;
            let place = entry.about.unwrap_or("the vault");
            let text = format!("`{}` is {role} of {place} now", entry.who().called());
            entry.alert(AlertKind::NewAdmin, Severity::Critical, &text)
        }
        "owner.hand-over" if done => {
            let text = format!("the vault is opened in the name of `{}` now", entry.who().called());
            entry.alert(AlertKind::NewAdmin, Severity::Critical, &text)
        }
        "virtual-key.alarm" => {
            let name = entry.more.get("name").map_or("?", String::as_str);
            let from = entry.more.get("from").map_or("an unknown network", String::as_str);
            let text = format!("somebody in {from} has the virtual key `{name}`, which is a trap");
            entry.of_key(entry.alert(AlertKind::TrapSprung, Severity::Critical, &text))
        }
        "sign-in.lock" => {
            let text = format!("sign-ins of `{}` failed so often that they are locked", entry.who().called());
            entry.alert(AlertKind::FailedSignIns, Severity::Critical, &text)
        }
        "sign-in" | "token.use" | "vault.unlock" if !done => {
            let what = match entry.action {
                "sign-in" => "a sign-in",
                "token.use" => "the use of a token",
                _ => "the opening of the vault",
            };
            let text = format!("{what} of `{}` failed", entry.who().called());
            entry.alert(AlertKind::FailedSignIns, Severity::Warning, &text)
        }
        "restore" if done => {
            let why = entry.more.get("safe_mode").map_or("the store was restored from a backup", String::as_str);
            Alert::safe_mode(entry.who(), entry.time, Some(why))
        }
        "vault.lock" if done => Alert::seal_state(entry.node(), entry.time, true),
        // Every other opening of a vault is ordinary.
        "vault.unlock" if done && entry.more.get("with").is_some_and(|with| with == "shares") => {
            Alert::seal_state(entry.node(), entry.time, false)
        }
        "store.accept" if done => Alert::safe_mode(entry.who(), entry.time, None),
        "secret.expiring" => entry.expiring()?,
        "finding.report" if done => {
            let secrets = entry.more.get("secrets")?;
            let source = entry.more.get("source").map_or("a scan", String::as_str);
            let text = format!("{secrets} was found in {source}; `keyward finding list` shows where");
            let alert = entry.alert(AlertKind::SecretLeaked, Severity::Critical, &text);
            // Leaks of several secrets are several matters.
            Alert { subject: Subject::new("secret", secrets), ..alert }
        }
        "rotation.overdue" => {
            let (secret, owner) = (entry.about.unwrap_or("a secret"), entry.more.get("owner"));
            let since = entry.more.get("due").map_or("a while ago", String::as_str);
            let owner = owner.map_or_else(|| "nobody owns it".to_owned(), |owner| format!("owner: {owner}"));
            let text = format!("a new value of {secret} was due {since}; {owner}");
            let alert = entry.alert(AlertKind::RotationOverdue, Severity::Warning, &text);
            Alert { subject: Subject::new("secret", secret), ..alert }
        }
        "rotation.stuck" => {
            let why = entry.more.get("why").map_or("its record says why", String::as_str);
            let text = format!("the rotation of {} waits for a person: {why}", entry.about.unwrap_or("a secret"));
            let alert = entry.alert(AlertKind::RotationStuck, Severity::Warning, &text);
            // Rotations of several secrets are several matters.
            Alert { subject: Subject::new("secret", entry.about.unwrap_or("a secret")), ..alert }
        }
        "log.verify" if entry.outcome == "failed" => {
            Alert::audit_failure(entry.who(), entry.time, "it does not verify")
        }
        _ => return None,
    };
    let count = if alert.kind == AlertKind::ExpiringSecrets { 1 } else { entry.count.unwrap_or(1).max(1) };
    Some(Alert { count, ..alert }.of_entry(entry.index))
}

impl Entry<'_> {
    /// Who it is about: the account that the entry names, else the network, else whoever acted.
    fn who(&self) -> Subject {
        let named = |noun| self.more.get(noun);
        match (named("principal"), named("account"), named("network")) {
            (Some(id), Some(account), _) => Subject::new("account", id).named(account),
            (Some(id), None, _) => Subject::new("account", id),
            (None, Some(account), _) => Subject::new("account", account),
            (None, None, Some(network)) => Subject::new("network", network),
            (None, None, None) => Subject::new("account", self.principal),
        }
    }

    /// An alert about the virtual key that the entry names.
    fn of_key(&self, alert: Alert) -> Alert {
        let Some(id) = self.more.get("virtual_key") else { return alert };
        let subject = Subject::new("virtual key", id);
        match self.more.get("name") {
            Some(name) => Alert { subject: subject.named(name), ..alert },
            None => Alert { subject, ..alert },
        }
    }

    /// The node that an entry names.
    fn node(&self) -> Subject {
        Subject::new("node", self.more.get("node").map_or("keyward", String::as_str))
    }

    /// The count is in the text: it is not so many events.
    fn expiring(&self) -> Option<Alert> {
        let days = self.more.get("days")?.parse().ok()?;
        let names = self.more.get("secrets").map_or("", String::as_str);
        Some(crate::expiry::alert(self.about?, days, self.count.unwrap_or(1), names, self.time))
    }

    fn alert(&self, kind: AlertKind, severity: Severity, text: &str) -> Alert {
        let alert = Alert::new(kind, severity, self.time, self.who(), text).with("by", self.principal);
        match self.about {
            Some(about) => alert.with("place", about),
            None => alert,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(action: &str, outcome: &str, more: &[(&str, &str)]) -> Option<Alert> {
        let count = (action == "sign-in").then_some(5);
        let more = more.iter().map(|(noun, name)| ((*noun).to_owned(), (*name).to_owned())).collect();
        let (time, about) = (Timestamp(0), Some("shop/production"));
        alert_of(&Entry { index: 7, time, action, outcome, principal: "user:a", count, about, more: &more })
    }

    #[test]
    fn what_happens_every_day_is_no_alert_however_it_ends() {
        let more = [("role", "owner"), ("with", "shares"), ("why", "x"), ("days", "0"), ("secrets", "A")];
        for action in ["secret.read", "secret.run", "secret.export", "secret.copy", "secret.use", "secret.write"] {
            assert!(is_everyday(action));
            for outcome in ["allowed", "denied", "not_found", "failed"] {
                assert!(told(action, outcome, &more).is_none(), "{action} {outcome}");
            }
        }
        for action in ["break-glass", "role.grant", "secret.expiring", "vault.lock", "alert.add", "alert.remove"] {
            assert!(!is_everyday(action), "{action}");
        }
    }

    #[test]
    fn a_trap_that_is_sprung_is_an_alert_about_its_key() {
        let more = [("virtual_key", "0123456789ab"), ("name", "bait"), ("from", "192.0.2.0/24")];
        let alert = told("virtual-key.alarm", "denied", &more).unwrap();
        assert_eq!((alert.kind, alert.severity), (AlertKind::TrapSprung, Severity::Critical));
        assert_eq!(alert.subject, Subject::new("virtual key", "0123456789ab").named("bait"));
        assert_eq!(alert.text, "somebody in 192.0.2.0/24 has the virtual key `bait`, which is a trap");
    }

    #[test]
    fn emergencies_and_new_admins_are_alerts() {
        let alert = told("break-glass", "allowed", &[("account", "ada"), ("asked_because", "marker")]).unwrap();
        assert_eq!((alert.kind, alert.severity), (AlertKind::BreakGlass, Severity::Critical));
        assert_eq!(alert.text, "`ada` took emergency rights in `shop/production`");
        assert_eq!(alert.about["entry"], "7");
        assert!(!serde_json::to_string(&alert).unwrap().contains("marker"), "the reason stays in the log");
        assert!(told("break-glass", "denied", &[]).is_none());
        let grant =
            |role| told("role.grant", "allowed", &[("account", "eve"), ("principal", "user:e"), ("role", role)]);
        assert_eq!(grant("admin").unwrap().subject, Subject::new("account", "user:e").named("eve"));
        assert_eq!(grant("owner").unwrap().kind, AlertKind::NewAdmin);
        assert!(grant("developer").is_none());
    }

    #[test]
    fn a_seal_is_told_in_both_directions_and_an_ordinary_start_is_not() {
        let sealed = told("vault.lock", "allowed", &[("node", "a.example")]).unwrap();
        assert_eq!((sealed.kind, sealed.severity), (AlertKind::SealState, Severity::Critical));
        assert_eq!(sealed.subject, Subject::new("node", "a.example"));
        let opened = told("vault.unlock", "allowed", &[("node", "a.example"), ("with", "shares")]).unwrap();
        assert_eq!((opened.kind, opened.severity), (AlertKind::SealState, Severity::Info));
        assert!(told("vault.unlock", "allowed", &[]).is_none());
        assert_eq!(told("vault.unlock", "denied", &[]).unwrap().kind, AlertKind::FailedSignIns);
    }

    #[test]
    fn failed_sign_ins_are_counted_by_account_or_network() {
        let by_account = told("sign-in", "denied", &[("account", "ada"), ("network", "192.0.2.0/24")]).unwrap();
        assert_eq!((by_account.kind, by_account.subject.called()), (AlertKind::FailedSignIns, "ada"));
        assert_eq!(by_account.count, 5);
        let unknown = told("sign-in", "denied", &[("network", "192.0.2.0/24")]).unwrap();
        assert_eq!(unknown.subject, Subject::new("network", "192.0.2.0/24"));
        assert!(told("sign-in", "allowed", &[]).is_none());
        assert_eq!(told("sign-in.lock", "denied", &[]).unwrap().severity, Severity::Critical);
        assert!(told("token.use", "denied", &[]).is_some());
        assert!(told("secret.read", "denied", &[]).is_none());
        assert!(
            told("restore", "allowed", &[("safe_mode", "older than its anchor")]).unwrap().text.contains("its anchor")
        );
    }

    #[test]
    fn what_expires_and_what_is_sealed_are_alerts() {
        let warning = told("secret.expiring", "allowed", &[("days", "7"), ("secrets", "`A`, `B`")]).unwrap();
        assert_eq!((warning.kind, warning.count), (AlertKind::ExpiringSecrets, 1));
        assert_eq!(warning.text, "1 secret of `shop/production` expires within 7 days: `A`, `B`");
        assert!(told("secret.expiring", "allowed", &[]).is_none(), "without days it warns of nothing");
        let sealed = told("vault.lock", "allowed", &[("node", "a")]).unwrap();
        assert_eq!((sealed.kind, sealed.subject.called()), (AlertKind::SealState, "a"));
        assert_eq!(told("vault.unlock", "allowed", &[("with", "shares")]).unwrap().severity, Severity::Info);
        assert!(told("vault.unlock", "allowed", &[]).is_none(), "a start is nothing to wake anybody for");
        assert_eq!(told("vault.unlock", "denied", &[]).unwrap().kind, AlertKind::FailedSignIns);
    }
}
