//! A walk through every call that each form carries out, and what it was answered, without what
//! differs from vault to vault: ids, moments, tags.

use keyward_client::{
    AlertWay, Bytes, Confirmed, Decision, Desk, DraftInfo, EditInfo, ElevationAsk, Failure, FindingReport,
    FindingState, GrantInfo, Grantee, IdentityProviderInfo, KeyRulesInfo, KeySecretInfo, MadeAlertSink, MadeVirtualKey,
    NewAlertSinkInfo, NewChildKeyInfo, NewIdentityProviderInfo, NewSecret, NewTokenInfo, NewTrustInfo,
    NewVirtualKeyInfo, Purpose, QuestionInfo, Result, Role, RotateAsk, ScheduleAbout, ScheduleInfo, ScheduleRule,
    Selection, ServiceAsk, Settlement, TaskName, TrustInfo, VirtualKeyInfo, Where, Wish, bits, examine,
};
use keyward_types::{Fingerprint, Kind, Operation, Timestamp, Version};
use serde::Serialize;
use serde_json::Value;

/// What was answered, a line a call.
pub(crate) fn all(desk: &dyn Desk) -> Vec<String> {
    let mut told = Vec::new();
    projects(desk, &mut told);
    values(desk, &mut told);
    versions(desk, &mut told);
    rotations(desk, &mut told);
    matching(desk, &mut told);
    people(desk, &mut told);
    policies(desk, &mut told);
    tokens(desk, &mut told);
    virtual_keys(desk, &mut told);
    elevations(desk, &mut told);
    team(desk, &mut told);
    alerts(desk, &mut told);
    vouched(desk, &mut told);
    ends(desk, &mut told);
    told
}

fn tell<T: Serialize>(told: &mut Vec<String>, call: &str, answer: Result<T>) {
    let line = match answer {
        Ok(answer) => {
            let mut answer = serde_json::to_value(answer).unwrap();
            without_accidents(&mut answer);
            answer.to_string()
        }
        Err(failure) => format!("{:?} {:?}", failure, failure.code.exit()),
    };
    told.push(format!("{call}: {line}"));
}

/// Takes away what no two vaults have in common, and the order of lists by such.
fn without_accidents(value: &mut Value) {
    const ACCIDENTS: [&str; 32] = [
        "at",
        "set_at",
        "set_by",
        "begun_at",
        "begun_by",
        "due",
        "written_at",
        "id",
        "principal",
        "started_at",
        "deadline",
        "next_due",
        "vault",
        "incarnation",
        "created_at",
        "created_by",
        "tag",
        "same",
        "written",
        "since",
        "first",
        "last",
        "holding",
        "first_seen",
        "last_seen",
        "resolved_at",
        "resolved_by",
        "reported_by",
        "changed_at",
        "until",
        "last_used",
        "number",
    ];
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !ACCIDENTS.contains(&name.as_str()));
            for name in ["disabled_at", "revoked_at", "closed_at"] {
                if let Some(field) = fields.get_mut(name).filter(|field| !field.is_null()) {
                    *field = Value::String("some time".into());
                }
            }
            // An id where whoever acts has no login.
            for name in ["granted_by", "changed_by", "decided_by", "started_by", "answered_by", "account", "owner"] {
                if let Some(Value::String(text)) = fields.get_mut(name)
                    && text.starts_with("user:")
                {
                    *text = "user:…".into();
                }
            }
            fields.values_mut().for_each(without_accidents);
        }
        Value::Array(items) => {
            items.iter_mut().for_each(without_accidents);
            items.sort_by_key(ToString::to_string);
        }
        _ => {}
    }
}

fn at(environment: &str) -> Where {
    Where { project: "shop".parse().unwrap(), environment: environment.parse().unwrap() }
}

fn secret(name: &str, value: &[u8], edit: EditInfo) -> NewSecret {
    examine(name.parse().unwrap(), Bytes::new(value.to_vec()), edit).secret
}

