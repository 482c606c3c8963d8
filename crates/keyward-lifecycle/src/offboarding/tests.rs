use std::collections::{BTreeMap, HashSet};

use keyward_types::{Access, Content, EnvironmentId, Kind, Labels, Origin, Place, ProjectId, VaultId};
use keyward_vault::{Holding, HoldingKind, Reads, Task, TaskAbout, TaskState};
use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp(1_795_000_000_000);
const ENVIRONMENTS: [&str; 3] = ["development", "staging", "production"];

fn person(n: u8) -> PrincipalId {
    format!("user:p{n}").parse().unwrap()
}

fn version(n: u64) -> Version {
    Version::new(n).unwrap()
}

fn ago(days: i64) -> Timestamp {
    NOW.plus_days(-days)
}

fn place(n: u8) -> Place {
    Place {
        vault: VaultId::from_bytes([1; 16]),
        project: ProjectId::from_bytes([1; 16]),
        environment: EnvironmentId::from_bytes([n % 3; 16]),
        secret: SecretId::from_bytes([n; 16]),
    }
}

/// A secret whose versions have these values, the last one active; written by nobody in particular.
fn secret(n: u8, values: &[u8]) -> Stored {
    let versions = (1..).zip(values).map(|(number, value)| VersionHead {
        version: version(number),
        state: VersionState::Live,
        created_at: ago(300 - number as i64),
        created_by: person(99),
        size: 32,
        bits: 128,
        fingerprint: format!("{value:064x}"),
        secret: false,
        age_unknown: false,
        expires_at: None,
    });
    let head = Head {
        place: place(n),
        name: format!("NAME_{n}").parse().unwrap(),
        kind: Kind::ApiKey,
        content: Content::Bytes,
        origin: Origin::Stored,
        labels: Labels::from_iter([(Label::active(), version(values.len() as u64))]),
        versions: versions.collect(),
        owner: None,
        description: None,
        provider: None,
        access: None,
        expires_at: None,
        rotate_every_days: None,
        tags: vec![],
        metadata: BTreeMap::new(),
        max_versions: None,
        cas_required: false,
        as_file: false,
        created_at: ago(300),
    };
    let environment = ENVIRONMENTS[usize::from(n % 3)].parse().unwrap();
    Stored { project: "shop".parse().unwrap(), environment, head }
}

fn reads(who: u8, secret: u8, number: u64, n: u64) -> Reads {
    Reads {
        principal: person(who),
        place: place(secret),
        version: version(number),
        first: ago(20),
        last: ago(10),
        n,
        counted: None,
        holding: None,
    }
}

fn holding(who: u8, secret: u8, number: u64, kind: HoldingKind) -> Holding {
    let (id, principal) = (format!("{secret}-{number}-{kind:?}"), person(who));
    Holding { id, principal, place: place(secret), version: version(number), kind, since: ago(10), until: None }
}

fn facts(secrets: Vec<Stored>, reads: Vec<Reads>, holdings: Vec<Holding>) -> Facts {
    Facts { footprint: Footprint { secrets, reads, holdings, others: HashMap::new() }, ..Facts::default() }
}

fn names(plan: &Plan) -> Vec<String> {
    plan.rotate.iter().map(|line| line.subject.name.to_string()).collect()
}

#[test]
fn who_read_an_older_version_needs_no_rotation_and_is_told_so() {
    let facts = facts(vec![secret(1, &[10, 11])], vec![reads(1, 1, 1, 3)], vec![]);
    let plan = plan(&facts, &person(1), NOW);
    assert_eq!(plan.rotate, []);
    assert_eq!(plan.past[0].fate, Fate::Replaced { by: version(2), at: ago(298) });
    assert_eq!(plan.past[0].name.as_deref(), Some("shop/staging/NAME_1"));
}

