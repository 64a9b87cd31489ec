//! The kinds of secrets: keys in the formats that their makers document, and values that are named like
//! secrets.

use findings::Rule;

const WHY: &str = "Whoever can read the file has the key, and the file's history keeps it.";
const FIX: &str =
    "Revoke it, and hand its successor over by the environment or a store of secrets.";
/// What a kind of secret looks like.
pub(crate) struct Kind {
    pub(crate) rule: Rule,
    /// What it is called.
    pub(crate) what: &'static str,
    /// One of these is in a text that has it, in whatever case.
    pub(crate) marks: &'static [&'static str],
    /// The first group is the secret.
    pub(crate) pattern: &'static str,
    /// A secret that is less random is none.
    pub(crate) min_bits: f64,
    /// Which files may have it.
    pub(crate) files: Files,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Files {
    All,
    /// Files of settings, where values need no quotes.
    Settings,
    /// All but those that are full of digests.
    Written,
}

const fn key(
    id: &'static str,
    what: &'static str,
    marks: &'static [&'static str],
    pattern: &'static str,
) -> Kind {
    let rule = Rule::error(id, WHY, FIX);
    Kind { rule, what, marks, pattern, min_bits: 3.0, files: Files::All }
}

pub(crate) const KINDS: &[Kind] = &[
    key(
        "age-key",
        "a key of age",
        &["age-secret-key-1"],
        r"\b(AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58})\b",
    ),
    key(
        "anthropic-key",
        "a key of Anthropic's API",
        &["sk-ant-"],
        r"\b(sk-ant-(?:api|admin)[0-9]{2}-[A-Za-z0-9_-]{80,120})",
    ),
    key(
        "aws-access-key",
        "the id of an AWS access key",
        &["akia", "asia", "abia", "acca"],
        r"\b((?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16})\b",
    ),
    Kind {
        min_bits: 4.0,
        ..key(
            "aws-secret-key",
            "an AWS secret access key",
            &["aws"],
            r#"(?i)aws[a-z0-9_. -]{0,30}(?:secret|private)[a-z0-9_. -]{0,30}["'` ]{0,3}(?:=>|:=|[:=])["'` ]{0,3}([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)"#,
        )
    },
    key(
        "azure-storage-key",
        "a key of an Azure storage account",
        &["accountkey="],
        r"AccountKey=([A-Za-z0-9+/]{86}==)",
    ),
    key(
        "databricks-token",
        "a token of Databricks",
        &["dapi"],
        r"\b(dapi[a-f0-9]{32}(?:-[0-9])?)\b",
    ),
    key(
        "digitalocean-token",
        "a token of DigitalOcean",
        &["dop_v1_", "doo_v1_", "dor_v1_"],
        r"\b(do[opr]_v1_[a-f0-9]{64})\b",
    ),
    key(
        "discord-webhook",
        "a webhook of Discord",
        &["/api/webhooks/"],
        r"(https://(?:ptb\.|canary\.)?discord(?:app)?\.com/api/webhooks/[0-9]{17,20}/[A-Za-z0-9_-]{60,70})",
    ),
    key(
        "docker-token",
        "a token of Docker Hub",
        &["dckr_"],
        r"\b(dckr_(?:pat|oat)_[A-Za-z0-9_-]{27,32})",
    ),
    key(
        "errand-token",
        "an access token of Errand",
        &["errand_"],
        r"\b(errand_[0-9a-f]{16}_[0-9a-f]{64})\b",
    ),
    key(
        "github-token",
        "a token of GitHub",
        &["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"],
        r"\b(gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59})\b",
    ),
    key(
        "gitlab-token",
        "a token of GitLab",
        &["glpat-", "glptt-", "gldt-", "glrt-", "glcbt-", "glft-", "glimt-", "gloas-"],
        r"\b(gl(?:pat|ptt|dt|rt|cbt|ft|imt|oas)-[A-Za-z0-9_.-]{20,64})",
    ),
    key(
        "google-api-key",
        "an API key of Google",
        &["aiza"],
        r"\b(AIza[0-9A-Za-z_-]{35})(?:[^0-9A-Za-z_-]|$)",
    ),
    key(
        "google-oauth-secret",
        "a client secret of Google",
        &["gocspx-"],
        r"\b(GOCSPX-[A-Za-z0-9_-]{28})(?:[^0-9A-Za-z_-]|$)",
    ),
    key(
        "grafana-token",
        "a token of Grafana",
        &["glsa_"],
        r"\b(glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8})\b",
    ),
    key("huggingface-token", "a token of Hugging Face", &["hf_"], r"\b(hf_[A-Za-z]{34})\b"),
    Kind {
        rule: Rule::warning(
            "jwt",
            "Whoever has the token is whom it names, until it expires.",
            FIX,
        ),
        ..key(
            "jwt",
            "a JSON Web Token",
            &["eyj"],
            r"\b(eyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{20,1000})",
        )
    },
    key("linear-key", "a key of Linear", &["lin_api_"], r"\b(lin_api_[A-Za-z0-9]{40})\b"),
    key("npm-token", "a token of npm", &["npm_"], r"\b(npm_[A-Za-z0-9]{36})\b"),
    key(
        "openai-key",
        "a key of OpenAI's API",
        &["t3blbkfj"],
        r"\b(sk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{20,100}T3BlbkFJ[A-Za-z0-9_-]{20,100})",
    ),
    Kind {
        min_bits: 0.0,
        ..key(
            "private-key",
            "a private key",
            &["private key"],
            r"(-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)(?:\s|\\r|\\n|[A-Za-z0-9+/=:,.-]){60}",
        )
    },
    key("pypi-token", "a token of PyPI", &["pypi-age"], r"\b(pypi-AgE[A-Za-z0-9_-]{50,500})"),
    key(
        "sendgrid-key",
        "a key of SendGrid",
        &["sg."],
        r"\b(SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43})",
    ),
    key(
        "shopify-token",
        "a token of Shopify",
        &["shpat_", "shpca_", "shppa_", "shpss_"],
        r"\b(shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32})\b",
    ),
    key(
        "slack-token",
        "a token of Slack",
        &["xoxa-", "xoxb-", "xoxe-", "xoxo-", "xoxp-", "xoxr-", "xoxs-", "xapp-"],
        r"\b(xox[abeoprs]-[0-9A-Za-z-]{24,200}|xapp-[0-9]-[A-Z0-9]{8,14}-[0-9]{8,16}-[a-f0-9]{40,80})",
    ),
    key(
        "slack-webhook",
        "a webhook of Slack",
        &["hooks.slack.com"],
        r"(https://hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{40,80})",
    ),
    key(
        "stripe-key",
        "a live key of Stripe",
        &["sk_live_", "rk_live_"],
        r"\b((?:sk|rk)_live_[0-9A-Za-z]{20,250})",
    ),
    key(
        "telegram-token",
        "a token of a Telegram bot",
        &[":aa"],
        r"\b([0-9]{8,10}:AA[A-Za-z0-9_-]{33})(?:[^A-Za-z0-9_-]|$)",
    ),
    Kind {
        min_bits: 1.5,
        ..key(
            "url-password",
            "a password in a URL",
            &["://"],
            r#"\b[a-zA-Z][a-zA-Z0-9+.-]{1,20}://[^\s:/@'"`<>{}\[\]$|]{1,64}:([^\s:/@'"`<>{}\[\]$|]{3,128})@[A-Za-z0-9\[]"#,
        )
    },
    key(
        "vault-token",
        "a token of Vault",
        &["hvs.", "hvb.", "hvr."],
        r"\b(hv[sbr]\.[A-Za-z0-9_-]{24,200})",
    ),
    Kind {
        rule: Rule::warning(
            "hard-coded-secret",
            "It is named like a secret, and random like one. Whoever can read the file has it.",
            FIX,
        ),
        min_bits: 3.2,
        ..key(
            "",
            "a value that is named like a secret",
            SECRET_NAMES,
            r#"(?i)(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|access[_-]?key|auth[_-]?key|private[_-]?key|credentials?)[a-z0-9_.-]{0,20}["'`]?\]?\s{0,4}(?::=|=>|[:=])\s{0,4}(?:[a-z_.]{0,20}\()?["'`]([^"'`\s]{8,200})["'`]"#,
        )
    },
    Kind {
        rule: Rule::warning(
            "secret-in-settings",
            "It is named like a secret, and random like one. Whoever can read the file has it.",
            FIX,
        ),
        min_bits: 3.2,
        files: Files::Settings,
        ..key(
            "",
            "a setting that is named like a secret",
            SECRET_NAMES,
            r#"(?im)^[ \t]*(?:export[ \t]+|- )?[a-z0-9_.-]{0,60}(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|access[_-]?key|auth[_-]?key|private[_-]?key|credentials?)[a-z0-9_.-]{0,20}[ \t]*[:=][ \t]*([^\s"'`#<>{}\[\]$]{8,200})[ \t]*\r?$"#,
        )
    },
    Kind {
        rule: Rule::info(
            "random-text",
            "It is as random as a key, and nothing says what it is.",
            "If it is one, revoke it; if not, say so: `secret-scan: allow`.",
        ),
        min_bits: 4.5,
        files: Files::Written,
        ..key("", "a text as random as a key", &[], r#"["'`]([A-Za-z0-9+/_-]{32,200}={0,2})["'`]"#)
    },
];

const SECRET_NAMES: &[&str] = &[
    "passwd",
    "password",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "accesskey",
    "access_key",
    "access-key",
    "authkey",
    "auth_key",
    "auth-key",
    "privatekey",
    "private_key",
    "private-key",
    "credential",
];
