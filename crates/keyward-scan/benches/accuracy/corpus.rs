//! The corpus: files with one secret each, and files with none that look as if they had one.

use data_encoding::{BASE64, BASE64URL_NOPAD};

use crate::accuracy::catalogue::{self, Rule};
use crate::accuracy::contexts::{self, Context};
use crate::accuracy::draw::Draw;
use crate::accuracy::negatives;

/// One file.
pub(crate) struct Sample {
    /// The rule or kind that it is about.
    pub(crate) rule: String,
    pub(crate) path: String,
    pub(crate) text: String,
    /// The secret in it; `None` in files that have none.
    pub(crate) value: Option<String>,
    /// Only findings of this rule and of generic ones count as false: the value may be one of another format.
    pub(crate) own_rule_only: bool,
}

/// Files for every rule of the catalogue and every kind without one: `count` with a secret and `count` without each.
pub(crate) fn make(seed: u64, count: usize, contexts: &'static [Context]) -> Vec<Sample> {
    let mut all = Vec::new();
    for rule in catalogue::rules() {
        let mut draw = Draw::new(seed ^ hash(rule.detector.id));
        for index in 0..count {
            all.push(positive(&rule, &mut draw, contexts, index));
            all.push(negatives::of_rule(&rule, &mut draw, contexts, index));
        }
    }
    for (kind, generate) in KINDS {
        let mut draw = Draw::new(seed ^ hash(kind));
        for _ in 0..count * 3 {
            let (path, text, value) = generate(&mut draw, contexts);
            all.push(Sample { rule: format!("kind: {kind}"), path, text, value: Some(value), own_rule_only: false });
        }
    }
    for (kind, generate) in negatives::KINDS {
        let mut draw = Draw::new(seed ^ hash(kind));
        for _ in 0..count * 3 {
            let (path, text) = generate(&mut draw);
            all.push(Sample { rule: format!("none: {kind}"), path, text, value: None, own_rule_only: false });
        }
    }
    all
}

/// Decides in which half a rule is, and parts its chance from that of others (FNV-1a).
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

fn positive(rule: &Rule, draw: &mut Draw, contexts: &'static [Context], index: usize) -> Sample {
    let template = &rule.samples[index % rule.samples.len()];
    let value = draw.expand(template, rule.detector.checksum);
    // Values that a bare or quoted context would cut are set into one that keeps them whole.
    let awkward = value.contains(['"', '\'', '\\', ' ', ';', '<', '\n']);
    let context = if awkward { &("x.txt", "{N}={v}\n") } else { &contexts[draw.below(contexts.len())] };
    let (path, text) = contexts::fill(context, &rule.variable, &value);
    Sample { rule: rule.detector.id.to_owned(), path, text, value: Some(value), own_rule_only: false }
}

type Kind = (&'static str, fn(&mut Draw, &'static [Context]) -> (String, String, String));