#[test]
fn the_same_value_elsewhere_and_a_value_that_came_back_are_found() {
    let secrets = vec![secret(1, &[10]), secret(2, &[7, 10]), secret(3, &[10, 11, 10])];
    let plan = plan(&facts(secrets, vec![reads(1, 1, 1, 1)], vec![]), &person(1), NOW);
    let found: HashMap<String, Vec<String>> =
        plan.rotate.iter().map(|line| (line.subject.name.to_string(), line.met_at.clone())).collect();
    let met = || vec!["shop/staging/NAME_1".to_owned()];
    let expected = [("NAME_1", vec![]), ("NAME_2", met()), ("NAME_3", met())];
    assert_eq!(found, expected.map(|(name, met)| (name.to_owned(), met)).into());
}

#[test]
fn who_wrote_a_value_knows_it_and_who_let_the_gateway_use_it_does_not() {
    let mut written = secret(1, &[10]);
    written.head.versions[0].created_by = person(1);
    let gateway = holding(1, 2, 1, HoldingKind::Gateway);
    let plan = plan(&facts(vec![written, secret(2, &[20])], vec![], vec![gateway]), &person(1), NOW);
    assert_eq!(names(&plan), ["NAME_1"]);
    assert_eq!(plan.rotate[0].evidence.ways, [Way::Wrote].into());
    assert_eq!(plan.past, []);
}

#[test]
fn production_comes_first_then_power_then_open_copies_then_use() {
    // 2 and 5 are in production, 1 and 4 in staging, 3 in development.
    let mut secrets: Vec<Stored> = (1..=5).map(|n| secret(n, &[n])).collect();
    secrets[0].head.access = Some(Access::Admin);
    let read: Vec<Reads> = (1..=5).map(|n| reads(1, n, 1, u64::from(n))).collect();
    let copy = holding(1, 2, 1, HoldingKind::Export);
    let plan = plan(&facts(secrets, read, vec![copy]), &person(1), NOW);
    assert_eq!(names(&plan), ["NAME_2", "NAME_5", "NAME_1", "NAME_4", "NAME_3"]);
    assert_eq!((plan.rotate[0].evidence.open_copies, plan.rotate[0].evidence.times), (1, 2));
}

#[test]
fn configuration_and_public_keys_are_counted_and_not_replaced() {
    let (mut config, mut public) = (secret(1, &[1]), secret(2, &[2]));
    config.head.kind = Kind::Config;
    public.head.access = Some(Access::Public);
    let plan = plan(&facts(vec![config, public], vec![reads(1, 1, 1, 1), reads(1, 2, 1, 1)], vec![]), &person(1), NOW);
    assert_eq!((plan.rotate.len(), plan.past.len(), plan.not_secret), (0, 0, 2));
}

#[test]
fn what_was_secret_when_it_was_read_stays_so_whatever_it_is_called_now() {
    let (mut config, mut public) = (secret(1, &[1]), secret(2, &[2]));
    config.head.kind = Kind::Config;
    public.head.access = Some(Access::Public);
    for head in [&mut config.head, &mut public.head] {
        head.versions[0].secret = true;
    }
    let plan = plan(&facts(vec![config, public], vec![reads(1, 1, 1, 1), reads(1, 2, 1, 1)], vec![]), &person(1), NOW);
    assert_eq!((names(&plan).len(), plan.not_secret), (2, 0));
}

#[test]
fn a_deleted_secret_waits_and_a_pending_version_counts() {
    let mut deleted = secret(1, &[1]);
    deleted.head.versions[0].state = VersionState::Deleted;
    let mut rotating = secret(2, &[2, 3]);
    rotating.head.labels = Labels::from_iter([(Label::active(), version(1)), ("pending".parse().unwrap(), version(2))]);
    let read = vec![reads(1, 1, 1, 1), reads(1, 2, 2, 1), reads(1, 9, 1, 1)];
    let plan = plan(&facts(vec![deleted, rotating], read, vec![]), &person(1), NOW);
    assert_eq!(plan.rotate.iter().map(|line| line.subject.version).collect::<Vec<_>>(), [version(2)]);
    let fates: Vec<(Option<String>, Fate)> = plan.past.iter().map(|past| (past.name.clone(), past.fate)).collect();
    assert_eq!(fates, [(None, Fate::Gone), (Some("shop/staging/NAME_1".into()), Fate::Deleted)]);
}

