//! Rules on who may do what.

use super::Context;
use crate::finding::{Findings, Rule};
use crate::yaml::{Entry, Node};

pub(super) static RULES: &[&Rule] =
    &[&WILDCARD, &CLUSTER_ADMIN, &ANONYMOUS, &READS_SECRETS, &ESCALATES, &RUNS_COMMANDS];

static WILDCARD: Rule = Rule::warning(
    "rbac-wildcard",
    "It grants what exists today and whatever is added tomorrow, by any operator that somebody installs.",
    "List the verbs, resources and API groups that are used.",
);

static CLUSTER_ADMIN: Rule = Rule::error(
    "rbac-cluster-admin",
    "Whoever has the token of one such pod has the cluster.",
    "Bind a role that grants what is needed.",
);

static ANONYMOUS: Rule = Rule::error(
    "rbac-anonymous",
    "It grants rights to callers who have not said who they are, or to everybody who has.",
    "Bind named users, groups or service accounts.",
);

static READS_SECRETS: Rule = Rule::warning(
    "rbac-reads-all-secrets",
    "Tokens of every service account are among the secrets of a cluster, so reading them all is as good as being admin.",
    "Use a Role in one namespace, or name the secrets in resourceNames.",
);

static ESCALATES: Rule = Rule::error(
    "rbac-escalation",
    "The verbs escalate, bind and impersonate let a subject give itself rights that it does not have.",
    "Remove them, or bound them with resourceNames.",
);

static RUNS_COMMANDS: Rule = Rule::warning(
    "rbac-exec",
    "Running commands in pods reads whatever they hold, tokens and secrets included.",
    "Remove pods/exec and pods/attach, or grant them in one namespace.",
);

pub(super) fn check(context: &Context<'_>, found: &mut Findings) {
    let resource = context.resource;
    if resource.is("Role") || resource.is("ClusterRole") {
        for rule in resource.root.get("rules").map_or(&[][..], Node::items) {
            check_rule(context, rule, found);
        }
    }
    if resource.is("RoleBinding") || resource.is("ClusterRoleBinding") {
        check_binding(context, found);
    }
}

fn check_rule(context: &Context<'_>, rule: &Node, found: &mut Findings) {
    let resource = context.resource;
    let wild = |key: &str| rule.entry(key).filter(|entry| lists(entry, &["*"]));
    // Every API group alone is no more than a lazy way to write a resource's name.
    if let Some(first) = wild("resources").or_else(|| wild("verbs")) {
        let all: Vec<&str> = ["apiGroups", "resources", "verbs"]
            .into_iter()
            .filter(|key| wild(key).is_some())
            .collect();
        found.present(&WILDCARD, resource, first.line, format!("{} are *", all.join(" and ")));
    }
    let (Some(verbs), is_bounded) = (rule.entry("verbs"), rule.get("resourceNames").is_some())
    else {
        return;
    };
    if lists(verbs, &["escalate", "bind", "impersonate"]) && !is_bounded {
        let message = "it grants escalate, bind or impersonate".to_owned();
        found.present(&ESCALATES, resource, verbs.line, message);
    }
    let Some(resources) =
        rule.entry("resources").filter(|_| resource.kind == "ClusterRole" && !is_bounded)
    else {
        return;
    };
    let is_core = rule.entry("apiGroups").is_some_and(|groups| lists(groups, &["", "*"]));
    if is_core && lists(resources, &["secrets"]) && lists(verbs, &["get", "list", "watch", "*"]) {
        found.present(
            &READS_SECRETS,
            resource,
            resources.line,
            "it reads secrets in every namespace".to_owned(),
        );
    }
    if is_core
        && lists(resources, &["pods/exec", "pods/attach"])
        && lists(verbs, &["create", "get", "*"])
    {
        found.present(
            &RUNS_COMMANDS,
            resource,
            resources.line,
            "it runs commands in every pod".to_owned(),
        );
    }
}

fn check_binding(context: &Context<'_>, found: &mut Findings) {
    let resource = context.resource;
    if let Some(role) = resource.root.get("roleRef").and_then(|role| role.entry("name"))
        && role.node.text() == Some("cluster-admin")
        && resource.root.at(&["roleRef", "kind"]).and_then(Node::text) != Some("Role")
    {
        found.present(&CLUSTER_ADMIN, resource, role.line, "it binds cluster-admin".to_owned());
    }
    for subject in resource.root.get("subjects").map_or(&[][..], Node::items) {
        let Some(name) = subject.entry("name") else { continue };
        let text = name.node.text().unwrap_or_default();
        if matches!(text, "system:anonymous" | "system:unauthenticated" | "system:authenticated") {
            found.present(&ANONYMOUS, resource, name.line, format!("it grants rights to {text}"));
        }
    }
}

fn lists(entry: &Entry, wanted: &[&str]) -> bool {
    entry.node.items().iter().filter_map(|item| item.text()).any(|text| wanted.contains(&text))
}
