//! Risky calls: what turns text into code or commands, and what turns checks off.

use crate::finding::Finding;
use crate::language::{Code, Language, code};
use crate::text::Text;
use findings::Rule;
use regex::bytes::{Regex, RegexBuilder};
use std::sync::OnceLock;

const RUNS_TEXT: &str = "Whoever can bring text to here has it run as code.";
const RUNS_COMMANDS: &str = "Whoever can bring text to here has it run by a shell.";
const UNPACKS: &str = "Whoever can bring data to here has code run while it is unpacked.";
const NO_TLS: &str = "Anybody on the way can read and change what is sent.";
const INTO_PAGES: &str = "Whoever can bring text to here has it run in other people's browsers.";
const GUESSABLE: &str = "Its numbers can be worked out from earlier ones.";

/// A call that is risky.
struct Call {
    rule: Rule,
    language: Language,
    /// What it is called.
    what: &'static str,
    /// The first group, or all of it, is the call.
    pattern: &'static str,
    /// Whether texts matter to it.
    reads_texts: bool,
    /// Where the line says one of these, it is not meant.
    unless: &'static [&'static str],
    /// Where the line says none of these, it is not meant.
    only: &'static [&'static str],
}

const fn call(language: Language, rule: Rule, what: &'static str, pattern: &'static str) -> Call {
    Call { rule, language, what, pattern, reads_texts: false, unless: &[], only: &[] }
}

const SECRET_WORDS: &[&str] =
    &["token", "secret", "password", "passwd", "session", "nonce", "salt", "key", "otp"];

use Language::{Go, Java, JavaScript, Php, Python, Ruby, Shell};