fn rotations(desk: &dyn Desk, told: &mut Vec<String>) {
    let name = || "OF_OUR_OWN".parse().unwrap();
    let missing = || "NOT_THERE".parse().unwrap();
    let (made, generated) =
        (RotateAsk::default, || RotateAsk { generate: Some("password".into()), ..RotateAsk::default() });
    let edit = EditInfo { kind: Some(Kind::Password), ..EditInfo::default() };
    tell(
        told,
        "a password of one's own",
        desk.write(at("development"), vec![secret("OF_OUR_OWN", b"Zq8kLkd93jfKdk2mVx7", edit)]),
    );
    tell(told, "nobody says who makes it", desk.rotate(at("development"), name(), made()));
    tell(told, "a preview", desk.rotation_preview(at("development"), name(), generated()));
    tell(told, "never rotated", desk.rotation(at("development"), name()));
    tell(told, "rotated", desk.rotate(at("development"), name(), generated()));
    tell(told, "rotated as before", desk.rotate(at("development"), name(), RotateAsk { emergency: true, ..made() }));
    tell(
        told,
        "no such form",
        desk.rotate(at("development"), name(), RotateAsk { generate: Some("x".into()), ..made() }),
    );
    tell(told, "no such secret", desk.rotate(at("development"), missing(), made()));
    tell(told, "rotations under way", desk.rotations(at("development"), false));
    tell(told, "every rotation", desk.rotations(at("development"), true));
    tell(told, "the last rotation", desk.rotation(at("development"), name()));
    let key = || "OF_A_SERVICE".parse().unwrap();
    let edit = EditInfo { kind: Some(Kind::ApiKey), provider: Some(Some("openai".into())), ..EditInfo::default() };
    let value = format!("{}{}", "of-a-service-", "x".repeat(24));
    tell(told, "a service's key", desk.write(at("development"), vec![secret("OF_A_SERVICE", value.as_bytes(), edit)]));
    tell(told, "nothing is said of its account", desk.rotate(at("development"), key(), made()));
    let parts = [("project", "proj_1;=&"), ("service_account", "svc 1")];
    let account = parts.map(|(name, value)| (name.to_owned(), value.replace(';', ""))).into();
    let service = ServiceAsk { account, admin: Some(missing()) };
    let asked = RotateAsk { service: Some(service), ..made() };
    tell(told, "what manages it is not there", desk.rotate(at("development"), key(), asked.clone()));
    let itself = ServiceAsk { admin: Some(key()), ..asked.service.clone().unwrap() };
    let asked = RotateAsk { service: Some(itself), ..made() };
    tell(told, "it manages itself", desk.rotation_preview(at("development"), key(), asked.clone()));
    tell(told, "revoked by itself", desk.rotate(at("development"), key(), RotateAsk { revoke: true, ..asked }));
    let revoked = RotateAsk { revoke: true, version: Version::new(1).ok(), ..made() };
    tell(told, "nobody can end it", desk.rotate(at("development"), name(), revoked));
    tell(told, "nothing was allowed", desk.kill_first(at("development"), key()));
    tell(told, "allowed beforehand", desk.allow_kill_first(at("development"), key(), true));
    tell(told, "it is known", desk.kill_first(at("development"), key()));
    tell(told, "taken back", desk.allow_kill_first(at("development"), key(), false));
    tell(told, "of no secret", desk.allow_kill_first(at("development"), missing(), true));
    tell(told, "nothing is awaited", desk.bring_rotation(at("development"), name(), Bytes::new(b"a-value".to_vec())));
    tell(told, "undone too late", desk.decide_rotation(at("development"), name(), Wish::Abort));
    tell(told, "targets", desk.targets(at("development")));
    tell(told, "drift", desk.target_drift(at("development")));
    tell(told, "no such target", desk.remove_target(at("development"), name(), "web".parse().unwrap()));
    let rule = || ScheduleRule { every_days: Some(30), acts: true, ..ScheduleRule::default() };
    let one = || ScheduleAbout { secret: Some(name()), kind: None };
    // When and by whom it was set is of each desk.
    let rules = |rule: ScheduleInfo| (rule.secret, rule.kind, rule.told);
    tell(told, "a rule", desk.set_schedule(at("development"), one(), rule()).map(rules));
    let odd = ScheduleRule { zone: Some("Mars/Base".into()), ..rule() };
    tell(told, "a rule that cannot be", desk.set_schedule(at("development"), one(), odd).map(rules));
    let listed = |all: Vec<ScheduleInfo>| all.into_iter().map(rules).collect::<Vec<_>>();
    tell(told, "rules", desk.schedules(at("development")).map(listed));
    tell(told, "what is due", desk.calendar(at("development")));
    tell(told, "a rule is gone", desk.clear_schedule(at("development"), one()).map(rules));
    tell(told, "no such rule", desk.clear_schedule(at("development"), ScheduleAbout::default()).map(rules));
    // What is made at random is of another strength each time.
    tell(told, "the password is gone", desk.delete(at("development"), name()).map(|gone| gone.name));
}