#[test]
fn rights_reach_what_was_there_before_they_ended() {
    let group = || Through::Group("backend".into());
    let reach = |to, through, until| Reach { to, through, since: ago(400), until };
    // Version 1 is 299 days old, version 2 is 298.
    let facts = Facts {
        reaches: vec![
            reach(Part::Environment(place(1).environment), group(), Some(ago(298))),
            reach(Part::Secret(place(2).secret), Through::Own, None),
        ],
        ..facts(
            vec![secret(1, &[1]), secret(2, &[2]), secret(4, &[4, 5]), secret(5, &[1])],
            vec![reads(1, 2, 1, 1)],
            vec![],
        )
    };
    let plan = plan(&facts, &person(1), NOW);
    let reachable: Vec<(String, Vec<Through>)> = plan
        .reachable
        .iter()
        .map(|line| (line.subject.name.to_string(), line.through.iter().cloned().collect()))
        .collect();
    // NAME_4 was replaced the moment that the right ended; NAME_5 has the value of NAME_1.
    assert_eq!(reachable, [("NAME_5".to_owned(), vec![group()]), ("NAME_1".to_owned(), vec![group()])]);
}

#[test]
fn tokens_end_with_their_owner_and_known_ones_of_services_are_replaced() {
    let credential = |id: &str, owner: PrincipalId, made_by: u8, used: Option<i64>| Credential {
        id: id.into(),
        sort: CredentialSort::Token,
        name: id.into(),
        owner,
        made_by: person(made_by),
        created_at: ago(100),
        last_used: used.map(ago),
        expires_at: None,
        revoked_at: None,
    };
    let ci: PrincipalId = "service:ci".parse().unwrap();
    let facts = Facts {
        credentials: vec![
            credential("idle", person(1), 1, Some(60)),
            credential("busy", person(1), 2, Some(1)),
            credential("ci", ci.clone(), 1, Some(2)),
            credential("foreign", ci, 2, Some(1)),
            Credential { revoked_at: Some(ago(1)), ..credential("dead", person(1), 1, Some(1)) },
            Credential { expires_at: Some(NOW), ..credential("over", person(1), 1, Some(1)) },
        ],
        ..Facts::default()
    };
    let plan = plan(&facts, &person(1), NOW);
    let fates: Vec<(&str, CredentialFate)> =
        plan.credentials.iter().map(|line| (line.credential.id.as_str(), line.fate)).collect();
    let expected =
        [("busy", CredentialFate::DiesInUse), ("ci", CredentialFate::Replace), ("idle", CredentialFate::Dies)];
    assert_eq!(fates, expected);
    let items = worklist(&plan, &[]);
    assert_eq!(items.iter().map(|item| item.task.name.as_str()).collect::<Vec<_>>(), ["ci"]);
}

/// Secrets with up to five versions of few values, so that many are equal, and rows of two people.
fn arbitrary() -> impl Strategy<Value = Facts> {
    let one = (proptest::collection::vec(0u8..12, 1..6), 0usize..6, 0u8..8);
    let secrets = proptest::collection::vec(one, 1..20);
    let row = (0u8..24, 1u64..6, 0u8..2, 0u8..6);
    (secrets, proptest::collection::vec(row, 0..60)).prop_map(|(secrets, rows)| {
        let secrets: Vec<Stored> = (0u8..)
            .zip(secrets)
            .map(|(n, (values, active, twist))| {
                let mut stored = secret(n, &values);
                let active = version((active % values.len()) as u64 + 1);
                stored.head.labels.insert(Label::active(), active);
                match twist {
                    0 => stored.head.kind = Kind::Config,
                    1 => stored.head.versions.iter_mut().for_each(|one| one.state = VersionState::Deleted),
                    2 => stored.head.versions[0].state = VersionState::Destroyed,
                    3 => stored.head.versions[0].created_by = person(1),
                    _ => {}
                }
                stored
            })
            .collect();
        let (mut read, mut held) = (Vec::new(), Vec::new());
        for (secret, number, who, kind) in rows {
            match kind {
                0 => held.push(holding(who, secret, number, HoldingKind::Export)),
                1 => held.push(holding(who, secret, number, HoldingKind::Gateway)),
                _ => read.push(reads(who, secret, number, u64::from(kind))),
            }
        }
        facts(secrets, read, held)
    })
}

