//! Rules on secrets that stand where everybody reads them.

use super::Context;
use crate::finding::{Findings, Rule};
use crate::yaml::{Entry, Node};

pub(super) static RULES: &[&Rule] = &[&IN_ENV, &IN_CONFIG_MAP, &IN_FILE, &NOT_BASE64];

static IN_ENV: Rule = Rule::error(
    "secret-in-env",
    "It is in version control, in the object that everybody with read access sees, and in every backup.",
    "Put it in a Secret made elsewhere and use valueFrom.secretKeyRef, and change it: it is known now.",
);

static IN_CONFIG_MAP: Rule = Rule::error(
    "secret-in-config-map",
    "ConfigMaps are not treated as confidential: they are rarely encrypted, and many may read them.",
    "Put it in a Secret made elsewhere, and change it: it is known now.",
);

static IN_FILE: Rule = Rule::warning(
    "secret-in-manifest",
    "base64 hides nothing: whoever reads the repository has the secret.",
    "Use sealed or external secrets, or create it outside of version control.",
);

static NOT_BASE64: Rule = Rule::error(
    "secret-not-base64",
    "The API server refuses values under data that are not base64.",
    "Encode the value, or put it under stringData.",
);

/// Parts of names that say that the value is secret.
const SECRET_WORDS: &[&str] = &[
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "SECRET",
    "TOKEN",
    "API_KEY",
    "APIKEY",
    "ACCESS_KEY",
    "PRIVATE_KEY",
    "CREDENTIALS",
];

/// Ends of names of what is not the secret itself, but says where or how it is.
const HARMLESS_ENDS: &[&str] = &[
    "_FILE",
    "_PATH",
    "_DIR",
    "_NAME",
    "_URL",
    "_URI",
    "_ENDPOINT",
    "_TTL",
    "_EXPIRY",
    "_EXPIRATION",
    "_ENABLED",
    "_LENGTH",
    "_HEADER",
    "_ISSUER",
    "_TYPE",
    "_ID",
    "_REF",
    "_POLICY",
    "_LIMIT",
    "_AUDIENCE",
    "_VERSION",
    "_COUNT",
    "_TIMEOUT",
];

pub(super) fn check(context: &Context<'_>, found: &mut Findings) {
    if let Some(pod) = context.pod {
        for container in pod.containers() {
            for variable in container.node.get("env").map_or(&[][..], Node::items) {
                let (Some(name), Some(value)) = (variable.text_of("name"), variable.entry("value"))
                else {
                    continue;
                };
                if is_secret(name, &value.node) {
                    let message = format!(
                        "container {:?} has the value of {name} in the manifest",
                        container.name
                    );
                    found.present(&IN_ENV, context.resource, value.line, message);
                }
            }
        }
    }
    if context.resource.is("ConfigMap") {
        for entry in context.resource.root.get("data").map_or(&[][..], Node::entries) {
            if is_secret(&entry.key, &entry.node) || holds_private_key(&entry.node) {
                let message = format!("the ConfigMap holds the value of {}", entry.key);
                found.present(&IN_CONFIG_MAP, context.resource, entry.line, message);
            }
        }
    }
    if context.resource.is("Secret") {
        check_secret(context, found);
    }
}

fn check_secret(context: &Context<'_>, found: &mut Findings) {
    let root = &context.resource.root;
    let is_filled = |entry: &&Entry| {
        !entry.node.is_null() && !entry.node.is_templated() && entry.node.text() != Some("")
    };
    // Filled in by the cluster.
    if root.text_of("type") == Some("kubernetes.io/service-account-token") {
        return;
    }
    for kind in ["data", "stringData"] {
        let entries = root.get(kind).map_or(&[][..], Node::entries);
        if let Some(first) = entries.iter().find(is_filled) {
            let message = format!("the Secret holds the value of {}", first.key);
            found.present(&IN_FILE, context.resource, first.line, message);
        }
        for entry in entries.iter().filter(is_filled).filter(|_| kind == "data") {
            if entry.node.text().is_some_and(|text| !is_base64(text)) {
                let message = format!("{} is not base64", entry.key);
                found.present(&NOT_BASE64, context.resource, entry.line, message);
            }
        }
    }
}

fn is_secret(name: &str, value: &Node) -> bool {
    let Some(text) = value.text().filter(|_| !value.is_templated()) else { return false };
    let name = name.to_ascii_uppercase().replace(['-', '.'], "_");
    let says_so = SECRET_WORDS.iter().any(|word| name.contains(word))
        && !HARMLESS_ENDS.iter().any(|end| name.ends_with(end));
    // Settings about secrets, references to variables, paths, addresses and prompts to fill in are none.
    let is_value = value.is_string()
        && text.len() > 1
        && !text.contains('\n')
        && !text.contains("$(")
        && !text.contains("${")
        && !text.starts_with(['/', '<', '.'])
        && !text.contains("://");
    says_so && is_value
}

fn holds_private_key(value: &Node) -> bool {
    value
        .text()
        .is_some_and(|text| text.contains("-----BEGIN ") && text.contains("PRIVATE KEY-----"))
}

fn is_base64(text: &str) -> bool {
    let letters: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let padding = letters.iter().rev().take_while(|byte| **byte == b'=').count();
    let body = &letters[..letters.len() - padding];
    letters.len().is_multiple_of(4)
        && padding <= 2
        && body.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}