fn projects(desk: &dyn Desk, told: &mut Vec<String>) {
    let environments = || vec!["development".parse().unwrap(), "production".parse().unwrap()];
    tell(told, "create", desk.create_project("shop".parse().unwrap(), environments()));
    tell(told, "create again", desk.create_project("shop".parse().unwrap(), environments()));
    tell(told, "create other", desk.create_project("other".parse().unwrap(), environments()));
    tell(told, "rename", desk.rename_project("other".parse().unwrap(), "blog".parse().unwrap()));
    tell(told, "rename nothing", desk.rename_project("nothing".parse().unwrap(), "x".parse().unwrap()));
    tell(told, "rename onto", desk.rename_project("blog".parse().unwrap(), "shop".parse().unwrap()));
    let limit = |name: &str, networks: &[&str], force| {
        let networks = networks.iter().map(|network| network.parse().unwrap()).collect();
        desk.limit_project(name.parse().unwrap(), networks, force)
    };
    tell(told, "limit", limit("blog", &["127.0.0.0/8", "::1/128"], false));
    tell(told, "limit nothing", limit("nothing", &[], false));
    tell(told, "project", desk.project("blog".parse().unwrap()));
    tell(told, "no project", desk.project("nothing".parse().unwrap()));
    tell(told, "no limit", limit("blog", &[], false));
    let add = |name: &str, parent: Option<&str>| {
        let parent = parent.map(|parent| parent.parse().unwrap());
        desk.add_environment("shop".parse().unwrap(), name.parse().unwrap(), parent)
    };
    tell(told, "environment", add("preview", Some("development")));
    tell(told, "environment again", add("preview", None));
    tell(told, "environment of nothing", add("x", Some("nothing")));
    let keep = |environment: &str, seconds| desk.keep_offline(at(environment), seconds);
    tell(told, "keep", keep("preview", Some(3600)));
    tell(told, "keep too long", keep("preview", Some(u32::MAX)));
    tell(told, "keep of nothing", keep("nothing", None));
    let used = keyward_client::OfflineUse {
        at: at("preview"),
        purpose: Purpose::Run,
        count: 2,
        first: Timestamp(1_700_000_000_000),
        last: Timestamp(1_700_000_001_000),
    };
    tell(told, "used", desk.report_offline(vec![used.clone()]));
    tell(
        told,
        "used in the wrong order",
        desk.report_offline(vec![keyward_client::OfflineUse { last: Timestamp(0), ..used }]),
    );
    tell(told, "projects", desk.projects());
    tell(told, "status", desk.status().map(|status| (status.name, status.safe_mode)));
}

fn values(desk: &dyn Desk, told: &mut Vec<String>) {
    let about = EditInfo {
        description: Some(Some("for tests".into())),
        expires_at: Some(Some(Timestamp(1_900_000_000_000))),
        rotate_every_days: Some(Some(30)),
        tags: Some(vec!["a".into(), "b".into()]),
        ..EditInfo::default()
    };
    let batch = || {
        vec![
            secret("TEXT", "ä value\nof two lines".as_bytes(), about.clone()),
            secret("BINARY", &[0, 0xff, 0x80, 10], EditInfo { as_file: Some(true), ..EditInfo::default() }),
            secret("PORT", b"8080", EditInfo::default()),
            secret("EMPTY", b"", EditInfo { kind: Some(Kind::Password), ..EditInfo::default() }),
            secret("deep/er/NAME", b"a value of some length that is long enough", EditInfo::default()),
        ]
    };
    tell(told, "write", desk.write(at("development"), batch()));
    tell(told, "write the same", desk.write(at("development"), batch()));
    tell(told, "write another", desk.write(at("development"), vec![secret("TEXT", b"two", EditInfo::default())]));
    tell(told, "write elsewhere", desk.write(at("production"), vec![secret("TEXT", b"two", EditInfo::default())]));
    tell(told, "write nowhere", desk.write(at("nowhere"), vec![secret("TEXT", b"x", EditInfo::default())]));
    let large = Bytes::new(vec![b'v'; (64 << 10) + 1]);
    let large = NewSecret { name: "LARGE".parse().unwrap(), bits: bits(b"v"), value: large, edit: EditInfo::default() };
    tell(told, "write too much", desk.write(at("development"), vec![secret("NOT", b"x", EditInfo::default()), large]));
    tell(told, "list", desk.list(at("development")));
    tell(told, "list nowhere", desk.list(at("nowhere")));
    tell(told, "lines", desk.lines(at("development")));
    tell(told, "names", desk.names(at("preview")));
    tell(told, "read all", desk.read(at("preview"), Selection::All, Purpose::Run));
    let names = |names: &[&str]| Selection::Names(names.iter().map(|name| name.parse().unwrap()).collect());
    tell(told, "read some", desk.read(at("development"), names(&["BINARY", "deep/er/NAME"]), Purpose::Export));
    tell(told, "read missing", desk.read(at("development"), names(&["TEXT", "MISSING"]), Purpose::Read));
    tell(told, "read nowhere", desk.read(at("nowhere"), names(&["TEXT"]), Purpose::Read));
    let version = |number| Selection::Version("TEXT".parse().unwrap(), Version::new(number).unwrap());
    tell(told, "read old", desk.read(at("development"), version(1), Purpose::Copy));
    tell(told, "read never", desk.read(at("development"), version(9), Purpose::Read));
    tell(told, "show", desk.show(at("development"), "TEXT".parse().unwrap()));
    tell(told, "show missing", desk.show(at("development"), "MISSING".parse().unwrap()));
    let edit = EditInfo {
        description: Some(None),
        owner: Some(Some("ada".into())),
        expires_at: Some(None),
        provider: Some(Some("stripe".into())),
        max_versions: Some(Some(5)),
        ..EditInfo::default()
    };
    tell(told, "edit", desk.edit(at("development"), "TEXT".parse().unwrap(), edit));
    tell(told, "edit missing", desk.edit(at("development"), "MISSING".parse().unwrap(), EditInfo::default()));
    let open = desk.read(at("development"), names(&["TEXT"]), Purpose::Run).unwrap();
    let holdings: Vec<String> = open.into_iter().filter_map(|one| one.holding).collect();
    assert_eq!(holdings.len(), 1);
    tell(told, "close", desk.close_holdings(holdings));
    tell(told, "close nothing", desk.close_holdings(vec!["nonsense".into()]));
}

