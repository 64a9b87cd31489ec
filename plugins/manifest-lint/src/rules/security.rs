//! Rules on what a container may do to its node: the Pod Security Standards, and a little more.

use super::Context;
use crate::finding::{Findings, Rule};
use crate::resource::{Container, Pod};
use crate::yaml::Node;

pub(super) static RULES: &[&Rule] = &[
    &PRIVILEGED,
    &NON_ROOT,
    &ROOT,
    &READ_ONLY,
    &ESCALATION,
    &DROP_ALL,
    &DANGEROUS_CAPABILITY,
    &ADDED_CAPABILITY,
    &SECCOMP,
    &UNCONFINED,
    &PROC_MOUNT,
];

static PRIVILEGED: Rule = Rule::error(
    "privileged-container",
    "A privileged container is root on its node: whoever breaks into it has the machine.",
    "Remove privileged: true and add the single capabilities or devices that it needs.",
);

static NON_ROOT: Rule = Rule::warning(
    "run-as-non-root-missing",
    "Whether it runs as root is left to the image. Root in a container is one kernel fault away from root on the node.",
    "Set securityContext.runAsNonRoot: true, and runAsUser where the image names its user by name.",
);

static ROOT: Rule = Rule::warning(
    "run-as-root",
    "Root in a container is one kernel fault away from root on the node.",
    "Run as a user other than 0.",
);

static READ_ONLY: Rule = Rule::info(
    "read-only-root-filesystem",
    "Whoever breaks in can change the program and leave tools behind.",
    "Set securityContext.readOnlyRootFilesystem: true and mount an emptyDir where it must write.",
);

static ESCALATION: Rule = Rule::warning(
    "privilege-escalation-allowed",
    "A setuid program in the image can give a process more rights than it started with.",
    "Set securityContext.allowPrivilegeEscalation: false.",
);

static DROP_ALL: Rule = Rule::warning(
    "capabilities-not-dropped",
    "Container runtimes grant some fourteen capabilities by default; hardly a program needs any.",
    "Set securityContext.capabilities.drop: [ALL] and add back what it needs.",
);

static DANGEROUS_CAPABILITY: Rule = Rule::error(
    "capability-dangerous",
    "With this capability a container can take over its node.",
    "Remove it, or move the work into an agent of the cluster's operators.",
);

static ADDED_CAPABILITY: Rule = Rule::warning(
    "capability-added",
    "It is beyond what the baseline Pod Security Standard permits, so namespaces that enforce it refuse the pod.",
    "Remove it, or say in a comment why the program needs it.",
);

static SECCOMP: Rule = Rule::info(
    "seccomp-profile-missing",
    "Without a profile every system call is open, old and rarely tested ones included.",
    "Set securityContext.seccompProfile.type: RuntimeDefault, for the pod.",
);

static UNCONFINED: Rule = Rule::warning(
    "seccomp-unconfined",
    "It switches off the filter of system calls, even where the cluster has one by default.",
    "Use RuntimeDefault, or a Localhost profile of its own.",
);

static PROC_MOUNT: Rule = Rule::error(
    "proc-mount-unmasked",
    "The masks over /proc keep a container from reading and changing settings of the node's kernel.",
    "Remove procMount: Unmasked.",
);

const DANGEROUS: &[&str] = &[
    "ALL",
    "BPF",
    "DAC_READ_SEARCH",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "PERFMON",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_MODULE",
    "SYS_PTRACE",
    "SYS_RAWIO",
];