const CALLS: &[Call] = &[
    call(
        Python,
        Rule::warning("python-eval", RUNS_TEXT, "Read the text with `json` or `ast.literal_eval`."),
        "`eval` or `exec`",
        r"(?:^|[^.\w])((?:eval|exec)\s*\()",
    ),
    call(
        Python,
        Rule::warning(
            "python-shell",
            RUNS_COMMANDS,
            "Hand over a list of arguments, without `shell=True`.",
        ),
        "a command line for a shell",
        r"\b(os\.(?:system|popen)\s*\(|(?:subprocess\.)?(?:getoutput|getstatusoutput)\s*\(|create_subprocess_shell\s*\(|shell\s*=\s*True\b)",
    ),
    call(
        Python,
        Rule::warning("python-unpickle", UNPACKS, "Use JSON, or check a signature first."),
        "data that are unpacked as objects",
        r"\b((?:c?[pP]ickle|dill|marshal|jsonpickle)\.(?:loads?|decode|Unpickler)\s*\(|shelve\.open\s*\()",
    ),
    Call {
        unless: &["SafeLoader", "BaseLoader"],
        ..call(
            Python,
            Rule::warning("python-yaml-load", UNPACKS, "Use `yaml.safe_load`."),
            "YAML that is read with any loader",
            r"\b(yaml\.(?:load|load_all|unsafe_load|full_load)\s*\()",
        )
    },
    call(
        Python,
        Rule::error(
            "python-tls-unchecked",
            NO_TLS,
            "Leave the check on; for a private authority name its certificate.",
        ),
        "TLS without a check of who it is",
        r"\b(verify\s*=\s*False\b|ssl\._create_unverified_context|ssl\.CERT_NONE\b|check_hostname\s*=\s*False\b)",
    ),
    call(
        Python,
        Rule::warning(
            "python-temporary-file",
            "Somebody else can put a file there before you do.",
            "Use `tempfile.NamedTemporaryFile` or `mkstemp`.",
        ),
        "a name for a temporary file",
        r"\b(tempfile\.mktemp\s*\()",
    ),
    call(
        Python,
        Rule::warning(
            "python-debug-server",
            "The debugger lets anybody who reaches it run code.",
            "Leave `debug` off where others can reach it.",
        ),
        "a web server with its debugger",
        r"\.(run\s*\([^)\n]*debug\s*=\s*True\b)",
    ),
    Call {
        reads_texts: true,
        ..call(
            Python,
            Rule::warning(
                "python-sql-text",
                "Whoever can bring text to here can change what is asked.",
                "Hand the values over as parameters.",
            ),
            "SQL put together from text",
            r#"\.(execute(?:many|script)?\s*\(\s*(?:[rR]?[fF][rR]?["']|["'][^"'\n]*["']\s*(?:%|\+|\.format\b)))"#,
        )
    },
    Call {
        unless: &["usedforsecurity=False", "usedforsecurity = False"],
        ..call(
            Python,
            Rule::info(
                "python-weak-hash",
                "Texts with the same MD5 or SHA-1 can be made.",
                "Use `hashlib.sha256`, or say `usedforsecurity=False`.",
            ),
            "MD5 or SHA-1",
            r"\b(hashlib\.(?:md5|sha1)\s*\()",
        )
    },
    Call {
        only: SECRET_WORDS,
        ..call(
            Python,
            Rule::warning("python-guessable", GUESSABLE, "Use the module `secrets`."),
            "chance that can be guessed, for a secret",
            r"\b(random\.(?:random|randint|randrange|choices?|sample|getrandbits|uniform)\s*\()",
        )
    },
    call(
        JavaScript,
        Rule::warning("javascript-eval", RUNS_TEXT, "Read the text with `JSON.parse`."),
        "`eval` or `new Function`",
        r"(?:^|[^.\w$])(eval\s*\(|new\s+Function\s*\()",
    ),
    call(
        JavaScript,
        Rule::warning(
            "javascript-shell",
            RUNS_COMMANDS,
            "Use `execFile` or `spawn` with a list of arguments.",
        ),
        "a command line for a shell",
        r"\b((?:child_process|cp)\.exec(?:Sync)?\s*\(|execSync\s*\(|shell\s*:\s*true\b)",
    ),
    call(
        JavaScript,
        Rule::warning("javascript-html", INTO_PAGES, "Use `textContent`, or clean the text first."),
        "text that becomes a page",
        r"(\.(?:innerHTML|outerHTML)\s*\+?=[^=]|\bdocument\.write(?:ln)?\s*\(|\bdangerouslySetInnerHTML\b|\.insertAdjacentHTML\s*\()",
    ),
    call(
        JavaScript,
        Rule::error(
            "javascript-tls-unchecked",
            NO_TLS,
            "Leave the check on; for a private authority name its certificate.",
        ),
        "TLS without a check of who it is",
        r"\b(rejectUnauthorized\s*:\s*false\b|NODE_TLS_REJECT_UNAUTHORIZED\b)",
    ),
    Call {
        only: SECRET_WORDS,
        ..call(
            JavaScript,
            Rule::warning(
                "javascript-guessable",
                GUESSABLE,
                "Use `crypto.randomUUID` or `crypto.getRandomValues`.",
            ),
            "chance that can be guessed, for a secret",
            r"\b(Math\.random\s*\()",
        )
    },
    Call {
        reads_texts: true,
        ..call(
            Shell,
            Rule::error(
                "shell-runs-download",
                "Whoever has the server, or the way to it, runs what they like here.",
                "Download it, check its digest, then run it.",
            ),
            "a download that is run at once",
            r"\b((?:curl|wget)\b[^\n|;&]*\|\s*(?:sudo\s+(?:-\S+\s+)*)?(?:/\S*/)?(?:ba|z|da|k)?sh\b)",
        )
    },
    Call {
        reads_texts: true,
        ..call(
            Shell,
            Rule::error(
                "shell-tls-unchecked",
                NO_TLS,
                "Leave the check on; for a private authority name its certificate with `--cacert`.",
            ),
            "TLS without a check of who it is",
            r"\b(curl\b[^\n|;&]*\s(?:-[a-zA-Z]*k[a-zA-Z]*|--insecure)(?:\s|$)|wget\b[^\n|;&]*--no-check-certificate)",
        )
    },
    call(
        Shell,
        Rule::warning("shell-eval", RUNS_COMMANDS, "Use an array, or call the command itself."),
        "`eval`",
        r"(?m)(?:^|[;&|(]|\bthen|\bdo)\s*(eval\s+\S)",
    ),
    call(
        Shell,
        Rule::warning(
            "shell-open-to-all",
            "Every user of the machine can change it.",
            "Give the owner and the group what they need.",
        ),
        "permissions for everybody",
        r"\b(chmod\s+(?:-\S+\s+)*(?:0?777|a\+rwx|o\+w)\b)",
    ),
    call(
        Go,
        Rule::error(
            "go-tls-unchecked",
            NO_TLS,
            "Leave the check on; put a private authority into `RootCAs`.",
        ),
        "TLS without a check of who it is",
        r"\b(InsecureSkipVerify\s*:\s*true\b)",
    ),
    Call {
        reads_texts: true,
        ..call(
            Go,
            Rule::warning(
                "go-shell",
                RUNS_COMMANDS,
                "Call the program itself, with its arguments.",
            ),
            "a command line for a shell",
            r#"\b(exec\.Command(?:Context)?\s*\([^)\n]*"(?:/bin/)?(?:ba)?sh"\s*,\s*"-c")"#,
        )
    },
    call(
        Java,
        Rule::warning(
            "java-shell",
            RUNS_COMMANDS,
            "Use `ProcessBuilder` with a list of arguments.",
        ),
        "a command line",
        r"\b(getRuntime\s*\(\s*\)\s*\.\s*exec\s*\()",
    ),
    call(
        Java,
        Rule::warning("java-deserialize", UNPACKS, "Use JSON, or set an `ObjectInputFilter`."),
        "data that are unpacked as objects",
        r"\b(new\s+ObjectInputStream\s*\()",
    ),
    call(
        Php,
        Rule::warning("php-eval", RUNS_TEXT, "Call the function that is meant."),
        "`eval`",
        r"(?:^|[^.\w>$:])(eval\s*\(|assert\s*\(\s*\$)",
    ),
    call(
        Php,
        Rule::warning("php-shell", RUNS_COMMANDS, "Use `proc_open` with a list of arguments."),
        "a command line for a shell",
        r"(?:^|[^.\w>$:])((?:shell_exec|exec|system|passthru|popen)\s*\()",
    ),
    call(
        Php,
        Rule::warning("php-unserialize", UNPACKS, "Use `json_decode`."),
        "data that are unpacked as objects",
        r"(?:^|[^.\w>$:])(unserialize\s*\()",
    ),
    call(
        Ruby,
        Rule::warning(
            "ruby-eval",
            RUNS_TEXT,
            "Call the method that is meant, with `public_send` and a list of names.",
        ),
        "`eval`",
        r"(?:^|[^\w])((?:instance_|class_|module_)?eval\s*[( ]\s*[^\s{|&])",
    ),
    call(
        Ruby,
        Rule::warning("ruby-unmarshal", UNPACKS, "Use JSON, or `YAML.safe_load`."),
        "data that are unpacked as objects",
        r"\b((?:Marshal\.(?:load|restore)|YAML\.(?:load|unsafe_load))\s*[( ])",
    ),
];