fn versions(desk: &dyn Desk, told: &mut Vec<String>) {
    // A text that is no key: nobody is asked.
    let question = || keyward_client::KeyQuestion::default();
    tell(told, "verify", desk.verify_key(at("development"), "TEXT".parse().unwrap(), question()));
    tell(told, "verify nothing", desk.verify_key(at("development"), "MISSING".parse().unwrap(), question()));
    let text = || "TEXT".parse().unwrap();
    let version = |number| Version::new(number).unwrap();
    tell(told, "rollback", desk.rollback(at("development"), text(), version(1)));
    tell(told, "rollback to nothing", desk.rollback(at("development"), text(), version(9)));
    tell(told, "delete", desk.delete(at("development"), text()));
    tell(told, "delete again", desk.delete(at("development"), text()));
    let names = Selection::Names(vec![text()]);
    tell(told, "read deleted", desk.read(at("development"), names, Purpose::Read));
    tell(told, "lines without", desk.lines(at("development")));
    tell(told, "undelete", desk.undelete(at("development"), text()));
    tell(told, "destroy", desk.destroy(at("development"), text(), version(2)));
    let destroyed = Selection::Version(text(), version(2));
    tell(told, "read destroyed", desk.read(at("development"), destroyed, Purpose::Read));
}

fn matching(desk: &dyn Desk, told: &mut Vec<String>) {
    let candidates = ["a value of some length that is long enough", "nothing stored", "8080"];
    let candidates = candidates.map(|value| Bytes::new(value.as_bytes().to_vec())).to_vec();
    tell(told, "identify", desk.identify(candidates));
    tell(told, "identify nothing", desk.identify(Vec::new()));
    let known = desk.identify(vec![Bytes::new(b"a value of some length that is long enough".to_vec())]).unwrap();
    let report = |path: &str, n: u8| FindingReport {
        source: "git@host:shop".into(),
        fingerprint: Fingerprint(format!("kwf1:{}", format!("{n:02x}").repeat(16))),
        rule: "some-rule".into(),
        path: path.into(),
        line: Some(12),
        commit: None,
        secret: known[0].clone(),
    };
    tell(told, "report", desk.report_findings(vec![report("src/a.py", 1), report("src/b.py", 2)]));
    tell(told, "report again", desk.report_findings(vec![report("src/a.py", 1)]));
    tell(told, "report nothing", desk.report_findings(Vec::new()));
    let wrong = FindingReport { fingerprint: Fingerprint("a value".into()), ..report("src/c.py", 3) };
    tell(told, "report a value", desk.report_findings(vec![wrong]));
    let found = desk.findings().unwrap();
    tell(told, "resolve", desk.resolve_finding(found[0].id.clone(), FindingState::Revoked, Some("gone".into())));
    tell(told, "resolve nothing", desk.resolve_finding("nothing".into(), FindingState::Fixed, None));
    tell(told, "findings", desk.findings());
}

