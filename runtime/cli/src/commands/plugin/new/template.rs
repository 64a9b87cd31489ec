//! The templates: whole small projects that lie under `plugins/templates`, in the binary.
//!
//! What they share with the executors that come with Errand (the WIT package, the scripts that find a
//! toolchain) is taken from there, so that there is one copy of it.

use super::Language;

/// The name that the templates have; it is replaced by the project's.
pub(super) const PLACEHOLDER: &str = "my-executor";

/// A file of a template.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source {
    /// Where it goes, below the project's directory.
    pub(super) path: &'static str,
    pub(super) text: &'static str,
    pub(super) executable: bool,
}

/// Returns the files of a language's template.
pub(super) fn files(language: Language) -> impl Iterator<Item = Source> {
    let own = match language {
        Language::Rust => RUST,
        Language::Python => PYTHON,
        Language::Js => JS,
    };
    [own, CASES, WIT].into_iter().flatten().copied()
}

macro_rules! file {
    ($path:literal, $from:literal) => {
        Source { path: $path, text: text!($from), executable: false }
    };
}

macro_rules! program {
    ($path:literal, $from:literal) => {
        Source { path: $path, text: text!($from), executable: true }
    };
}

macro_rules! text {
    ($from:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../", $from))
    };
}

const RUST: &[Source] = &[
    file!(".gitignore", "plugins/templates/rust/gitignore"),
    file!("Cargo.lock", "plugins/templates/rust/Cargo.lock"),
    file!("Cargo.toml", "plugins/templates/rust/Cargo.toml"),
    file!("Makefile", "plugins/templates/rust/Makefile"),
    file!("README.md", "plugins/templates/rust/README.md"),
    file!("src/input.schema.json", "plugins/templates/rust/src/input.schema.json"),
    file!("src/lib.rs", "plugins/templates/rust/src/lib.rs"),
    file!("src/output.schema.json", "plugins/templates/rust/src/output.schema.json"),
    program!("tools/cargo-wasi", "plugins/cargo-wasi"),
    program!("tools/install-toolchain", "plugins/install-toolchain"),
    program!("tools/wasi-link", "plugins/wasi-link"),
];

const PYTHON: &[Source] = &[
    file!(".gitignore", "plugins/templates/python/gitignore"),
    file!("Makefile", "plugins/templates/python/Makefile"),
    file!("README.md", "plugins/templates/python/README.md"),
    file!("requirements.txt", "plugins/templates/python/requirements.txt"),
    file!("src/executor.py", "plugins/templates/python/src/executor.py"),
    program!("tools/make-venv", "plugins/make-venv"),
];

const JS: &[Source] = &[
    file!(".gitignore", "plugins/templates/js/gitignore"),
    file!("Makefile", "plugins/templates/js/Makefile"),
    file!("README.md", "plugins/templates/js/README.md"),
    file!("build.mjs", "plugins/templates/js/build.mjs"),
    file!("package-lock.json", "plugins/templates/js/package-lock.json"),
    file!("package.json", "plugins/templates/js/package.json"),
    file!("src/executor.js", "plugins/templates/js/src/executor.js"),
];

/// The cases that each template passes: all of them do the same.
const CASES: &[Source] = &[
    file!("tests/counts-words.json", "plugins/templates/tests/counts-words.json"),
    file!("tests/no-words.json", "plugins/templates/tests/no-words.json"),
    file!("tests/wrong-input.json", "plugins/templates/tests/wrong-input.json"),
];

const WIT: &[Source] = &[
    file!("wit/approval.wit", "wit/approval.wit"),
    file!("wit/artifacts.wit", "wit/artifacts.wit"),
    file!("wit/checkpoint.wit", "wit/checkpoint.wit"),
    file!("wit/children.wit", "wit/children.wit"),
    file!("wit/context.wit", "wit/context.wit"),
    file!("wit/executor.wit", "wit/executor.wit"),
    file!("wit/progress.wit", "wit/progress.wit"),
    file!("wit/signals.wit", "wit/signals.wit"),
    file!("wit/timers.wit", "wit/timers.wit"),
    file!("wit/types.wit", "wit/types.wit"),
    file!("wit/waiting.wit", "wit/waiting.wit"),
    file!("wit/deps/cli.wit", "wit/deps/cli.wit"),
    file!("wit/deps/clocks.wit", "wit/deps/clocks.wit"),
    file!("wit/deps/filesystem.wit", "wit/deps/filesystem.wit"),
    file!("wit/deps/http.wit", "wit/deps/http.wit"),
    file!("wit/deps/io.wit", "wit/deps/io.wit"),
    file!("wit/deps/random.wit", "wit/deps/random.wit"),
    file!("wit/deps/sockets.wit", "wit/deps/sockets.wit"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    const LANGUAGES: [Language; 3] = [Language::Rust, Language::Python, Language::Js];

    fn beneath(directory: &Path, at: &str, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(directory).expect("it is there") {
            let entry = entry.expect("it can be read");
            let name = format!("{at}{}", entry.file_name().to_str().expect("it is text"));
            match entry.path() {
                path if path.is_dir() => beneath(&path, &format!("{name}/"), found),
                _ => drop(found.insert(name)),
            }
        }
    }

    #[test]
    fn a_project_has_the_whole_wit_package() {
        let mut there = BTreeSet::new();
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        beneath(&repository.join("wit"), "wit/", &mut there);
        let here: BTreeSet<String> = WIT.iter().map(|file| file.path.to_owned()).collect();
        assert_eq!(here, there);
    }

    #[test]
    fn nothing_of_a_template_is_left_out() {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/templates");
        for (language, directory) in LANGUAGES.into_iter().zip(["rust", "python", "js"]) {
            let mut there = BTreeSet::new();
            beneath(&repository.join(directory), "", &mut there);
            let here: BTreeSet<String> = files(language).map(|file| file.path.to_owned()).collect();
            for file in there {
                let file = if file == "gitignore" { ".gitignore".to_owned() } else { file };
                assert!(here.contains(&file), "{language:?} lacks {file}");
            }
        }
    }

    #[test]
    fn the_templates_are_built_with_what_the_shipped_executors_are_built_with() {
        let pinned = |text: &str, name: &str| {
            let rest = &text[text.find(name).unwrap_or_else(|| panic!("{name} is not pinned"))..];
            rest.split("\n[[package]]")
                .next()
                .and_then(|entry| entry.split("\ntzdata").next())
                // Which of its features are wanted is each project's own.
                .and_then(|entry| entry.split("\ndependencies = [").next())
                .map(str::trim_end)
                .expect("a split has a first part")
                .to_owned()
        };
        let shipped = text!("plugins/python/requirements.txt");
        let template = text!("plugins/templates/python/requirements.txt");
        assert_eq!(pinned(template, "componentize-py=="), pinned(shipped, "componentize-py=="));
        let shipped = text!("plugins/Cargo.lock");
        let template = text!("plugins/templates/rust/Cargo.lock");
        for name in ["serde", "serde_json", "wit-bindgen"] {
            let name = format!("name = \"{name}\"\n");
            assert_eq!(pinned(template, &name), pinned(shipped, &name));
        }
    }
}
