//! What the kustomizations among the files bring in and change.
//!
//! Only so much of kustomize as keeps rules from being wrong: which files belong together, which are
//! patches, who adds labels, and whose image tags are set elsewhere.

use crate::set::directory;
use crate::yaml::Node;
use std::collections::{BTreeMap, BTreeSet};

/// All kustomizations by their directory.
#[derive(Debug, Default)]
pub(crate) struct Kustomizations {
    by_directory: BTreeMap<String, Kustomization>,
}

#[derive(Debug, Default)]
struct Kustomization {
    /// Files and directories, resolved to names as the input has them.
    resources: BTreeSet<String>,
    patches: BTreeSet<String>,
    adds_labels: bool,
    images: BTreeSet<String>,
    /// Every file that comes in through it, over other kustomizations too.
    files: BTreeSet<String>,
}

/// Returns whether a document is a kustomization, or another file that only kustomize reads.
pub(crate) fn is_kustomization(file: &str, root: &Node) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    let group = root.text_of("apiVersion").unwrap_or_default();
    matches!(name, "kustomization.yaml" | "kustomization.yml" | "Kustomization")
        || group.starts_with("kustomize.config.k8s.io/")
}

impl Kustomizations {
    /// Takes one in.
    pub(crate) fn add(&mut self, file: &str, root: &Node) {
        let base = directory(file);
        let paths = |keys: &[&str]| -> BTreeSet<String> {
            let lists = keys.iter().filter_map(|key| root.get(key)).flat_map(Node::items);
            lists
                .filter_map(|item| item.text().or_else(|| item.text_of("path")))
                .map(|path| resolve(base, path))
                .collect()
        };
        let images = root.get("images").map_or(&[][..], Node::items);
        self.by_directory.insert(
            base.to_owned(),
            Kustomization {
                resources: paths(&["resources", "bases", "components"]),
                patches: paths(&["patches", "patchesStrategicMerge", "patchesJson6902"]),
                adds_labels: ["labels", "commonLabels", "transformers"]
                    .iter()
                    .any(|key| root.get(key).is_some()),
                images: images
                    .iter()
                    .filter_map(|image| image.text_of("name"))
                    .map(str::to_owned)
                    .collect(),
                files: BTreeSet::new(),
            },
        );
    }

    /// Works out what comes in through each, once all are known.
    pub(crate) fn resolve(&mut self) {
        let directories: Vec<String> = self.by_directory.keys().cloned().collect();
        for directory in directories {
            let (mut files, mut seen, mut open) =
                (BTreeSet::new(), BTreeSet::new(), vec![directory.clone()]);
            while let Some(at) = open.pop() {
                let Some(kustomization) =
                    self.by_directory.get(&at).filter(|_| seen.insert(at.clone()))
                else {
                    continue;
                };
                files.extend(kustomization.resources.iter().cloned());
                open.extend(kustomization.resources.iter().cloned());
            }
            if let Some(kustomization) = self.by_directory.get_mut(&directory) {
                kustomization.files = files;
            }
        }
    }

    /// Returns whether one kustomization brings in both files.
    pub(crate) fn share(&self, a: &str, b: &str) -> bool {
        self.by_directory.values().any(|one| one.files.contains(a) && one.files.contains(b))
    }

    /// Returns whether the file is a patch of some kustomization.
    pub(crate) fn is_patch(&self, file: &str) -> bool {
        self.by_directory.values().any(|one| one.patches.contains(file))
    }

    /// Returns whether labels are added to what the file says.
    pub(crate) fn adds_labels(&self, file: &str) -> bool {
        self.bringing_in(file).any(|one| one.adds_labels)
    }

    /// Returns whether the tag of this image is set by a kustomization.
    pub(crate) fn sets_image(&self, file: &str, image: &str) -> bool {
        self.bringing_in(file).any(|one| one.images.contains(image))
    }

    fn bringing_in<'a>(&'a self, file: &'a str) -> impl Iterator<Item = &'a Kustomization> {
        self.by_directory.values().filter(move |one| one.files.contains(file))
    }
}

/// Resolves a path against a directory, without leaving the input.
fn resolve(base: &str, path: &str) -> String {
    let mut parts: Vec<&str> = base.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_go_up_and_down() {
        assert_eq!(resolve("overlays/dev", "../../bases/web/"), "bases/web");
        assert_eq!(resolve("", "./a.yaml"), "a.yaml");
    }
}