fn people(desk: &dyn Desk, told: &mut Vec<String>) {
    let bob = || "bob".parse().unwrap();
    tell(told, "user", desk.add_user(bob(), "Bob".into()));
    tell(told, "user again", desk.add_user(bob(), "Bob".into()));
    tell(told, "program", desk.add_service_account("ci".parse().unwrap(), "CI".into(), Some(bob())));
    tell(told, "program of nobody", desk.add_service_account("x".parse().unwrap(), "X".into(), "nobody".parse().ok()));
    tell(told, "disable", desk.disable_account(bob()));
    tell(told, "disable nobody", desk.disable_account("nobody".parse().unwrap()));
    tell(told, "enable", desk.enable_account(bob()));
    tell(told, "accounts", desk.accounts());
    tell(told, "no passkeys", desk.reset_passkeys(bob()));
    tell(told, "passkeys of nobody", desk.reset_passkeys("nobody".parse().unwrap()));
    tell(told, "hand over to no owner", desk.hand_over(bob()));
    let team = || "team".parse().unwrap();
    tell(told, "group", desk.create_group(team()));
    tell(told, "group again", desk.create_group(team()));
    tell(told, "join", desk.join_group(team(), bob()));
    tell(told, "join nobody", desk.join_group(team(), "nobody".parse().unwrap()));
    tell(told, "groups", desk.groups());
    let grant = |to: Grantee, environment: Option<&str>| GrantInfo {
        to,
        role: Role::Developer,
        project: Some("shop".parse().unwrap()),
        environment: environment.map(|name| name.parse().unwrap()),
        until: Some(Timestamp(1_900_000_000_000)),
    };
    tell(told, "grant", desk.grant_role(grant(Grantee::Group(team()), None)));
    tell(told, "grant nowhere", desk.grant_role(grant(Grantee::Account(bob()), Some("nowhere"))));
    let given = desk.grant_role(grant(Grantee::Account(bob()), Some("development"))).unwrap();
    tell(told, "roles", desk.role_bindings());
    tell(told, "revoke", desk.revoke_role(given.id));
    tell(told, "leave", desk.leave_group(team(), bob()));
    tell(told, "delete group", desk.delete_group(team()));
    tell(told, "delete group again", desk.delete_group(team()));
}

fn policies(desk: &dyn Desk, told: &mut Vec<String>) {
    let name = || "no-reads".parse().unwrap();
    let forbid = r#"forbid (principal, action == Action::"read", resource) when { resource.tags.contains("a") };"#;
    tell(told, "no policy", desk.put_policy(name(), "nonsense".into(), true));
    tell(told, "policy", desk.put_policy(name(), forbid.into(), false));
    tell(told, "policies", desk.policies());
    let question = QuestionInfo {
        account: "bob".parse().unwrap(),
        operation: Operation::Read,
        project: Some("shop".parse().unwrap()),
        environment: Some("development".parse().unwrap()),
        secret: Some("TEXT".parse().unwrap()),
        draft: Some(DraftInfo { name: name(), text: forbid.into() }),
    };
    tell(told, "test", desk.test_policy(question.clone()));
    tell(told, "test nobody", desk.test_policy(QuestionInfo { account: "nobody".parse().unwrap(), ..question }));
    tell(told, "delete policy", desk.delete_policy(name()));
    tell(told, "delete policy again", desk.delete_policy(name()));
}

fn tokens(desk: &dyn Desk, told: &mut Vec<String>) {
    let new = |scope: &str| NewTokenInfo {
        name: "ci".into(),
        account: "ci".parse().ok(),
        scopes: vec![scope.into()],
        networks: vec!["10.0.0.0/8".into()],
        uses: Some(3),
        expires_at: Some(*SOON),
        ..NewTokenInfo::default()
    };
    tell(told, "token", desk.create_token(new("read:shop/development/*")).map(|made| made.token));
    tell(told, "no scope", desk.create_token(new("nonsense")).map(|made| made.token));
    tell(told, "scope of nothing", desk.create_token(new("read:nothing/*")).map(|made| made.token));
    tell(told, "tokens", desk.tokens());
    let live = desk.tokens().unwrap().into_iter().find(|token| token.name == "ci").unwrap();
    tell(told, "revoke token", desk.revoke_token(live.id));
    for id in ["nothing", "..", "a/b", "a b", ""] {
        tell(told, "revoke no token", desk.revoke_token(id.into()).map_err(|failure| failure.code).map_err(code));
    }
}

