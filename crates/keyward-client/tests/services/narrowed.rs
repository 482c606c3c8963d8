//! Successors that may only what was seen of their predecessors at the gateway.

use keyward_client::{Code, Desk, KeyRulesInfo, KeySecretInfo, NewVirtualKeyInfo, RotateAsk};
use keyward_testing::doubles::{ApiKeys, Iam, OpenAi, Qdrant};
use keyward_vault::{UsageCall, UsageCounts};

use super::shop::{Shop, at, becomes, by, doubles, name, version};

/// A shop whose key is used at the gateway alone, and a virtual key for it.
struct Behind {
    shop: Shop,
    provider: &'static str,
    key: String,
    batch: u64,
}

impl Behind {
    fn new(provider: &'static str, value: &str, admin: &str) -> Self {
        let shop = Shop::new(provider, value, Some(admin));
        let upstream = (provider == "qdrant").then(|| "https://vectors.example:6333".to_owned());
        let secret = KeySecretInfo { secret: Some(name()), provider: None, upstream };
        let new = NewVirtualKeyInfo {
            name: "web".parse().unwrap(),
            account: None,
            secrets: vec![secret],
            rules: KeyRulesInfo::default(),
            expires_at: None,
        };
        let key = shop.desk.create_virtual_key(at(), new).unwrap().virtual_key.id;
        Self { shop, provider, key, batch: 0 }
    }

    /// What the gateway saw.
    fn calls(&mut self, endpoints: &[&str]) {
        self.batch += 1;
        let secret = self.shop.place().secret;
        let call = |endpoint| UsageCall {
            at: self.shop.now(),
            key: &self.key,
            secret,
            version: version(1),
            provider: self.provider,
            model: "",
            tag: "",
            endpoint,
            counts: UsageCounts { requests: 1, ..UsageCounts::default() },
        };
        let calls: Vec<UsageCall<'_>> = endpoints.iter().map(|endpoint| call(endpoint)).collect();
        self.shop.vault().record_usage(("here", self.batch), &calls, &[]).unwrap();
    }

    /// The file that it is deployed to as well gets it no more.
    fn only_the_gateway(&self) {
        self.shop.desk.remove_target(at(), name(), "web".parse().unwrap()).unwrap();
    }

    fn refused(&self, ask: &RotateAsk) -> String {
        let refused = self.shop.desk.rotation_preview(at(), name(), ask.clone()).unwrap_err();
        assert_eq!(refused.code, Code::Conflict, "{refused}");
        assert_eq!(self.shop.desk.rotate(at(), name(), ask.clone()).unwrap_err().message, refused.message);
        format!("{} {}", refused.message, refused.hint.unwrap_or_default())
    }

    /// Replaces it, and gives what was told before.
    fn narrowed(&self, ask: &RotateAsk) -> Vec<String> {
        let told = self.shop.desk.rotation_preview(at(), name(), ask.clone()).unwrap().narrowed;
        let begun = self.shop.rotate(ask.clone());
        assert_eq!(begun.state, "observing", "{begun:#?}");
        told
    }
}

fn narrow(parts: &[(&str, &str)]) -> RotateAsk {
    RotateAsk { narrow: true, ..by(parts, true) }
}

