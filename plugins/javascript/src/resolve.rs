//! Which file a program means by `import` and `require`.
//!
//! Paths are those of the sandbox, `/workspace/…`; the host says where they are.

use serde_json::Value;

use crate::host::Host;

/// The directory that a task has.
pub(crate) const WORKSPACE: &str = "/workspace";

const ENDINGS: [&str; 4] = [".js", ".mjs", ".cjs", ".json"];

/// Joins a path to a directory, without `.` and `..`.
pub(crate) fn normalised(directory: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let whole = if path.starts_with('/') { ["", path] } else { [directory, path] };
    for part in whole.iter().flat_map(|path| path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Returns the directory of a program or module; that of code in no file is the workspace.
pub(crate) fn directory(name: &str) -> &str {
    match name.rfind('/') {
        Some(end) if name.starts_with('/') => &name[..end.max(1)],
        _ => WORKSPACE,
    }
}

/// Finds the file that `name` is in a module of the name `from`.
pub(crate) fn file(host: &dyn Host, name: &str, from: &str, requires: bool) -> Option<String> {
    let name = name.strip_prefix("file://").unwrap_or(name);
    if name.starts_with('/')
        || name.starts_with("./")
        || name.starts_with("../")
        || matches!(name, "." | "..")
    {
        return file_or_directory(host, &normalised(directory(from), name), requires);
    }
    let mut above = directory(from);
    loop {
        let modules = normalised(above, "node_modules");
        if let Some(found) = package(host, &modules, name, requires) {
            return Some(found);
        }
        let (parent, _) = above.rsplit_once('/').filter(|(parent, _)| !parent.is_empty())?;
        above = parent;
    }
}

fn is_file(host: &dyn Host, path: &str) -> bool {
    host.path(path).is_file()
}

fn file_or_directory(host: &dyn Host, path: &str, requires: bool) -> Option<String> {
    if is_file(host, path) {
        return Some(path.to_owned());
    }
    let with_ending = ENDINGS.map(|ending| format!("{path}{ending}"));
    if let Some(found) = with_ending.into_iter().find(|path| is_file(host, path)) {
        return Some(found);
    }
    if !host.path(path).is_dir() {
        return None;
    }
    if let Some(main) = manifest(host, path).and_then(|manifest| main(&manifest, requires)) {
        let main = normalised(path, &main);
        // A package that names its own directory has no other main file.
        if main != path
            && let Some(found) = file_or_directory(host, &main, requires)
        {
            return Some(found);
        }
    }
    ENDINGS
        .map(|ending| format!("{path}/index{ending}"))
        .into_iter()
        .find(|path| is_file(host, path))
}

/// Finds a package of `node_modules`, or a file of one.
fn package(host: &dyn Host, modules: &str, name: &str, requires: bool) -> Option<String> {
    let slashes = if name.starts_with('@') { 2 } else { 1 };
    let end = name.match_indices('/').nth(slashes - 1).map_or(name.len(), |(at, _)| at);
    let (package, inside) = name.split_at(end);
    let path = normalised(modules, package);
    if !host.path(&path).is_dir() {
        return None;
    }
    if inside.is_empty() {
        return file_or_directory(host, &path, requires);
    }
    let exported = manifest(host, &path)
        .and_then(|manifest| chosen(manifest.get("exports")?.get(format!(".{inside}"))?, requires));
    let inside = exported.unwrap_or_else(|| inside.trim_start_matches('/').to_owned());
    file_or_directory(host, &normalised(&path, &inside), requires)
}

fn manifest(host: &dyn Host, directory: &str) -> Option<Value> {
    let bytes = std::fs::read(host.path(&format!("{directory}/package.json"))).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Returns the file that a manifest names for the whole package.
fn main(manifest: &Value, requires: bool) -> Option<String> {
    if let Some(exports) = manifest.get("exports")
        && let Some(found) = chosen(exports.get(".").unwrap_or(exports), requires)
    {
        return Some(found);
    }
    let names: &[&str] = if requires { &["main"] } else { &["module", "main"] };
    names.iter().find_map(|name| Some(manifest.get(name)?.as_str()?.to_owned()))
}

/// Chooses by the conditions that hold here.
fn chosen(exports: &Value, requires: bool) -> Option<String> {
    match exports {
        Value::String(path) => Some(path.clone()),
        Value::Object(conditions) => {
            let way = if requires { "require" } else { "import" };
            [way, "node", "default"]
                .iter()
                .find_map(|condition| chosen(conditions.get(*condition)?, requires))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lose_their_dots() {
        for (directory, path, expected) in [
            ("/workspace", "a.js", "/workspace/a.js"),
            ("/workspace/x", "../a/./b.js", "/workspace/a/b.js"),
            ("/workspace", "/etc/passwd", "/etc/passwd"),
            ("/workspace", "../../../etc", "/etc"),
            ("/workspace", "", "/workspace"),
        ] {
            assert_eq!(normalised(directory, path), expected);
        }
    }

    #[test]
    fn the_directory_of_code_is_the_workspace() {
        assert_eq!(directory("<code>"), "/workspace");
        assert_eq!(directory("/workspace/a/b.js"), "/workspace/a");
    }
}
