//! Every kind of secret is found, none is repeated, and what is none is left alone.
//!
//! The secrets are made up here and put together when the tests run, so that no file has one.

use secret_scan::{Options, Report, Severity, bits_per_char, rules, scan};
use std::collections::{BTreeMap, BTreeSet};

const ALNUM: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const HEX: &[u8] = b"0123456789abcdef";
const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const DIGITS: &[u8] = b"0123456789";

/// A text that looks random, and is the same each time.
fn random(alphabet: &[u8], length: usize) -> String {
    let mut state = 0x2545_F491_4F6C_DD1D_u64 ^ length as u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        alphabet[usize::try_from(state % alphabet.len() as u64).expect("it is small")] as char
    };
    (0..length).map(|_| next()).collect()
}

fn check(name: &str, text: &str) -> Report {
    let files = BTreeMap::from([(name.to_owned(), text.as_bytes().to_vec())]);
    scan(&files, &Options::default(), |_, _, _| {})
}

fn found(name: &str, text: &str) -> Vec<(&'static str, usize)> {
    check(name, text).findings.iter().map(|finding| (finding.rule, finding.line)).collect()
}

/// A secret of each kind: its rule, the file, the text before it, it, the text behind it.
fn samples() -> Vec<(&'static str, &'static str, String, String, String)> {
    let quoted =
        |rule, secret: String| (rule, "a.py", "x = \"".to_owned(), secret, "\"".to_owned());
    let a = |length| random(ALNUM, length);
    vec![
        quoted(
            "age-key",
            "AGE-SECRET-KEY-1".to_owned() + &random(b"QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58),
        ),
        quoted("anthropic-key", "sk-ant-".to_owned() + "api03-" + &a(93)),
        quoted("aws-access-key", "AK".to_owned() + "IA" + &random(BASE32, 16)),
        ("aws-secret-key", "a.ini", "aws_secret_access_key = ".into(), a(40), "\n".into()),
        ("azure-storage-key", "a.txt", "AccountKey=".into(), a(86) + "==", ";".into()),
        quoted("databricks-token", "da".to_owned() + "pi" + &random(HEX, 32)),
        quoted("digitalocean-token", "dop".to_owned() + "_v1_" + &random(HEX, 64)),
        quoted(
            "discord-webhook",
            format!("https://discord.com/api/webhooks/{}/{}", random(DIGITS, 18), a(68)),
        ),
        quoted("docker-token", "dckr".to_owned() + "_pat_" + &a(27)),
        quoted("errand-token", format!("errand{}_{}_{}", "", random(HEX, 16), random(HEX, 64))),
        quoted("github-token", "gh".to_owned() + "p_" + &a(36)),
        quoted("github-token", format!("github{}_{}_{}", "_pat", a(22), a(59))),
        quoted("gitlab-token", "gl".to_owned() + "pat-" + &a(20)),
        quoted("google-api-key", "AI".to_owned() + "za" + &a(35)),
        quoted("google-oauth-secret", "GOC".to_owned() + "SPX-" + &a(28)),
        quoted("grafana-token", format!("gl{}_{}_{}", "sa", a(32), random(HEX, 8))),
        quoted("huggingface-token", "h".to_owned() + "f_" + &random(LETTERS, 34)),
        quoted(
            "jwt",
            format!("ey{}.ey{}.{}", "J".to_owned() + &a(30), "J".to_owned() + &a(60), a(43)),
        ),
        quoted("linear-key", "lin".to_owned() + "_api_" + &a(40)),
        quoted("npm-token", "np".to_owned() + "m_" + &a(36)),
        quoted("openai-key", format!("sk-proj-{}T3Blbk{}{}", a(74), "FJ", a(73))),
        (
            "private-key",
            "key.pem",
            String::new(),
            "-----BEGIN RSA PRIVATE".to_owned() + " KEY-----",
            "\n".to_owned() + &a(64),
        ),
        quoted("pypi-token", "pypi-".to_owned() + "AgE" + &a(120)),
        quoted("sendgrid-key", format!("S{}.{}.{}", "G", a(22), a(43))),
        quoted("shopify-token", "shp".to_owned() + "at_" + &random(HEX, 32)),
        quoted(
            "slack-token",
            format!("xo{}-{}-{}-{}", "xb", random(DIGITS, 12), random(DIGITS, 13), a(24)),
        ),
        quoted(
            "slack-webhook",
            format!(
                "https://hooks.slack.com/services/T{}/B{}/{}",
                random(BASE32, 8),
                random(BASE32, 10),
                a(24)
            ),
        ),
        quoted("stripe-key", "sk".to_owned() + "_live_" + &a(24)),
        quoted("telegram-token", format!("{}:A{}{}", random(DIGITS, 10), "A", a(33))),
        (
            "url-password",
            "a.md",
            "postgres://app:".into(),
            "hunter".to_owned() + "-22",
            "@db:5432/x".into(),
        ),
        quoted("vault-token", "hv".to_owned() + "s." + &a(24)),
        ("hard-coded-secret", "a.js", "const apiToken = '".into(), a(24), "';".into()),
        (
            "hard-coded-secret",
            "a.json",
            "\"db_password\": \"".into(),
            "Tr0ub4dor".to_owned() + "&3x9",
            "\"".into(),
        ),
        ("secret-in-settings", ".env", "export DB_PASSWORD=".into(), a(20), "\n".into()),
        ("secret-in-settings", "values.yaml", "  client_secret: ".into(), a(32), "\n".into()),
        quoted("random-text", a(48)),
    ]
}

#[test]
fn each_kind_is_found_by_its_own_rule_alone() {
    for (rule, file, before, secret, behind) in samples() {
        let text = format!("first line\n{before}{secret}{behind}");
        assert_eq!(found(file, &text), [(rule, 2)], "{text}");
    }
}

#[test]
fn every_rule_of_secrets_has_a_sample() {
    let sampled: BTreeSet<&str> = samples().iter().map(|(rule, ..)| *rule).collect();
    let kinds: BTreeSet<&str> =
        rules().map(|rule| rule.id).take_while(|id| *id != "python-eval").collect();
    assert_eq!(sampled, kinds);
    assert_eq!(rules().map(|rule| rule.id).collect::<BTreeSet<_>>().len(), rules().count());
}

#[test]
fn no_secret_is_repeated() {
    for (rule, file, before, secret, behind) in samples() {
        let report = check(file, &format!("{before}{secret}{behind}"));
        let told =
            serde_json::to_string(&report).expect("it can be written") + &report.to_markdown();
        assert!(rule == "private-key" || !told.contains(&secret), "{told}");
        let beginning: String = secret.chars().take(8).collect();
        assert!(rule == "private-key" || !told.contains(&beginning), "{told}");
    }
}

#[test]
fn what_stands_for_a_secret_is_none() {
    for (file, text) in [
        ("a.py", "password = os.environ['DB_PASSWORD_2']".to_owned()),
        ("a.py", "api_key = \"<your-api-key-1234>\"".to_owned()),
        ("a.py", "token = \"${GITHUB_TOKEN_2026}\"".to_owned()),
        ("a.py", "key = '<errand-secret:openai>'".to_owned()),
        ("a.py", "password = \"changeme123456\"".to_owned()),
        ("a.py", "token_path = \"/var/run/secrets/token1/2\"".to_owned()),
        ("a.py", "token_url = \"https://id.example.org/oauth2/v1\"".to_owned()),
        ("a.py", "secret_name = \"database-credentials\"".to_owned()),
        ("a.yaml", "password: ${DB_PASSWORD}".to_owned()),
        ("a.yaml", "secretName: web-tls".to_owned()),
        ("a.py", format!("id = \"AK{}\"", "IAIOSFODNN7EXAMPLE")),
        ("a.py", format!("t = \"gh{}{}\"", "p_", "a".repeat(36))),
        (
            "a.md",
            "postgres://user:password@localhost/x? no: postgres://user:${PW}@db/x"
                .to_owned()
                .replace("password@", "<pw>@"),
        ),
        ("a.md", "Begins with -----BEGIN RSA PRIVATE".to_owned() + " KEY-----, as keys do."),
        ("a.md", "https://user:Password@example.org".to_owned()),
        ("a.py", format!("SHA256 = \"{}\"", random(ALNUM, 48))),
        ("package-lock.json", format!("\"x\": \"{}\"", random(ALNUM, 48))),
        ("a.py", format!("alphabet = \"{}\"", std::str::from_utf8(ALNUM).expect("it is text"))),
        ("a.py", "x = \"a perfectly normal sentence, which is long enough\"".to_owned()),
    ] {
        assert_eq!(found(file, &text), [], "{text}");
    }
}

#[test]
fn whoever_looked_at_it_may_say_so() {
    let secret = "gh".to_owned() + "p_" + &random(ALNUM, 36);
    let allowed = [
        format!("t = '{secret}'  # secret-scan: allow"),
        format!("# secret-scan: allow (revoked)\nt = '{secret}'"),
    ];
    for text in allowed {
        let report = check("a.py", &text);
        assert_eq!((report.findings.len(), report.summary.allowed), (0, 1), "{text}");
    }
    let elsewhere = format!("x = 1  # secret-scan: allow\nt = '{secret}'\n");
    assert_eq!(found("a.py", &elsewhere).len(), 1, "a remark behind code is about that code");
}

#[test]
fn options_leave_out_by_severity_and_rule() {
    let text = format!("t = 'gh{}{}'\nx = '{}'", "p_", random(ALNUM, 36), random(ALNUM, 48));
    let files = BTreeMap::from([("a.py".to_owned(), text.into_bytes())]);
    let count = |options: Options| scan(&files, &options, |_, _, _| {}).findings.len();
    assert_eq!(count(Options::default()), 2);
    assert_eq!(count(Options { min_severity: Severity::Warning, ..Options::default() }), 1);
    let disable = vec!["github-token".to_owned()];
    // What has no name of its own any more is still random.
    assert_eq!(count(Options { disable, ..Options::default() }), 1);
}

#[test]
fn places_are_those_of_the_secret_and_binaries_are_passed_over() {
    let text = format!("ä\n  t = 'gh{}{}'", "p_", random(ALNUM, 36));
    let report = check("a.py", &text);
    assert_eq!((report.findings[0].line, report.findings[0].column), (2, 8));
    assert_eq!(report.summary.lines, 2);
    let binary = check("a.bin", &format!("\0{text}"));
    assert_eq!((binary.findings.len(), binary.notes.len()), (0, 1));
    for odd in ["", "\n", "\r\n\r", "'", "\u{feff}", &"x".repeat(300_000)] {
        assert_eq!(found("a.py", odd), [], "{odd:.9}");
    }
}

#[test]
fn entropy_is_shannons() {
    assert_eq!(bits_per_char(b"aaaa"), 0.0);
    assert_eq!(bits_per_char(b"abab"), 1.0);
    assert_eq!(bits_per_char(b"abcdefgh"), 3.0);
}
