//! Tokens of a Qdrant of one's own.

use std::time::Duration;

use keyward_testing::doubles::{Double, QdrantNode, Trouble};
use keyward_testing::rotators::{Chance, Now, Step, World, rotator_conformance};
use keyward_types::Secret;
use keyward_upstream::rotators::{CollectionAccess, JwtAccess, QdrantJwt};
use keyward_upstream::{Ctx, Http, KeyId, Rotator};

struct Node {
    double: Double<QdrantNode>,
    admin: String,
    current: String,
}

fn fresh() -> Node {
    let (node, admin, current) = QdrantNode::new();
    Node { double: Double::start(node), admin, current }
}

fn rotator(node: &Node) -> QdrantJwt {
    let hosts = node.double.hosts().parse().unwrap();
    let http = Http::with_hosts(hosts).within(Duration::from_secs(1));
    let access = vec![CollectionAccess { collection: "products".into(), access: "r" }];
    QdrantJwt::new(http, QdrantNode::HOST, JwtAccess::Collections(access), Some(90)).unwrap()
}

impl World for Node {
    fn admin(&self) -> Option<Secret<String>> {
        Some(Secret::new("signing key", self.admin.clone()))
    }

    fn current(&self) -> Secret<String> {
        Secret::new("token", self.current.clone())
    }

    fn live(&self) -> Vec<String> {
        self.double.service().live()
    }

    fn trouble(&self, step: Step, trouble: Trouble) -> bool {
        let on = match step {
            Step::Preflight => "GET /collections/keyward_tokens",
            Step::Mint => "PUT /collections/keyward_tokens",
            Step::Probe => "GET /collections?",
            Step::Retire => "points/delete",
        };
        self.double.trouble(on, trouble);
        true
    }
}

#[test]
fn tokens_end_with_the_point_that_they_stand_on() {
    let ran = rotator_conformance(|node: &Node| Box::new(rotator(node)), fresh);
    assert_eq!(ran.len(), 14, "{ran:?}");
}

#[test]
fn a_token_says_what_it_may_in_every_case() {
    let node = fresh();
    let (admin, current) = (node.admin(), node.current());
    let ctx = Ctx { admin: admin.as_ref(), current: Some(&current), replaces: None, clock: &Now, random: &Chance };
    let chosen = rotator(&node).choose(&ctx, &"kw-access".parse().unwrap()).unwrap().unwrap();
    let claims = chosen.value.expose().split('.').nth(1).unwrap().to_owned();
    let claims = String::from_utf8(data_encoding::BASE64URL_NOPAD.decode(claims.as_bytes()).unwrap()).unwrap();
    assert!(claims.contains(r#""access":[{"collection":"products","access":"r"}]"#), "{claims}");
    assert!(claims.contains(r#""sub":"kw-access""#) && claims.contains(r#""exp":"#), "{claims}");
    assert_eq!(rotator(&node).identify(&ctx, &chosen.value).unwrap(), Some(KeyId::new("kw-access")));
}