pub(crate) fn rules() -> impl Iterator<Item = &'static Rule> {
    CALLS.iter().map(|call| &call.rule)
}

/// Finds risky calls. Patterns are read when a file of their language comes first.
pub(crate) struct Scanner {
    patterns: Vec<OnceLock<Regex>>,
}

impl Scanner {
    pub(crate) fn new() -> Self {
        Self { patterns: CALLS.iter().map(|_| OnceLock::new()).collect() }
    }

    pub(crate) fn scan(&self, text: &Text<'_>, language: Language) -> Vec<Finding> {
        let Code { with_texts, bare } = code(text.bytes, language);
        let mut found = Vec::new();
        for (call, pattern) in CALLS.iter().zip(&self.patterns) {
            if call.language != language {
                continue;
            }
            let pattern = pattern.get_or_init(|| compiled(call.pattern));
            let looked_at = if call.reads_texts { &with_texts } else { &bare };
            for captures in pattern.captures_iter(looked_at) {
                let Some(risky) = captures.get(1) else { continue };
                let place = text.place(risky.start());
                let line = String::from_utf8_lossy(text.line(place.0)).to_ascii_lowercase();
                let says = |words: &[&str]| {
                    words.iter().any(|word| line.contains(&word.to_ascii_lowercase()))
                };
                if says(call.unless) || !call.only.is_empty() && !says(call.only) {
                    continue;
                }
                found.push(Finding::new(&call.rule, text.name, place, call.what.to_owned()));
            }
        }
        found
    }
}

fn compiled(pattern: &str) -> Regex {
    let built = RegexBuilder::new(pattern).unicode(false).multi_line(true).build();
    built.expect("the rules' patterns are tested")
}