fn virtual_keys(desk: &dyn Desk, told: &mut Vec<String>) {
    let api_key = EditInfo { provider: Some(Some("openai".into())), ..EditInfo::default() };
    let value = Bytes::new(b"what the service knows us by, 42".to_vec());
    let secret = examine("CHAT_KEY".parse().unwrap(), value, api_key).secret;
    tell(told, "a key of a service", desk.write(at("development"), vec![secret]));
    let new = |name: &str, rules: KeyRulesInfo| NewVirtualKeyInfo {
        name: name.parse().unwrap(),
        account: None,
        secrets: vec![KeySecretInfo { secret: Some("CHAT_KEY".parse().unwrap()), provider: None, upstream: None }],
        rules,
        expires_at: Some(*SOON),
    };
    let rules = || KeyRulesInfo {
        allow: vec!["POST /v1/chat/*".into()],
        models: vec!["gpt-4o*".into()],
        max_fields: [("max_tokens".to_owned(), 1000)].into(),
        networks: vec!["10.0.0.0/8".into()],
        origins: vec!["https://shop.example".into()],
        rpm: Some(60),
        tpm: Some(10_000),
        parallel: Some(4),
        budgets: vec!["5usd/day".into(), "1000tokens/total".into()],
        strict: true,
        uses: Some(10),
        max_stale: Some(10),
        tags: vec!["web".into()],
        canary: false,
    };
    let key = |made: MadeVirtualKey| VirtualKeyInfo { parent: None, ..made.virtual_key };
    let made = desk.create_virtual_key(at("development"), new("chat", rules()));
    let id = made.as_ref().unwrap().virtual_key.id.clone();
    tell(told, "virtual key", made.map(key));
    tell(told, "same name", desk.create_virtual_key(at("development"), new("chat", rules())).map(key));
    let wrong = KeyRulesInfo { budgets: vec!["5usd".into()], ..KeyRulesInfo::default() };
    tell(told, "no rule", desk.create_virtual_key(at("development"), new("wrong", wrong)).map(key));
    tell(told, "nowhere", desk.create_virtual_key(at("nowhere"), new("x", KeyRulesInfo::default())).map(key));
    let of = |secret: KeySecretInfo| NewVirtualKeyInfo { secrets: vec![secret], ..new("x", KeyRulesInfo::default()) };
    let secret = |name: &str, provider: Option<&str>, upstream: Option<&str>| KeySecretInfo {
        secret: name.parse().ok(),
        provider: provider.map(str::to_owned),
        upstream: upstream.map(str::to_owned),
    };
    for (call, secret) in [
        ("of no secret", secret("NOTHING", None, None)),
        ("of no service", secret("CHAT_KEY", Some("nobody"), None)),
        ("nowhere in particular", secret("CHAT_KEY", Some("qdrant"), None)),
        ("no address", secret("CHAT_KEY", Some("qdrant"), Some("ftp://a.example"))),
    ] {
        tell(told, call, desk.create_virtual_key(at("development"), of(secret)).map(key));
    }
    tell(told, "virtual keys", desk.virtual_keys());
    tell(told, "one of them", desk.virtual_key(id.clone()));
    let child = |rpm| NewChildKeyInfo {
        rules: KeyRulesInfo { rpm: Some(rpm), ..KeyRulesInfo::default() },
        seconds: Some(60),
        subject: Some("visitor-7".into()),
        ..NewChildKeyInfo::default()
    };
    let minted = desk.mint_virtual_key(id.clone(), child(6)).map(key);
    tell(told, "child", minted.map(|child| VirtualKeyInfo { expires_at: None, ..child }));
    tell(told, "wider child", desk.mint_virtual_key(id.clone(), child(61)).map(key));
    let quiet = |made: MadeVirtualKey| VirtualKeyInfo { previous_until: None, ..made.virtual_key };
    tell(told, "rotate", desk.rotate_virtual_key(id.clone(), 60).map(quiet));
    tell(told, "rotate with a long grace", desk.rotate_virtual_key(id.clone(), 8 * 86_400).map(quiet));
    tell(told, "revoke virtual key", desk.revoke_virtual_key(id.clone()).map(without_end));
    let named = |result: Result<VirtualKeyInfo>| result.map(without_end);
    tell(told, "revoke virtual key again", named(desk.revoke_virtual_key(id)));
    for id in ["nothing", "..", "a/b", ""] {
        tell(told, "no virtual key", desk.virtual_key(id.into()).map_err(|failure| failure.code).map_err(code));
    }
    let day = Timestamp(1_790_000_000_000);
    tell(told, "usage", desk.usage(day, day));
    tell(told, "usage of no time", desk.usage(day.plus_days(1), day));
}

fn without_end(key: VirtualKeyInfo) -> VirtualKeyInfo {
    VirtualKeyInfo { revoked_at: key.revoked_at.map(|_| Timestamp(0)), ..key }
}

