//! Manifests of the task's own workspace, where its input hands none over.

use crate::input::InputError;
use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

/// Files that are read at most; more are no set of manifests.
const MAX_FILES: usize = 5_000;
/// Bytes that are read at most: what was read takes some times its size in memory.
const MAX_BYTES: u64 = 16 << 20;
/// How deep directories are followed.
const MAX_DEPTH: usize = 64;

/// Reads all `.yaml` and `.yml` files below a directory, by their paths in it. Links are not followed.
///
/// # Errors
/// `no_files` where there are none, `too_many_files` and `too_large` past the bounds, `unreadable`.
pub fn read(root: &Path) -> Result<BTreeMap<String, String>, InputError> {
    let mut reading = Reading { files: BTreeMap::new(), bytes: 0 };
    reading.directory(root, "", MAX_DEPTH)?;
    if reading.files.is_empty() {
        return Err(InputError {
            code: "no_files",
            message:
                "the input names no files, and the workspace has none that end in .yaml or .yml"
                    .to_owned(),
        });
    }
    Ok(reading.files)
}

struct Reading {
    files: BTreeMap<String, String>,
    bytes: u64,
}

impl Reading {
    fn directory(&mut self, path: &Path, at: &str, depth: usize) -> Result<(), InputError> {
        let unreadable = |error: io::Error| InputError {
            code: "unreadable",
            message: format!("{:?} can't be read: {error}", if at.is_empty() { "." } else { at }),
        };
        for entry in fs::read_dir(path).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            // What a guest sees has names of text alone.
            let Ok(name) = entry.file_name().into_string() else { continue };
            let inner = if at.is_empty() { name } else { format!("{at}/{name}") };
            let kind = entry.file_type().map_err(unreadable)?;
            if kind.is_dir() && depth > 0 {
                self.directory(&entry.path(), &inner, depth - 1)?;
            } else if kind.is_file() && is_yaml(&inner) {
                let size = entry.metadata().map_err(unreadable)?.len();
                self.check_bounds(size)?;
                let bytes = fs::read(entry.path()).map_err(unreadable)?;
                self.files.insert(inner, String::from_utf8_lossy(&bytes).into_owned());
            }
        }
        Ok(())
    }

    fn check_bounds(&mut self, size: u64) -> Result<(), InputError> {
        self.bytes = self.bytes.saturating_add(size);
        let (code, what) = if self.files.len() >= MAX_FILES {
            ("too_many_files", format!("{MAX_FILES} YAML files"))
        } else if self.bytes > MAX_BYTES {
            ("too_large", format!("{MAX_BYTES} bytes of YAML"))
        } else {
            return Ok(());
        };
        Err(InputError {
            code,
            message: format!("the workspace has more than {what}; start from the manifests alone"),
        })
    }
}

fn is_yaml(name: &str) -> bool {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    ["yaml", "yml"].iter().any(|one| ending.eq_ignore_ascii_case(one))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    /// A directory that is gone at the end.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("manifest-lint-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).expect("it can be made");
            Self(path)
        }

        fn write(&self, name: &str, text: &[u8]) {
            let path = self.0.join(name);
            fs::create_dir_all(path.parent().expect("it has one")).expect("it can be made");
            fs::write(path, text).expect("it can be written");
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn yaml_is_read_however_deep_it_lies_and_nothing_else() {
        let scratch = Scratch::new("deep");
        assert_eq!(read(&scratch.0).expect_err("none").code, "no_files");
        for name in ["a.yaml", "b/c/d.YML", "b/e.yml"] {
            scratch.write(name, b"kind: X");
        }
        scratch.write("b/values.json", b"{}");
        scratch.write("yaml", b"");
        let files = read(&scratch.0).expect("some");
        assert_eq!(files.keys().collect::<Vec<_>>(), ["a.yaml", "b/c/d.YML", "b/e.yml"]);
        assert_eq!(files["b/e.yml"], "kind: X");
    }

    #[test]
    fn too_much_is_refused() {
        let scratch = Scratch::new("large");
        scratch.write("a.yaml", &vec![b'#'; 17 << 20]);
        assert_eq!(read(&scratch.0).expect_err("too large").code, "too_large");
    }
}