/// What the baseline standard permits to be added.
const BASELINE: &[&str] = &[
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

pub(super) fn check(context: &Context<'_>, found: &mut Findings) {
    let Some(pod) = context.pod else { return };
    for container in pod.containers() {
        check_user(context, &pod, &container, found);
        // Windows has none of the rest.
        if !pod.is_windows() {
            check_confinement(context, &pod, &container, found);
        }
    }
}

fn check_user(
    context: &Context<'_>,
    pod: &Pod<'_>,
    container: &Container<'_>,
    found: &mut Findings,
) {
    let name = container.name;
    let user = container.security(pod, "runAsUser");
    let non_root = container.security(pod, "runAsNonRoot");
    let is_true = non_root.is_some_and(|entry| matches!(entry.node.text(), Some("true")));
    let is_open =
        |entry: Option<&crate::yaml::Entry>| entry.is_some_and(|entry| entry.node.is_templated());
    if let Some(user) = user.filter(|user| user.node.text() == Some("0")) {
        found.present(
            &ROOT,
            context.resource,
            user.line,
            format!("container {name:?} runs as user 0"),
        );
    } else if !is_true && user.is_none() && !is_open(non_root) {
        let line = non_root.map_or_else(|| container.line("securityContext"), |entry| entry.line);
        let message = format!("container {name:?} may run as root");
        match non_root {
            Some(_) => found.present(&NON_ROOT, context.resource, line, message),
            None => found.absent(&NON_ROOT, context.resource, line, message),
        }
    }
}

fn check_confinement(
    context: &Context<'_>,
    pod: &Pod<'_>,
    container: &Container<'_>,
    found: &mut Findings,
) {
    let (name, resource) = (container.name, context.resource);
    let own = container.node.get("securityContext");
    if own.is_some_and(Node::is_templated) {
        return;
    }
    let own_line = |key: &str| {
        own.and_then(|own| own.entry(key))
            .map_or_else(|| container.line("securityContext"), |e| e.line)
    };
    check_seccomp(context, pod, container, found);
    if own.and_then(|own| own.text_of("procMount")) == Some("Unmasked") {
        let message = format!("container {name:?} sees the node's /proc unmasked");
        found.present(&PROC_MOUNT, resource, own_line("procMount"), message);
    }
    if container.own_flag("readOnlyRootFilesystem") != Some(true) {
        let message = format!("container {name:?} can write to its root file system");
        found.absent(&READ_ONLY, resource, own_line("readOnlyRootFilesystem"), message);
    }
    let added = own.and_then(|own| own.at(&["capabilities", "add"])).map_or(&[][..], Node::items);
    let mut has_sys_admin = false;
    for capability in added.iter().filter(|capability| !capability.is_templated()) {
        let Some(text) = capability.text() else { continue };
        let upper = text.to_ascii_uppercase();
        let plain = upper.strip_prefix("CAP_").unwrap_or(&upper);
        has_sys_admin |= plain == "SYS_ADMIN";
        let message = format!("container {name:?} adds the capability {text}");
        if DANGEROUS.contains(&plain) {
            found.present(&DANGEROUS_CAPABILITY, resource, capability.line, message);
        } else if !BASELINE.contains(&plain) {
            found.present(&ADDED_CAPABILITY, resource, capability.line, message);
        }
    }
    if container.is_privileged() {
        // It has all capabilities and may escalate, whatever else is said.
        let message = format!("container {name:?} is privileged");
        found.present(&PRIVILEGED, resource, own_line("privileged"), message);
        return;
    }
    let dropped =
        own.and_then(|own| own.at(&["capabilities", "drop"])).map_or(&[][..], Node::items);
    if !dropped.iter().filter_map(|one| one.text()).any(|one| one.eq_ignore_ascii_case("ALL")) {
        let message = format!("container {name:?} keeps the default capabilities");
        found.absent(&DROP_ALL, resource, own_line("capabilities"), message);
    }
    match container.own_flag("allowPrivilegeEscalation") {
        Some(false) => {}
        // The API server allows nothing else beside this capability.
        _ if has_sys_admin => {}
        Some(true) => {
            let message = format!("container {name:?} allows privilege escalation");
            found.present(&ESCALATION, resource, own_line("allowPrivilegeEscalation"), message);
        }
        None => {
            let message = format!("container {name:?} does not forbid privilege escalation");
            found.absent(&ESCALATION, resource, container.line("securityContext"), message);
        }
    }
}

fn check_seccomp(
    context: &Context<'_>,
    pod: &Pod<'_>,
    container: &Container<'_>,
    found: &mut Findings,
) {
    let name = container.name;
    match container.security(pod, "seccompProfile") {
        Some(profile) if profile.node.text_of("type") == Some("Unconfined") => {
            let line = profile.node.entry("type").map_or(profile.line, |entry| entry.line);
            found.present(
                &UNCONFINED,
                context.resource,
                line,
                format!("container {name:?} has no system call filter"),
            );
        }
        None if !container.is_privileged() => {
            let message = format!("container {name:?} has no seccomp profile");
            found.absent(&SECCOMP, context.resource, container.line("securityContext"), message);
        }
        _ => {}
    }
}
