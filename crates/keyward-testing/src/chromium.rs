//! A real browser (Debian's `chromium`), driven by the DevTools protocol over its pipes: what a person
//! does by hand, and what nobody sees of it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A browser with one page and a profile of its own.
pub struct Chromium {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    session: Value,
    number: u64,
    events: Vec<Value>,
    _profile: tempfile::TempDir,
}

/// Longer than a browser takes to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

impl Chromium {
    /// Starts it at an empty page.
    ///
    /// # Panics
    /// When it does not start: `apt-get install chromium`.
    #[must_use]
    pub fn start() -> Self {
        let profile = tempfile::tempdir().expect("there is a place for temporary files");
        // The protocol's two pipes are 3 and 4; a shell puts them there.
        let script = "exec chromium \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1";
        let mut process = Command::new("sh")
            .args(["-c", script, "chromium", "--headless=new", "--remote-debugging-pipe", "--no-sandbox"])
            .args(["--disable-gpu", "--no-first-run", "--disable-dev-shm-usage", "--disable-background-networking"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell starts");
        let to = process.stdin.take().expect("it was asked for");
        let from = BufReader::new(process.stdout.take().expect("it was asked for"));
        let (session, events) = (Value::Null, Vec::new());
        let mut browser = Self { process, to, from, session, number: 0, events, _profile: profile };
        let page = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attached = browser.call("Target.attachToTarget", json!({ "targetId": page["targetId"], "flatten": true }));
        browser.session = attached["sessionId"].clone();
        browser
    }

    /// One call of the protocol. What the browser tells meanwhile is kept for [`Chromium::events`].
    ///
    /// # Panics
    /// When it fails or the browser has ended.
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        self.try_call(method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// The same, where it may fail.
    ///
    /// # Errors
    /// What the browser says.
    ///
    /// # Panics
    /// When the browser has ended.
    pub fn try_call(&mut self, method: &str, params: Value) -> Result<Value, String> {
        self.number += 1;
        let mut call = json!({ "id": self.number, "method": method, "params": params });
        if !self.session.is_null() {
            call["sessionId"] = self.session.clone();
        }
        self.to.write_all(format!("{call}\0").as_bytes()).expect("chromium runs (`apt-get install chromium`)");
        loop {
            let mut text = Vec::new();
            self.from.read_until(0, &mut text).expect("the pipe can be read");
            assert_eq!(text.pop(), Some(0), "chromium has ended at {method}; is it installed (`chromium` in Debian)?");
            let said: Value = serde_json::from_slice(&text).expect("the protocol is JSON");
            if said["id"] == self.number {
                return match &said["error"] {
                    Value::Null => Ok(said["result"].clone()),
                    error => Err(error.to_string()),
                };
            }
            if said["id"].is_null() {
                self.events.push(said);
            }
        }
    }

    /// All that the browser told so far beside answers, in its order: what is enabled (`Network.enable`).
    pub fn events(&self) -> &[Value] {
        &self.events
    }

    /// What an expression is on the page.
    ///
    /// # Panics
    /// When it throws.
    pub fn see(&mut self, expression: &str) -> Value {
        let asked =
            json!({ "expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true });
        let seen = self.call("Runtime.evaluate", asked);
        assert!(seen["exceptionDetails"].is_null(), "{expression}: {seen}");
        seen["result"]["value"].clone()
    }

    /// Waits until an expression is true on the page.
    ///
    /// # Panics
    /// When it does not come.
    #[track_caller]
    pub fn wait(&mut self, expression: &str) {
        let begun = Instant::now();
        while self.see(&format!("Boolean({expression})")) != true {
            if begun.elapsed() > PATIENCE {
                let text = self.see("document.body.innerText");
                panic!("`{expression}` does not come:\n{}", text.as_str().unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Goes to an address, and waits for its page.
    ///
    /// # Panics
    /// When it does not come.
    #[track_caller]
    pub fn open(&mut self, url: &str) {
        self.call("Page.navigate", json!({ "url": url }));
        self.wait(&format!("location.href.startsWith({url:?}) && document.readyState === 'complete'"));
    }

    /// Types a text into a field.
    pub fn fill(&mut self, id: &str, text: &str) {
        self.see(&format!("document.getElementById({id:?}).value = {text:?}"));
    }

    /// Clicks what the selector finds.
    pub fn click(&mut self, selector: &str) {
        self.see(&format!("document.querySelector({selector:?}).click()"));
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
