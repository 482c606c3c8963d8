//! Every role × operation × object × environment × reach of the binding, against a small model
//! that knows nothing of Cedar.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use std::sync::Arc;

use keyward_access::{
    AccountFacts, Caller, Facts, Object, Policies, PolicyRecord, Protected, Role, RoleBinding, SecretFacts, Standing,
    Subject, authorize,
};
use keyward_types::{
    Administer, BindingId, EnvironmentId, EnvironmentName, GroupId, Kind, List, Match, Operation, Place, PrincipalId,
    ProjectId, ProjectName, Read, SecretId, SecretName, Sign, Timestamp, Use, VaultId, Write,
};

const VAULT: VaultId = VaultId::from_bytes([1; 16]);
const NOW: Timestamp = Timestamp(1_000);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Sort {
    Vault,
    Project,
    Environment,
    Secret,
    NewSecret,
    OwnAccount,
    OthersAccount,
}

/// Something to ask about.
struct Thing {
    sort: Sort,
    project: ProjectName,
    environment: EnvironmentName,
    name: SecretName,
    tags: Vec<String>,
    whose: PrincipalId,
}

impl Protected for Thing {
    fn object(&self) -> Object {
        let (project, environment) = (project_id(self.project.as_str()), environment_id(self.environment.as_str()));
        match self.sort {
            Sort::Vault => Object::Vault(VAULT),
            Sort::Project => Object::Project(VAULT, project),
            Sort::Environment | Sort::NewSecret => Object::Environment(VAULT, project, environment),
            Sort::Secret => {
                let secret = SecretId::from_bytes([9; 16]);
                Object::Secret(Place { vault: VAULT, project, environment, secret }, None)
            }
            Sort::OwnAccount | Sort::OthersAccount => Object::Account(VAULT),
        }
    }

    fn facts(&self) -> Facts<'_> {
        match self.sort {
            Sort::Vault => Facts::default(),
            Sort::Project => Facts::project(&self.project),
            Sort::Environment => Facts::environment(&self.project, &self.environment),
            Sort::Secret | Sort::NewSecret => {
                let secret = SecretFacts { name: &self.name, kind: Some(Kind::ApiKey), tags: &self.tags };
                Facts::secret(&self.project, &self.environment, secret)
            }
            Sort::OwnAccount | Sort::OthersAccount => {
                Facts { account: Some(AccountFacts { principal: &self.whose, owner: None }), ..Facts::default() }
            }
        }
    }
}

/// Ids that differ for names that differ, however alike they look.
fn project_id(name: &str) -> ProjectId {
    ProjectId::from_bytes(bytes(name))
}

fn environment_id(name: &str) -> EnvironmentId {
    EnvironmentId::from_bytes(bytes(name))
}

fn bytes(name: &str) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..name.len().min(16)].copy_from_slice(&name.as_bytes()[..name.len().min(16)]);
    bytes
}

fn thing(sort: Sort, project: &str, environment: &str) -> Thing {
    let whose = if sort == Sort::OwnAccount { "user:ada" } else { "user:bob" };
    Thing {
        sort,
        project: project.parse().unwrap(),
        environment: environment.parse().unwrap(),
        name: "payments/KEY".parse().unwrap(),
        tags: vec![],
        whose: whose.parse().unwrap(),
    }
}

fn binding(role: Role, project: Option<&str>, environment: Option<&str>) -> RoleBinding {
    RoleBinding {
        id: BindingId::from_bytes([1; 16]),
        subject: Subject::Principal("user:ada".parse().unwrap()),
        role,
        project: project.map(project_id),
        environment: environment.map(environment_id),
        until: None,
        granted_by: "user:owner".parse().unwrap(),
        created_at: Timestamp(0),
    }
}

fn standing(bindings: Vec<RoleBinding>, own: &[(&str, &str)]) -> Standing {
    let own: Vec<PolicyRecord> = own
        .iter()
        .map(|(name, text)| PolicyRecord {
            name: name.parse().unwrap(),
            text: (*text).into(),
            enabled: true,
            changed_at: Timestamp(0),
            changed_by: "user:owner".parse().unwrap(),
        })
        .collect();
    Standing::new(
        "user:ada".parse().unwrap(),
        Some("ada".parse().unwrap()),
        vec![(GroupId::from_bytes([7; 16]), "backend".parse().unwrap())],
        bindings,
        Policies::with(&own).unwrap(),
    )
}

