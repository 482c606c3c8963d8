//! What one decision costs (goal: 30 µs of a core): medians of batches, and
//! the fastest batch, which nothing else on the machine disturbed; for a read of one secret by somebody
//! with one role, with many roles and groups, and with own policies beside the roles.
#![allow(clippy::print_stdout, reason = "a bench reports on standard output")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use keyward_access::{
    Caller, Facts, Object, Policies, PolicyRecord, Protected, Role, RoleBinding, SecretFacts, Standing, Subject,
    authorize,
};
use keyward_types::{
    BindingId, EnvironmentId, EnvironmentName, GroupId, Kind, Operation, Place, PrincipalId, ProjectId, ProjectName,
    Read, SecretId, SecretName, Timestamp, VaultId,
};

struct Secret {
    project: ProjectName,
    environment: EnvironmentName,
    name: SecretName,
    tags: Vec<String>,
    place: Place,
}

impl Protected for Secret {
    fn object(&self) -> Object {
        Object::Secret(self.place, None)
    }

    fn facts(&self) -> Facts<'_> {
        let secret = SecretFacts { name: &self.name, kind: Some(Kind::ApiKey), tags: &self.tags };
        Facts::secret(&self.project, &self.environment, secret)
    }
}

fn secret() -> Secret {
    Secret {
        project: "shop".parse().expect("a name"),
        environment: "development".parse().expect("a name"),
        name: "payments/STRIPE_API_KEY".parse().expect("a name"),
        tags: vec!["pci".into(), "billing".into()],
        place: Place {
            vault: VaultId::from_bytes([1; 16]),
            project: ProjectId::from_bytes([2; 16]),
            environment: EnvironmentId::from_bytes([3; 16]),
            secret: SecretId::from_bytes([4; 16]),
        },
    }
}

fn caller(roles: &[Role], groups: u8, own: usize) -> Caller {
    let principal: PrincipalId = "user:abcdefghijklmnopqrstuvwxyz".parse().expect("a principal");
    let binding = |(i, role): (usize, &Role)| RoleBinding {
        id: BindingId::from_bytes([i as u8; 16]),
        subject: Subject::Principal(principal.clone()),
        role: *role,
        project: None,
        environment: None,
        until: None,
        granted_by: principal.clone(),
        created_at: Timestamp(0),
    };
    let policy = |i: usize| PolicyRecord {
        name: format!("own-{i}").parse().expect("a login"),
        text: format!(
            r#"forbid (principal, action == Action::"read", resource)
            when {{ resource.tags.contains("tag-{i}") && !principal.groups.contains("group-{i}") }};"#
        ),
        enabled: true,
        changed_at: Timestamp(0),
        changed_by: principal.clone(),
    };
    let own: Vec<PolicyRecord> = (0..own).map(policy).collect();
    let group = |i| (GroupId::from_bytes([i; 16]), format!("team-{i}").parse().expect("a login"));
    let standing = Standing::new(
        principal.clone(),
        Some("ada@example.com".parse().expect("a login")),
        (0..groups).map(group).collect(),
        roles.iter().enumerate().map(binding).collect(),
        Policies::with(&own).expect("good policies"),
    );
    Caller::member(Arc::new(standing), Timestamp(1))
}

fn main() {
    let secret = secret();
    let cases = [
        ("one role", caller(&[Role::Developer], 0, 0)),
        ("three roles, five groups", caller(&[Role::Developer, Role::Operator, Role::Ci], 5, 0)),
        ("and twenty own policies", caller(&[Role::Developer, Role::Operator, Role::Ci], 5, 20)),
    ];
    println!("bench-table-begin");
    println!(
        "| a read of one secret, by somebody with | how | µs a decision | undisturbed |\n| --- | --- | --- | --- |"
    );
    for (name, caller) in cases {
        assert!(authorize::<Read>(&caller, &secret).is_ok());
        report(name, "made anew", || caller.explain(Operation::Read, &secret).is_some_and(|verdict| verdict.allowed));
        report(name, "remembered", || authorize::<Read>(&caller, &secret).is_ok());
    }
    println!("bench-table-end");
}

fn report(name: &str, how: &str, decide: impl Fn() -> bool) {
    let batch = 1000;
    let mut times: Vec<f64> = (0..31)
        .map(|_| {
            let started = Instant::now();
            for _ in 0..batch {
                black_box(decide());
            }
            started.elapsed().as_secs_f64() * 1e6 / f64::from(batch)
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("| {name} | {how} | {:.2} | {:.2} |", times[times.len() / 2], times[0]);
}
