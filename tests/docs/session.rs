//! A shell with a home of its own, in which a page's commands are typed one after another.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use tempfile::TempDir;

use crate::harness::{errand_path, release_dir, shared};

/// Where pages say that the server is.
const SHOWN_ADDRESS: &str = "127.0.0.1:7420";
/// What the shell prints after each command.
const MARK: &str = "--- the command has ended ---";

pub(super) struct Session {
    shell: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    home: TempDir,
    /// Where the server is that a page has started.
    address: Option<String>,
}

/// Tells whether this machine has what a command needs. Errand itself needs no curl.
pub(super) fn can_run(command: &str) -> bool {
    let has_curl = || Command::new("curl").arg("--version").output().is_ok();
    !command.contains("curl ") || has_curl()
}

/// Checks that what building a new plugin needs has been prepared.
pub(super) fn assert_that_templates_can_be_built() {
    for (prepared, by) in [
        ("guests/.toolchain", "plugins"),
        ("venv-python/installed", "plugins"),
        ("node/installed", "templates"),
    ] {
        let path = target().join(prepared);
        assert!(path.exists(), "{} is missing: run `make {by}`", path.display());
    }
}

fn target() -> PathBuf {
    release_dir().join("..").canonicalize().expect("it is there")
}

impl Session {
    /// Starts a shell in a directory that looks like the repository's, with `errand` on its path.
    pub(super) fn start() -> Self {
        let home = tempfile::tempdir().expect("a temporary directory can be made");
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        link(&repository.join("examples"), &home.path().join("examples"));
        link(&target(), &home.path().join("target"));
        share_compiled(&home.path().join(".local/share/errand/compiled"));
        let path = std::env::var("PATH").expect("there is a path");
        let release = errand_path().parent().map(Path::to_owned).expect("it has a directory");
        let mut command = Command::new("bash");
        build_without_a_network(&mut command, &home);
        for (variable, _) in std::env::vars().filter(|(name, _)| name.starts_with("ERRAND_")) {
            command.env_remove(variable);
        }
        let mut shell = command
            .args(["--noprofile", "--norc"])
            .current_dir(&home)
            .env("HOME", home.path())
            .env_remove("XDG_DATA_HOME")
            .env("PATH", format!("{}:{}/node/bin:{path}", release.display(), target().display()))
            .env("TZ", "UTC")
            .env("ERRAND_LISTEN", "127.0.0.1:0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("there is a shell");
        let mut input = shell.stdin.take().expect("it is piped");
        let output = BufReader::new(shell.stdout.take().expect("it is piped"));
        input.write_all(b"exec 2>&1\nmkfifo ~/.said\n").expect("the shell reads");
        Self { shell, input, output, home, address: None }
    }

    /// Writes a file that a page shows.
    pub(super) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.home.path().join(name), text).expect("it can be written");
    }

    /// Types a command and returns what it printed on both streams.
    pub(super) fn run(&mut self, command: &str) -> String {
        // A page's server stays, unless the page kills it; a second one is refused.
        let serves = self.address.is_none() && command.starts_with("errand serve");
        let kills = command.starts_with("kill -9 ");
        let typed = match &self.address {
            // What it says first is all that is waited for.
            _ if serves => {
                format!("{command} >~/.said 2>~/.log &\nread -r said <~/.said; echo \"$said\"")
            }
            // The shell says of a job what it is called; a reader's server is in another terminal.
            Some(_) if kills => format!(
                "pids=$(jobs -p); disown -a; {command}\nwhile kill -0 $pids 2>/dev/null; do sleep 0.01; done"
            ),
            Some(address) => command.replace(SHOWN_ADDRESS, address),
            None => command.to_owned(),
        };
        let line =
            format!("{{\n{typed}\n}} </dev/null\n__ended=$?; echo '{MARK}'; (exit $__ended)\n");
        self.input.write_all(line.as_bytes()).expect("the shell reads");
        let mut printed = String::new();
        // A command may end without ending its last line.
        while !printed.ends_with(&format!("{MARK}\n")) {
            let read = self.output.read_line(&mut printed).expect("the shell writes text");
            assert!(read > 0, "the shell has ended after: $ {command}\n{printed}");
        }
        printed.truncate(printed.len() - MARK.len() - 1);
        if serves && let Some((_, address)) = printed.trim_end().split_once("http://") {
            self.address = Some(address.to_owned());
        }
        if let Some(address) = &self.address {
            printed = printed.replace(address, SHOWN_ADDRESS);
        }
        if kills {
            // The page starts another one.
            self.address = None;
        }
        printed
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A shell that has ended already has nothing to stop.
        let _ = self.input.write_all(b"kill $(jobs -p) 2>/dev/null; wait; exit\n");
        let _ = self.shell.wait();
    }
}

/// Lets new plugins be built with what `make plugins templates` has prepared, so that nothing is fetched. They are
/// built as for anybody else; it is the tools that are there already.
fn build_without_a_network(command: &mut Command, home: &TempDir) {
    let before = std::env::var_os("HOME").map(PathBuf::from).expect("there is a home");
    for (variable, directory) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        let there = std::env::var_os(variable).map_or(before.join(directory), PathBuf::from);
        command.env(variable, there);
    }
    // Modules are looked for in the directories above a project too.
    let modules = home.path().join("node_modules");
    std::os::unix::fs::symlink(target().join("node/node_modules"), modules)
        .expect("nothing is there yet");
    command
        .env("CARGO_TARGET_DIR", target().join("guests"))
        .env("CARGO_NET_OFFLINE", "true")
        .env("COMPONENTIZE_PY", target().join("venv-python/bin/componentize-py"))
        .env("NPM", "true");
}

/// Gives the page's data directory what was compiled already: to compile CPython takes many seconds.
fn share_compiled(to: &Path) {
    shared::python();
    std::fs::create_dir_all(to).expect("it can be made");
    let compiled = shared::server().data().join("compiled");
    let files: Vec<PathBuf> = std::fs::read_dir(compiled)
        .expect("it is there")
        .map(|entry| entry.expect("it is read").path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "cwasm" || kind == "json"))
        .collect();
    for file in files {
        let name = file.file_name().expect("a file has a name");
        std::fs::hard_link(&file, to.join(name)).expect("it is on the same disk");
    }
}

fn link(to: &Path, at: &Path) {
    let to = to.canonicalize().expect("it is there");
    std::os::unix::fs::symlink(to, at).expect("nothing is there yet");
}
