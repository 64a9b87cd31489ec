//! A world for programs to run in natively: a directory, and a host that notes what it is asked for.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;

use javascript::{Failure, Host, HttpAnswer, HttpRequest, Refusal, Stream, run};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) struct World {
    directory: TempDir,
    /// What was written, in the pieces in which it came.
    pub(crate) written: RefCell<Vec<(Stream, String)>>,
    /// What the host was asked for.
    pub(crate) calls: RefCell<Vec<(String, Value)>>,
    /// What it answers, by the call's name.
    pub(crate) answers: RefCell<BTreeMap<String, Result<Value, Refusal>>>,
    pub(crate) stdin: RefCell<Vec<u8>>,
    pub(crate) saved: RefCell<Option<Vec<u8>>>,
    pub(crate) asked: RefCell<Vec<(HttpRequest, Vec<u8>)>>,
}

impl World {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self {
            directory: tempfile::tempdir().expect("a directory can be made"),
            written: RefCell::default(),
            calls: RefCell::default(),
            answers: RefCell::default(),
            stdin: RefCell::default(),
            saved: RefCell::default(),
            asked: RefCell::default(),
        })
    }

    /// Puts a file into the workspace.
    pub(crate) fn file(self: &Rc<Self>, path: &str, text: &str) -> Rc<Self> {
        let path = self.directory.path().join(path);
        let parent = path.parent().expect("it has one");
        std::fs::create_dir_all(parent).expect("it can be made");
        std::fs::write(path, text).expect("it can be written");
        self.clone()
    }

    pub(crate) fn answer(self: &Rc<Self>, call: &str, answer: Result<Value, Refusal>) -> Rc<Self> {
        self.answers.borrow_mut().insert(call.to_owned(), answer);
        self.clone()
    }

    pub(crate) fn run(self: &Rc<Self>, input: &Value) -> Result<Value, Failure> {
        let output = run(&input.to_string(), self.clone())?;
        Ok(serde_json::from_str(&output).expect("the output is JSON"))
    }

    /// Runs code, and returns its `result`.
    pub(crate) fn result(self: &Rc<Self>, code: &str) -> Value {
        match self.run(&json!({ "code": code })) {
            Ok(mut output) => output["result"].take(),
            Err(failure) => panic!("{failure:#?}"),
        }
    }

    /// Runs code, and returns what it printed.
    pub(crate) fn printed(self: &Rc<Self>, code: &str) -> String {
        match self.run(&json!({ "code": code })) {
            Ok(output) => output["stdout"].as_str().expect("it is text").to_owned(),
            Err(failure) => panic!("{failure:#?}"),
        }
    }

    /// Runs code that fails.
    pub(crate) fn failure(self: &Rc<Self>, code: &str) -> Failure {
        match self.run(&json!({ "code": code })) {
            Ok(output) => panic!("it completed: {output}"),
            Err(failure) => failure,
        }
    }

    /// The arguments of the only call of a name.
    pub(crate) fn call(&self, name: &str) -> Value {
        let calls = self.calls.borrow();
        let mut found = calls.iter().filter(|(own, _)| own == name);
        let (_, arguments) = found.next().unwrap_or_else(|| panic!("no call {name}: {calls:?}"));
        assert!(found.next().is_none(), "more than one call {name}: {calls:?}");
        arguments.clone()
    }
}

impl Host for World {
    fn write(&self, stream: Stream, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes).into_owned();
        self.written.borrow_mut().push((stream, text));
    }

    fn read_stdin(&self, max_bytes: usize) -> Vec<u8> {
        let mut left = self.stdin.borrow_mut();
        let length = max_bytes.min(left.len());
        left.drain(..length).collect()
    }

    fn path(&self, path: &str) -> PathBuf {
        match path.strip_prefix("/workspace") {
            Some(rest) => self.directory.path().join(rest.trim_start_matches('/')),
            None => PathBuf::from("/nowhere").join(path.trim_start_matches('/')),
        }
    }

    fn random(&self, length: usize) -> Vec<u8> {
        (0..length).map(|index| (index * 37 + 11) as u8).collect()
    }

    fn environment(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("GRANTED".to_owned(), "yes".to_owned())])
    }

    fn call(&self, name: &str, arguments: Value) -> Result<Value, Refusal> {
        self.calls.borrow_mut().push((name.to_owned(), arguments));
        self.answers.borrow().get(name).cloned().unwrap_or(Ok(Value::Null))
    }

    fn save(&self, state: &[u8]) -> Refusal {
        *self.saved.borrow_mut() = Some(state.to_vec());
        Refusal::Unsupported { text: "tests can't end here".to_owned() }
    }

    fn restored(&self) -> Option<Vec<u8>> {
        self.saved.borrow().clone()
    }

    fn http(&self, request: HttpRequest, body: Vec<u8>) -> Result<HttpAnswer, Refusal> {
        let answer = match request.url.rsplit_once('/') {
            Some((_, "denied")) => Err(Refusal::Denied { text: "not granted".to_owned() }),
            Some((_, "moved")) => Ok((302, vec![("location", "/there")], "moved")),
            _ => Ok((200, vec![("x-twice", "a"), ("x-twice", "b")], "{\"said\": \"é\"}")),
        };
        self.asked.borrow_mut().push((request, body));
        answer.map(|(status, headers, body)| HttpAnswer {
            status,
            headers: headers.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            body: body.as_bytes().to_vec(),
        })
    }
}
