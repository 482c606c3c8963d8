//! All that a browser has of a page: what it sent and got, the page itself, what it keeps, and the memory
//! of its scripts.

use data_encoding::BASE64;
use keyward_testing::chromium::Chromium;
use memchr::memmem;
use serde_json::{Value, json};

/// What there was at one moment.
pub(crate) struct Seen {
    all: Vec<u8>,
    kept: Vec<String>,
    /// Method, address and status of each request that was answered.
    answers: Vec<(String, String, u64)>,
}

impl Seen {
    /// Has the browser tell of its network from now on.
    pub(crate) fn watch(browser: &mut Chromium) {
        browser.call("Network.enable", json!({ "maxPostDataSize": 1 << 20 }));
        browser.call("HeapProfiler.enable", json!({}));
    }

    /// Looks at everything.
    pub(crate) fn of(browser: &mut Chromium) -> Self {
        let mut all = Vec::new();
        let mut add = |text: &str| {
            all.extend_from_slice(text.as_bytes());
            all.push(b'\n');
        };
        // Of each request its head and body, of each answer its head, as the browser itself tells it.
        let network: Vec<Value> = of_method(browser, "Network.").cloned().collect();
        network.iter().for_each(|event| add(&event.to_string()));
        for event in network.iter().filter(|event| event["method"] == "Network.loadingFinished") {
            let request = json!({ "requestId": event["params"]["requestId"] });
            // What was asked before a call (OPTIONS) has no body.
            let Ok(body) = browser.try_call("Network.getResponseBody", request) else { continue };
            let text = body["body"].as_str().unwrap();
            match body["base64Encoded"].as_bool() {
                Some(true) => add(&String::from_utf8_lossy(&BASE64.decode(text.as_bytes()).unwrap())),
                _ => add(text),
            }
        }
        add(browser.see("document.documentElement.outerHTML").as_str().unwrap());
        let kept = kept(browser);
        kept.iter().for_each(|one| add(one));
        // Strings of the scripts, reachable or not.
        browser.call("HeapProfiler.takeHeapSnapshot", json!({ "reportProgress": false }));
        let chunks = of_method(browser, "HeapProfiler.addHeapSnapshotChunk");
        let memory: String = chunks.filter_map(|event| event["params"]["chunk"].as_str()).collect();
        assert!(memory.len() > 100_000, "the memory of a page is more than {} bytes", memory.len());
        add(&memory);
        let kept = kept.into_iter().filter(|one| one.contains("kwv_")).collect();
        Self { all, kept, answers: answers(&network) }
    }

    pub(crate) fn has(&self, text: &str) -> bool {
        self.has_bytes(text.as_bytes())
    }

    pub(crate) fn has_bytes(&self, bytes: &[u8]) -> bool {
        memmem::find(&self.all, bytes).is_some()
    }

    /// Virtual keys in what outlives the page: storages, databases, caches and cookies.
    pub(crate) fn kept(&self) -> &[String] {
        &self.kept
    }

    /// How requests to this path were answered, in their order.
    pub(crate) fn statuses(&self, path: &str, method: &str) -> Vec<u64> {
        let of = |(how, url, _): &&(String, String, u64)| how == method && url.ends_with(path);
        self.answers.iter().filter(of).map(|(_, _, status)| *status).collect()
    }
}

fn of_method<'a>(browser: &'a Chromium, beginning: &'a str) -> impl Iterator<Item = &'a Value> {
    browser
        .events()
        .iter()
        .filter(move |event| event["method"].as_str().is_some_and(|name| name.starts_with(beginning)))
}

fn kept(browser: &mut Chromium) -> Vec<String> {
    let mut kept = Vec::new();
    for expression in [
        "JSON.stringify({ ...localStorage })",
        "JSON.stringify({ ...sessionStorage })",
        "document.cookie",
        "(async () => JSON.stringify(await indexedDB.databases()))()",
        "(async () => JSON.stringify(await caches.keys()))()",
    ] {
        kept.push(browser.see(expression).as_str().unwrap().to_owned());
    }
    // Also those that scripts cannot read.
    kept.push(browser.call("Storage.getCookies", json!({}))["cookies"].to_string());
    kept
}

fn answers(network: &[Value]) -> Vec<(String, String, u64)> {
    let sent = |id: &Value| {
        let mut of = network.iter().filter(|event| event["method"] == "Network.requestWillBeSent");
        of.find(|event| event["params"]["requestId"] == *id).map(|event| &event["params"]["request"])
    };
    let responses = network.iter().filter(|event| event["method"] == "Network.responseReceived");
    responses
        .filter_map(|event| {
            let request = sent(&event["params"]["requestId"])?;
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            Some((text(&request["method"]), text(&request["url"]), event["params"]["response"]["status"].as_u64()?))
        })
        .collect()
}
