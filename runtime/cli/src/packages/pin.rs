//! A package as it was chosen: its version, and the one wheel of it that the sandbox gets.

use serde::{Deserialize, Serialize};

/// What every refusal of native code says.
pub(super) const NATIVE: &str =
    "which can't run in a WebAssembly sandbox; pure-Python packages can";

/// A package, pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pin {
    pub(super) name: String,
    pub(super) version: String,
    #[serde(flatten)]
    pub(super) wheel: Wheel,
}

/// A wheel of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Wheel {
    /// Its name, which ends with its tags.
    pub(super) file: String,
    pub(super) sha256: String,
    /// Where the index has it, where the installer said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) url: Option<String>,
}

impl Wheel {
    /// Tells whether its tags say that it has no native code.
    pub(super) fn is_pure(&self) -> bool {
        let Some(stem) = self.file.strip_suffix(".whl") else { return false };
        let mut tags = stem.rsplit('-');
        tags.next() == Some("any") && tags.next() == Some("none")
    }
}

impl Pin {
    /// Chooses the wheel without native code; says why there is none.
    pub(super) fn choose(
        name: String,
        version: String,
        wheels: Vec<Wheel>,
    ) -> Result<Self, String> {
        let tagged = wheels.first().map(|wheel| wheel.file.clone());
        let Some(wheel) = wheels.into_iter().find(Wheel::is_pure) else {
            return Err(match tagged {
                Some(file) => format!("{name} {version} has native code ({file}), {NATIVE}"),
                None => format!(
                    "{name} {version} comes as source alone, and would have to be built; wheels can be used"
                ),
            });
        };
        let is_hex =
            wheel.sha256.len() == 64 && wheel.sha256.chars().all(|char| char.is_ascii_hexdigit());
        let plain = |text: &str| {
            !text.is_empty() && text.chars().all(|char| char.is_ascii_graphic() && char != '\\')
        };
        let is_url = wheel.url.as_deref().is_none_or(plain);
        if !is_hex || !plain(&name) || !plain(&version) || !is_url || name.starts_with('-') {
            return Err(format!(
                "the index says nothing by which {name} {version} could be known again"
            ));
        }
        Ok(Self { name, version, wheel })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wheel(file: &str) -> Wheel {
        Wheel { file: file.into(), sha256: "0".repeat(64), url: None }
    }

    fn choose(files: &[&str]) -> Result<Pin, String> {
        Pin::choose("a".into(), "1.0".into(), files.iter().map(|file| wheel(file)).collect())
    }

    #[test]
    fn the_wheel_without_native_code_is_taken() {
        let pin = choose(&["a-1.0-cp314-cp314-linux_x86_64.whl", "a-1.0-py3-none-any.whl"])
            .expect("it has one");
        assert_eq!(pin.wheel.file, "a-1.0-py3-none-any.whl");
        assert!(wheel("a-1.0-1-py2.py3-none-any.whl").is_pure());
    }

    #[test]
    fn a_package_that_has_only_native_code_is_named_with_its_file() {
        for file in [
            "a-1.0-cp314-cp314-manylinux_2_28_x86_64.whl",
            "a-1.0-cp37-abi3-any.whl",
            "a-1.0-py3-none-linux_x86_64.whl",
        ] {
            let why = choose(&[file]).expect_err(file);
            assert_eq!(why, format!("a 1.0 has native code ({file}), {NATIVE}"));
        }
        assert!(choose(&[]).expect_err("there is none").contains("as source alone"));
    }

    #[test]
    fn what_can_not_be_known_again_is_refused() {
        let mut without = wheel("a-1.0-py3-none-any.whl");
        without.sha256.clear();
        assert!(Pin::choose("a".into(), "1.0".into(), vec![without]).is_err());
        let mut split = wheel("a-1.0-py3-none-any.whl");
        split.url = Some("https://x/a.whl\n--pre".into());
        assert!(Pin::choose("a".into(), "1.0".into(), vec![split]).is_err());
    }
}