proptest! {
    #[test]
    fn no_read_is_passed_over(facts in arbitrary()) {
        let leaver = person(1);
        let plan = plan(&facts, &leaver, NOW);
        let rotate: HashSet<(SecretId, Version)> =
            plan.rotate.iter().map(|line| (line.subject.place.secret, line.subject.version)).collect();
        let past: HashSet<(SecretId, Version)> =
            plan.past.iter().map(|past| (past.place.secret, past.version)).collect();
        prop_assert_eq!(rotate.len(), plan.rotate.len(), "no line twice");
        let secrets: HashMap<SecretId, &Stored> =
            facts.footprint.secrets.iter().map(|stored| (stored.head.place.secret, stored)).collect();
        let read = facts.footprint.reads.iter().filter(|row| row.principal == leaver).map(|row| (row.place.secret, row.version));
        let held = facts.footprint.holdings.iter()
            .filter(|row| row.principal == leaver && row.kind != HoldingKind::Gateway)
            .map(|row| (row.place.secret, row.version));
        for (secret, number) in read.chain(held) {
            let Some(stored) = secrets.get(&secret) else {
                prop_assert!(past.contains(&(secret, number)), "a secret that is gone");
                continue;
            };
            if !stored.head.kind.is_secret() {
                prop_assert!(plan.not_secret > 0);
                continue;
            }
            let Some(met) = stored.head.version(number) else {
                prop_assert!(past.contains(&(secret, number)), "a version that nobody knows of");
                continue;
            };
            // Wherever the value is in use, there is a line; and here there is one or the other.
            let mut here = past.contains(&(secret, number));
            for other in &facts.footprint.secrets {
                let Some(active) = other.head.active().filter(|_| other.head.kind.is_secret()) else { continue };
                if active.fingerprint == met.fingerprint {
                    let line = (other.head.place.secret, active.version);
                    prop_assert!(rotate.contains(&line), "{:?}", line);
                    here |= line.0 == secret;
                }
            }
            prop_assert!(here);
        }
    }

    #[test]
    fn what_was_worked_off_stays(facts in arbitrary(), later in arbitrary(), settled in proptest::collection::vec(0u8..3, 40)) {
        let leaver = person(1);
        let at = NOW;
        let before = worklist(&plan(&facts, &leaver, NOW), &[]);
        let recorded: Vec<Task> = before.iter().zip(settled).map(|(item, how)| {
            let by = person(2);
            let state = match how {
                0 => TaskState::Todo,
                1 => TaskState::Done { by, at },
                _ => TaskState::Dismissed { by, at, reason: "it was a test key".into() },
            };
            Task { state, ..item.task.clone() }
        }).collect();
        let plan = plan(&later, &leaver, NOW.plus_days(30));
        let after = worklist(&plan, &recorded);
        let about: HashSet<&TaskAbout> = after.iter().map(|item| &item.task.about).collect();
        prop_assert_eq!(about.len(), after.len(), "no task twice");
        for task in &recorded {
            let item = after.iter().find(|item| item.task.about == task.about);
            prop_assert_eq!(item.map(|item| &item.task.state), Some(&task.state));
        }
        for line in &plan.rotate {
            let known = TaskAbout::Known { secret: line.subject.place.secret, version: line.subject.version };
            let item = after.iter().find(|item| item.task.about == known);
            prop_assert!(item.is_some_and(|item| !item.overtaken));
        }
    }
}
