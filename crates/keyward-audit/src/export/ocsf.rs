//! Entries as OCSF events (Open Cybersecurity Schema Framework, <https://schema.ocsf.io>, 1.6.0),
//! one JSON object each, for SIEMs.
//!
//! Unlocking and locking a vault are Authentication (3002); everything else is API Activity
//! (6003). Ids go to their attributes, what has none goes to `unmapped`; names and addresses only
//! where the caller gives the opened private part. No value stands in an entry, so none can stand
//! here.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use crate::merkle::leaf_hash;
use crate::{Action, Entry, Error, Outcome, PrivatePart};

/// The event of one entry: its index, its canonical bytes, and its private part where it is open.
///
/// # Errors
/// Those of [`Entry::parse`].
pub fn event(index: u64, public: &[u8], private: Option<&PrivatePart>) -> Result<Value, Error> {
    let entry = Entry::parse(public)?;
    let class = class(entry.action);
    let mut event = json!({
        "activity_id": class.activity,
        "activity_name": class.activity_name,
        "actor": { "user": user(&entry) },
        "category_name": class.category_name,
        "category_uid": class.uid / 1000,
        "class_name": class.name,
        "class_uid": class.uid,
        "message": format!("{} {}", entry.action, entry.outcome),
        "metadata": {
            "event_code": entry.action.as_str(),
            "log_name": "audit",
            "log_provider": "keyward",
            "original_time": entry.time,
            "product": { "name": "keyward", "vendor_name": "keyward" },
            "sequence": index,
            "tenant_uid": entry.vault,
            "uid": leaf_hash(public).to_hex(),
            "version": "1.6.0",
        },
        "severity": severity(entry.outcome).1,
        "severity_id": severity(entry.outcome).0,
        "src_endpoint": source(private),
        "status": if entry.outcome == Outcome::Allowed { "Success" } else { "Failure" },
        "status_detail": entry.outcome.as_str(),
        "status_id": if entry.outcome == Outcome::Allowed { 1 } else { 2 },
        "time": milliseconds(&entry.time),
        "type_name": format!("{}: {}", class.name, class.activity_name),
        "type_uid": class.uid * 100 + class.activity,
    });
    let fields = event.as_object_mut().expect("made as an object");
    match class.uid {
        AUTHENTICATION => {
            fields.insert("user".into(), user(&entry));
            fields.insert("service".into(), json!({ "name": "keyward", "uid": entry.vault }));
        }
        _ => {
            let api = json!({ "operation": entry.action.as_str(), "service": { "name": "keyward" } });
            fields.insert("api".into(), api);
            fields.insert("resources".into(), resources(&entry, private));
        }
    }
    if let Some(count) = entry.count {
        fields.insert("count".into(), count.into());
    }
    fields.insert("unmapped".into(), unmapped(&entry, private));
    Ok(event)
}

struct Class {
    uid: u64,
    name: &'static str,
    category_name: &'static str,
    activity: u64,
    activity_name: &'static str,
}

const AUTHENTICATION: u64 = 3002;
const API_ACTIVITY: u64 = 6003;