fn ada(bindings: Vec<RoleBinding>, own: &[(&str, &str)]) -> Caller {
    Caller::member(Arc::new(standing(bindings, own)), NOW)
}

fn may(caller: &Caller, operation: Operation, about: &Thing) -> bool {
    match operation {
        Operation::Read => authorize::<Read>(caller, about).is_ok(),
        Operation::Use => authorize::<Use>(caller, about).is_ok(),
        Operation::Sign => authorize::<Sign>(caller, about).is_ok(),
        Operation::Match => authorize::<Match>(caller, about).is_ok(),
        Operation::Write => authorize::<Write>(caller, about).is_ok(),
        Operation::Administer => authorize::<Administer>(caller, about).is_ok(),
        Operation::List => authorize::<List>(caller, about).is_ok(),
    }
}

/// What the roles are meant to allow, without a word of Cedar.
fn expected(role: Role, operation: Operation, sort: Sort, environment: &str) -> bool {
    use Operation::{List, Match, Read, Sign, Use, Write};
    let secret = matches!(sort, Sort::Secret | Sort::NewSecret);
    let strict = !["development", "dev", "test", "staging", "stage"].contains(&environment);
    let loose = ["development", "dev", "test"].contains(&environment);
    match (role, operation) {
        (Role::Owner | Role::Admin, _) => true,
        (Role::Developer, List) => sort != Sort::Vault,
        (Role::Developer, Read | Use | Sign) => secret && !strict,
        (Role::Developer, Write) => secret && loose,
        (Role::Developer, Match) => sort == Sort::Environment && !strict,
        (Role::Operator, List) => sort != Sort::Vault,
        (Role::Operator, Use | Sign | Write) => secret,
        (Role::Auditor, List) => true,
        (Role::Ci, Read) => secret,
        (Role::Ci, List) => secret || sort == Sort::Environment,
        (Role::Ci, Match) => sort != Sort::Vault,
        (Role::Emergency, Read | Use) => secret,
        (Role::Emergency, List) => sort != Sort::Vault,
        _ => false,
    }
}

/// Which operations exist for which things; others are never asked about.
fn exists(operation: Operation, sort: Sort) -> bool {
    use Operation::{Administer, List, Match, Read, Sign, Use, Write};
    match operation {
        Read | Use | Sign | Write => matches!(sort, Sort::Secret | Sort::NewSecret),
        Match => matches!(sort, Sort::Vault | Sort::Project | Sort::Environment),
        List => !matches!(sort, Sort::OwnAccount | Sort::OthersAccount),
        Administer => !matches!(sort, Sort::Secret | Sort::NewSecret),
    }
}

#[test]
fn cedar_agrees_with_the_model_on_every_combination() {
    use Sort::{Environment, NewSecret, OthersAccount, OwnAccount, Project, Secret, Vault};
    let roles = [Role::GRANTABLE.as_slice(), &[Role::Emergency]].concat();
    // Look-alikes of development and staging are as strict as production.
    let environments = ["development", "staging", "production", "Development", "dev.", "prod", "qa", "STAGING"];
    let (mut asked, mut allowed) = (0, 0);
    for role in roles {
        for (project, environment) in [
            (None, None),
            (Some("shop"), None),
            (Some("shop"), Some("development")),
            (Some("shop"), Some("production")),
        ] {
            let caller = ada(vec![binding(role, project, environment)], &[]);
            for sort in [Vault, Project, Environment, Secret, NewSecret, OwnAccount, OthersAccount] {
                for in_project in ["shop", "Shop", "blog"] {
                    for in_environment in environments {
                        let about = thing(sort, in_project, in_environment);
                        let reached = match sort {
                            Vault | OwnAccount | OthersAccount => project.is_none(),
                            Project => project.is_none_or(|p| p == in_project) && environment.is_none(),
                            _ => {
                                project.is_none_or(|p| p == in_project)
                                    && environment.is_none_or(|e| e == in_environment)
                            }
                        };
                        for operation in Operation::ALL.into_iter().filter(|operation| exists(*operation, sort)) {
                            let wanted =
                                (sort == OwnAccount) || reached && expected(role, operation, sort, in_environment);
                            let got = may(&caller, operation, &about);
                            let binding = (role, project, environment);
                            assert_eq!(got, wanted, "{binding:?} {operation:?} {sort:?} {in_project}/{in_environment}");
                            asked += 1;
                            allowed += u32::from(got);
                        }
                    }
                }
            }
        }
    }
    assert!(asked > 9_000 && allowed > 1_000 && allowed < asked / 2, "{allowed} of {asked}");
}

