//! Grants for a person.

use errand_core::{Grants, HttpGrant, Variable};

use super::{BOLD, escape};
use crate::units;

/// Makes one line of each thing that is granted.
pub(crate) fn overview(grants: &Grants) -> String {
    let mut text = String::new();
    let mut field = |name: &str, value: String| {
        text.push_str(&format!("  {BOLD}{name:<10}{BOLD:#}{value}\n"));
    };
    for grant in &grants.http {
        field("http", escape::line(&http(grant)).into_owned());
    }
    for (name, variable) in &grants.environment {
        let value = match variable {
            Variable::Text(text) => text.clone(),
            Variable::Secret { secret } => format!("the secret {secret}, as a placeholder"),
        };
        field("env", escape::line(&format!("{name} = {value}")).into_owned());
    }
    if let Some(bytes) = grants.limits.memory_bytes {
        field("memory", format!("up to {}", units::size(bytes)));
    }
    if let Some(fuel) = grants.limits.fuel {
        field("fuel", format!("up to {fuel}"));
    }
    text
}

/// Writes a grant of requests in one line.
pub(crate) fn http(grant: &HttpGrant) -> String {
    let methods = match grant.methods.as_slice() {
        [] => "any method".to_owned(),
        methods => methods.join(" "),
    };
    let mut text = format!("{}  {methods}", grant.url);
    if grant.private {
        text.push_str(", private addresses too");
    }
    if let Some(rate) = grant.rate_per_minute {
        text.push_str(&format!(", {rate} a minute"));
    }
    if let Some(bytes) = grant.max_response_bytes {
        text.push_str(&format!(", answers up to {}", units::size(bytes)));
    }
    for (name, headers) in &grant.secrets {
        text.push_str(&format!(", secret {name} in {}", headers.join(" ")));
    }
    text
}