fn class(action: Action) -> Class {
    let authentication = |activity, activity_name| Class {
        uid: AUTHENTICATION,
        name: "Authentication",
        category_name: "Identity & Access Management",
        activity,
        activity_name,
    };
    let api = |activity, activity_name| Class {
        uid: API_ACTIVITY,
        name: "API Activity",
        category_name: "Application Activity",
        activity,
        activity_name,
    };
    match action {
        Action::VaultUnlock | Action::TokenUse | Action::SignIn | Action::VirtualKeyAlarm | Action::GatewayDeny => {
            authentication(1, "Logon")
        }
        Action::VaultLock | Action::SignOut | Action::SessionEnd => authentication(2, "Logoff"),
        Action::VaultInit
        | Action::SecretWrite
        | Action::SecretImport
        | Action::ProjectCreate
        | Action::EnvironmentAdd
        | Action::SlotAdd
        | Action::OffboardingBegin
        | Action::ReviewStart
        | Action::UserAdd
        | Action::ServiceAccountAdd
        | Action::GroupCreate
        | Action::RoleGrant
        | Action::TokenCreate
        | Action::VirtualKeyCreate
        | Action::VirtualKeyMint
        | Action::ElevateRequest
        | Action::BreakGlass
        | Action::SecondFactorBegin
        | Action::SecondFactorAdd
        | Action::RecoveryCodesRenew
        | Action::PasskeyBegin
        | Action::PasskeyAdd
        | Action::InviteCreate
        | Action::DeviceBegin
        | Action::AlertAdd
        | Action::IdentityProviderAdd
        | Action::IdentityBegin
        | Action::IdentityLink
        | Action::TrustAdd
        | Action::RotationBegin
        | Action::TargetAdd
        | Action::FolderTrust
        | Action::Backup
        | Action::LogCheckpoint
        | Action::FindingReport
        | Action::RequestKeep
        | Action::EpochBegin => api(1, "Create"),
        Action::SecretRead
        | Action::SecretMatch
        | Action::SecretUse
        | Action::SecretList
        | Action::SecretRun
        | Action::SecretExport
        | Action::SecretCopy
        | Action::SecretOffline
        | Action::AlertTest
        | Action::AlertUse
        | Action::IdentityProviderUse
        | Action::SecretExpiring
        | Action::LogExport
        | Action::LogVerify => api(2, "Read"),
        Action::SecretUndelete
        | Action::SecretRollback
        | Action::SecretEdit
        | Action::ProjectRename
        | Action::ProjectNetworks
        | Action::EnvironmentEdit
        | Action::Rekey
        | Action::RekeyData
        | Action::StoreMigrate
        | Action::Restore
        | Action::ReadsCount
        | Action::HoldingClose
        | Action::RotationStep
        | Action::RotationStuck
        | Action::RotationOverdue
        | Action::RotationDecide
        | Action::SecretPromote
        | Action::ScheduleSet
        | Action::ScheduleClear
        | Action::OffboardingSettle
        | Action::OnboardingUpdate
        | Action::ReviewDecide
        | Action::ReviewClose
        | Action::ReviewRestore
        | Action::FindingResolve
        | Action::UserEdit
        | Action::UserDisable
        | Action::UserEnable
        | Action::OwnerHandOver
        | Action::AlertMark
        | Action::GroupEdit
        | Action::GroupJoin
        | Action::GroupLeave
        | Action::PolicyPut
        | Action::ElevateApprove
        | Action::ElevateDeny
        | Action::SignInLock
        | Action::SessionUse
        | Action::VirtualKeyRotate
        | Action::BudgetReserve
        | Action::PasswordSet
        | Action::DeviceApprove
        | Action::DeviceDeny
        | Action::StoreAccept => api(3, "Update"),
        Action::SecretDelete
        | Action::SecretDestroy
        | Action::SecretDiscard
        | Action::TargetRemove
        | Action::ProjectDelete
        | Action::EnvironmentRemove
        | Action::SlotRemove
        | Action::SubjectErase
        | Action::GroupDelete
        | Action::RequestSweep
        | Action::RoleRevoke
        | Action::PolicyDelete
        | Action::TokenRevoke
        | Action::VirtualKeyRevoke
        | Action::VirtualKeySweep
        | Action::SecondFactorRemove
        | Action::PasskeyRemove
        | Action::SignInSweep
        | Action::AlertRemove
        | Action::IdentityProviderRemove
        | Action::IdentityUnlink
        | Action::TrustRemove
        | Action::FolderUntrust
        | Action::EpochDrop => api(4, "Delete"),
    }
}

fn severity(outcome: Outcome) -> (u64, &'static str) {
    match outcome {
        Outcome::Allowed => (1, "Informational"),
        Outcome::NotFound | Outcome::Failed => (2, "Low"),
        Outcome::Denied => (3, "Medium"),
    }
}

fn user(entry: &Entry) -> Value {
    let (type_id, kind) = if entry.principal.starts_with("system:") { (3, "System") } else { (1, "User") };
    json!({ "type": kind, "type_id": type_id, "uid": entry.principal })
}

/// The address is text: of a network, or of a terminal. The schema asks for an endpoint in any case.
fn source(private: Option<&PrivatePart>) -> Value {
    match private.and_then(|private| private.address.as_deref()) {
        Some(address) if address.parse::<IpAddr>().is_ok() => json!({ "ip": address }),
        Some(address) => json!({ "name": address }),
        None => json!({ "name": "unknown" }),
    }
}

fn resources(entry: &Entry, private: Option<&PrivatePart>) -> Value {
    let names = private.map(|private| private.names.clone()).unwrap_or_default();
    let parts = [
        ("secret", &entry.secret, names.secret),
        ("environment", &entry.environment, names.environment),
        ("project", &entry.project, names.project),
        ("vault", &Some(entry.vault.clone()), None),
    ];
    let mut resources = Vec::new();
    for (kind, id, name) in parts {
        let Some(id) = id else { continue };
        let mut resource = json!({ "type": kind, "uid": id });
        if let Some(name) = name {
            resource["name"] = name.into();
        }
        if let ("secret", Some(version)) = (kind, entry.version) {
            resource["version"] = version.to_string().into();
        }
        resources.push(resource);
    }
    resources.into()
}

fn unmapped(entry: &Entry, private: Option<&PrivatePart>) -> Value {
    let mut rest = Map::new();
    let mut add = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            rest.insert(name.into(), value);
        }
    };
    add("answered", entry.answered.clone().map(Value::from));
    add("epoch", entry.epoch.map(Value::from));
    add("fingerprint", entry.fingerprint.clone().map(Value::from));
    add("records_changed", (!entry.records.is_empty()).then(|| entry.records.len().into()));
    add("via", entry.via.map(|via| via.as_str().into()));
    add("agent", private.and_then(|private| private.agent.clone()).map(Value::from));
    add("reason", private.and_then(|private| private.reason.clone()).map(Value::from));
    rest.into()
}

