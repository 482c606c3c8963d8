//! Provisioning, with the bodies that identity providers send.

use serde_json::{Value, json};

use crate::kit::{Answer, Served, in_development};

/// An identity provider with a token of its own.
struct Provider<'a> {
    served: &'a Served,
    token: String,
}

impl<'a> Provider<'a> {
    fn of(served: &'a Served) -> Self {
        served.ask("POST", "/service-accounts", Some(json!({ "login": "okta", "name": "Okta" }))).is(201);
        let made = served.ask("POST", "/tokens", Some(json!({ "account": "okta", "scopes": ["scim"] }))).is(201);
        Self { served, token: made["text"].as_str().unwrap().to_owned() }
    }

    fn send(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/scim+json; charset=utf-8")];
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        self.served.raw(method, &format!("/scim/v2{path}"), &headers, &body)
    }

    fn get(&self, path: &str) -> Value {
        let answer = self.send("GET", path, None);
        assert_eq!(answer.header("content-type"), "application/scim+json");
        answer.is(200)
    }

    /// A user as Okta makes one.
    fn user(&self, name: &str) -> String {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": format!("{name}@example.com"),
            "name": { "givenName": "Test", "familyName": name },
            "emails": [{ "primary": true, "value": format!("{name}@example.com"), "type": "work" }],
            "displayName": name, "locale": "en-US", "externalId": format!("00u-{name}"), "groups": [],
            "password": "a-password-that-is-not-kept", "active": true,
        });
        self.send("POST", "/Users", Some(body)).is(201)["id"].as_str().unwrap().to_owned()
    }

    fn patch(&self, path: &str, operations: Value) -> Answer {
        let schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"];
        self.send("PATCH", path, Some(json!({ "schemas": schemas, "Operations": operations })))
    }
}

