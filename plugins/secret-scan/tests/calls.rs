//! Every risky call is found where it is made, and not where it is only spoken of.

use secret_scan::{Options, rules, scan};
use std::collections::{BTreeMap, BTreeSet};

fn found(name: &str, text: &str) -> Vec<&'static str> {
    let files = BTreeMap::from([(name.to_owned(), text.as_bytes().to_vec())]);
    scan(&files, &Options::default(), |_, _, _| {}).findings.iter().map(|one| one.rule).collect()
}

/// A rule, a file, what breaks it, and what keeps it.
const CASES: &[(&str, &str, &[&str], &[&str])] = &[
    (
        "python-eval",
        "a.py",
        &["x = eval(y)", "exec (code)", "[eval(z)]"],
        &["# eval(x)", "'eval(x)'", "ast.literal_eval(x)", "model.eval()", "def evaluate(): pass"],
    ),
    (
        "python-shell",
        "a.py",
        &["os.system('ls ' + x)", "subprocess.run(x, shell=True)", "os.popen(c)"],
        &["subprocess.run(['ls', x])", "subprocess.run(x, shell=False)", "\"\"\"shell=True\"\"\""],
    ),
    (
        "python-unpickle",
        "a.py",
        &["pickle.loads(x)", "marshal.load(f)"],
        &["pickle.dumps(x)", "json.loads(x)"],
    ),
    (
        "python-yaml-load",
        "a.py",
        &["yaml.load(f)", "yaml.load(f, Loader=yaml.FullLoader)"],
        &["yaml.safe_load(f)", "yaml.load(f, Loader=yaml.SafeLoader)"],
    ),
    (
        "python-tls-unchecked",
        "a.py",
        &["requests.get(u, verify=False)", "c.verify_mode = ssl.CERT_NONE"],
        &["requests.get(u, verify=True)", "requests.get(u, verify='ca.pem')"],
    ),
    ("python-temporary-file", "a.py", &["p = tempfile.mktemp()"], &["tempfile.mkstemp()"]),
    (
        "python-debug-server",
        "a.py",
        &["app.run(host='x', debug=True)"],
        &["app.run(debug=False)", "run(1)"],
    ),
    (
        "python-sql-text",
        "a.py",
        &["c.execute(f\"select {x}\")", "c.execute('select %s' % x)", "c.execute(\"a\" + x)"],
        &["c.execute('select ?', (x,))", "c.execute(query)", "c.execute('select %s', (x,))"],
    ),
    (
        "python-weak-hash",
        "a.py",
        &["hashlib.md5(x)"],
        &["hashlib.sha256(x)", "hashlib.md5(x, usedforsecurity=False)"],
    ),
    (
        "python-guessable",
        "a.py",
        &["token = random.choice(letters)"],
        &["colour = random.choice(colours)", "token = secrets.choice(letters)"],
    ),
    (
        "javascript-eval",
        "a.ts",
        &["eval(x)", "f = new Function('a', b)"],
        &["// eval(x)", "a.eval(x)", "evaluate(x)"],
    ),
    (
        "javascript-shell",
        "a.mjs",
        &["child_process.exec(c)", "execSync(`ls ${x}`)", "spawn(c, {shell: true})"],
        &["regex.exec(text)", "execFile('ls', [x])"],
    ),
    (
        "javascript-html",
        "a.jsx",
        &["e.innerHTML = x", "document.write(x)", "<p dangerouslySetInnerHTML={x} />"],
        &["e.textContent = x", "if (e.innerHTML == x) {}"],
    ),
    (
        "javascript-tls-unchecked",
        "a.js",
        &["{rejectUnauthorized: false}"],
        &["{rejectUnauthorized: true}"],
    ),
    (
        "javascript-guessable",
        "a.js",
        &["const token = Math.random()"],
        &["const x = Math.random()"],
    ),
    (
        "shell-runs-download",
        "a.sh",
        &["curl -fsSL https://x.example | sh", "wget -qO- u | sudo -E bash"],
        &["curl -o f https://x.example", "curl u | jq .", "# curl u | sh"],
    ),
    (
        "shell-tls-unchecked",
        "a.sh",
        &["curl -sk u", "curl --insecure u", "wget --no-check-certificate u"],
        &["curl -s u"],
    ),
    ("shell-eval", "a.sh", &["eval \"$x\"", "if a; then eval $b; fi"], &["evaluate x", "# eval x"]),
    (
        "shell-open-to-all",
        "a.sh",
        &["chmod -R 777 d", "chmod 0777 d", "chmod a+rwx d"],
        &["chmod 755 d"],
    ),
    (
        "go-tls-unchecked",
        "a.go",
        &["tls.Config{InsecureSkipVerify: true}"],
        &["InsecureSkipVerify: false"],
    ),
    ("go-shell", "a.go", &["exec.Command(\"sh\", \"-c\", x)"], &["exec.Command(\"ls\", x)"]),
    ("java-shell", "A.java", &["Runtime.getRuntime().exec(c);"], &["new ProcessBuilder(c);"]),
    ("java-deserialize", "A.java", &["new ObjectInputStream(s)"], &["new DataInputStream(s)"]),
    ("php-eval", "a.php", &["eval($x);"], &["$a->eval($x);"]),
    (
        "php-shell",
        "a.php",
        &["shell_exec($c);", "system($c);"],
        &["$db->exec($c);", "curl_exec($c);"],
    ),
    ("php-unserialize", "a.php", &["unserialize($x);"], &["json_decode($x);"]),
    (
        "ruby-eval",
        "a.rb",
        &["eval(x)", "instance_eval code"],
        &["instance_eval { x }", "evaluate(x)"],
    ),
    ("ruby-unmarshal", "a.rb", &["Marshal.load(x)", "YAML.load(x)"], &["YAML.safe_load(x)"]),
];

#[test]
fn every_call_is_found_where_it_is_made_and_nowhere_else() {
    for (rule, file, breaks, keeps) in CASES {
        for text in *breaks {
            assert_eq!(found(file, text), [*rule], "{text}");
        }
        for text in *keeps {
            assert_eq!(found(file, text), [] as [&str; 0], "{text}");
        }
    }
}

#[test]
fn every_rule_of_calls_has_a_case() {
    let cases: BTreeSet<&str> = CASES.iter().map(|(rule, ..)| *rule).collect();
    let known: BTreeSet<&str> =
        rules().map(|rule| rule.id).skip_while(|id| *id != "python-eval").collect();
    assert_eq!(cases, known);
}

#[test]
fn a_language_is_told_by_the_ending_alone() {
    assert_eq!(found("a.PY", "eval(x)"), ["python-eval"]);
    assert_eq!(found("a.txt", "eval(x)"), [] as [&str; 0]);
    assert_eq!(found("py", "eval(x)"), [] as [&str; 0]);
}
