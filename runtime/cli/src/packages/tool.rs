//! The person's own installer: `uv`, or else Python's `pip`, asked what to take and to take it.
//!
//! Their configuration, indexes and credentials are theirs and apply. Neither builds anything: wheels alone
//! are taken, so nobody's code runs outside the sandbox. Conditions of requirements are judged as on Linux
//! under the sandbox's Python, whatever machine this is, so that the same is chosen everywhere.

#![expect(clippy::disallowed_methods, reason = "it owns the installer's files")]

use std::fs;
use std::path::Path;

use serde::Deserialize;
use tokio::process::Command;

use super::failed::Failed;
use super::pin::{Pin, Wheel};
use super::process::{run, run_within};
use crate::errors::{CommandError, Result};
use crate::output;

/// What pip's wheels for Linux may be tagged with.
const LINUX: [&str; 5] = [
    "manylinux_2_34_x86_64",
    "manylinux_2_28_x86_64",
    "manylinux_2_17_x86_64",
    "manylinux2014_x86_64",
    "linux_x86_64",
];
/// Runs pip with conditions, and what packages say of the Python that they want, judged as under the sandbox's.
/// pip's own option changes which wheels are taken, and leaves the rest to the Python that it runs in.
const PIP: &str = "\
import runpy, sys
sys.path[:] = [entry for entry in sys.path if entry]
try:
    from pip._vendor.packaging import markers
    known = markers.default_environment
    def environment():
        return {**known(), 'implementation_name': 'cpython', 'implementation_version': '3.14.0',
                'os_name': 'posix', 'platform_machine': 'x86_64', 'platform_release': '',
                'platform_system': 'Linux', 'platform_version': '', 'python_full_version': '3.14.0',
                'platform_python_implementation': 'CPython', 'python_version': '3.14',
                'sys_platform': 'linux'}
    markers.default_environment = environment
except ImportError:
    pass
try:
    from pip._internal.resolution.resolvelib.candidates import RequiresPythonCandidate
    make = RequiresPythonCandidate.__init__
    RequiresPythonCandidate.__init__ = lambda self, version: make(self, (3, 14, 0))
except ImportError:
    pass
runpy.run_module('pip', run_name='__main__', alter_sys=True)
";

/// An installer that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tool {
    Uv,
    Pip,
}

/// Which wheels are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tags {
    /// Those for Linux too, to know what a package has.
    Linux,
    /// Those without native code.
    Pure,
}

impl Tool {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Uv => "uv",
            Self::Pip => "pip",
        }
    }

    /// Finds one.
    pub(super) fn find(scratch: &Path) -> Result<Self> {
        for (tool, mut command) in [(Self::Uv, uv()), (Self::Pip, pip())] {
            let version = command.arg("--version");
            if run(version, scratch, "version").is_ok() {
                return Ok(tool);
            }
        }
        Err(CommandError::refused(
            "find what installs Python packages: neither `uv` nor `pip` is there",
        )
        .hint("install uv (https://docs.astral.sh/uv), or Python 3 with pip 22.2 or newer"))
    }

    /// Chooses a version of each package that requirements need, in wheels without native code.
    pub(super) fn resolve(self, requirements: &[String], scratch: &Path) -> Result<Vec<Pin>> {
        let text = requirements.join("\n") + "\n";
        let wanted = scratch.join("requirements.in");
        fs::write(&wanted, text).map_err(anyhow::Error::from)?;
        let pins = match self {
            Self::Uv => uv_resolve(&wanted, scratch),
            Self::Pip => pip_resolve(&wanted, scratch),
        };
        let pins = pins.map_err(|failed| failed.of_resolving(self))?;
        if pins.is_empty() && !requirements.is_empty() {
            // Every requirement had a condition that is not met.
            output::note("note: the sandbox needs none of the packages that were asked for");
        }
        Ok(pins)
    }

    /// Unpacks what was chosen into a directory, if it is exactly that.
    pub(super) fn install(self, pins: &[Pin], to: &Path, scratch: &Path) -> Result<()> {
        let locked = scratch.join("requirements.txt");
        let lines = pins.iter().map(|pin| self.line(pin)).collect::<String>();
        fs::write(&locked, lines).map_err(anyhow::Error::from)?;
        let mut command = match self {
            Self::Uv => {
                let mut uv = uv();
                uv.args([
                    "pip",
                    "install",
                    "--quiet",
                    "--link-mode",
                    "copy",
                    "--no-python-downloads",
                ])
                .args(["--python-version", "3.14", "--python-platform", "linux"]);
                uv
            }
            Self::Pip => {
                let mut pip = pip();
                pip.args(["install", "--quiet", "--no-compile", "--ignore-requires-python"])
                    .args(pip_tags(Tags::Pure));
                pip
            }
        };
        command.args(["--no-deps", "--require-hashes", "--only-binary", ":all:"]);
        command.arg("--target").arg(to).arg("-r").arg(&locked);
        let installed = run_within(&mut command, scratch, "install", to);
        installed.map(drop).map_err(|failed| failed.of_installing(self))
    }

    /// Says a pin in the file that an installer reads.
    fn line(self, pin: &Pin) -> String {
        let Pin { name, version, wheel } = pin;
        // By its name alone, uv may take another wheel of the same version.
        match (self, &wheel.url) {
            (Self::Uv, Some(url)) => format!("{name} @ {url} --hash=sha256:{}\n", wheel.sha256),
            _ => format!("{name}=={version} --hash=sha256:{}\n", wheel.sha256),
        }
    }
}

fn uv() -> Command {
    Command::new("uv")
}