/// The word and status of an error in SCIM's form.
#[track_caller]
fn error(answer: &Answer, status: u16) -> String {
    let body = answer.is(status);
    assert_eq!(answer.header("content-type"), "application/scim+json");
    assert_eq!(body["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
    assert_eq!(body["status"], status.to_string());
    assert!(body["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
    body["scimType"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn only_a_token_for_it_opens_it_and_opens_nothing_else() {
    let served = Served::start();
    let provider = Provider::of(&served);
    for path in ["/Users", "/Groups", "/Schemas", "/ResourceTypes", "/ServiceProviderConfig", "/Users/x"] {
        let owner = format!("Bearer {}", served.token);
        let before = served.log_size();
        error(&served.raw("GET", &format!("/scim/v2{path}"), &[("authorization", &owner)], b""), 403);
        assert!(served.log_size() > before, "it is on record");
        assert_eq!(served.last_entry(), ("token.use".to_owned(), "denied".to_owned()));
        error(&served.raw("GET", &format!("/scim/v2{path}"), &[], b""), 401);
    }
    provider.get("/ServiceProviderConfig");
    served.ask("PUT", &in_development("secrets/A"), Some(json!({ "value": "v" }))).is(201);
    let bearer = format!("Bearer {}", provider.token);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    for (method, path, body) in [
        ("GET", in_development("values/A"), ""),
        ("GET", in_development("secrets"), ""),
        ("GET", "/accounts".into(), ""),
        ("GET", "/audit".into(), ""),
        ("POST", "/users".into(), r#"{"login":"eve","name":"Eve"}"#),
        ("POST", "/role-bindings".into(), r#"{"account":"okta","role":"admin"}"#),
        ("POST", "/tokens".into(), r#"{"account":"okta"}"#),
    ] {
        let answer = served.raw(method, &format!("/api/v1{path}"), &headers, body.as_bytes());
        assert!((400..500).contains(&answer.status), "{method} {path}: {}", answer.text());
    }
    error(&provider.send("GET", "/Nothing", None), 404);
    error(&provider.send("PUT", "/Users", Some(json!({}))), 405);
}

#[test]
fn owners_alone_make_such_a_token() {
    let served = Served::start();
    served.ask("POST", "/users", Some(json!({ "login": "adm", "name": "Adm" }))).is(201);
    served.ask("POST", "/service-accounts", Some(json!({ "login": "idp", "name": "IdP" }))).is(201);
    for body in [
        json!({ "scopes": ["scim"] }),
        json!({ "account": "idp", "scopes": ["scim", "list:*"] }),
        json!({ "account": "idp", "scopes": ["scim:*"] }),
    ] {
        let answer = served.ask("POST", "/tokens", Some(body.clone()));
        assert!((400..500).contains(&answer.status), "{body}: {}", answer.text());
    }
    served.ask("POST", "/tokens", Some(json!({ "account": "idp", "scopes": ["scim"] }))).is(201);
    // A part of an owner's rights is none of an owner's.
    let part = served.ask("POST", "/tokens", Some(json!({ "scopes": ["*:*"] }))).is(201)["text"].clone();
    let bearer = format!("Bearer {}", part.as_str().unwrap());
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let answer = served.raw("POST", "/api/v1/tokens", &headers, br#"{"account":"idp","scopes":["scim"]}"#);
    assert!((400..500).contains(&answer.status), "{}", answer.text());
}

#[test]
fn people_come_with_what_is_said_of_them_and_without_rights() {
    let served = Served::start();
    let provider = Provider::of(&served);
    let id = provider.user("Ada");
    let ada = provider.get(&format!("/Users/{id}"));
    assert_eq!(ada["userName"], "Ada@example.com", "as it was spelled");
    assert_eq!((&ada["externalId"], &ada["active"]), (&json!("00u-Ada"), &json!(true)));
    assert_eq!(ada["meta"]["location"], format!("/scim/v2/Users/{id}"));
    assert!(!ada.to_string().contains("not-kept"), "{ada}");
    let accounts = served.get("/accounts").is(200)["accounts"].clone();
    let account = accounts.as_array().unwrap().iter().find(|one| one["login"] == "ada@example.com").unwrap();
    assert_eq!(account["name"], "Ada");
    let question =
        json!({ "account": "ada@example.com", "operation": "list", "project": "shop", "environment": "development" });
    assert_eq!(served.ask("POST", "/policy-test", Some(question)).is(200)["allowed"], false);
    // Names do not differ by case.
    let again = json!({ "userName": "ADA@example.com" });
    assert_eq!(error(&provider.send("POST", "/Users", Some(again)), 409), "uniqueness");
    for (body, kind) in [
        (json!({ "displayName": "nobody" }), "invalidValue"),
        (json!({ "userName": "a b" }), "invalidValue"),
        (json!({ "userName": 7 }), "invalidValue"),
        (json!({ "userName": "x", "active": "perhaps" }), "invalidValue"),
    ] {
        assert_eq!(error(&provider.send("POST", "/Users", Some(body.clone())), 400), kind, "{body}");
    }
    assert_eq!(error(&provider.send("POST", "/Users", Some(json!([]))), 400), "invalidSyntax");
    error(&provider.send("GET", "/Users/nobody", None), 404);
}

#[test]
fn lists_are_filtered_and_come_in_pages() {
    let served = Served::start();
    let provider = Provider::of(&served);
    let ids: Vec<String> = ["ada", "bob", "eve"].iter().map(|name| provider.user(name)).collect();
    let find = |query: &str| -> Vec<String> {
        let page = provider.get(&format!("/Users?{query}"));
        assert_eq!(page["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:ListResponse"]));
        page["Resources"].as_array().unwrap().iter().map(|one| one["userName"].as_str().unwrap().to_owned()).collect()
    };
    // As Okta and Entra ID ask before they make somebody.
    assert_eq!(find("filter=userName%20eq%20%22ADA%40example.com%22&startIndex=1&count=100"), ["ada@example.com"]);
    assert_eq!(find("filter=externalId+eq+%2200u-bob%22"), ["bob@example.com"]);
    assert_eq!(find("filter=displayName+eq+%22eve%22"), ["eve@example.com"]);
    assert_eq!(find("filter=emails%5Btype%20eq%20%22work%22%5D.value%20eq%20%22x%22").len(), 0);
    assert!(find("filter=userName+eq+%22nobody%22").is_empty());
    assert_eq!(find("startIndex=3&count=1").len(), 1);
    let page = provider.get("/Users?startIndex=2&count=2");
    // The owner of the vault is a person, too.
    assert_eq!((&page["totalResults"], &page["itemsPerPage"], &page["startIndex"]), (&json!(4), &json!(2), &json!(2)));
    assert_eq!(error(&provider.send("GET", "/Users?filter=userName+is+1", None), 400), "invalidFilter");
    let group = json!({ "displayName": "Team", "members": [{ "value": ids[0] }] });
    let group = provider.send("POST", "/Groups", Some(group)).is(201);
    let found = provider.get("/Groups?excludedAttributes=members&filter=displayName+eq+%22team%22");
    assert_eq!(found["Resources"][0]["id"], group["id"]);
    assert!(found["Resources"][0].get("members").is_none());
    let with = format!("/Groups?filter=members+eq+%22{}%22", ids[0]);
    assert_eq!(provider.get(&with)["totalResults"], 1);
    assert_eq!(provider.get(&format!("/Groups?filter=members.value+eq+%22{}%22", ids[1]))["totalResults"], 0);
    assert_eq!(provider.get(&format!("/Users/{}", ids[0]))["groups"][0]["display"], "Team");
}

#[test]
fn whoever_is_not_active_is_out_at_once() {
    for operations in [
        // Okta
        json!([{ "op": "replace", "value": { "active": false } }]),
        // Microsoft Entra ID, before and after its flag `aadOptscim062020`
        json!([{ "op": "Replace", "path": "active", "value": "False" }]),
        json!([{ "op": "replace", "path": "active", "value": false }]),
        // with an attribute beside it
        json!([{ "op": "Replace", "path": "displayName", "value": "Gone" },
            { "op": "Replace", "path": "urn:ietf:params:scim:schemas:core:2.0:User:active", "value": "false" }]),
    ] {
        let served = Served::start();
        let provider = Provider::of(&served);
        let id = provider.user("ada");
        let login = "ada@example.com";
        let role = json!({ "account": login, "role": "developer", "project": "shop" });
        served.ask("POST", "/role-bindings", Some(role)).is(201);
        served
            .ask(
                "PUT",
                &in_development("secrets/DB"),
                Some(json!({ "value": "a value that she reads", "metadata": { "kind": "password" } })),
            )
            .is(201);
        let token = of_person(&served, login);
        let bearer = format!("Bearer {token}");
        let read = || {
            served.raw("GET", &format!("/api/v1{}", in_development("values/DB")), &[("authorization", &bearer)], b"")
        };
        read().is(200);
        let changed = provider.patch(&format!("/Users/{id}"), operations.clone()).is(200);
        assert_eq!(changed["active"], false, "{operations}");
        assert_eq!(read().problem(401), "unauthenticated", "{operations}");
        let plan = served.get(&format!("/offboardings/{login}")).is(200);
        assert!(plan["disabled_at"].is_string());
        assert_eq!(plan["tasks"].as_array().unwrap().len(), 1, "what she read is to be replaced: {plan}");
        let log = served.get("/audit?limit=1000").text();
        assert!(log.contains("offboarding.begin"), "it is on record");
        // Back again, her account acts and the token stays dead.
        let back =
            provider.patch(&format!("/Users/{id}"), json!([{ "op": "Replace", "path": "active", "value": "True" }]));
        assert_eq!(back.is(200)["active"], true);
        assert_eq!(read().problem(401), "unauthenticated");
    }
}

/// A token that somebody made for himself.
pub(crate) fn of_person(served: &Served, login: &str) -> String {
    let vault = &served.vault;
    let account = vault.account(&login.parse().unwrap()).unwrap();
    let caller = vault.caller_of(&account.principal).unwrap();
    let occasion = keyward_client::Occasion { agent: "test".into(), reason: None };
    let desk = keyward_client::LocalDesk::acting(std::sync::Arc::clone(vault), caller, occasion);
    let made = keyward_client::Desk::create_token(&desk, keyward_client::NewTokenInfo::default()).unwrap();
    String::from_utf8(made.text.expose().to_vec()).unwrap()
}

#[test]
fn who_is_replaced_or_deleted_is_so() {
    let served = Served::start();
    let provider = Provider::of(&served);
    let id = provider.user("ada");
    let path = format!("/Users/{id}");
    let body = json!({ "schemas": [], "id": id, "userName": "ada.lovelace@example.com", "active": true,
        "name": { "givenName": "Ada", "familyName": "Lovelace" },
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "Engines" } });
    let replaced = provider.send("PUT", &path, Some(body)).is(200);
    assert_eq!(replaced["id"], id.as_str());
    assert!(replaced.get("emails").is_none() && replaced.get("externalId").is_none(), "what is not said is not kept");
    assert_eq!(replaced["schemas"].as_array().unwrap().len(), 2);
    assert_eq!(served.get("/accounts").text().matches("ada.lovelace@example.com").count(), 1);
    assert_eq!(
        error(&provider.patch(&path, json!([{ "op": "replace", "path": "id", "value": "x" }])), 400),
        "mutability"
    );
    assert_eq!(provider.send("DELETE", &path, None).status, 204);
    for answer in [provider.send("GET", &path, None), provider.send("DELETE", &path, None)] {
        error(&answer, 404);
    }
    assert!(served.get("/offboardings/ada.lovelace@example.com").is(200)["disabled_at"].is_string());
    let again = json!({ "userName": "ada.lovelace@example.com" });
    assert_eq!(error(&provider.send("POST", "/Users", Some(again)), 409), "uniqueness", "a person decides that");
    assert!(served.vault.verify(None).unwrap().faults.is_empty());
}

#[test]
fn who_comes_inactive_acts_once_he_is_active() {
    let served = Served::start();
    let provider = Provider::of(&served);
    let before = served.log_size();
    let made = json!({ "userName": "Ada@example.com", "active": false });
    let made = provider.send("POST", "/Users", Some(made)).is(201);
    assert_eq!(made["active"], false);
    let told: Vec<String> =
        served.vault.log(before, 9).unwrap().iter().map(|line| line.entry.action.to_string()).collect();
    assert_eq!(told.iter().filter(|action| action.starts_with("user.")).collect::<Vec<_>>(), ["user.add"], "{told:?}");
    let ada = served.vault.account(&"ada@example.com".parse().unwrap()).unwrap().principal;
    assert!(served.vault.caller_of(&ada).is_err());
    let path = format!("/Users/{}", made["id"].as_str().unwrap());
    assert_eq!(provider.get(&path), made);
    let found = provider.get("/Users?filter=userName+eq+%22ada%40EXAMPLE.com%22");
    assert_eq!((&found["totalResults"], &found["Resources"][0]), (&json!(1), &made));
    let active = json!([{ "op": "Replace", "path": "active", "value": "True" }]);
    assert_eq!(provider.patch(&path, active).is(200)["active"], true);
    assert!(served.vault.caller_of(&ada).is_ok());
}

#[test]
fn whoever_was_deleted_and_acts_again_can_be_ended_again() {
    let served = Served::start();
    let provider = Provider::of(&served);
    let path = format!("/Users/{}", provider.user("ada"));
    assert_eq!(provider.send("DELETE", &path, None).status, 204);
    error(&provider.send("GET", &path, None), 404);
    served.ask("POST", "/accounts/ada@example.com/enable", None).is(200);
    assert_eq!(provider.get(&path)["active"], true);
    let found = provider.get("/Users?filter=userName+eq+%22ada%40example.com%22");
    assert_eq!(found["totalResults"], 1, "where the provider looks before it makes somebody");
    assert_eq!(provider.send("DELETE", &path, None).status, 204);
    assert!(served.get("/offboardings/ada@example.com").is(200)["disabled_at"].is_string());
    error(&provider.send("GET", &path, None), 404);
}

#[test]
fn an_end_that_was_broken_off_is_made_good_once() {
    let served = Served::start();
    let provider = Provider::of(&served);
    let owner = keyward_vault::Actor::new(served.vault.owner().unwrap().1, "test");
    let begun = || served.get("/audit?limit=1000").text().matches("offboarding.begin").count();
    for (ends, (name, put_first)) in (1..).zip([("ada", true), ("bob", false)]) {
        let path = format!("/Users/{}", provider.user(name));
        let login = format!("{name}@example.com");
        let patch = || provider.patch(&path, json!([{ "op": "replace", "value": { "active": false } }])).is(200);
        let put = || provider.send("PUT", &path, Some(json!({ "userName": login, "active": false }))).is(200);
        // Nobody read anything, so that there is no task to be known by.
        let account = served.vault.account(&login.parse().unwrap()).unwrap();
        served.vault.disable(&owner, &account.principal).unwrap();
        assert_eq!(begun(), ends - 1);
        if put_first {
            put()
        } else {
            patch()
        };
        assert_eq!(begun(), ends, "{name}");
        patch();
        put();
        assert_eq!(provider.send("DELETE", &path, None).status, 204);
        assert_eq!(begun(), ends, "it is begun once");
    }
    assert!(served.vault.verify(None).unwrap().faults.is_empty());
}

#[test]
fn an_owner_is_above_it() {
    let served = Served::start();
    let provider = Provider::of(&served);
    let owner = provider.get("/Users")["Resources"][0].clone();
    let path = format!("/Users/{}", owner["id"].as_str().unwrap());
    error(&provider.patch(&path, json!([{ "op": "replace", "value": { "active": false } }])), 403);
    error(&provider.send("DELETE", &path, None), 403);
    error(&provider.patch(&path, json!([{ "op": "replace", "path": "userName", "value": "mallory" }])), 403);
    assert_eq!(provider.get(&path), owner);
}

#[test]
fn groups_give_what_an_owner_bound_to_them_and_nothing_else() {
    let served = Served::start();
    let provider = Provider::of(&served);
    let (ada, bob) = (provider.user("ada"), provider.user("bob"));
    let body = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Shop Developers",
        "externalId": "g-1", "members": [{ "value": ada, "display": "ada" }] });
    let group = provider.send("POST", "/Groups", Some(body.clone())).is(201);
    let path = format!("/Groups/{}", group["id"].as_str().unwrap());
    assert_eq!(error(&provider.send("POST", "/Groups", Some(body)), 409), "uniqueness");
    let may = |login: &str| {
        let question =
            json!({ "account": login, "operation": "read", "project": "shop", "environment": "development" });
        served.ask("POST", "/policy-test", Some(question)).is(200)["allowed"].clone()
    };
    assert_eq!(may("ada@example.com"), false, "a group by itself gives nothing");
    let role = json!({ "group": "shop-developers", "role": "developer", "project": "shop" });
    served.ask("POST", "/role-bindings", Some(role)).is(201);
    assert_eq!(may("ada@example.com"), true);
    // Entra ID
    provider
        .patch(&path, json!([{ "op": "Add", "path": "members", "value": [{ "$ref": null, "value": bob }] }]))
        .is(200);
    assert_eq!(may("bob@example.com"), true);
    let out = json!([{ "op": "Remove", "path": "members", "value": [{ "$ref": null, "value": ada }] }]);
    assert_eq!(provider.patch(&path, out).is(200)["members"].as_array().unwrap().len(), 1);
    assert_eq!(may("ada@example.com"), false);
    // Okta
    let renamed = json!([{ "op": "replace", "value": { "id": group["id"], "displayName": "Shop People" } }]);
    assert_eq!(provider.patch(&path, renamed).is(200)["displayName"], "Shop People");
    let out = json!([{ "op": "remove", "path": format!("members[value eq \"{bob}\"]") }]);
    assert_eq!(provider.patch(&path, out).is(200)["members"], json!([]));
    assert_eq!(may("bob@example.com"), false);
    let nobody = json!([{ "op": "add", "path": "members", "value": [{ "value": "nobody" }] }]);
    assert_eq!(error(&provider.patch(&path, nobody), 400), "invalidValue");
    // What an admin binds is his to give, and not the provider's.
    served.ask("POST", "/users", Some(json!({ "login": "adm", "name": "Adm" }))).is(201);
    served.ask("POST", "/role-bindings", Some(json!({ "account": "adm", "role": "admin" }))).is(201);
    let admin = format!("Bearer {}", of_person(&served, "adm"));
    let headers = [("authorization", admin.as_str()), ("content-type", "application/json")];
    served.raw("POST", "/api/v1/role-bindings", &headers, br#"{"group":"shop-people","role":"admin"}"#).is(201);
    let join = json!([{ "op": "add", "path": "members", "value": [{ "value": bob }] }]);
    error(&provider.patch(&path, join), 403);
    assert_eq!(provider.get(&path)["members"], json!([]), "nothing half done");
    assert_eq!(provider.send("DELETE", &path, None).status, 204);
    error(&provider.send("GET", &path, None), 404);
    assert!(!served.get("/role-bindings").text().contains("shop-people"));
    assert!(served.vault.verify(None).unwrap().faults.is_empty());
}

#[test]
fn groups_of_people_are_theirs() {
    let served = Served::start();
    let provider = Provider::of(&served);
    let ada = provider.user("ada");
    served.ask("POST", "/groups", Some(json!({ "name": "admins" }))).is(201);
    served.ask("POST", "/role-bindings", Some(json!({ "group": "admins", "role": "admin" }))).is(201);
    assert_eq!(provider.get("/Groups")["totalResults"], 0);
    let taken = json!({ "displayName": "Admins", "members": [{ "value": ada }] });
    assert_eq!(error(&provider.send("POST", "/Groups", Some(taken)), 409), "uniqueness");
    let id = served.vault.groups(&keyward_vault::Actor::new(served.vault.owner().unwrap().1, "test")).unwrap()[0].id;
    let join = json!([{ "op": "add", "path": "members", "value": [{ "value": ada }] }]);
    error(&provider.patch(&format!("/Groups/{id}"), join), 404);
}

#[test]
fn requests_at_the_same_time_do_not_undo_each_other() {
    let served = Served::start();
    let provider = Provider::of(&served);
    let names = ["ada", "bob", "eve", "ann"];
    let ids = names.map(|name| provider.user(name));
    let members: Vec<Value> = ids.iter().map(|id| json!({ "value": id })).collect();
    let group = json!({ "displayName": "Team", "members": members });
    let group = provider.send("POST", "/Groups", Some(group)).is(201)["id"].as_str().unwrap().to_owned();
    let path = format!("/Groups/{group}");
    let together = |operation: &(dyn Fn(&str) -> Value + Sync)| {
        let begin = std::sync::Barrier::new(ids.len());
        std::thread::scope(|scope| {
            for id in &ids {
                let (provider, begin, path) = (&provider, &begin, &path);
                scope.spawn(move || {
                    begin.wait();
                    provider.patch(path, operation(id)).is(200);
                });
            }
        });
    };
    for round in 0..8 {
        together(&|id| json!([{ "op": "remove", "path": format!("members[value eq \"{id}\"]") }]));
        assert_eq!(provider.get(&path)["members"], json!([]), "whoever was taken out stays out, round {round}");
        together(&|id| json!([{ "op": "add", "path": "members", "value": [{ "value": id }] }]));
        assert_eq!(provider.get(&path)["members"].as_array().unwrap().len(), ids.len(), "round {round}");
    }
    // The same of one person's attributes.
    let user = format!("/Users/{}", ids[0]);
    let attributes = ["title", "nickName", "locale", "timezone"];
    for round in 0..8 {
        let begin = std::sync::Barrier::new(attributes.len());
        std::thread::scope(|scope| {
            for name in attributes {
                let (provider, begin, user) = (&provider, &begin, &user);
                scope.spawn(move || {
                    begin.wait();
                    let value = format!("{name}-{round}");
                    provider.patch(user, json!([{ "op": "replace", "path": name, "value": value }])).is(200);
                });
            }
        });
        let shown = provider.get(&user);
        for name in attributes {
            assert_eq!(shown[name], format!("{name}-{round}"), "{shown}");
        }
    }
    assert!(served.vault.verify(None).unwrap().faults.is_empty());
}

#[test]
fn who_is_ended_by_several_requests_at_once_is_so_for_each() {
    let served = Served::start();
    let provider = Provider::of(&served);
    let path = format!("/Users/{}", provider.user("ada"));
    let begin = std::sync::Barrier::new(4);
    for round in 0..8 {
        for active in [false, true] {
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    let (provider, begin, path) = (&provider, &begin, &path);
                    scope.spawn(move || {
                        begin.wait();
                        let said = json!([{ "op": "replace", "path": "active", "value": active }]);
                        assert_eq!(provider.patch(path, said).is(200)["active"], active, "round {round}");
                    });
                }
            });
        }
    }
    assert!(served.vault.verify(None).unwrap().faults.is_empty());
}
