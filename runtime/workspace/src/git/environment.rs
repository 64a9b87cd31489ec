//! What git is told besides its arguments, so that no one else tells it more.
//!
//! Nothing of this process's environment is handed on, and no configuration of the machine or of a user
//! is read, but to ask who the person is ([`personal`]). Of a repository's own, what could name a program
//! is said otherwise here.

use std::ffi::OsString;
use std::path::PathBuf;

/// Where git looks for programs, besides its own.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// All that a child finds in its environment, besides where its repository is.
pub(super) const VARIABLES: [(&str, &str); 23] = [
    ("PATH", PATH),
    ("LC_ALL", "C"),
    // A `~` in a setting must mean something, and nothing is there.
    ("HOME", "/dev/null"),
    ("XDG_CONFIG_HOME", "/dev/null"),
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_CONFIG_SYSTEM", "/dev/null"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_ATTR_NOSYSTEM", "1"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_LITERAL_PATHSPECS", "1"),
    // No setting goes before this one.
    ("GIT_ALLOW_PROTOCOL", "none"),
    ("GIT_PAGER", "cat"),
    ("GIT_EDITOR", "false"),
    ("GIT_ASKPASS", "false"),
    ("SSH_ASKPASS", "false"),
    ("GIT_SSH_COMMAND", "false"),
    // For the logs of refs, which want a name.
    ("GIT_AUTHOR_NAME", "Errand"),
    ("GIT_AUTHOR_EMAIL", "errand@localhost"),
    ("GIT_COMMITTER_NAME", "Errand"),
    ("GIT_COMMITTER_EMAIL", "errand@localhost"),
];

/// By which git finds the configuration of the machine and of a person.
const PERSONAL: [&str; 5] =
    ["HOME", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"];

/// What no file of a repository may say otherwise. Transports, hooks and watchers are programs.
const SETTINGS: [(&str, &str); 18] = [
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.attributesFile", "/dev/null"),
    ("core.excludesFile", "/dev/null"),
    ("core.pager", "cat"),
    ("core.askPass", ""),
    ("core.sshCommand", "false"),
    ("core.gitProxy", "false"),
    ("core.alternateRefsCommand", "false"),
    ("core.warnAmbiguousRefs", "true"),
    ("credential.helper", ""),
    ("protocol.allow", "never"),
    // Operators list what may be used; who owns it is another question.
    ("safe.directory", "*"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("submodule.recurse", "false"),
    ("commit.gpgSign", "false"),
    // It would change the format of the repository.
    ("worktree.useRelativePaths", "false"),
];

/// Returns them to be added to.
pub(super) fn settings() -> Vec<(String, String)> {
    SETTINGS.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

/// Returns what the environment of this process says of where configuration lies.
pub(super) fn personal() -> [(&'static str, Option<OsString>); PERSONAL.len()] {
    PERSONAL.map(|name| (name, std::env::var_os(name)))
}

/// Returns the `git` on the process's `PATH`.
pub(super) fn installed() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| PATH.into());
    std::env::split_paths(&path)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join("git"))
        .find(|program| program.is_file())
}

/// Returns settings under which no hook that a configuration names runs.
pub(super) fn hooks_off(names: &str) -> Vec<(String, String)> {
    let mut hooks: Vec<&str> = names
        .split('\0')
        .filter_map(|name| Some(name.strip_prefix("hook.")?.rsplit_once('.')?.0))
        .collect();
    hooks.sort_unstable();
    hooks.dedup();
    let off = |hook: &str| {
        [
            (format!("hook.{hook}.enabled"), "false".to_owned()),
            (format!("hook.{hook}.command"), ":".to_owned()),
        ]
    };
    hooks.into_iter().flat_map(off).collect()
}