/// What is found without a format of a service.
const KINDS: &[Kind] = &[
    ("drawn password in an assignment", |draw, contexts| {
        let length = 10 + draw.below(16);
        let value = draw.text("password", length);
        named(
            draw,
            contexts,
            &["DB_PASSWORD", "ADMIN_PASSWORD", "SMTP_PASSWORD", "MYSQL_PASSWORD", "REDIS_PASSWORD", "PASSWORD"],
            value,
        )
    }),
    ("person's password in an assignment", |draw, contexts| {
        let words = ["Harbor", "Thunder", "Maple", "Falcon", "Velvet", "Copper", "Orbit", "Canyon"];
        let signs = ["!", "#", "@", "$$", "-", "%"];
        let value = format!(
            "{}{}{}{}",
            draw.one(&words),
            draw.one(&signs),
            draw.one(&words).to_lowercase(),
            100 + draw.below(9000)
        );
        named(draw, contexts, &["DB_PASSWORD", "ADMIN_PASSWORD", "PASSWORD"], value)
    }),
    ("token in an assignment", |draw, contexts| {
        let length = 24 + draw.below(24);
        let value = draw.text("alnum", length);
        named(
            draw,
            contexts,
            &["AUTH_TOKEN", "API_KEY", "CLIENT_SECRET", "ACCESS_TOKEN", "APP_SECRET", "WEBHOOK_SECRET"],
            value,
        )
    }),
    ("hexadecimal key in an assignment", |draw, contexts| {
        let length = [32, 40, 48, 64][draw.below(4)];
        let value = draw.text("hex", length);
        named(draw, contexts, &["SECRET_KEY", "ENCRYPTION_KEY", "API_SECRET", "SESSION_SECRET", "SIGNING_KEY"], value)
    }),
    ("base64 key in an assignment", |draw, contexts| {
        let value = BASE64.encode(&draw.bytes(32));
        named(draw, contexts, &["SECRET_KEY", "MASTER_KEY", "JWT_SECRET", "SIGNING_SECRET"], value)
    }),
    ("bearer header", |draw, _| {
        let value = draw.text("base64url", 40);
        let line = draw.one(&[
            "curl -H \"Authorization: Bearer {v}\" https://api.corp.net/v1",
            "headers = {'Authorization': 'Bearer {v}'}",
            "req.Header.Set(\"Authorization\", \"Bearer {v}\")",
            "    headers: { Authorization: `Bearer {v}` },",
            "request.setHeader(\"X-Auth-Token\", \"{v}\");",
        ]);
        ("src/call.js".into(), format!("// a call\n{}\n", line.replace("{v}", &value)), value)
    }),
    ("basic header", |draw, _| {
        let value = BASE64.encode(format!("deploy:{}", draw.text("password", 14)).as_bytes());
        ("src/call.py".into(), format!("headers = {{\"Authorization\": \"Basic {value}\"}}\n"), value)
    }),
    ("command line", |draw, _| {
        let value = draw.text("alnum", 16);
        let line = draw.one(&[
            "curl -u deploy:{v} https://nexus.corp.net/repository",
            "mysqldump -u root -p{v} shop > dump.sql",
            "sshpass -p '{v}' ssh root@10.1.2.3",
            "docker login -u ci --password {v} registry.corp.net",
            "psql --username app --password={v}",
        ]);
        ("deploy.sh".into(), format!("#!/bin/sh\n{}\n", line.replace("{v}", &value)), value)
    }),
    ("connection string", |draw, _| {
        let value = draw.text("alnum", 14);
        let line = draw.one(&[
            "postgresql://app:{v}@db.corp.net:5432/shop",
            "mysql://root:{v}@10.0.3.7/shop",
            "mongodb+srv://app:{v}@cluster0.ab1cd.mongodb.net/?retryWrites=true",
            "redis://:{v}@cache.corp.net:6379/0",
            "amqp://worker:{v}@mq.corp.net/vhost",
            "smtp://mailer:{v}@mail.corp.net:587",
            "ftp://backup:{v}@files.corp.net/",
            "ldap://cn=admin:{v}@ldap.corp.net",
            "https://bot:{v}@git.corp.net/app.git",
        ]);
        let (path, around) = draw.one(&[
            &("settings.py", "URL = \"{u}\"\n"),
            &(".env", "SERVICE_URL={u}\n"),
            &("app.yml", "url: {u}\n"),
            &("db.go", "db, err := open(\"{u}\")\n"),
        ]);
        (path.to_owned().into(), around.replace("{u}", &line.replace("{v}", &value)), value)
    }),
    ("ADO, ODBC, JDBC", |draw, _| {
        let value = draw.text("alnum", 16);
        let line = draw.one(&[
            "Server=tcp:db.corp.net,1433;Database=shop;User ID=app;Password={v};Encrypt=True;",
            "Driver={ODBC Driver 18};Server=db;Uid=sa;Pwd={v};",
            "jdbc:sqlserver://db.corp.net:1433;databaseName=shop;user=sa;password={v}",
            "host=db.corp.net user=app password={v} dbname=shop",
            "jdbc:mysql://db.corp.net/shop?user=root&password={v}",
        ]);
        let (path, around) = draw.one(&[
            &("App.cs", "var s = \"{u}\";\n"),
            &("appsettings.json", "{ \"ConnectionStrings\": { \"Default\": \"{u}\" } }\n"),
            &("app.config", "<add name=\"d\" connectionString=\"{u}\" />\n"),
        ]);
        (path.to_owned().into(), around.replace("{u}", &line.replace("{v}", &value)), value)
    }),
    ("private key", |draw, _| {
        let label = draw.one(&["RSA PRIVATE", "EC PRIVATE", "PRIVATE", "DSA PRIVATE"]);
        let pem = pem(draw, &format!("{label} KEY"), 300);
        let text = match draw.below(4) {
            0 => format!("{pem}\n"),
            1 => format!("{{\"private_key\": \"{}\\n\"}}\n", pem.replace('\n', "\\n")),
            2 => format!("PRIVATE_KEY=\"{}\"\n", pem.replace('\n', "\\n")),
            _ => pem.lines().map(|line| format!("    {line}\n")).collect(),
        };
        ("conf/server.pem".into(), text, "-----BEGIN".into())
    }),
    ("OpenSSH key", |draw, _| {
        let mut data = b"openssh-key-v1\0\0\0\0\x04none".to_vec();
        data.extend(draw.bytes(300));
        let label = ["OPENSSH PRIVATE", " KEY"].concat();
        (
            ".ssh/id_ed25519".into(),
            format!("-----{} {label}-----\n{}\n-----END {label}-----\n", "BEGIN", wrapped(&BASE64.encode(&data))),
            "-----BEGIN".into(),
        )
    }),
    ("JSON Web Token", |draw, _| {
        let header = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
        let claims = format!("{{\"sub\":\"{}\",\"exp\":4102444800}}", draw.text("digits", 8));
        let value = jwt(draw, header, &claims);
        ("src/api.ts".into(), format!("const session = \"{value}\";\n"), value)
    }),
    ("JSON Web Key", |draw, _| {
        let value = BASE64URL_NOPAD.encode(&draw.bytes(32));
        ("key.json".into(), format!("{{\n  \"kty\": \"EC\",\n  \"crv\": \"P-256\",\n  \"d\": \"{value}\"\n}}\n"), value)
    }),
    ("file of credentials", |draw, _| {
        let value = draw.text("alnum", 20);
        let (path, around) = draw.one(&[
            &(".netrc", "machine api.corp.net\nlogin bob\npassword {v}\n"),
            &(".pgpass", "db.corp.net:5432:shop:app:{v}\n"),
            &(".git-credentials", "https://bob:{v}@git.corp.net\n"),
            &(".npmrc", "//npm.corp.net/:_authToken={v}\n"),
            &(".pypirc", "[corp]\nusername = bob\npassword = {v}\n"),
            &(".s3cfg", "[default]\nsecret_key = {v}\n"),
            &("settings.xml", "<server><username>bob</username><password>{v}</password></server>\n"),
            &("NuGet.config", "<add key=\"ClearTextPassword\" value=\"{v}\" />\n"),
            &("gradle.properties", "signing.password={v}\n"),
            &("terraform.tfvars", "db_password = \"{v}\"\n"),
            &("hosts.yml", "all:\n  vars:\n    ansible_password: {v}\n"),
            &("secret.yaml", "kind: Secret\nstringData:\n  whatever: {v}\n"),
            &("wp-config.php", "define('LOGGED_IN_KEY', '{v}');\n"),
            &("application.yml", "spring:\n  datasource:\n    password: {v}\n"),
            &("user-data.yml", "#cloud-config\npassword: {v}\n"),
            &("kubeconfig", "users:\n- name: a\n  user:\n    token: {v}\n"),
        ]);
        (path.to_owned().into(), around.replace("{v}", &value), value)
    }),
    ("registry login", |draw, _| {
        let value = BASE64.encode(format!("bob:{}", draw.text("alnum", 16)).as_bytes());
        (".docker/config.json".into(), format!("{{\"auths\": {{\"r.corp.net\": {{\"auth\": \"{value}\"}}}}}}\n"), value)
    }),
];

fn named(draw: &mut Draw, contexts: &'static [Context], names: &[&str], value: String) -> (String, String, String) {
    let (path, text) = contexts::fill(&contexts[draw.below(contexts.len())], draw.one(names), &value);
    (path, text, value)
}

/// A PEM text of a value of DER that holds chance.
pub(crate) fn pem(draw: &mut Draw, label: &str, size: usize) -> String {
    let mut der = vec![0x30, 0x82, (size >> 8) as u8, size as u8];
    der.extend(draw.bytes(size));
    format!("-----{} {label}-----\n{}\n-----END {label}-----", "BEGIN", wrapped(&BASE64.encode(&der)))
}

fn wrapped(text: &str) -> String {
    let lines: Vec<String> =
        text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    lines.join("\n")
}

/// A JSON Web Token of any header and claims.
pub(crate) fn jwt(draw: &mut Draw, header: &str, claims: &str) -> String {
    let part = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
    format!("{}.{}.{}", part(header.as_bytes()), part(claims.as_bytes()), part(&draw.bytes(32)))
}
