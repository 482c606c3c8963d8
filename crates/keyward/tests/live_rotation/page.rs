//! The example's page in a real browser.

use keyward_testing::chromium::Chromium;
use serde_json::Value;

pub(crate) struct Page {
    pub(crate) browser: Chromium,
}

/// What a page does that is in use: it asks three things at a time, and as soon as it has an answer it asks
/// again.
const USE: &str = "
    window.use = { served: 0, failed: [], stop: false };
    const goOn = async () => {
        while (!use.stop) {
            try {
                await ask('Question ' + (use.served + 1));
                use.served += 1;
            } catch (error) {
                use.failed.push(String(error.message));
            }
        }
    };
    window.over = Promise.all([goOn(), goOn(), goOn()]);
    true";

impl Page {
    pub(crate) fn open(address: &str) -> Self {
        let mut browser = Chromium::start();
        browser.open(address);
        Self { browser }
    }

    /// A person types a question, and has the answer.
    pub(crate) fn asks(&mut self, question: &str) {
        let before = self.browser.see("document.querySelectorAll('.answer').length");
        self.browser.fill("message", question);
        self.browser.click("#form button");
        self.browser.wait(&format!("document.querySelectorAll('.answer').length > {before}"));
        assert_eq!(self.browser.see("document.querySelector('#status').textContent"), "");
    }

    /// Where the server keeps conversations, as it says itself.
    pub(crate) fn keeps_in(&mut self) -> String {
        let health = self.browser.see("fetch('/api/health').then((answer) => answer.json())");
        health["history"].as_str().unwrap_or_else(|| panic!("{health}")).to_owned()
    }

    /// From now on it never stops asking.
    pub(crate) fn is_in_use(&mut self) {
        assert_eq!(self.browser.see(USE), true);
    }

    /// How many questions were answered while it was in use.
    pub(crate) fn served(&mut self) -> u64 {
        self.browser.see("use.served").as_u64().unwrap()
    }

    /// It stops; how many were answered, and why others were not.
    pub(crate) fn is_at_rest(&mut self) -> (u64, Vec<String>) {
        let ended = self.browser.see("use.stop = true, over.then(() => use.failed)");
        let failed = ended.as_array().into_iter().flatten().map(Value::to_string).collect();
        (self.served(), failed)
    }
}
