use serde_json::json;

use super::*;

fn patched(to: Value, operations: Value) -> Result<Value> {
    let (Value::Object(mut to), sent) = (to, json!({ "Operations": operations })) else { unreachable!("an object") };
    for operation in super::operations(sent.as_object().unwrap())? {
        operation.apply(&mut to)?;
    }
    Ok(Value::Object(to))
}

#[test]
fn what_providers_send_is_understood() {
    let ada = json!({ "userName": "ada", "active": true, "name": { "givenName": "Ada" } });
    for (sent, part, is) in [
        // Okta: no path.
        (json!([{ "op": "replace", "value": { "active": false } }]), "/active", json!(false)),
        // Entra ID: verbs in capitals, booleans as words.
        (json!([{ "op": "Replace", "path": "active", "value": "False" }]), "/active", json!("False")),
        (json!([{ "op": "Add", "value": { "name.familyName": "L", "title": "T" } }]), "/name/familyName", json!("L")),
        (
            json!([{ "op": "Add", "path": "emails[type eq \"work\"].value", "value": "a@b.example" }]),
            "/emails/0",
            json!({ "type": "work", "value": "a@b.example" }),
        ),
        (
            json!([{ "op": "add",
                "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "value": "R&D" }]),
            "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/department",
            json!("R&D"),
        ),
        (json!([{ "op": "replace", "path": "NAME.GIVENNAME", "value": "A." }]), "/name/givenName", json!("A.")),
        (json!([{ "op": "replace", "path": "name", "value": { "familyName": "L" } }]), "/name/givenName", json!("Ada")),
        (
            json!([{ "op": "replace", "value": { "id": "x", "schemas": [], "userName": "eve" } }]),
            "/userName",
            json!("eve"),
        ),
    ] {
        let patched = patched(ada.clone(), sent.clone()).unwrap();
        assert_eq!(patched.pointer(part), Some(&is), "{sent}");
    }
}

#[test]
fn members_come_and_go_in_every_form() {
    let group = json!({ "displayName": "g", "members": [{ "value": "a" }, { "value": "b" }] });
    for (sent, is) in [
        (
            json!([{ "op": "add", "path": "members", "value": [{ "value": "b" }, { "value": "c" }] }]),
            vec!["a", "b", "c"],
        ),
        (json!([{ "op": "add", "path": "members", "value": { "value": "c" } }]), vec!["a", "b", "c"]),
        (json!([{ "op": "remove", "path": "members[value eq \"a\"]" }]), vec!["b"]),
        (json!([{ "op": "Remove", "path": "members", "value": [{ "value": "b" }] }]), vec!["a"]),
        (json!([{ "op": "remove", "path": "members" }]), vec![]),
        (json!([{ "op": "replace", "path": "members", "value": [{ "value": "z" }] }]), vec!["z"]),
        (json!([{ "op": "remove", "path": "members[value eq \"nobody\"]" }]), vec!["a", "b"]),
    ] {
        let patched = patched(group.clone(), sent.clone()).unwrap();
        let members = patched["members"].as_array().cloned().unwrap_or_default();
        let members: Vec<&str> = members.iter().map(|one| one["value"].as_str().unwrap()).collect();
        assert_eq!(members, is, "{sent}");
    }
}

#[test]
fn what_cannot_be_done_says_why() {
    let user = json!({ "userName": "ada", "emails": [] });
    for (sent, kind) in [
        (json!([]), "invalidSyntax"),
        (json!([{ "op": "move", "path": "a", "value": 1 }]), "invalidSyntax"),
        (json!([{ "path": "a", "value": 1 }]), "invalidSyntax"),
        (json!([{ "op": "remove" }]), "noTarget"),
        (json!([{ "op": "add", "path": "a" }]), "invalidValue"),
        (json!([{ "op": "add", "value": "text" }]), "invalidValue"),
        (json!([{ "op": "replace", "path": "id", "value": "x" }]), "mutability"),
        (json!([{ "op": "remove", "path": "meta.created" }]), "mutability"),
        (json!([{ "op": "replace", "path": "emails[type eq \"work\"].value", "value": "x" }]), "noTarget"),
        (json!([{ "op": "replace", "path": "a b", "value": "x" }]), "invalidPath"),
        (json!([{ "op": "add", "path": "userName.x", "value": "x" }]), "invalidPath"),
    ] {
        assert_eq!(patched(user.clone(), sent.clone()).unwrap_err().kind(), Some(kind), "{sent}");
    }
}
