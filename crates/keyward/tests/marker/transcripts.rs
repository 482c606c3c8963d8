//! The commands that markers go through, in an order in which each has something to work on. A new
//! command belongs here; the campaign fails until it does.

/// One call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) arguments: &'static [&'static str],
    pub(crate) input: Input,
    pub(crate) shows: Shows,
    /// It is tried for what it says when it fails.
    pub(crate) may_fail: bool,
    /// Files of the project that the user himself wrote values into, and that are still there.
    pub(crate) plaintext: &'static [&'static str],
}

/// What comes in by standard input.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input {
    None,
    /// The marker of this number.
    Marker(usize),
    Text(&'static str),
}

/// Whether standard output is where the value belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shows {
    Nothing,
    Value,
}

/// How many markers there are.
pub(crate) const MARKERS: u64 = 16;
/// The marker that is the passphrase.
pub(crate) const PASSPHRASE: usize = 14;

const DOTENV: &[&str] =
    &[".env", ".env.production", "more.env", "more.json", "more.yaml", "broken.env", "passphrase.txt", "again.env"];
/// After `init --remove-plaintext`; `again.env` is what `decrypt` is asked to write.
const OTHER: &[&str] = &["more.env", "more.json", "more.yaml", "broken.env", "passphrase.txt", "again.env"];

/// Its certificate is not there.
const SERVER: &str = "allow = [\"10.0.0.0/8\"]\n[[listen]]\naddress = \"0.0.0.0:8443\"\ntls = { certificate = \"a.pem\", key = \"a.key\" }\n";

const POLICY: &str =
    "forbid (principal, action == Action::\"read\", resource) when { resource.tags.contains(\"payroll\") };\n";

/// What the user has in his project's folder at the beginning.
pub(crate) fn files(marker: &[String]) -> Vec<(&'static str, String)> {
    let m = |n: usize| marker[n].as_str();
    vec![
        (".env", format!("OPENAI_API_KEY={}\nSESSION_SECRET='{}'\nDEBUG=true\nPORT=3000\n", m(0), m(1))),
        (
            ".env.production",
            format!("OPENAI_API_KEY=\"{}\"\nDATABASE_URL=postgres://app:{}@db.example/shop\n", m(2), m(3)),
        ),
        ("more.env", format!("MORE={}\nMULTI=\"{}\n{}\"\n", m(4), m(5), m(6))),
        ("more.json", format!("{{\"IN_JSON\": \"{}\"}}\n", m(7))),
        ("more.yaml", format!("IN_YAML: '{}'\n", m(8))),
        ("broken.env", format!("NO CLOSING='{}\n=also {}\n", m(9), m(10))),
        ("passphrase.txt", format!("{}\n", m(15))),
        ("no-payroll.cedar", POLICY.to_owned()),
        ("server.toml", SERVER.to_owned()),
    ]
}

const fn step(arguments: &'static [&'static str]) -> Step {
    Step { arguments, input: Input::None, shows: Shows::Nothing, may_fail: false, plaintext: OTHER }
}

const fn shows(arguments: &'static [&'static str]) -> Step {
    Step { shows: Shows::Value, ..step(arguments) }
}

const fn fails(arguments: &'static [&'static str]) -> Step {
    Step { may_fail: true, ..step(arguments) }
}

const fn with(arguments: &'static [&'static str], input: Input) -> Step {
    Step { input, ..step(arguments) }
}