#[test]
fn nobody_without_a_binding_may_do_anything() {
    let caller = ada(vec![], &[]);
    for operation in [Operation::Read, Operation::List, Operation::Write, Operation::Administer] {
        for sort in [Sort::Vault, Sort::Project, Sort::Environment, Sort::Secret, Sort::NewSecret] {
            assert!(!may(&caller, operation, &thing(sort, "shop", "development")));
        }
    }
}

#[test]
fn a_binding_ends_on_its_moment() {
    let until = |until| RoleBinding { until: Some(Timestamp(until)), ..binding(Role::Owner, None, None) };
    let about = thing(Sort::Secret, "shop", "production");
    assert!(may(&ada(vec![until(NOW.0 + 1)], &[]), Operation::Read, &about));
    assert!(!may(&ada(vec![until(NOW.0)], &[]), Operation::Read, &about));
}

#[test]
fn what_one_of_your_own_policies_forbids_is_forbidden_whatever_the_roles_say() {
    let forbid =
        r#"forbid (principal, action == Action::"read", resource) when { resource.tags.contains("payroll") };"#;
    let permit = "permit (principal, action, resource);";
    let caller = ada(vec![binding(Role::Owner, None, None)], &[("no-payroll", forbid), ("all", permit)]);
    let mut about = thing(Sort::Secret, "shop", "production");
    assert!(may(&caller, Operation::Read, &about));
    about.tags = vec!["payroll".into()];
    assert!(!may(&caller, Operation::Read, &about));
    assert!(may(&caller, Operation::List, &about));
    let verdict = caller.explain(Operation::Read, &about).unwrap();
    assert!(!verdict.allowed);
    let deciding: Vec<(&str, bool)> = verdict.deciding.iter().map(|one| (one.name.as_str(), one.forbids)).collect();
    assert_eq!(deciding, [("no-payroll", true)]);
}

#[test]
fn the_deciding_role_is_named() {
    let caller = ada(vec![binding(Role::Developer, Some("shop"), None)], &[]);
    let verdict = caller.explain(Operation::Read, &thing(Sort::Secret, "shop", "staging")).unwrap();
    assert!(verdict.allowed && verdict.deciding[0].of_role);
    assert_eq!(verdict.deciding[0].name, "developer-values");
    let verdict = caller.explain(Operation::Read, &thing(Sort::Secret, "shop", "production")).unwrap();
    assert!(!verdict.allowed && verdict.deciding.is_empty());
}

#[test]
fn names_are_compared_as_they_stand() {
    let own = r#"permit (principal, action == Action::"read", resource)
        when { resource.project == "shop" && resource.name == "payments/KEY" };"#;
    let caller = ada(vec![], &[("one", own)]);
    let about =
        |project: &str, name: &str| Thing { name: name.parse().unwrap(), ..thing(Sort::Secret, project, "production") };
    assert!(may(&caller, Operation::Read, &about("shop", "payments/KEY")));
    for (project, name) in
        [("Shop", "payments/KEY"), ("shop", "Payments/KEY"), ("shop", "payments/key"), ("shop", "payments/KEY/x")]
    {
        assert!(!may(&caller, Operation::Read, &about(project, name)), "{project} {name}");
    }
}

