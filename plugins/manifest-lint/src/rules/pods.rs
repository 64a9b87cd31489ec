//! Rules on whether the parts of a pod fit together.

use super::Context;
use crate::finding::{Findings, Rule};
use crate::resource::{Container, Life, Pod};
use crate::yaml::Node;
use std::collections::{HashMap, HashSet};

pub(super) static RULES: &[&Rule] = &[
    &DUPLICATE_CONTAINER,
    &DUPLICATE_PORT_NAME,
    &DUPLICATE_PORT,
    &UNKNOWN_VOLUME,
    &DUPLICATE_MOUNT,
    &DUPLICATE_ENV,
    &NO_GRACE,
    &TOKEN,
    &BARE,
];

static DUPLICATE_CONTAINER: Rule = Rule::error(
    "container-name-duplicate",
    "The API server refuses two containers of one name in a pod, init containers included.",
    "Give each container a name of its own.",
);

static DUPLICATE_PORT_NAME: Rule = Rule::error(
    "port-name-duplicate",
    "The API server refuses two ports of one name in a container.",
    "Give each port a name of its own.",
);

static DUPLICATE_PORT: Rule = Rule::warning(
    "port-duplicate",
    "A port and protocol can be listened on once in a pod; the second entry does nothing, or its container fails to start.",
    "Remove one, or give it the port that was meant.",
);

static UNKNOWN_VOLUME: Rule = Rule::error(
    "volume-mount-unknown",
    "The API server refuses a mount of a volume that the pod does not have.",
    "Add the volume to the pod, or correct the name.",
);

static DUPLICATE_MOUNT: Rule = Rule::error(
    "mount-path-duplicate",
    "The API server refuses two mounts at one path of a container.",
    "Mount the second elsewhere, or use subPath.",
);

static DUPLICATE_ENV: Rule = Rule::warning(
    "env-duplicate",
    "The last one counts; server-side apply and strategic merge keep one of them without saying which.",
    "Keep one of the two.",
);

static NO_GRACE: Rule = Rule::warning(
    "termination-grace-zero",
    "The pod is killed without notice: requests are cut off, and a StatefulSet's pod may run twice for a while.",
    "Leave terminationGracePeriodSeconds at its 30 seconds, or give it what a clean stop takes.",
);

static TOKEN: Rule = Rule::info(
    "service-account-token-automount",
    "Every container gets credentials for the Kubernetes API that it does not seem to use; whoever breaks in has them.",
    "Set automountServiceAccountToken: false, or name a service account of the program's own.",
);

static BARE: Rule = Rule::info(
    "bare-pod",
    "Nothing brings it back when its node is drained or dies.",
    "Use a Deployment, a StatefulSet or a Job.",
);

pub(super) fn check(context: &Context<'_>, found: &mut Findings) {
    let Some(pod) = context.pod else { return };
    let mut names = HashSet::new();
    let mut taken_ports = HashMap::new();
    for container in pod.containers() {
        if container.node.get("name").is_some_and(|name| !name.is_templated())
            && !names.insert(container.name)
        {
            let message = format!("a second container is called {:?}", container.name);
            found.present(&DUPLICATE_CONTAINER, context.resource, container.line("name"), message);
        }
        // Init containers are gone before others listen.
        if container.role != crate::resource::Role::Init {
            check_ports(context, &container, &mut taken_ports, found);
        }
        check_mounts(context, &pod, &container, found);
        check_env(context, &container, found);
    }
    check_pod(context, &pod, found);
}