/// Milliseconds since 1970 of a time in the log's form (proleptic Gregorian calendar, UTC).
fn milliseconds(time: &str) -> i64 {
    let number = |from: usize, to: usize| time[from..to].parse::<i64>().unwrap_or(0);
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    // Years are counted from March, so that the leap day is the last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days = days + (month * 153 + 2) / 5 + day - 1 - 719_468;
    let seconds = number(11, 13) * 3600 + number(14, 16) * 60 + number(17, 19);
    (days * 86_400 + seconds) * 1000 + number(20, 23)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::private::Names;
    use crate::{Hash, Via};

    fn entry(action: Action, outcome: Outcome) -> Entry {
        let mut entry = Entry::new(action, outcome, "p_1", "v_1", "2026-11-23T21:43:00.123Z", Hash::of(b""));
        entry.secret = Some("s_1".into());
        entry.version = Some(7);
        entry.via = Some(Via::Run);
        entry
    }

    fn of(entry: &Entry, private: Option<&PrivatePart>) -> Value {
        event(42, &entry.canonical().unwrap(), private).unwrap()
    }

    #[test]
    fn a_read_is_api_activity() {
        let event = of(&entry(Action::SecretRun, Outcome::Allowed), None);
        assert_eq!((&event["class_uid"], &event["type_uid"]), (&json!(6003), &json!(600_302)));
        assert_eq!((&event["status_id"], &event["severity_id"]), (&json!(1), &json!(1)));
        assert_eq!(event["time"], json!(1_795_470_180_123i64));
        assert_eq!(event["actor"]["user"]["uid"], "p_1");
        assert_eq!(event["api"]["operation"], "secret.run");
        assert_eq!(event["metadata"]["sequence"], 42);
        assert_eq!(event["resources"][0], json!({ "type": "secret", "uid": "s_1", "version": "7" }));
        assert_eq!(event["src_endpoint"]["name"], "unknown");
        assert_eq!(event["unmapped"], json!({ "via": "run" }));
    }

    #[test]
    fn a_denial_is_a_failure() {
        let event = of(&entry(Action::SecretRead, Outcome::Denied), None);
        assert_eq!((&event["status_id"], &event["status_detail"]), (&json!(2), &json!("denied")));
        assert_eq!(event["severity_id"], 3);
    }

    #[test]
    fn an_unlock_is_an_authentication() {
        let mut entry = entry(Action::VaultUnlock, Outcome::Allowed);
        entry.principal = "system:agent".into();
        let event = of(&entry, None);
        assert_eq!((&event["class_uid"], &event["type_uid"]), (&json!(3002), &json!(300_201)));
        assert_eq!((&event["category_uid"], &event["user"]["type_id"]), (&json!(3), &json!(3)));
        assert_eq!(event["service"]["uid"], "v_1");
        assert_eq!(event.get("api"), None);
    }

    #[test]
    fn an_open_private_part_gives_names_and_address() {
        let private = PrivatePart {
            address: Some("192.0.2.7".into()),
            names: Names { secret: Some("API_KEY".into()), ..Names::default() },
            ..PrivatePart::default()
        };
        let event = of(&entry(Action::SecretRead, Outcome::Allowed), Some(&private));
        assert_eq!(event["src_endpoint"], json!({ "ip": "192.0.2.7" }));
        assert_eq!(event["resources"][0]["name"], "API_KEY");
    }

    /// What the schema requires of each class, for every action and outcome.
    #[test]
    fn every_event_has_what_the_schema_requires() {
        for action in Action::ALL {
            for outcome in Outcome::ALL {
                let event = of(&entry(*action, *outcome), None);
                let (class, activity) = (event["class_uid"].as_u64().unwrap(), event["activity_id"].as_u64().unwrap());
                let required: &[&str] = match class {
                    3002 => &["user", "service"],
                    6003 => &["actor", "api", "src_endpoint"],
                    other => panic!("{other}"),
                };
                let base = ["activity_id", "category_uid", "metadata", "severity_id", "time", "type_uid"];
                for field in base.iter().chain(required) {
                    assert!(!event[field].is_null(), "{action}: {field}");
                }
                assert_eq!(event["type_uid"], class * 100 + activity);
            }
        }
    }

    #[test]
    fn times_are_counted_right() {
        assert_eq!(milliseconds("1970-01-01T00:00:00.000Z"), 0);
        assert_eq!(milliseconds("2000-02-29T12:00:00.500Z"), 951_825_600_500);
        assert_eq!(milliseconds("2026-11-23T21:43:00.123Z"), 1_795_470_180_123);
        assert_eq!(milliseconds("1969-12-31T23:59:59.999Z"), -1);
    }
}
