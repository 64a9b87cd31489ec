//! `errand plugin new`: the projects that it writes. That they build and pass their own tests is shown by
//! the page `docs/plugins.md`, whose commands are run.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

use crate::harness::errand;
use crate::harness::shell::{self, Ran};

fn new_in(directory: &Path, args: &[&str]) -> Ran {
    let mut command = errand(&["plugin", "new"]);
    shell::run(command.args(args).current_dir(directory))
}

fn empty() -> TempDir {
    tempfile::tempdir().expect("a temporary directory can be made")
}

#[test]
fn a_project_is_complete_and_bears_its_name() {
    for (language, own) in [
        ("rust", ["Cargo.toml", "Cargo.lock", "src/lib.rs", "tools/cargo-wasi"].as_slice()),
        ("python", &["requirements.txt", "src/executor.py", "tools/make-venv"]),
        ("js", &["package.json", "package-lock.json", "src/executor.js"]),
    ] {
        let directory = empty();
        let said = new_in(directory.path(), &["word-counter", "--lang", language]).ok();
        for command in ["cd word-counter", "make test", "errand plugin add word-counter.wasm"] {
            assert!(said.contains(command), "{said}");
        }
        let project = directory.path().join("word-counter");
        let shared = ["Makefile", "README.md", ".gitignore", "wit/executor.wit", "wit/deps/io.wit"];
        for file in own.iter().copied().chain(shared) {
            let text = std::fs::read_to_string(project.join(file))
                .unwrap_or_else(|error| panic!("{language}: {file}: {error}"));
            assert!(!text.contains("my-executor"), "{language}: {file} has the template's name");
        }
        let makefile = std::fs::read_to_string(project.join("Makefile")).expect("it is there");
        assert!(makefile.contains("WASM   := word-counter.wasm") || language == "python");
        assert!(makefile.contains(":= word-counter.wasm\n"), "{makefile}");
    }
}

#[test]
fn its_scripts_can_be_run() {
    let directory = empty();
    new_in(directory.path(), &["a"]).expect(0);
    let mode = |file: &str| {
        let metadata = std::fs::metadata(directory.path().join("a").join(file));
        metadata.expect("it is there").permissions().mode() & 0o111
    };
    assert_ne!(mode("tools/cargo-wasi"), 0);
    assert_eq!(mode("Makefile"), 0);
}

#[test]
fn what_is_there_already_is_not_written_over() {
    let directory = empty();
    std::fs::create_dir(directory.path().join("free")).expect("it can be made");
    new_in(directory.path(), &["free"]).expect(0);
    let makefile = directory.path().join("free/Makefile");
    std::fs::write(&makefile, "mine").expect("it can be written");
    new_in(directory.path(), &["free", "--lang", "js"]).fails(4, "not empty");
    assert_eq!(std::fs::read_to_string(&makefile).expect("it is there"), "mine");
    assert!(!directory.path().join("free/package.json").exists());

    std::fs::write(directory.path().join("file"), "mine").expect("it can be written");
    new_in(directory.path(), &["file"]).fails(4, "a file of that name");
    // A link is not followed out of here either, unless it leads to an empty directory.
    std::os::unix::fs::symlink("free", directory.path().join("link")).expect("it can be made");
    new_in(directory.path(), &["link"]).fails(4, "not empty");
}
