//! What each route of the document needs, in an order in which little is gone before it is asked for.

use super::model::Needs::{self, Environment, Foreign, ForeignToken, Nothing, Own, Project, Recognition, Sight, Vault, Work};
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
    route("POST", "/findings", Recognition, r#"{"source":"here","findings":[{"fingerprint":"kwf1:00112233445566778899aabbccddeeff","rule":"r","path":"p"}]}"#),
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
    route("PUT", "/projects/{project}/environments/{environment}/secrets/{name}", Environment(Write), r#"{"value":"another value"}"#),
    route("POST", "/projects/{project}/environments/{environment}/secrets", Environment(Write), r#"{"secrets":[{"name":"A","value":"one more value"}]}"#),
    route("PATCH", "/projects/{project}/environments/{environment}/secrets/{name}", Environment(Write), r#"{"description":"for tests"}"#),
    route("POST", "/projects/{project}/environments/{environment}/rollback/{name}", Environment(Write), r#"{"version":1}"#),
    route("DELETE", "/projects/{project}/environments/{environment}/secrets/{name}", Environment(Write), ""),
    route("POST", "/projects/{project}/environments/{environment}/undelete/{name}", Environment(Write), ""),
    route("POST", "/projects/{project}/environments/{environment}/destroy/{name}", Environment(Write), r#"{"version":2}"#),
    route("POST", "/tokens", Own, r#"{"name":"mine"}"#),
    route("DELETE", "/tokens/{id}", ForeignToken, ""),
    route("POST", "/elevations", Nothing, r#"{"role":"developer","project":"shop","seconds":600,"reason":"for the matrix"}"#),
    route("POST", "/break-glass", Work, r#"{"project":"{project}","seconds":600,"reason":"for the matrix"}"#),
    route("POST", "/projects", Vault(Administer), r#"{"name":"new-project"}"#),
    route("POST", "/users", Vault(Administer), r#"{"login":"new-user","name":"New"}"#),
    route("POST", "/service-accounts", Vault(Administer), r#"{"login":"new-program","name":"New"}"#),
    route("POST", "/groups", Vault(Administer), r#"{"name":"new-group"}"#),
    route("PUT", "/groups/{group}/members/{login}", Vault(Administer), ""),
    route("DELETE", "/groups/{group}/members/{login}", Vault(Administer), ""),
    route("POST", "/accounts/{login}/disable", Vault(Administer), ""),
    route("POST", "/accounts/{login}/enable", Vault(Administer), ""),
    route("POST", "/accounts/{login}/hand-over", Vault(Administer), ""),
    route("PUT", "/policies/{policy}", Vault(Administer), r#"{"text":"forbid (principal, action == Action::\"sign\", resource);"}"#),
    route("DELETE", "/policies/{policy}", Vault(Administer), ""),
    route("PATCH", "/findings/{id}", Vault(Administer), r#"{"state":"fixed"}"#),
    route("POST", "/role-bindings", Project(Administer), r#"{"account":"victim","role":"ci","project":"{project}"}"#),
    route("DELETE", "/role-bindings/{id}", Foreign(Administer), ""),
    route("POST", "/elevations/{id}/approve", Foreign(Administer), ""),
    route("POST", "/elevations/{id}/deny", Foreign(Administer), ""),
    route("PATCH", "/projects/{project}", Project(Administer), r#"{"name":"{project}"}"#),
    route("POST", "/projects/{project}/environments", Project(Administer), r#"{"name":"new-environment"}"#),
    route("DELETE", "/groups/{group}", Vault(Administer), ""),
    Route { query: "?with_secrets=true", ..route("DELETE", "/projects/{project}/environments/{environment}", Environment(Administer), "") },
    route("DELETE", "/projects/{project}", Project(Administer), ""),
];