fn check_pod(context: &Context<'_>, pod: &Pod<'_>, found: &mut Findings) {
    let resource = context.resource;
    if let Some(grace) = pod
        .spec
        .entry("terminationGracePeriodSeconds")
        .filter(|grace| grace.node.text() == Some("0"))
    {
        found.present(&NO_GRACE, resource, grace.line, "the pod gets no time to stop".to_owned());
    }
    let account =
        pod.spec.text_of("serviceAccountName").or_else(|| pod.spec.text_of("serviceAccount"));
    if matches!(account, None | Some("default"))
        && pod.spec.flag_of("automountServiceAccountToken") != Some(false)
    {
        let message = "the pod mounts the token of the default service account".to_owned();
        found.absent(&TOKEN, resource, pod.spec.line, message);
    }
    let ends = matches!(pod.spec.text_of("restartPolicy"), Some("Never" | "OnFailure"));
    if pod.life == Life::Pod && resource.is("Pod") && !ends {
        found.absent(
            &BARE,
            resource,
            resource.root.line,
            "the pod belongs to no controller".to_owned(),
        );
    }
}

fn check_ports<'a>(
    context: &Context<'_>,
    container: &Container<'a>,
    taken: &mut HashMap<(&'a str, &'a str), &'a str>,
    found: &mut Findings,
) {
    let mut names = HashSet::new();
    for port in container.node.get("ports").map_or(&[][..], Node::items) {
        if let Some(name) = port.entry("name").filter(|name| !name.node.is_templated())
            && !names.insert(name.node.text())
        {
            let message = format!(
                "container {:?} has two ports called {:?}",
                container.name,
                name.node.text().unwrap_or("?")
            );
            found.present(&DUPLICATE_PORT_NAME, context.resource, name.line, message);
        }
        let Some(number) = port
            .text_of("containerPort")
            .filter(|_| !port.get("containerPort").is_some_and(Node::is_templated))
        else {
            continue;
        };
        let protocol = port.text_of("protocol").unwrap_or("TCP");
        if let Some(other) = taken.insert((number, protocol), container.name) {
            let message = format!(
                "port {number}/{protocol} of container {:?} is also one of {other:?}",
                container.name
            );
            found.present(&DUPLICATE_PORT, context.resource, port.line, message);
        }
    }
}

fn check_mounts(
    context: &Context<'_>,
    pod: &Pod<'_>,
    container: &Container<'_>,
    found: &mut Findings,
) {
    let volumes = pod.spec.get("volumes").map_or(&[][..], Node::items);
    let claims =
        context.resource.root.at(&["spec", "volumeClaimTemplates"]).map_or(&[][..], Node::items);
    let is_known = |name: &str| {
        volumes.iter().any(|volume| volume.text_of("name") == Some(name))
            || claims
                .iter()
                .any(|claim| claim.at(&["metadata", "name"]).and_then(Node::text) == Some(name))
    };
    let mut paths = HashSet::new();
    for mount in container.node.get("volumeMounts").map_or(&[][..], Node::items) {
        if let Some(name) = mount.entry("name").filter(|name| !name.node.is_templated())
            && let Some(text) = name.node.text()
            && !is_known(text)
        {
            let message = format!(
                "container {:?} mounts the volume {text:?}, which the pod does not have",
                container.name
            );
            found.absent(&UNKNOWN_VOLUME, context.resource, name.line, message);
        }
        if let Some(path) = mount.entry("mountPath").filter(|path| !path.node.is_templated())
            && !paths.insert(path.node.text())
        {
            let message = format!(
                "container {:?} mounts twice at {}",
                container.name,
                path.node.text().unwrap_or("?")
            );
            found.present(&DUPLICATE_MOUNT, context.resource, path.line, message);
        }
    }
}

fn check_env(context: &Context<'_>, container: &Container<'_>, found: &mut Findings) {
    let mut names = HashSet::new();
    for variable in container.node.get("env").map_or(&[][..], Node::items) {
        let Some(name) = variable.entry("name").filter(|name| !name.node.is_templated()) else {
            continue;
        };
        if !names.insert(name.node.text()) {
            let message = format!(
                "container {:?} sets {} twice",
                container.name,
                name.node.text().unwrap_or("?")
            );
            found.present(&DUPLICATE_ENV, context.resource, name.line, message);
        }
    }
}