/// Ids that no path can hold are refused before they are sent, in words of their own.
fn code(code: keyward_client::Code) -> keyward_client::Failure {
    keyward_client::Failure::new(code, "")
}

fn elevations(desk: &dyn Desk, told: &mut Vec<String>) {
    let ask = |role: Option<Role>| ElevationAsk {
        role,
        project: Some("shop".parse().unwrap()),
        environment: None,
        seconds: 3600,
        reason: "ticket 4711".into(),
    };
    tell(told, "elevate", desk.request_elevation(ask(Some(Role::Operator))));
    tell(told, "elevate to nothing", desk.request_elevation(ask(None)));
    let asked = desk.elevations().unwrap().remove(0);
    tell(told, "approve one's own", desk.approve_elevation(asked.id.clone()));
    tell(told, "approve nothing", desk.approve_elevation("nothing".into()));
    tell(told, "deny", desk.deny_elevation(asked.id));
    tell(told, "break glass", desk.break_glass(ask(None)));
    tell(told, "elevations", desk.elevations());
}

fn team(desk: &dyn Desk, told: &mut Vec<String>) {
    let login = |name: &str| name.parse().unwrap();
    tell(told, "invite", desk.invite(login("bob"), false).map(|made| (made.login, made.text.expose().len())));
    tell(told, "onboard", desk.onboard(login("bob"), "developer".into(), Some("shop".parse().unwrap())));
    tell(told, "onboard by nothing", desk.onboard(login("bob"), "nonsense".into(), None));
    tell(told, "onboarding", desk.onboarding(login("bob")));
    tell(told, "onboarding of nobody", desk.onboarding(login("nobody")));
    tell(told, "confirm for another", desk.confirm_onboarding(login("bob"), Confirmed::Policy));
    tell(told, "no review", desk.review(None));
    tell(told, "review", desk.start_review(14));
    tell(told, "review again", desk.start_review(14));
    let review = desk.review(None).unwrap();
    let line = review.lines.iter().find(|line| line.account == "bob").unwrap().number;
    tell(told, "the review", desk.review(Some(review.id.clone())));
    tell(told, "narrow", desk.decide_review_line(line, Decision::Narrow("ci".into())));
    let again = desk.decide_review_line(line, Decision::Keep);
    tell(
        told,
        "decide again",
        again.map_err(|failure| Failure { message: failure.message.replace(&line.to_string(), "N"), ..failure }),
    );
    tell(told, "decide nothing", desk.decide_review_line(4711, Decision::Remove));
    tell(told, "restore", desk.restore_review_line(Some(review.id), line));
    tell(told, "restore nothing", desk.restore_review_line(None, 4711));
    tell(told, "close due", desk.close_due_reviews());
    tell(told, "plan", desk.offboarding_plan(login("bob")).map(|plan| (plan.account, plan.tasks.len())));
    tell(told, "offboard", desk.offboard(login("bob")).map(|plan| (plan.account, plan.disabled_at.is_some())));
    tell(told, "offboard nobody", desk.offboard(login("nobody")).map(|plan| plan.account));
    let task = TaskName { name: "shop/development/NOTHING".into(), version: None };
    tell(told, "settle nothing", desk.settle_task(login("bob"), task, Settlement::Dismissed("gone".into())));
}

fn alerts(desk: &dyn Desk, told: &mut Vec<String>) {
    let name = |name: &str| name.parse().unwrap();
    let sink = |url: &str, only: &[&str]| NewAlertSinkInfo {
        name: name("hook"),
        way: AlertWay::Webhook(Bytes::new(url.as_bytes().to_vec())),
        only: only.iter().map(|kind| (*kind).to_owned()).collect(),
        allow_private: true,
    };
    let made = |answer: Result<MadeAlertSink>| answer.map(|made| (made.sink, made.signing_secret.is_some()));
    tell(told, "sink", made(desk.add_alert_sink(sink("http://127.0.0.1:1/hook", &[]))));
    tell(told, "sink again", made(desk.add_alert_sink(sink("http://127.0.0.1:1/hook", &[]))));
    tell(told, "sink of nonsense", made(desk.add_alert_sink(sink("nonsense", &[]))));
    tell(told, "sink for nonsense", made(desk.add_alert_sink(sink("http://127.0.0.1:1/hook", &["nonsense"]))));
    tell(told, "sinks", desk.alert_sinks());
    tell(told, "try", desk.test_alert_sink(name("hook")).map(|tried| (tried.sink, tried.fault)));
    tell(told, "try nothing", desk.test_alert_sink(name("nothing")).map(|tried| tried.fault));
    tell(told, "remove sink", desk.remove_alert_sink(name("hook")));
    tell(told, "remove sink again", desk.remove_alert_sink(name("hook")));
}

