//! Manifests of the task's own workspace, where its input hands none over.

use findings::{Bounds, InvalidInput, Unread};
use std::collections::BTreeMap;
use std::path::Path;

/// More files are no set of manifests, and what was read takes some times its size in memory.
const BOUNDS: Bounds = Bounds { files: 5_000, bytes: 16 << 20, depth: 64 };

/// Reads all `.yaml` and `.yml` files below a directory, by their paths in it. Links are not followed.
///
/// # Errors
/// `no_files` where there are none, `too_many_files` and `too_large` past the bounds, `unreadable`.
pub fn read(root: &Path) -> Result<BTreeMap<String, String>, InvalidInput> {
    let wanted = |path: &str, size: Option<u64>| size.is_none() || is_yaml(path);
    let files = findings::read(root, BOUNDS, wanted).map_err(unread)?;
    if files.is_empty() {
        return Err(InvalidInput {
            code: "no_files",
            message:
                "the input names no files, and the workspace has none that end in .yaml or .yml"
                    .to_owned(),
        });
    }
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(files.into_iter().map(|(path, bytes)| (path, text(bytes))).collect())
}

fn unread(unread: Unread) -> InvalidInput {
    let too_much = |what: String| {
        format!("the workspace has more than {what}; start from the manifests alone")
    };
    let (code, message) = match unread {
        Unread::TooMany(files) => ("too_many_files", too_much(format!("{files} YAML files"))),
        Unread::TooLarge(bytes) => ("too_large", too_much(format!("{bytes} bytes of YAML"))),
        Unread::Unreadable { path, error } => {
            ("unreadable", format!("{path:?} can't be read: {error}"))
        }
    };
    InvalidInput { code, message }
}

fn is_yaml(name: &str) -> bool {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    ["yaml", "yml"].iter().any(|one| ending.eq_ignore_ascii_case(one))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
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
