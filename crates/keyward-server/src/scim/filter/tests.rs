use serde_json::json;

use super::*;

fn ada() -> Value {
    json!({
        "id": "a1", "userName": "Ada@Example.com", "active": true, "externalId": "X9", "title": "",
        "name": { "familyName": "Lovelace" },
        "emails": [{ "value": "ada@example.com", "type": "work" }, { "value": "a@home.example", "type": "home" }],
        "meta": { "created": "2026-11-26T00:00:00.000Z" },
    })
}

#[test]
fn filters_of_providers_hold_where_they_should() {
    for (text, holds) in [
        ("userName eq \"ada@example.com\"", true),
        ("USERNAME Eq \"ada@example.com\"", true),
        ("userName eq \"ad\"", false),
        ("externalId eq \"x9\"", false),
        ("externalId eq \"X9\"", true),
        ("name.familyName sw \"love\" and active eq true", true),
        ("active eq \"True\"", true),
        ("active eq false or not (title pr)", true),
        ("title pr", false),
        ("nickName eq null", true),
        ("emails eq \"a@home.example\"", true),
        ("emails.type eq \"home\"", true),
        ("emails[type eq \"work\" and value co \"@example.com\"]", true),
        ("emails[type eq \"home\" and value co \"@example.com\"]", false),
        ("emails[type eq \"home\"].value eq \"a@home.example\"", true),
        ("emails[type eq \"work\"].value eq \"a@home.example\"", false),
        ("meta.created ge \"2026-01-01T00:00:00Z\"", true),
        ("userName ne \"eve\"", true),
        ("userName eq \"eve\" or (active eq true and id eq \"a1\")", true),
        ("urn:ietf:params:scim:schemas:core:2.0:User:userName ew \"example.com\"", true),
        ("userName eq \"a \\\" b\"", false),
    ] {
        assert_eq!(parse(text).unwrap().holds(&ada()), holds, "{text}");
    }
}

#[test]
fn what_is_no_filter_is_refused() {
    let deep = format!("{}active eq true{}", "(".repeat(40), ")".repeat(40));
    let long = format!("userName eq \"{}\"", "x".repeat(5000));
    let odd = [
        "",
        "userName",
        "userName eq",
        "userName is \"a\"",
        "userName eq \"a",
        "userName eq {}",
        "(active pr",
        "active pr)",
        "active pr active pr",
        "eq \"a\"",
        "not active pr",
        "userName eq \"a\" and",
        &deep,
        &long,
    ];
    for text in odd {
        assert_eq!(parse(text).unwrap_err().kind(), Some("invalidFilter"), "{text}");
    }
}