fn vouched(desk: &dyn Desk, told: &mut Vec<String>) {
    let login = |name: &str| name.parse().unwrap();
    let provider = |issuer: &str, claims: &[&str]| NewIdentityProviderInfo {
        name: login("acme"),
        title: "Acme".into(),
        issuer: issuer.into(),
        client_id: "keyward".into(),
        client_secret: Some(Bytes::new(b"of this test alone".to_vec())),
        domains: vec!["acme.example".into()],
        claims: claims.iter().map(|claim| (*claim).to_owned()).collect(),
        scim_claim: Some("sub".into()),
        ca: None,
        allow_private: false,
    };
    let known =
        |answer: Result<IdentityProviderInfo>| answer.map(|one| (one.name, one.issuer, one.claims, one.for_owners));
    tell(told, "provider", known(desk.add_identity_provider(provider("https://id.example", &["groups=staff"]))));
    tell(told, "provider again", known(desk.add_identity_provider(provider("https://id.example", &[]))));
    tell(told, "provider of nonsense", known(desk.add_identity_provider(provider("nonsense", &[]))));
    tell(told, "claim of nonsense", known(desk.add_identity_provider(provider("https://id.example", &["*"]))));
    let listed = desk.identity_providers();
    tell(
        told,
        "providers",
        listed.map(|all| all.into_iter().map(|one| (one.title, one.has_secret)).collect::<Vec<_>>()),
    );
    tell(told, "remove provider", known(desk.remove_identity_provider(login("acme"))));
    tell(told, "remove provider again", known(desk.remove_identity_provider(login("acme"))));
    tell(told, "identities", desk.identities(login("bob")));
    tell(told, "identities of nobody", desk.identities(login("nobody")));
    tell(told, "unlink nothing", desk.unlink_identity(login("bob"), "nothing".into()));
    let trust = |claims: &[&str]| NewTrustInfo {
        issuer: "https://id.example".into(),
        audience: "https://keyward.example".into(),
        claims: claims.iter().map(|claim| (*claim).to_owned()).collect(),
        scopes: vec!["read:shop/development/*".into()],
        ..NewTrustInfo::default()
    };
    tell(told, "program", desk.add_service_account(login("builds"), String::new(), None).map(|one| one.kind));
    let known = |answer: Result<TrustInfo>| answer.map(|one| (one.account, one.claims, one.scopes, one.seconds));
    tell(told, "trust", known(desk.add_trust(login("builds"), trust(&["repository=acme/*"]))));
    tell(told, "trust in everybody", known(desk.add_trust(login("builds"), trust(&["ref=refs/heads/main"]))));
    tell(told, "trust of a person", known(desk.add_trust(login("bob"), trust(&["sub=a"]))));
    tell(told, "trust of nobody", known(desk.add_trust(login("nobody"), trust(&["sub=a"]))));
    let trusts = desk.trusts(login("builds")).unwrap();
    tell(told, "trusts", Ok(trusts.len()));
    tell(told, "end trust", known(desk.remove_trust(login("builds"), trusts[0].id.clone())));
    let again = known(desk.remove_trust(login("builds"), trusts[0].id.clone()));
    tell(told, "end trust again", again.map_err(|failure| Failure { message: String::new(), ..failure }));
    tell(told, "end nonsense", known(desk.remove_trust(login("builds"), "nonsense".into())));
}

fn ends(desk: &dyn Desk, told: &mut Vec<String>) {
    tell(told, "remove", desk.remove_environment(at("production"), false));
    tell(told, "remove with secrets", desk.remove_environment(at("production"), true));
    tell(told, "remove nothing", desk.remove_environment(at("nowhere"), true));
    tell(told, "delete project", desk.delete_project("shop".parse().unwrap()));
    tell(told, "delete project again", desk.delete_project("shop".parse().unwrap()));
    let verdict = desk.verify(None).map(|verdict| (verdict.entries > 50, verdict.faults));
    tell(told, "verify", verdict);
    let against = desk.verify(Some("nonsense".into()));
    tell(told, "verify against nonsense", against.map(|verdict| verdict.faults));
}

/// The same for every form of a desk, and before the end of the token that one of them is reached with.
pub(crate) static SOON: std::sync::LazyLock<Timestamp> =
    std::sync::LazyLock::new(|| Timestamp(keyward_types::Clock::now(&keyward_client::SystemClock).0 + 30 * 60 * 1000));
