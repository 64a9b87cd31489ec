//! Chromium without a screen, driven over WebDriver (<https://www.w3.org/TR/webdriver2/>).

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::Client;

/// The key under which the protocol names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Longer than any page takes: it ends a hang, it times nothing.
const PATIENCE_MS: u64 = 60_000;

/// A browser with a profile of its own, which goes when this is dropped.
pub(crate) struct Browser {
    driver: Child,
    client: Client,
    session: String,
    _profile: TempDir,
}

impl Browser {
    /// Starts one that runs the scripts of pages, or one that does not.
    pub(crate) fn start(runs_scripts: bool) -> Self {
        let profile = tempfile::tempdir().expect("a temporary directory can be made");
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .spawn()
            .expect("chromedriver is installed (`make browser`)");
        let said = BufReader::new(driver.stdout.take().expect("it is piped"));
        let port = said
            .lines()
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, port) = line.split_once("started successfully on port ")?;
                port.trim_end_matches('.').parse::<u16>().ok()
            })
            .expect("chromedriver names its port");
        let client = Client::anonymous(&format!("http://127.0.0.1:{port}"));
        let profile_argument = format!("--user-data-dir={}", profile.path().display());
        let mut arguments = vec![
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            &profile_argument,
        ];
        if !runs_scripts {
            arguments.push("--blink-settings=scriptEnabled=false");
        }
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "unhandledPromptBehavior": "ignore",
            "goog:chromeOptions": {"args": arguments},
        }}});
        let mut browser =
            Self { driver, client, session: "/session".to_owned(), _profile: profile };
        let session = browser.ask("", &wanted);
        let id = session["sessionId"].as_str().expect("a session has an id");
        browser.session = format!("/session/{id}");
        // A click may answer before the page that it leads to is there. So an element is waited for.
        browser.ask("/timeouts", &json!({"implicit": PATIENCE_MS}));
        browser
    }

    /// Goes to an address, and returns when the page is there.
    pub(crate) fn open(&self, url: &str) {
        self.ask("/url", &json!({ "url": url }));
    }

    /// Returns where it is.
    pub(crate) fn url(&self) -> String {
        self.text_at("/url")
    }

    /// Returns the page's title.
    pub(crate) fn title(&self) -> String {
        self.text_at("/title")
    }

    /// Waits for an element, and returns what a person reads in it.
    pub(crate) fn text(&self, selector: &str) -> String {
        self.text_at(&format!("{}/text", self.element(selector)))
    }

    /// Waits for a field, and types into it.
    pub(crate) fn fill_in(&self, selector: &str, text: &str) {
        self.ask(&format!("{}/value", self.element(selector)), &json!({ "text": text }));
    }

    /// Waits for something to click on, and does.
    pub(crate) fn click(&self, selector: &str) {
        self.ask(&format!("{}/click", self.element(selector)), &json!({}));
    }

    /// Tells whether a script of the page has opened a dialog.
    pub(crate) fn has_dialog(&self) -> bool {
        self.client.get(&format!("{}/alert/text", self.session)).status == 200
    }

    fn element(&self, selector: &str) -> String {
        let found = self.ask("/element", &json!({"using": "css selector", "value": selector}));
        format!("/element/{}", found[ELEMENT].as_str().expect("an element has an id"))
    }

    fn text_at(&self, path: &str) -> String {
        let mut answer = self.client.get(&format!("{}{path}", self.session)).expect(200);
        match answer["value"].take() {
            Value::String(text) => text,
            other => panic!("{path} is no text: {other}"),
        }
    }

    fn ask(&self, path: &str, body: &Value) -> Value {
        self.client.post(&format!("{}{path}", self.session), body).expect(200)["value"].take()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser ends with its session; its driver only when it is told.
        self.client.delete(&self.session);
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
