//! What each route of the document needs, in an order in which little is gone before it is asked for.

use super::model::Needs::{
    self, Environment, Foreign, ForeignToken, Guest, Nothing, Own, Ownership, Project, ProjectAt, Recognition, Session,
    Sight, Vault, Work,
};
use super::model::Op::{Administer, List, Read, Write};

/// A route and what it needs.
pub(super) struct Route {
    pub(super) method: &'static str,
    /// As the document has it.
    pub(super) path: &'static str,
    pub(super) needs: Needs,
    /// JSON, with the names of the path filled in.
    pub(super) body: &'static str,
    pub(super) query: &'static str,
}

const fn route(method: &'static str, path: &'static str, needs: Needs, body: &'static str) -> Route {
    Route { method, path, needs, body, query: "" }
}

const fn get(path: &'static str, needs: Needs) -> Route {
    route("GET", path, needs, "")
}

pub(super) const ROUTES: &[Route] = &[
    get("/whoami", Nothing),
    get("/projects", Nothing),
    Route { query: "?name=a", ..get("/search", Nothing) },
    get("/tokens", Nothing),
    get("/role-bindings", Nothing),
    get("/elevations", Nothing),
    route("POST", "/holdings/close", Nothing, r#"{"ids":["nothing"]}"#),
    route("POST", "/offline-uses", Nothing, r#"{"uses":[]}"#),
    get("/projects/{project}", Sight),
    get("/projects/{project}/environments", Sight),
    get("/projects/{project}/environments/{environment}/secrets", Environment(List)),
    get("/projects/{project}/environments/{environment}/names", Environment(List)),
    get("/projects/{project}/environments/{environment}/secrets/{name}", Environment(List)),
    get("/projects/{project}/environments/{environment}/versions/{name}", Environment(List)),
    get("/projects/{project}/environments/{environment}/holdings/{name}", Environment(List)),
    get("/projects/{project}/environments/{environment}/values", Environment(Read)),
    get("/projects/{project}/environments/{environment}/values/{name}", Environment(Read)),
    get("/match/bundle", Recognition),
    route("POST", "/match/candidates", Recognition, r#"{"candidates":[{"value":"some value"}]}"#),
    route(
        "POST",
        "/findings",
        Recognition,
        r#"{"source":"here","findings":[{"fingerprint":"kwf1:00112233445566778899aabbccddeeff","rule":"r","path":"p"}]}"#,
    ),
    get("/accounts", Vault(List)),
    get("/groups", Vault(List)),
    get("/policies", Vault(List)),
    get("/findings", Vault(List)),
    get("/findings/{id}", Vault(List)),
    get("/audit", Vault(List)),
    get("/audit/checkpoint", Vault(List)),
    get("/audit/proof/{index}", Vault(List)),
    route("POST", "/audit/verify", Vault(List), r#"{}"#),
    route("POST", "/policy-test", Vault(List), r#"{"account":"victim","operation":"read","project":"shop"}"#),
    route(
        "PUT",
        "/projects/{project}/environments/{environment}/secrets/{name}",
        Environment(Write),
        r#"{"value":"another value"}"#,
    ),
    route(
        "POST",
        "/projects/{project}/environments/{environment}/secrets",
        Environment(Write),
        r#"{"secrets":[{"name":"A","value":"one more value"}]}"#,
    ),
    route(
        "PATCH",
        "/projects/{project}/environments/{environment}/secrets/{name}",
        Environment(Write),
        r#"{"description":"for tests"}"#,
    ),
    route(
        "POST",
        "/projects/{project}/environments/{environment}/rollback/{name}",
        Environment(Write),
        r#"{"version":1}"#,
    ),
    route("DELETE", "/projects/{project}/environments/{environment}/secrets/{name}", Environment(Write), ""),
    route("POST", "/projects/{project}/environments/{environment}/undelete/{name}", Environment(Write), ""),
    route(
        "POST",
        "/projects/{project}/environments/{environment}/destroy/{name}",
        Environment(Write),
        r#"{"version":2}"#,
    ),
    route("POST", "/tokens", Own, r#"{"name":"mine"}"#),
    route("DELETE", "/tokens/{id}", ForeignToken, ""),
    route(
        "POST",
        "/elevations",
        Own,
        r#"{"role":"developer","project":"shop","seconds":600,"reason":"for the matrix"}"#,
    ),
    // Whoever comes there is nobody yet: what he brings is in the body.
    route("POST", "/auth/sign-in", Guest, r#"{"login":"victim","password":"a wrong password"}"#),
    route("POST", "/auth/device/authorization", Guest, "{}"),
    route("POST", "/auth/device/token", Guest, r#"{"device_code":"nothing"}"#),
    route("POST", "/auth/links/look", Guest, r#"{"link":"nothing"}"#),
    route("POST", "/auth/links/use", Guest, r#"{"link":"nothing","password":"a password that is long"}"#),
    route("POST", "/auth/passkeys/sign-in/begin", Guest, "{}"),
    route("POST", "/auth/passkeys/sign-in", Guest, r#"{"ceremony":"nothing","credential":{}}"#),
    get("/seal", Guest),
    route("POST", "/unseal", Guest, r#"{"share":"nothing"}"#),
    // This server cannot be sealed, which everybody may know; who may seal one is in `seal.rs`.
    route("POST", "/seal", Nothing, ""),
    // A person's own affairs: no token stands for the person there.
    get("/auth/session", Session),
    get("/auth/sessions", Session),
    route("DELETE", "/auth/sessions", Session, ""),
    route("DELETE", "/auth/sessions/{id}", Session, ""),
    route("POST", "/auth/sign-out", Session, ""),
    route("PUT", "/auth/password", Session, r#"{"current":"a","password":"a password that is long"}"#),
    route("POST", "/auth/second-factor", Session, "{}"),
    route("POST", "/auth/second-factor/confirm", Session, r#"{"code":"000000"}"#),
    route("POST", "/auth/second-factor/remove", Session, "{}"),
    route("POST", "/auth/recovery-codes", Session, "{}"),
    get("/auth/passkeys", Session),
    route("POST", "/auth/passkeys/begin", Session, "{}"),
    route("POST", "/auth/passkeys", Session, r#"{"name":"a","ceremony":"nothing","credential":{}}"#),
    route("POST", "/auth/passkeys/{id}/remove", Session, "{}"),
    route("POST", "/auth/device/look", Session, r#"{"user_code":"BBBB-BBBB"}"#),
    route("POST", "/auth/device/decision", Session, r#"{"user_code":"BBBB-BBBB","approve":true}"#),
    route("POST", "/auth/links", Vault(Administer), r#"{"login":"victim"}"#),
    get("/offboardings/{login}", Vault(List)),
    route("POST", "/offboardings/{login}/settle", Vault(List), r#"{"name":"nothing","settlement":"done"}"#),
    get("/onboardings/{login}", Vault(List)),
    route("POST", "/onboardings/{login}/confirm", Session, r#"{"said":"policy"}"#),
    get("/reviews/newest", Vault(List)),
    get("/reviews/{id}", Vault(List)),
    route("POST", "/reviews", Vault(Administer), r#"{"days":14}"#),
    route("POST", "/reviews/newest/lines/{number}/decide", Vault(Administer), r#"{"decision":"keep"}"#),
    // Nothing was taken, as whoever may see the review is told.
    route("POST", "/reviews/{id}/lines/{number}/restore", Vault(List), ""),
    // Nothing is due here; what it would take away is the affair of who administers.
    route("POST", "/reviews/close-due", Vault(List), ""),
    get("/alert-sinks", Vault(List)),
    route(
        "POST",
        "/alert-sinks",
        Vault(Administer),
        r#"{"name":"new-sink","webhook":"http://127.0.0.1:1/","allow_private":true}"#,
    ),
    route("POST", "/alert-sinks/{sink}/test", Vault(Administer), ""),
    route("DELETE", "/alert-sinks/{sink}", Vault(Administer), ""),
    route("DELETE", "/accounts/{login}/passkeys", Vault(Administer), ""),
    route("POST", "/onboardings", Vault(Administer), r#"{"login":"victim","template":"developer","project":"shop"}"#),
    route("POST", "/projects", Vault(Administer), r#"{"name":"new-project"}"#),
    route("POST", "/users", Vault(Administer), r#"{"login":"new-user","name":"New"}"#),
    route("POST", "/service-accounts", Vault(Administer), r#"{"login":"new-program","name":"New"}"#),
    route("POST", "/groups", Vault(Administer), r#"{"name":"new-group"}"#),
    route("PUT", "/groups/{group}/members/{login}", Vault(Administer), ""),
    route("DELETE", "/groups/{group}/members/{login}", Vault(Administer), ""),
    route("POST", "/accounts/{login}/disable", Vault(Administer), ""),
    route("POST", "/accounts/{login}/enable", Vault(Administer), ""),
    route("POST", "/accounts/{login}/hand-over", Ownership, ""),
    route(
        "PUT",
        "/policies/{policy}",
        Vault(Administer),
        r#"{"text":"forbid (principal, action == Action::\"sign\", resource);"}"#,
    ),
    route("DELETE", "/policies/{policy}", Vault(Administer), ""),
    route("PATCH", "/findings/{id}", Vault(Administer), r#"{"state":"fixed"}"#),
    route("POST", "/role-bindings", Project(Administer), r#"{"account":"victim","role":"ci","project":"{project}"}"#),
    route("DELETE", "/role-bindings/{id}", Foreign(Administer), ""),
    route("POST", "/elevations/{id}/approve", Foreign(Administer), ""),
    route("POST", "/elevations/{id}/deny", Foreign(Administer), ""),
    route("PATCH", "/projects/{project}", Project(Administer), r#"{"name":"{project}"}"#),
    route(
        "PATCH",
        "/projects/{project}/environments/{environment}",
        ProjectAt(Administer),
        r#"{"offline_seconds":60}"#,
    ),
    route("POST", "/projects/{project}/environments", Project(Administer), r#"{"name":"new-environment"}"#),
    route("POST", "/offboardings", Vault(Administer), r#"{"login":"victim"}"#),
    route("DELETE", "/groups/{group}", Vault(Administer), ""),
    Route {
        query: "?with_secrets=true",
        ..route("DELETE", "/projects/{project}/environments/{environment}", Environment(Administer), "")
    },
    // It gives rights, so that little comes after it.
    route("POST", "/break-glass", Work, r#"{"project":"{project}","seconds":600,"reason":"for the matrix"}"#),
    route("DELETE", "/projects/{project}", Project(Administer), ""),
];