#[test]
fn openai_gets_the_scopes_of_what_was_seen_and_keeps_them() {
    let (doubles, _turn) = doubles();
    let (service, admin, current) = OpenAi::new();
    becomes(&doubles.openai, service);
    let mut behind = Behind::new("openai", &current, &admin);
    let ask = narrow(&[("project", "proj_1"), ("service_account", "svc_acct_1")]);
    assert!(behind.refused(&ask).contains("nothing was seen"));
    behind.calls(&["POST /v1/responses", "GET /v1/responses/*"]);
    let unseen = behind.refused(&ask);
    assert!(unseen.contains("where no gateway sees it") && unseen.contains("the target `web`"), "{unseen}");
    behind.only_the_gateway();
    // Somebody has it whom the gateway does not know: the service has seen him.
    let now = behind.shop.now().0 / 1000;
    doubles.openai.service().work_at(&current, now + 86_400);
    let elsewhere = behind.refused(&ask);
    assert!(
        elsewhere.contains("its service saw it used on") && elsewhere.contains("the gateway did not"),
        "{elsewhere}"
    );
    doubles.openai.service().work_at(&current, now);
    let told = behind.narrowed(&ask);
    assert!(told.iter().any(|line| line == "the new key may: api.responses.write"), "{told:#?}");
    assert!(told.iter().any(|line| line.starts_with("seen in use: POST /v1/responses (last on ")), "{told:#?}");
    let newest = |doubles: &super::shop::Doubles| {
        let service = doubles.openai.service();
        let id = service.live().last().unwrap().clone();
        service.scopes(&id)
    };
    assert_eq!(newest(doubles), ["api.all.read", "api.responses.write"]);
    assert_eq!(behind.shop.hours(100).state, "done");
    // The next one is not wider again by itself, and there is nothing narrower.
    assert_eq!(behind.shop.rotate(RotateAsk::default()).state, "observing");
    assert_eq!(newest(doubles), ["api.all.read", "api.responses.write"]);
    assert_eq!(behind.shop.hours(100).state, "done");
    let same = behind.refused(&RotateAsk { narrow: true, ..RotateAsk::default() });
    assert!(same.contains("no more than what it was seen to do"), "{same}");
    // One call whose permission nobody knows is enough.
    behind.calls(&["POST /v1/chat/completions"]);
    let unknown = behind.refused(&RotateAsk { narrow: true, ..RotateAsk::default() });
    assert!(unknown.contains("`POST /v1/chat/completions`") && unknown.contains("--account scopes"), "{unknown}");
    behind.shop.vault().verify(None).unwrap();
}

#[test]
fn a_key_of_google_gets_an_api_restriction_and_keeps_the_others() {
    let (doubles, _turn) = doubles();
    let (mut service, admin, current) = ApiKeys::with_service_account();
    service.unrestrict();
    becomes(&doubles.google, service);
    let mut behind = Behind::new("gemini", &current, &admin);
    behind.calls(&["POST /v1beta/models/gemini-2.5-flash:generateContent"]);
    behind.only_the_gateway();
    behind.narrowed(&narrow(&[("project", "shop-1")]));
    let service = doubles.google.service();
    let id = service.live().last().unwrap().clone();
    let targets = serde_json::json!([{ "service": "generativelanguage.googleapis.com" }]);
    assert_eq!(service.restrictions(&id).unwrap()["apiTargets"], targets);
}

#[test]
fn a_key_of_qdrant_gets_the_collections_that_were_seen_and_none_that_it_had_not() {
    let (doubles, _turn) = doubles();
    let ask = narrow(&[("account", "acc-1"), ("cluster", "c-1"), ("host", Qdrant::CLUSTER)]);
    let rules = |collection: &str, word: &str| {
        serde_json::json!([{ "collection_access": { "collection_name": collection,
            "access_type": format!("COLLECTION_ACCESS_RULE_ACCESS_TYPE_{word}") } }])
    };
    for (wide, word) in [(true, "READ_WRITE"), (false, "READ_ONLY")] {
        let (mut service, admin, current) = Qdrant::new();
        if wide {
            service.widen();
        }
        becomes(&doubles.qdrant, service);
        let mut behind = Behind::new("qdrant", &current, &admin);
        behind.calls(&["PUT /collections/products/points", "POST /collections/products/points/query"]);
        behind.only_the_gateway();
        behind.narrowed(&ask);
        let service = doubles.qdrant.service();
        let id = service.live().last().unwrap().clone();
        assert_eq!(service.rules(&id).unwrap(), rules("products", word), "{wide}");
    }
}

#[test]
fn aws_says_whose_policies_it_would_take() {
    let (doubles, _turn) = doubles();
    let (service, admin, current) = Iam::new();
    becomes(&doubles.iam, service);
    let shop = Shop::new("aws", &current, Some(&admin));
    let ask = narrow(&[("user", "deploy")]);
    let refused = shop.desk.rotation_preview(at(), name(), ask.clone()).unwrap_err();
    assert!(refused.code == Code::Conflict && refused.message.contains("the policies of `deploy`"), "{refused}");
    let emergency = RotateAsk { emergency: true, ..ask };
    assert_eq!(shop.desk.rotation_preview(at(), name(), emergency).unwrap_err().code, Code::Usage);
}
