//! Python packages: what a program says that it needs, or `--with`, from wheels on this machine; by `uv` where
//! it is, else by `pip`.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::run_python::Script;
use crate::harness::shared;
use crate::harness::shell::{self, Ran};

/// Makes a wheel: `DIRECTORY {name, version, tag, requires, python, files}`.
const MAKE_WHEEL: &str = r#"
import base64, hashlib, json, sys, zipfile
directory, wheel = sys.argv[1], json.loads(sys.argv[2])
stem = f"{wheel['name']}-{wheel['version']}"
info, tag = f"{stem}.dist-info", wheel["tag"]
files = dict(wheel["files"])
needs = "".join(f"Requires-Dist: {need}\n" for need in wheel["requires"])
python = f"Requires-Python: {wheel['python']}\n" if wheel["python"] else ""
files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {wheel['name']}\nVersion: {wheel['version']}\n{python}{needs}"
files[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n"
def line(path, text):
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(text.encode())}\n"
files[f"{info}/RECORD"] = "".join(line(*item) for item in files.items()) + f"{info}/RECORD,,\n"
with zipfile.ZipFile(f"{directory}/{stem}-{tag}.whl", "w") as archive:
    for path, text in files.items():
        archive.writestr(zipfile.ZipInfo(path), text)
"#;
const PURE: &str = "py3-none-any";
const NATIVE: &str = "cp314-cp314-manylinux_2_17_x86_64";

/// Wheels in a directory, and a cache of their own.
struct Index {
    wheels: TempDir,
    cache: TempDir,
}

impl Index {
    fn new() -> Self {
        let directory = || tempfile::tempdir().expect("a temporary directory can be made");
        let index = Self { wheels: directory(), cache: directory() };
        index.add(
            "greeting",
            "1.0",
            PURE,
            &["wording>=1"],
            json!({
                "greeting/__init__.py": "from .deep import hello\n",
                "greeting/deep.py": "import wording\ndef hello(): return wording.HELLO\n",
            }),
        );
        let tricky = "HELLO = 'hello'\n";
        index.add(
            "wording",
            "1.2",
            PURE,
            &[],
            json!({
                "wording.py": tricky,
                // The library has one of this name, which is not in the interpreter's snapshot.
                "stringprep.py": "raise RuntimeError('it stands in for the library')\n",
                "wave.py": "raise RuntimeError('it stands in for the library')\n",
            }),
        );
        index
    }

    fn add(&self, name: &str, version: &str, tag: &str, requires: &[&str], files: Value) {
        self.add_for("", (name, version), tag, requires, files);
    }

    /// Adds a wheel that wants a Python.
    fn add_for(
        &self,
        python: &str,
        (name, version): (&str, &str),
        tag: &str,
        requires: &[&str],
        files: Value,
    ) {
        let wheel = json!({
            "name": name, "version": version, "tag": tag, "requires": requires, "python": python,
            "files": files,
        });
        let made = Command::new("python3")
            .args(["-c", MAKE_WHEEL])
            .arg(self.wheels.path())
            .arg(wheel.to_string())
            .status()
            .expect("there is python3");
        assert!(made.success());
    }

    /// Lets a command see these wheels and no others.
    fn seen_by<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        for (variable, value) in [("FIND_LINKS", self.wheels.path()), ("NO_INDEX", Path::new("1"))]
        {
            command.env(format!("PIP_{variable}"), value).env(format!("UV_{variable}"), value);
        }
        command.env("XDG_CACHE_HOME", self.cache.path())
    }

    fn run(&self, flags: &[&str], code: &str) -> Ran {
        shell::run(self.seen_by(&mut Script::new(code).command(flags, &[])))
    }

    /// The directories that were made of wheels.
    fn trees(&self) -> Vec<String> {
        let trees = self.cache.path().join("errand/packages/trees");
        let entries = std::fs::read_dir(trees).expect("there is a cache");
        let name =
            |entry: std::io::Result<std::fs::DirEntry>| entry.expect("it is read").file_name();
        entries.map(|entry| name(entry).into_string().expect("it is text")).collect()
    }
}