pub(crate) fn all() -> Vec<Step> {
    use Input::{Marker, Text};
    vec![
        Step { plaintext: DOTENV, ..step(&["init", "--yes"]) },
        Step { plaintext: DOTENV, ..step(&["check", "--list"]) },
        Step { plaintext: DOTENV, ..fails(&["check", "--json"]) },
        // Where keys lie in the open.
        Step { plaintext: DOTENV, ..fails(&["scan"]) },
        Step { plaintext: DOTENV, ..fails(&["scan", "--format", "json", "--show-skipped"]) },
        Step { plaintext: DOTENV, ..fails(&["scan", ".env", "--format", "jsonl", "--no-vault"]) },
        Step { plaintext: DOTENV, ..fails(&["scan", "--format", "sarif"]) },
        Step { plaintext: DOTENV, ..fails(&["scan", "--format", "text", "--json"]) },
        Step { plaintext: DOTENV, ..fails(&["scan", "--format", "html", "--output", "../report.html"]) },
        Step { plaintext: DOTENV, ..step(&["scan", "--write-baseline", "../baseline.txt"]) },
        Step { plaintext: DOTENV, ..fails(&["scan", "--baseline", "../baseline.txt", "--json"]) },
        Step { plaintext: DOTENV, shows: Shows::Value, ..fails(&["scan", ".env", "--reveal"]) },
        Step { plaintext: DOTENV, ..fails(&["scan", "--history"]) },
        Step { plaintext: DOTENV, ..fails(&["scan", "--verify"]) },
        step(&["init", "--yes", "--remove-plaintext", "--recovery-file", "../recovery.txt"]),
        // In.
        step(&["import", "more.env", "-e", "staging"]),
        step(&["import", "more.json", "-e", "staging", "--json"]),
        step(&["import", "more.yaml", "-e", "staging"]),
        fails(&["import", "broken.env", "-e", "staging"]),
        step(&["import", "more.env", "-e", "staging", "--dry-run", "--json"]),
        shows(&["import", "more.env", "-e", "staging", "--dry-run", "--json", "--reveal"]),
        with(&["set", "TYPED"], Marker(11)),
        with(&["set", "TYPED"], Marker(12)),
        with(&["set", "TYPED", "-e", "staging"], Marker(12)),
        with(&["set", "a/name/with/segments", "--json"], Marker(13)),
        with(&["set", "FLAG", "--kind", "config"], Text("on\n")),
        Step { input: Marker(11), ..fails(&["set", "not a name"]) },
        Step { input: Marker(11), ..fails(&["set", "TYPED", "-e", "nowhere"]) },
        Step { input: Marker(11), ..fails(&["set", "TYPED", "-p", "nothing"]) },
        step(&["edit", "TYPED", "--description", "for tests", "--expires", "90d"]),
        // Out.
        shows(&["get", "TYPED"]),
        shows(&["get", "TYPED", "--version", "1"]),
        shows(&["get", "TYPED", "--json"]),
        shows(&["get", "OPENAI_API_KEY", "-e", "production", "--reason", "a ticket"]),
        fails(&["get", "TYPED", "--version", "9"]),
        fails(&["get", "MISSING"]),
        step(&["list"]),
        step(&["list", "--all"]),
        step(&["list", "--json", "-e", "production"]),
        step(&["show", "TYPED"]),
        step(&["show", "DATABASE_URL", "-e", "production", "--json"]),
        fails(&["diff", "development", "production"]),
        fails(&["diff", "development", "staging", "--json"]),
        step(&["history", "TYPED"]),
        step(&["run", "--", "printenv"]),
        step(&["run", "--", "sh", "-c", "env | base64; env | od -An -tx1 | tr -d ' \\n'; env >&2"]),
        step(&["run", "--only", "TYPED", "--", "sh", "-c", "sleep 0.2; printf %s \"$TYPED\""]),
        shows(&["run", "--no-mask", "--only", "TYPED", "--", "printenv"]),
        fails(&["run", "--", "no-such-program"]),
        fails(&["run", "-e", "production", "--", "sh", "-c", "kill -SEGV $$"]),
        shows(&["export", "--format", "dotenv", "--only", "TYPED"]),
        shows(&["export", "--format", "json"]),
        shows(&["export", "--format", "yaml", "-e", "production"]),
        shows(&["export", "--format", "shell", "--only", "TYPED"]),
        shows(&["export", "--format", "docker", "--only", "TYPED"]),
        shows(&["export", "--format", "k8s", "--only", "TYPED"]),
        shows(&["export", "--format", "github-actions", "--only", "TYPED"]),
        Step { may_fail: true, ..shows(&["export", "--format", "dotenv", "-e", "staging"]) },
        fails(&["copy", "TYPED", "--clear-after", "1s"]),
        step(&["generate"]),
        step(&["generate", "--json"]),
        fails(&["generate", "--copy"]),
        // Versions.
        step(&["rollback", "TYPED", "1"]),
        step(&["delete", "TYPED", "-e", "development"]),
        fails(&["get", "TYPED"]),
        step(&["undelete", "TYPED", "-e", "development"]),
        step(&["destroy", "TYPED", "--version", "2", "-e", "development", "--yes"]),
        // The catalogue, and git's hooks where there is no git.
        step(&["provider", "list"]),
        fails(&["provider", "verify", "OPENAI_API_KEY"]),
        fails(&["provider", "verify", "OPENAI_API_KEY", "--account", "user=ada", "--json"]),
        step(&["provider", "show", "openai", "--json"]),
        fails(&["hook", "install"]),
        fails(&["hook", "uninstall", "--json"]),
        // Ways in.
        step(&["slot", "list"]),
        fails(&["slot", "add", "key-file", "--file", "../other.key"]),
        with(&["slot", "add", "passphrase"], Marker(PASSPHRASE)),
        step(&["slot", "add", "recovery-code", "--file", "../another-code.txt"]),
        step(&["slot", "add", "shamir", "--shares", "3", "--threshold", "2"]),
        fails(&["slot", "add", "age", "age1notakey"]),
        fails(&["slot", "add", "keyring"]),
        fails(&["slot", "remove", "nothing", "--yes"]),
        step(&["rekey"]),
        step(&["rekey", "--data", "shop"]),
        step(&["unlock", "--for", "1m"]),
        shows(&["get", "OPENAI_API_KEY"]),
        step(&["run", "--", "printenv"]),
        step(&["lock"]),
        // Files.
        step(&["encrypt", "more.env", "--passphrase-file", "passphrase.txt", "-o", "../more.age"]),
        step(&["decrypt", "../more.age", "--passphrase-file", "passphrase.txt", "-o", "again.env"]),
        fails(&["decrypt", "more.env", "--passphrase-file", "passphrase.txt"]),
        step(&["backup", "../copy.db"]),
        fails(&["restore", "../copy.db"]),
        // Around.
        step(&["project", "list"]),
        step(&["project", "create", "blog"]),
        step(&["project", "edit", "blog", "--network", "10.0.0.0/8", "--network", "2001:db8::/32"]),
        step(&["project", "list"]),
        step(&["project", "show", "blog", "--json"]),
        fails(&["project", "edit", "blog"]),
        fails(&["project", "edit", "blog", "--network", "10.0.0.5/8"]),
        step(&["project", "edit", "blog", "--no-networks"]),
        step(&["project", "rename", "blog", "journal"]),
        step(&["project", "delete", "journal", "--yes"]),
        // Nobody answers there, and nothing goes anywhere.
        fails(&["project", "push", "http://127.0.0.1:1"]),
        fails(&["project", "pull", "http://127.0.0.1:1", "-p", "shop"]),
        fails(&["get", "TYPED", "--server", "http://127.0.0.1:1"]),
        step(&["environment", "list"]),
        step(&["environment", "add", "preview", "--parent", "staging"]),
        shows(&["get", "MORE", "-e", "preview"]),
        step(&["environment", "edit", "preview", "--offline-for", "8h"]),
        step(&["environment", "list"]),
        fails(&["environment", "edit", "preview", "--offline-for", "31d"]),
        step(&["environment", "edit", "preview", "--no-offline"]),
        step(&["cache", "list"]),
        step(&["cache", "list", "--json"]),
        step(&["cache", "clear"]),
        step(&["environment", "remove", "preview", "--yes"]),
        step(&["untrust"]),
        fails(&["get", "TYPED"]),
        step(&["trust"]),
        step(&["whoami"]),
        fails(&["check"]),
        step(&["completions", "bash"]),
        step(&["man", "../man"]),
        // Who may do what.
        step(&["user", "add", "grace", "--name", "Grace Hopper"]),
        fails(&["user", "add", "Grace"]),
        step(&["user", "list"]),
        step(&["user", "invite", "grace"]),
        step(&["user", "invite", "grace", "--at", "https://keyward.example", "--without-second-factor", "--json"]),
        fails(&["user", "invite", "nobody"]),
        step(&["user", "reset-passkeys", "grace", "--yes"]),
        fails(&["user", "reset-passkeys", "nobody", "--yes", "--json"]),
        step(&["service-account", "add", "shop-ci"]),
        step(&["service-account", "list", "--json"]),
        step(&["group", "create", "backend"]),
        step(&["group", "add", "backend", "grace"]),
        step(&["group", "list"]),
        step(&["role", "grant", "developer", "grace", "-p", "shop"]),
        step(&["role", "grant", "ci", "shop-ci", "-p", "shop", "-e", "production", "--for", "30d"]),
        fails(&["role", "grant", "owner", "--group", "backend"]),
        step(&["role", "list"]),
        fails(&["role", "revoke", "nothing", "--yes"]),
        step(&["policy", "schema"]),
        step(&["policy", "schema", "--roles", "--json"]),
        step(&["policy", "put", "no-payroll", "no-payroll.cedar"]),
        fails(&["policy", "put", "wrong", "more.yaml"]),
        step(&["policy", "list"]),
        step(&["policy", "show", "no-payroll"]),
        step(&["policy", "test", "grace", "read", "shop/development/TYPED"]),
        fails(&["policy", "test", "grace", "read", "shop/production/OPENAI_API_KEY", "--json"]),
        step(&["policy", "delete", "no-payroll", "--yes"]),
        step(&["token", "create", "--ttl", "1h", "--scope", "read:shop/development/*", "--cidr", "192.0.2.0/24"]),
        step(&["token", "create", "--for", "shop-ci", "--json"]),
        fails(&["token", "create", "--scope", "read:shop"]),
        step(&["token", "list"]),
        fails(&["token", "revoke", "nothing", "--yes"]),
        with(&["set", "FOR_GATEWAY", "--provider", "openai", "--kind", "api-key"], Marker(11)),
        step(&["virtual-key", "create", "chat", "--secret", "FOR_GATEWAY", "--model", "gpt-4o*", "--rpm", "60"]),
        step(&["virtual-key", "create", "trap", "--secret", "FOR_GATEWAY", "--canary", "--json"]),
        fails(&["virtual-key", "create", "wide", "--secret", "FOR_GATEWAY", "--budget", "much"]),
        step(&["virtual-key", "list", "--json"]),
        step(&["virtual-key", "show", "chat"]),
        step(&["virtual-key", "rotate", "chat", "--grace", "1h"]),
        step(&["virtual-key", "revoke", "chat", "--yes"]),
        step(&["usage"]),
        step(&["usage", "--by", "model", "--json"]),
        with(&["set", "TURNED", "--kind", "signing-key"], Marker(11)),
        step(&["target", "add", "env-file", "web", "--path", "../turned.env", "--secret", "TURNED"]),
        fails(&["target", "add", "command", "api", "--secret", "TURNED", "--", "/no/such/program"]),
        fails(&["target", "drift", "--json"]),
        step(&["rotate", "TURNED", "--dry-run"]),
        fails(&["rotate", "TURNED", "--postgres-roles", "a,b", "--admin", "TURNED", "--yes"]),
        fails(&["rotate", "TURNED", "--yes"]),
        step(&["rotation", "list", "--all", "--json"]),
        fails(&["rotation", "show", "TURNED"]),
        fails(&["rotation", "resume", "TURNED"]),
        fails(&["rotation", "approve", "TURNED", "-e", "development", "--yes"]),
        fails(&["rotation", "abort", "TURNED", "-e", "development", "--yes"]),
        step(&["target", "list"]),
        step(&["target", "remove", "web", "--secret", "TURNED", "--yes"]),
        fails(&["rotate", "TURNED", "--emergency", "-e", "development", "--yes", "--json"]),
        with(&["set", "OF_COHERE", "--provider", "cohere", "--kind", "api-key"], Marker(11)),
        step(&["rotate", "OF_COHERE", "--dry-run"]),
        fails(&["rotate", "OF_COHERE", "--yes"]),
        fails(&["rotation", "bring", "OF_COHERE"]),
        step(&["rotation", "show", "OF_COHERE", "--json"]),
        step(&["rotation", "abort", "OF_COHERE", "-e", "development", "--yes"]),
        step(&["revoke", "OF_COHERE", "-e", "development", "--dry-run"]),
        step(&["rotation", "policy", "OF_COHERE"]),
        fails(&["rotation", "policy", "OF_COHERE", "--kill-first"]),
        step(&["rotation", "policy", "OF_COHERE", "--kill-first", "-e", "development", "--json"]),
        step(&["rotation", "policy", "OF_COHERE", "--overlap", "-e", "development"]),
        fails(&["revoke", "OF_COHERE", "--yes"]),
        fails(&["revoke", "OF_COHERE", "-e", "development", "--version", "9", "--yes"]),
        fails(&["rotate", "FOR_GATEWAY", "--admin", "OF_COHERE", "--account", "project=proj_1", "--dry-run"]),
        step(&["calendar"]),
        step(&["calendar", "--ics"]),
        step(&["elevate", "request", "ci", "-p", "shop", "-e", "production", "--reason", "a ticket"]),
        fails(&["elevate", "request", "ci", "-p", "shop"]),
        fails(&["elevate", "approve", "nothing"]),
        fails(&["elevate", "deny", "nothing"]),
        step(&["elevate", "list", "--json"]),
        step(&["break-glass", "-p", "shop", "-e", "production", "--for", "15m", "--reason", "fire", "--yes"]),
        // Who comes, who needs what, who goes.
        step(&["onboard", "grace", "--template", "developer", "-p", "shop"]),
        fails(&["onboard", "grace", "--accept-policy"]),
        step(&["onboard", "grace", "--json"]),
        step(&["review", "start"]),
        step(&["review", "show", "--json"]),
        fails(&["review", "decide", "99", "keep"]),
        fails(&["review", "decide", "99", "remove"]),
        fails(&["review", "decide", "99", "narrow", "auditor"]),
        fails(&["review", "decide", "99", "restore"]),
        step(&["offboard", "grace", "--plan"]),
        step(&["offboard", "grace", "--plan", "--json"]),
        fails(&["offboard", "nobody", "--yes"]),
        step(&["offboard", "grace", "--yes"]),
        step(&["user", "enable", "grace"]),
        step(&["user", "disable", "grace", "--yes"]),
        step(&["user", "enable", "grace"]),
        fails(&["user", "hand-over", "grace", "--yes"]),
        step(&["service-account", "disable", "shop-ci", "--yes"]),
        step(&["service-account", "enable", "shop-ci"]),
        step(&["group", "remove", "backend", "grace"]),
        step(&["group", "delete", "backend", "--yes"]),
        // The server, as far as it ends by itself; tests/up.rs lets it run.
        fails(&["up", "--listen", "0.0.0.0:0"]),
        // tests/login.rs has a server for these.
        fails(&["login", "http://127.0.0.1:9"]),
        fails(&["login", "http://keyward.example"]),
        step(&["logout"]),
        fails(&["logout", "https://keyward.example", "--json"]),
        fails(&["serve", "--config", "server.toml"]),
        fails(&["seal", "--status"]),
        fails(&["seal", "--yes"]),
        Step { may_fail: true, ..with(&["unseal"], Input::Marker(11)) },
        Step { may_fail: true, ..with(&["unseal", "--server", "http://127.0.0.1:1"], Input::Marker(11)) },
        step(&["ca", "init", "--folder", "../ca"]),
        fails(&["ca", "init", "--folder", "../ca"]),
        step(&["ca", "issue", "keyward.internal.example", "10.0.0.5", "--folder", "../ca", "--json"]),
        step(&["firewall", "print", "--config", "server.toml", "--format", "nftables"]),
        step(&["finding", "list", "--all", "--json"]),
        fails(&["finding", "show", "nothing"]),
        fails(&["finding", "resolve", "nothing", "--as", "revoked"]),
        // Where alerts go.
        Step { may_fail: true, ..with(&["alert", "add", "webhook", "hook"], Input::Marker(11)) },
        with(
            &[
                "alert",
                "add",
                "email",
                "mail",
                "--host",
                "127.0.0.1",
                "--port",
                "9",
                "--tls",
                "none",
                "--allow-private",
                "--username",
                "ops",
                "--from",
                "keyward@example.com",
                "--to",
                "ops@example.com",
            ],
            Input::Marker(11),
        ),
        Step { may_fail: true, ..with(&["alert", "add", "slack", "ops"], Input::Marker(11)) },
        step(&["alert", "list"]),
        step(&["alert", "list", "--json"]),
        fails(&["alert", "test", "mail"]),
        step(&["alert", "remove", "mail", "--yes"]),
        // Who vouches for whom.
        with(
            &["identity-provider", "add", "acme", "--issuer", "https://id.example", "--client-id", "keyward"],
            Input::Marker(11),
        ),
        fails(&["identity-provider", "add", "odd", "--issuer", "id.example", "--client-id", "keyward", "--public"]),
        step(&["identity-provider", "list"]),
        step(&["identity-provider", "list", "--json"]),
        step(&["identity-provider", "remove", "acme", "--yes"]),
        step(&["user", "identities", "grace"]),
        fails(&["user", "unlink", "grace", "nothing", "--yes"]),
        step(&[
            "service-account",
            "trust",
            "add",
            "shop-ci",
            "--issuer",
            "https://token.actions.githubusercontent.com",
            "--audience",
            "https://keyward.example",
            "--claim",
            "repository=acme/shop",
        ]),
        step(&["service-account", "trust", "list", "shop-ci"]),
        fails(&["service-account", "trust", "remove", "shop-ci", "nothing", "--yes"]),
        // On record.
        step(&["audit", "log", "--last", "500"]),
        step(&["audit", "log", "--all"]),
        step(&["audit", "log", "--json"]),
        step(&["audit", "verify"]),
        step(&["audit", "checkpoint"]),
        step(&["audit", "checkpoint", "--json"]),
        step(&["audit", "prove", "3"]),
        step(&["audit", "prove", "3", "--json"]),
        step(&["audit", "export", "../log"]),
        step(&["audit", "export", "../events", "--format", "ocsf"]),
        fails(&["store", "migrate", "--to", "../copy.db"]),
        // Another life. A copy has no key file, so that every command would stretch the passphrase.
        step(&["restore", "../copy.db", "--force"]),
        step(&["store", "accept"]),
        step(&["slot", "add", "key-file"]),
        shows(&["get", "OPENAI_API_KEY", "-e", "production"]),
    ]
}