#[test]
fn a_name_cannot_become_a_pattern() {
    // Lesson: policy templates took `/ * + ,` from names. Here a name is data in a comparison; even
    // a tag or a login that looks like a pattern or like Cedar matches itself alone.
    let own =
        r#"permit (principal, action == Action::"read", resource) when { resource.tags.contains(principal.login) };"#;
    let caller = ada(vec![], &[("mine", own)]);
    let tagged = |tag: &str| Thing { tags: vec![tag.into()], ..thing(Sort::Secret, "shop", "production") };
    assert!(may(&caller, Operation::Read, &tagged("ada")));
    for tag in ["*", "a*", "ada,bob", "ADA", "ada\"", "\" || true || \"", "principal.login"] {
        assert!(!may(&caller, Operation::Read, &tagged(tag)), "{tag}");
    }
    for login in ["a*", "a/b", "a+b", "a,b", "a\"b"] {
        assert!(login.parse::<keyward_access::Login>().is_err());
    }
}

#[test]
fn a_new_name_is_judged_like_the_secret_it_will_be() {
    let own = r#"forbid (principal, action == Action::"write", resource) when { resource.name like "root/*" };"#;
    let caller = ada(vec![binding(Role::Owner, None, None)], &[("no-root", own)]);
    let new = |name: &str| Thing { name: name.parse().unwrap(), ..thing(Sort::NewSecret, "shop", "development") };
    assert!(may(&caller, Operation::Write, &new("payments/KEY")));
    assert!(!may(&caller, Operation::Write, &new("root/KEY")));
}

#[test]
fn without_names_a_member_is_denied() {
    let caller = ada(vec![binding(Role::Owner, None, None)], &[]);
    let place = Place {
        vault: VAULT,
        project: project_id("shop"),
        environment: environment_id("development"),
        secret: SecretId::from_bytes([9; 16]),
    };
    assert!(authorize::<Read>(&caller, &Object::Secret(place, None)).is_err());
    assert!(authorize::<List>(&caller, &Object::Project(VAULT, project_id("shop"))).is_err());
    assert!(authorize::<List>(&caller, &Object::Vault(VAULT)).is_ok());
}

#[test]
fn nobody_gives_what_he_does_not_have() {
    let admin = ada(vec![binding(Role::Admin, Some("shop"), None)], &[]);
    let (shop, blog) = (Some(project_id("shop")), Some(project_id("blog")));
    assert!(admin.gives(Role::Developer, shop, None));
    assert!(admin.gives(Role::Admin, shop, Some(environment_id("development"))));
    assert!(!admin.gives(Role::Owner, shop, None), "an admin makes no owners");
    assert!(!admin.gives(Role::Developer, blog, None));
    assert!(!admin.gives(Role::Developer, None, None));
    assert!(!admin.gives(Role::Emergency, shop, None));
    let narrowed = admin.restricted(keyward_access::Restriction { read_only: true, ..Default::default() });
    assert!(!narrowed.gives(Role::Developer, shop, None), "a token gives nothing away");
}

/// What is remembered of one question must not answer another: secrets differ by name and tag,
/// environments and accounts by name, and each is asked about twice, in both orders.
#[test]
fn a_remembered_decision_is_the_one_that_would_be_made() {
    let own = [
        (
            "names",
            r#"forbid (principal, action == Action::"read", resource) when { resource.name == "payments/OTHER" };"#,
        ),
        ("tags", r#"forbid (principal, action, resource is Secret) when { resource.tags.contains("pci") };"#),
    ];
    for own in [&own[..], &own[..1], &[]] {
        for role in Role::GRANTABLE {
            let caller = ada(vec![binding(role, None, None)], own);
            let mut things = Vec::new();
            for sort in [Sort::Vault, Sort::Environment, Sort::Secret, Sort::NewSecret, Sort::OwnAccount] {
                for environment in ["development", "staging", "production"] {
                    things.push(thing(sort, "shop", environment));
                    things.push(Thing { name: "payments/OTHER".parse().unwrap(), ..thing(sort, "shop", environment) });
                    things.push(Thing { tags: vec!["pci".into()], ..thing(sort, "shop", environment) });
                }
            }
            things.push(thing(Sort::OthersAccount, "shop", "production"));
            for thing in things.iter().chain(things.iter().rev()) {
                for operation in Operation::ALL.iter().copied().filter(|operation| exists(*operation, thing.sort)) {
                    let verdict = caller.explain(operation, thing).unwrap();
                    let asked = format!("{role} {operation:?} {:?} {} {:?}", thing.sort, thing.name, thing.tags);
                    assert_eq!(may(&caller, operation, thing), verdict.allowed, "{asked}");
                }
            }
        }
    }
}
