//! The executors that check the files of a workspace.

use serde_json::{Value, json};

use crate::harness::archive::{file, tar};
use crate::harness::{plugin, shared};

#[test]
fn manifests_of_a_workspace_are_checked() {
    let client = shared::operator();
    client.upload("manifest-lint", &plugin("manifest-lint"));
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: a}]}\n";
    let items =
        [file("deploy/a.yaml", pod), file("deploy/more/b.yml", pod), file("readme.md", "#")];
    let blob = client.upload_blob(&tar(&items));
    let request = json!({
        "executor": "manifest-lint", "workspace": {"from": "tar", "blob": blob},
    });
    let task = client.finish(&client.submit(&request));
    assert_eq!(task["status"], "completed", "{task}");
    let report = &task["output"];
    assert_eq!(report["summary"]["files"], 2, "{report}");
    let places: Vec<&Value> =
        report["findings"].as_array().expect("a list").iter().map(|found| &found["file"]).collect();
    assert!(places.contains(&&json!("deploy/more/b.yml")), "{places:?}");
    let task = client.run("manifest-lint", &json!({}));
    assert_eq!(task["error"]["detail"]["code"], "no_files", "{task}");
}

#[test]
fn secrets_and_risky_calls_of_a_workspace_are_found_and_no_secret_is_kept() {
    let client = shared::operator();
    client.upload("secret-scan", &plugin("secret-scan"));
    // Put together here, so that this file has none.
    let token = format!("gh{}_{}", "p", "8Kq2Zt7Lw0Xc5Vb1Nm4Rf6Hj9Ds3GyTuPoEi");
    let code = format!("TOKEN = '{token}'\nimport os\nos.system(TOKEN)\n");
    let items = [file("app/main.py", &code), file("app/.git/x.py", &code), file("data", "\0\0")];
    let blob = client.upload_blob(&tar(&items));
    let request = json!({"executor": "secret-scan", "workspace": {"from": "tar", "blob": blob}});
    let task = client.finish(&client.submit(&request));
    assert_eq!(task["status"], "completed", "{task}");
    let found = task["output"]["findings"].as_array().expect("a list");
    let places: Vec<_> =
        found.iter().map(|one| json!([one["file"], one["line"], one["rule"]])).collect();
    let expected =
        [json!(["app/main.py", 1, "github-token"]), json!(["app/main.py", 3, "python-shell"])];
    assert_eq!(places, expected);
    assert_eq!(task["output"]["notes"], json!([{"file": "data", "note": "it is no text"}]));
    let id = task["id"].as_str().expect("it has an id");
    let report = client.get(&format!("/v1/tasks/{id}/artifacts/secrets.md"));
    let report = String::from_utf8(report.bytes).expect("it is text");
    assert!(report.contains("`app/main.py:1:10`"), "{report}");
    assert!(!report.contains(&token) && !task.to_string().contains(&token), "{report}");
    let task = client.run("secret-scan", &json!({"disable": ["no-such-rule"]}));
    assert_eq!(task["error"]["detail"]["code"], "unknown_rule", "{task}");
}