const HELLO: &str = "# /// script\n# requires-python = \">=3.12\"\n\
                     # dependencies = [\"greeting\"]\n# ///\nimport greeting\nprint(greeting.hello())\n";

#[test]
fn a_program_imports_the_packages_that_it_names() {
    let index = Index::new();
    assert_eq!(index.run(&[], HELLO).ok(), "hello\n");
    let code = "import greeting, importlib.metadata as metadata, sys, wave\n\
                print(greeting.hello(), metadata.version('wording'), sys.path[-1])\n\
                print(sorted(str(file) for file in metadata.files('greeting'))[:2], wave.__name__)";
    let out = index.run(&["--with", "greeting==1.*"], code).ok();
    assert_eq!(
        out,
        "hello 1.2 /packages\n['greeting-1.0.dist-info/METADATA', 'greeting-1.0.dist-info/RECORD'] wave\n"
    );
    let without = index.run(&[], "import sys\nprint(sys.path)\nimport greeting");
    assert_eq!(without.expect(1).stdout, "['/workspace']\n", "nothing is there unless it is named");
}

#[test]
fn what_was_chosen_stays_chosen_and_is_kept_by_content() {
    let index = Index::new();
    let code = "import importlib.metadata as m\nprint(m.version('wording'))";
    assert_eq!(index.run(&["--with", "wording"], code).ok(), "1.2\n");
    assert_eq!(index.trees().len(), 1);
    // A marker that is not met, and another order: other requirements, and the same content.
    let other = ["--with", "nothing-like-it; sys_platform == 'win32'", "--with", "wording>=1"];
    assert_eq!(index.run(&other, code).ok(), "1.2\n");
    assert_eq!(index.trees().len(), 1, "{:?}", index.trees());
    index.add("wording", "1.3", PURE, &[], json!({"wording.py": "HELLO = 'hi'\n"}));
    assert_eq!(index.run(&["--with", "wording"], code).ok(), "1.2\n");
    assert_eq!(index.run(&["--refresh", "--with", "wording"], code).ok(), "1.3\n");
    assert_eq!(index.run(&["--with", "wording"], code).ok(), "1.3\n");
    // What lies in the cache needs no installer.
    let script = Script::new(code);
    let mut command = script.command(&["--with", "wording"], &[]);
    assert_eq!(shell::run(index.seen_by(&mut command).env("PATH", "/nowhere")).ok(), "1.3\n");
}

#[test]
fn a_tree_that_is_gone_is_made_again_of_the_same_wheels() {
    let index = Index::new();
    assert_eq!(index.run(&[], HELLO).ok(), "hello\n");
    let trees = index.trees();
    std::fs::remove_dir_all(index.cache.path().join("errand/packages/trees")).expect("it is there");
    index.add("wording", "9", PURE, &[], json!({"wording.py": "HELLO = 'another'\n"}));
    assert_eq!(index.run(&[], HELLO).ok(), "hello\n");
    assert_eq!(index.trees(), trees);
    // Other bytes under the same name are not what was chosen.
    std::fs::remove_dir_all(index.cache.path().join("errand/packages/trees")).expect("it is there");
    index.add("wording", "1.2", PURE, &[], json!({"wording.py": "HELLO = 'forged'\n"}));
    let ran = index.run(&[], HELLO).fails(125, "get the packages that were chosen");
    assert!(ran.stderr.to_lowercase().contains("hash"), "{}", ran.stderr);
}

#[test]
fn conditions_are_judged_as_under_the_sandboxs_python() {
    let index = Index::new();
    let needs = [
        "wording; python_version >= '3.14' and sys_platform == 'linux'",
        "not-there; python_version < '3.14' or sys_platform == 'darwin'",
    ];
    index.add("marked", "1", PURE, &needs, json!({"marked.py": "import wording\n"}));
    let out = index.run(&["--with", "marked"], "import marked\nprint(marked.wording.HELLO)").ok();
    assert_eq!(out, "hello\n");
}