fn pip() -> Command {
    let mut python = Command::new("python3");
    python.args(["-c", PIP]);
    // Where a person has their packages installed is another matter: these go into a directory of ours.
    for elsewhere in ["PIP_TARGET", "PIP_PREFIX", "PIP_ROOT"] {
        python.env_remove(elsewhere);
    }
    for (name, value) in [("USER", "0"), ("REQUIRE_VIRTUALENV", "0"), ("NO_INPUT", "1")] {
        python.env(format!("PIP_{name}"), value);
    }
    python.env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
    python
}

fn pip_tags(tags: Tags) -> Vec<&'static str> {
    let mut options = vec!["--python-version", "3.14"];
    match tags {
        Tags::Linux => options.extend(LINUX.iter().flat_map(|platform| ["--platform", *platform])),
        Tags::Pure => {
            options.extend(["--platform", "any", "--implementation", "py", "--abi", "none"]);
        }
    }
    options
}

/// A file that uv writes, as far as it is read here.
#[derive(Deserialize)]
struct Pylock {
    #[serde(default)]
    packages: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    wheels: Vec<LockedWheel>,
}

#[derive(Deserialize)]
struct LockedWheel {
    url: Option<String>,
    path: Option<String>,
    #[serde(default)]
    hashes: Hashes,
}

#[derive(Default, Deserialize)]
struct Hashes {
    #[serde(default)]
    sha256: String,
}

fn uv_resolve(wanted: &Path, scratch: &Path) -> Result<Vec<Pin>, Failed> {
    let mut uv = uv();
    uv.args(["pip", "compile", "--quiet", "--format", "pylock.toml", "--no-header"])
        .args(["--only-binary", ":all:", "--python-version", "3.14", "--python-platform", "linux"])
        .arg("--no-python-downloads")
        .arg(wanted);
    let lock = run(&mut uv, scratch, "resolve")?;
    let lock: Pylock =
        toml::from_str(&lock).map_err(|error| Failed::not_understood("uv", &error))?;
    lock.packages
        .into_iter()
        .map(|Locked { name, version, wheels }| {
            let wheels = wheels.into_iter().filter_map(|LockedWheel { url, path, hashes }| {
                let at = url.clone().or(path)?;
                Some(Wheel { file: last_part(&at), sha256: hashes.sha256, url })
            });
            Pin::choose(name, version, wheels.collect()).map_err(Failed::ours)
        })
        .collect()
}

/// A report that pip writes, as far as it is read here.
#[derive(Deserialize)]
struct Report {
    install: Vec<Reported>,
}

#[derive(Deserialize)]
struct Reported {
    metadata: Metadata,
    download_info: Download,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    version: String,
    #[serde(default)]
    requires_dist: Vec<String>,
}

#[derive(Deserialize)]
struct Download {
    url: String,
    #[serde(default)]
    archive_info: Archive,
}

#[derive(Default, Deserialize)]
struct Archive {
    #[serde(default)]
    hashes: Hashes,
}

/// pip tells one wheel of each package, which for some is one with native code where there is another
/// without. Those are asked for again.
fn pip_resolve(wanted: &Path, scratch: &Path) -> Result<Vec<Pin>, Failed> {
    let report = |tags, options: &[&str], what: &[String]| -> Result<Report, Failed> {
        let path = scratch.join("report.json");
        let mut pip = pip();
        pip.args(["install", "--dry-run", "--ignore-installed", "--quiet", "--report"]).arg(&path);
        pip.args(["--only-binary", ":all:", "--target"]).arg(scratch.join("nothing"));
        pip.args(pip_tags(tags)).args(options).args(what);
        run(&mut pip, scratch, "resolve")?;
        let read = fs::read(&path).map_err(Failed::io)?;
        serde_json::from_slice(&read).map_err(|error| Failed::not_understood("pip", &error))
    };
    let requirements = wanted.to_string_lossy();
    let all = report(Tags::Linux, &["-r", &requirements], &[])?.install;
    let mut pins = Vec::with_capacity(all.len());
    for one in &all {
        let (name, version) = (one.metadata.name.clone(), one.metadata.version.clone());
        let mut wheels = vec![wheel_of(one)];
        if !wheels[0].is_pure() {
            let exactly = [format!("{name}=={version}")];
            // Not there, or something is wrong that was not a moment ago: what is known says enough.
            if let Ok(pure) = report(Tags::Pure, &["--no-deps"], &exactly) {
                wheels.extend(pure.install.iter().map(wheel_of));
            }
        }
        let pin = Pin::choose(name.clone(), version, wheels).map_err(|sentence| Failed::Ours {
            sentence,
            hint: needed_by(&name, &all).map(|parent| format!("it is needed by {parent}")),
        });
        pins.push(pin?);
    }
    Ok(pins)
}

fn wheel_of(one: &Reported) -> Wheel {
    let Download { url, archive_info } = &one.download_info;
    Wheel { file: last_part(url), sha256: archive_info.hashes.sha256.clone(), url: None }
}

/// Finds a package that names another one among those that it needs.
fn needed_by<'a>(name: &str, all: &'a [Reported]) -> Option<&'a str> {
    let plain = |name: &str| name.to_ascii_lowercase().replace(['_', '.'], "-");
    let is_it = |requirement: &String| {
        let ends =
            requirement.find(|char: char| !(char.is_ascii_alphanumeric() || "._-".contains(char)));
        plain(&requirement[..ends.unwrap_or(requirement.len())]) == plain(name)
    };
    let parent = all.iter().find(|one| one.metadata.requires_dist.iter().any(is_it))?;
    Some(&parent.metadata.name)
}

fn last_part(url: &str) -> String {
    let path = url.split(['#', '?']).next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    percent_encoding::percent_decode_str(name).decode_utf8_lossy().into_owned()
}
