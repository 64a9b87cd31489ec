//! What concerns more than one document or file: sets, kustomizations, templates, broken input.

use manifest_lint::{Options, Report, lint};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

fn files(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn check(named: &[(&str, &str)]) -> Report {
    lint(&files(named), &Options::default(), |_, _, _| {})
}

fn lines(report: &Report, rule: &str) -> Vec<(String, usize)> {
    report
        .findings
        .iter()
        .filter(|one| one.rule == rule)
        .map(|one| (one.file.clone(), one.line))
        .collect()
}

const DEPLOYMENT: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
        - name: web
          image: web
";

#[test]
fn an_api_that_goes_later_is_deprecated_and_one_that_is_gone_removed() {
    let text = "apiVersion: batch/v1beta1\nkind: CronJob\nmetadata:\n  name: a\n";
    for (minor, rule) in
        [(20, None), (21, Some("api-version-deprecated")), (25, Some("api-version-removed"))]
    {
        let options = Options { kubernetes_minor: minor, ..Options::default() };
        let report = lint(&files(&[("a.yaml", text)]), &options, |_, _, _| {});
        let found = report
            .findings
            .iter()
            .find(|one| one.rule.starts_with("api-version"))
            .map(|one| one.rule);
        assert_eq!(found, rule, "1.{minor}");
    }
}

#[test]
fn one_object_in_two_files_of_a_directory_conflicts_where_they_differ() {
    let other = DEPLOYMENT.replace("image: web", "image: web:2");
    let report =
        check(&[("a/one.yaml", DEPLOYMENT), ("a/two.yaml", &other), ("b/two.yaml", &other)]);
    assert_eq!(lines(&report, "resource-conflict"), [("a/two.yaml".to_owned(), 4)]);
    let report = check(&[("one.yaml", DEPLOYMENT), ("two.yaml", DEPLOYMENT)]);
    assert_eq!(lines(&report, "resource-conflict"), []);
}

#[test]
fn patches_are_not_blamed_for_what_they_leave_out() {
    let patch =
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  replicas: 3\n";
    let kustomization = "resources: [../base]\npatches:\n  - path: image.yaml\n";
    let named = DEPLOYMENT.replace("  selector:\n    matchLabels: {app: web}\n", "");
    let report = check(&[
        ("dev/kustomization.yaml", kustomization),
        ("dev/replicas.yaml", patch),
        ("dev/image.yaml", &named),
    ]);
    let rules: Vec<_> = report.findings.iter().map(|one| one.rule).collect();
    assert_eq!(rules, ["image-tag-latest"], "only what stands there counts");
}

#[test]
fn a_kustomization_adds_labels_and_tags() {
    let kustomization = "apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../../base]
commonLabels: {app.kubernetes.io/name: web}
images:
  - {name: web, newTag: '7'}
";
    let base = "resources:\n  - web.yaml\n";
    let report = check(&[
        ("over/dev/kustomization.yaml", kustomization),
        ("base/kustomization.yaml", base),
        ("base/web.yaml", DEPLOYMENT),
    ]);
    assert_eq!(lines(&report, "image-tag-latest"), []);
    assert_eq!(lines(&report, "recommended-labels-missing"), []);
    assert_eq!(lines(&report, "memory-limit-missing"), [("base/web.yaml".to_owned(), 13)]);
}

#[test]
fn a_helm_template_is_checked_for_what_stands_in_it() {
    let template = DEPLOYMENT
        .replace("name: web\nspec", "name: {{ include \"web.name\" . }}\n  {{- with .Values.labels }}\n  labels:\n    {{- toYaml . | nindent 4 }}\n  {{- end }}\nspec")
        .replace("      containers", "      hostPID: true\n      containers")
        .replace("image: web", "image: {{ .Values.image }}:{{ .Values.tag }}");
    let report = check(&[("templates/web.yaml", &template)]);
    let rules: Vec<_> = report.findings.iter().map(|one| one.rule).collect();
    assert_eq!(rules, ["template-not-rendered", "host-pid"], "{:?}", report.notes);
    assert_eq!(lines(&report, "host-pid")[0].1, 16);
}

#[test]
fn lists_are_opened_and_other_yaml_is_passed_over() {
    let list = "apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: Service
    metadata:
      name: a
    spec:
      type: NodePort
  - apiVersion: example.com/v1
    kind: Widget
    metadata: {name: w}
";
    let report = check(&[
        ("list.yaml", list),
        ("values.yaml", "replicas: 3\n"),
        ("README.md", "# no: [yaml"),
    ]);
    assert_eq!(lines(&report, "service-node-port"), [("list.yaml".to_owned(), 9)]);
    assert_eq!(report.summary.resources, 2);
    assert_eq!(report.summary.found.errors, 0);
    assert_eq!(report.notes.len(), 3, "{:?}", report.notes);
}

#[test]
fn anchors_and_merges_count_as_what_they_stand_for() {
    let text = DEPLOYMENT.replace("image: web", "image: web:1\n          resources: &small\n            requests: {cpu: 1, memory: 1Gi}\n            limits: {cpu: 1, memory: 1Gi}\n        - name: side\n          image: side:1\n          resources:\n            <<: *small");
    let report = check(&[("a.yaml", &text)]);
    assert!(
        !report
            .findings
            .iter()
            .any(|one| one.rule.starts_with("memory") || one.rule.starts_with("cpu"))
    );
}

#[test]
fn the_order_is_stable_and_progress_reaches_the_end() {
    let set = files(&[("b.yaml", DEPLOYMENT), ("a.yaml", "a: 1\n---\nb: [\n---\nc: 2\n")]);
    let mut seen = Vec::new();
    let first = lint(&set, &Options::default(), |done, total, _| seen.push((done, total)));
    let second = lint(&set, &Options::default(), |_, _, _| {});
    assert_eq!(first.findings, second.findings);
    assert!(first.findings.is_sorted());
    assert_eq!(seen.last().map(|(done, total)| done == total), Some(true));
    assert!(seen.is_sorted());
}

#[test]
fn no_input_is_a_crash() {
    let texts = [
        DEPLOYMENT,
        "a: &a [*a]\n",
        "? [x]\n: y\n",
        "%YAML 9\n---\n",
        "\u{feff}a: b",
        "---\n---\n...\n",
        "\0\0",
        "a: !!binary x",
        "{{",
        "<<: 1\n",
        "kind: List\napiVersion: v1\nitems: 3\n",
    ];
    for text in texts {
        check(&[("a.yaml", text)]);
        for (at, _) in text.char_indices() {
            check(&[("a.yaml", &text[..at])]);
            for wedge in ["\t", "{{ x", ": ", "- ", "&a ", "*a ", "'", "\n", "<<: *a\n"] {
                check(&[("a.yaml", &format!("{}{wedge}{}", &text[..at], &text[at..]))]);
            }
        }
    }
}

#[test]
fn manifests_of_real_projects_are_read() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/manifests");
    if !root.is_dir() {
        return;
    }
    let mut set = BTreeMap::new();
    collect(&root, &root, &mut set);
    assert!(!set.is_empty());
    let report = lint(&set, &Options::default(), |_, _, _| {});
    assert!(report.summary.resources > 50);
    for finding in &report.findings {
        let count = set[&finding.file].lines().count();
        assert!((1..=count).contains(&finding.line), "{finding:?}");
        assert_ne!(finding.rule, "yaml-syntax", "{finding:?}");
    }
}

fn collect(root: &Path, directory: &Path, set: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(root, &path, set);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml")
        {
            let name =
                path.strip_prefix(root).expect("below the root").to_string_lossy().into_owned();
            set.insert(name, fs::read_to_string(&path).expect("text"));
        }
    }
}