#[test]
fn the_newest_version_for_the_sandboxs_python_is_taken() {
    let index = Index::new();
    for (version, python) in [("1", ""), ("2", ">=3.14"), ("3", "<3.14"), ("4", ">=3.15")] {
        let files = json!({"chosen.py": format!("VERSION = {version}\n")});
        index.add_for(python, ("chosen", version), PURE, &[], files);
    }
    let out = index.run(&["--with", "chosen"], "import chosen\nprint(chosen.VERSION)").ok();
    assert_eq!(out, "2\n");
}

#[test]
fn of_a_package_with_and_without_native_code_the_wheel_without_is_taken() {
    let index = Index::new();
    index.add("both", "1", NATIVE, &[], json!({"both.py": "FAST = True\n", "both.so": "x"}));
    index.add("both", "1", PURE, &[], json!({"both.py": "FAST = False\n"}));
    assert_eq!(index.run(&["--with", "both"], "import both\nprint(both.FAST)").ok(), "False\n");
}

#[test]
fn a_package_with_native_code_is_refused_with_a_sentence() {
    let index = Index::new();
    index.add("numbers", "2.3.1", NATIVE, &[], json!({"numbers.so": "x"}));
    index.add("needsnumbers", "1", PURE, &["numbers"], json!({"needs.py": "import numbers\n"}));
    index.add("liar", "1.0", PURE, &[], json!({"liar/__init__.py": "", "liar/core.abi3.so": "x"}));
    let because = "which can't run in a WebAssembly sandbox; pure-Python packages can\n";
    for package in ["numbers", "needsnumbers"] {
        index.run(&["--with", package], "").fails(
            125,
            &format!("numbers 2.3.1 has native code (numbers-2.3.1-{NATIVE}.whl), {because}"),
        );
    }
    let ran = index.run(&["--with", "liar"], "");
    ran.fails(125, &format!("liar 1.0 has native code (liar/core.abi3.so), {because}"));
    assert!(index.trees().is_empty(), "nothing is kept of what was refused: {:?}", index.trees());
}

#[test]
fn what_can_not_be_found_or_understood_is_said_in_a_sentence() {
    let index = Index::new();
    index
        .run(&["--with", "not-there"], "")
        .fails(125, "error: get `not-there`: there is no such package, or no wheel of it")
        .has("says: ");
    index.run(&["--with", "wording>2"], "").expect(125).has("error: ");
    for (named, why) in [
        ("-r/etc/passwd", "begins with `-`, like an option"),
        ("wording --pre", "has a version that can't be understood"),
        ("wording @ file:///tmp/x", "is an address"),
        ("git+https://example.com/x", "is an address"),
        ("./wording", "is a path"),
    ] {
        index.run(&["--with", named], "").fails(2, why);
    }
    let block = |text: &str| format!("# /// script\n{text}\n# ///\nprint(1)\n");
    for (code, why) in [
        (block("# dependencies = ["), "the script's `# /// script` block: "),
        (block("# dependencies = 'x'"), "the script's `# /// script` block: "),
        (block("# dependencies = ['-e .']"), "begins with `-`"),
        (block("# requires-python = '<3.14'"), "the script wants Python <3.14; the sandbox has"),
        (block("#") + &block("#"), "two `# /// script` blocks"),
    ] {
        index.run(&[], &code).fails(2, why);
    }
    assert_eq!(index.run(&[], &block("# other = 1\n# [tool.x]\n# y = 2")).ok(), "1\n");
}

#[test]
fn without_an_installer_it_is_said_what_to_install() {
    let index = Index::new();
    let script = Script::new(HELLO);
    let mut command = script.command(&[], &[]);
    let ran = shell::run(index.seen_by(&mut command).env("PATH", "/nowhere"));
    ran.fails(125, "neither `uv` nor `pip` is there").has("hint: install uv");
}

