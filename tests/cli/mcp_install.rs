//! `errand mcp install`: a client's configuration gets an entry, and keeps all else.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::harness::errand;
use crate::harness::shell;

fn install(home: &Path, flags: &[&str]) -> Command {
    let mut command = errand(&["mcp", "install"]);
    command.args(flags).env("HOME", home).env_remove("XDG_CONFIG_HOME").current_dir(home);
    command
}

#[test]
fn the_entry_starts_this_program_on_this_data_and_all_else_stays() {
    let home = tempfile::tempdir().expect("a temporary directory can be made");
    let file = home.path().join(".gemini/settings.json");
    fs::create_dir(home.path().join(".gemini")).expect("it can be made");
    let before = "{\n  // mine\n  \"theme\": \"dark\"\n}\n";
    fs::write(&file, before).expect("it can be written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("it is ours");
    let ran = shell::run(install(home.path(), &["gemini"]).args(["--data", "here"])).expect(0);
    assert!(ran.stderr.contains("~/.gemini/settings.json"), "{}", ran.stderr);
    let after = fs::read_to_string(&file).expect("it is there");
    assert!(after.contains("// mine") && after.contains("\"theme\": \"dark\""), "{after}");
    let data = home.path().join("here");
    assert!(after.contains("errand\"") && after.contains(data.to_str().expect("text")), "{after}");
    assert_eq!(fs::metadata(&file).expect("it is there").permissions().mode() & 0o777, 0o600);

    let again = shell::run(install(home.path(), &["gemini"]).args(["--data", "here"])).expect(0);
    assert!(again.stderr.contains("has it already"), "{}", again.stderr);
    assert_eq!(fs::read_to_string(&file).expect("it is there"), after);
}

#[test]
fn a_projects_file_is_its_own_and_printing_writes_nothing() {
    let home = tempfile::tempdir().expect("a temporary directory can be made");
    let printed = shell::run(&mut install(home.path(), &["vscode", "--project", "--print"])).ok();
    assert!(printed.contains("\"servers\"") && printed.contains("\"stdio\""), "{printed}");
    assert!(!home.path().join(".vscode").exists());
    shell::run(&mut install(home.path(), &["vscode", "--project"])).expect(0);
    assert!(home.path().join(".vscode/mcp.json").exists());
    shell::run(&mut install(home.path(), &["claude-desktop", "--project"])).fails(2, "--project");
}

#[test]
fn what_is_not_understood_is_left_as_it_is() {
    let home = tempfile::tempdir().expect("a temporary directory can be made");
    let file = home.path().join(".claude.json");
    fs::write(&file, "{\"mcpServers\": [").expect("it can be written");
    shell::run(&mut install(home.path(), &["claude-code"])).fails(4, "~/.claude.json");
    assert_eq!(fs::read_to_string(&file).expect("it is there"), "{\"mcpServers\": [");
    shell::run(&mut install(home.path(), &["nonsense"])).fails(2, "claude-code");
    shell::run(&mut install(home.path(), &["cursor", "--name", "a b"])).fails(2, "letters");
}