#[test]
fn a_wheel_that_reaches_out_of_its_directory_writes_nothing_there() {
    let index = Index::new();
    let victim = index.cache.path().join("victim.py");
    for (name, path) in [
        ("upwards", "../../../../victim.py".to_owned()),
        ("absolute", victim.to_str().expect("it is text").to_owned()),
    ] {
        index.add(name, "1", PURE, &[], json!({path: "x = 1\n"}));
        // Some installers refuse such a wheel, and others leave out what is wrong in it.
        index.run(&["--with", name], "print('ran')");
        assert!(!victim.exists(), "{name}");
        let beside = index.cache.path().parent().expect("it has one").join("victim.py");
        assert!(!beside.exists(), "{name}");
    }
}

#[test]
fn nothing_of_the_packages_can_be_changed() {
    let code = "import errno, os, greeting\n\
        def refused(call):\n\
        \x20   try: call()\n\
        \x20   except OSError as error: return errno.errorcode[error.errno]\n\
        path = '/packages/wording.py'\n\
        print(*map(refused, [lambda: open(path, 'w'), lambda: open(path, 'a'), lambda: open(path, 'r+'),\n\
        \x20   lambda: open('/packages/new', 'x'), lambda: os.truncate(path, 0)]))\n\
        print(*map(refused, [lambda: os.mkdir('/packages/new'), lambda: os.unlink(path),\n\
        \x20   lambda: os.rmdir('/packages/greeting'), lambda: os.rename(path, '/packages/other'),\n\
        \x20   lambda: os.symlink('x', '/packages/link'), lambda: os.utime(path, (1, 1))]))\n\
        print(*map(refused, [lambda: os.rename(path, 'own'), lambda: os.link(path, 'own'),\n\
        \x20   lambda: os.rename('program.py', '/packages/program.py'),\n\
        \x20   lambda: os.link('program.py', '/packages/program.py')]))\n\
        print(os.path.exists('/packages/greeting/__pycache__'), open(path).read(), end='')";
    let index = Index::new();
    assert_eq!(
        index.run(&["--with", "greeting"], code).ok(),
        "EROFS EROFS EROFS EROFS EROFS\nEROFS EROFS EROFS EROFS EROFS EROFS\n\
         EXDEV EXDEV EXDEV EXDEV\nFalse HELLO = 'hello'\n"
    );
}

/// Submits code to the shared server with these wheels in sight, waits, and returns the task.
fn submitted(index: &Index, flags: &[&str], code: &str) -> Value {
    let input = json!({ "code": code }).to_string();
    let mut command = shared::server().command(&["submit", shared::python(), "--wait", "--json"]);
    command.args(flags).args(["--input", &input]);
    shell::run(index.seen_by(&mut command)).json()
}

#[test]
fn a_submitted_program_brings_its_packages() {
    let index = Index::new();
    let named = submitted(&index, &[], HELLO);
    let with =
        submitted(&index, &["--with", "greeting"], "import greeting\nprint(greeting.hello())");
    for task in [&named, &with] {
        assert_eq!(task["status"], "completed", "{task}");
        assert_eq!(task["output"]["stdout"], "hello\n");
        assert_eq!(task["mounts"][0]["path"], "/packages");
        assert_eq!(task["workspace"], Value::Null, "they are no part of it");
        assert_eq!(task.get("changes"), None, "{task}");
    }
    assert_eq!(named["mounts"], with["mounts"], "the same packages are the same bytes");
    let id = named["id"].as_str().expect("it has one");
    let mut command = shared::server().command(&["fork", id, "--wait", "--json"]);
    let fork = shell::run(index.seen_by(&mut command)).json();
    assert_eq!(fork["output"]["stdout"], "hello\n", "its code says what it needs: {fork}");
}
