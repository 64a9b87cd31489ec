//! Rules on how a pod is asked whether it is well.

use super::Context;
use crate::finding::{Findings, Rule};
use crate::resource::{Container, Life, Pod, Role};
use crate::set::map_selects;
use crate::yaml::Node;

pub(super) static RULES: &[&Rule] =
    &[&READINESS, &LIVENESS, &ALIKE, &UNKNOWN_PORT, &SUCCESS_THRESHOLD, &ON_INIT, &NO_HANDLER];

static READINESS: Rule = Rule::warning(
    "readiness-probe-missing",
    "The pod gets traffic as soon as its process exists, before it can answer, at each rollout and restart.",
    "Add a readinessProbe that answers whether it can serve now.",
);

static LIVENESS: Rule = Rule::info(
    "liveness-probe-missing",
    "A process that hangs without ending is never restarted.",
    "Add a livenessProbe on something cheap that depends on nothing else, or leave it out knowingly.",
);

static ALIKE: Rule = Rule::warning(
    "probes-alike",
    "What should take the pod out of traffic for a while restarts it instead, so a short overload or a slow dependency becomes a crash loop.",
    "Let liveness ask something simpler, or be more patient (a higher failureThreshold or periodSeconds).",
);

static UNKNOWN_PORT: Rule = Rule::error(
    "probe-port-unknown",
    "A probe on a port name that the container does not declare always fails.",
    "Declare the port under ports with this name, or use its number.",
);

static SUCCESS_THRESHOLD: Rule = Rule::error(
    "probe-success-threshold",
    "The API server takes only 1 here for liveness and startup probes.",
    "Remove successThreshold.",
);

static ON_INIT: Rule = Rule::error(
    "init-container-probe",
    "The API server refuses probes on containers that run to their end before the pod starts.",
    "Remove the probe, or set restartPolicy: Always to make it a sidecar.",
);

static NO_HANDLER: Rule = Rule::error(
    "probe-without-handler",
    "The API server refuses a probe that does not say exactly one thing to ask.",
    "Give one of httpGet, tcpSocket, exec and grpc.",
);

const PROBES: [&str; 3] = ["livenessProbe", "readinessProbe", "startupProbe"];
const HANDLERS: [&str; 4] = ["httpGet", "tcpSocket", "exec", "grpc"];

pub(super) fn check(context: &Context<'_>, found: &mut Findings) {
    let Some(pod) = context.pod else { return };
    let serves = is_behind_a_service(context, &pod);
    for container in pod.containers() {
        if container.role == Role::Init {
            for probe in PROBES.iter().filter_map(|probe| container.node.entry(probe)) {
                let message = format!("init container {:?} has a {}", container.name, probe.key);
                found.present(&ON_INIT, context.resource, probe.line, message);
            }
            continue;
        }
        check_probes(context, &container, found);
        if container.role == Role::App && !pod.ends() && context.resource.kind != "PodTemplate" {
            check_presence(context, &container, serves, found);
        }
    }
}

fn check_presence(
    context: &Context<'_>,
    container: &Container<'_>,
    serves: bool,
    found: &mut Findings,
) {
    let has = |probe: &str| container.node.get(probe).is_some();
    let has_ports = container.node.get("ports").is_some_and(|ports| !ports.items().is_empty());
    if !has("readinessProbe") && serves && has_ports {
        let message = format!("container {:?} serves and has no readiness probe", container.name);
        found.absent(&READINESS, context.resource, container.node.line, message);
    }
    if !has("livenessProbe") {
        let message = format!("container {:?} has no liveness probe", container.name);
        found.absent(&LIVENESS, context.resource, container.node.line, message);
    }
}

/// A pod serves when a Service selects it, and, where no Service was handed in, when it is one of many.
fn is_behind_a_service(context: &Context<'_>, pod: &Pod<'_>) -> bool {
    let mut services =
        context.set.beside(context.resource).filter(|other| other.is("Service")).peekable();
    if services.peek().is_none() {
        return matches!(pod.life, Life::Replicated | Life::Pod);
    }
    services.any(|service| {
        service
            .root
            .at(&["spec", "selector"])
            .is_some_and(|selector| map_selects(selector, pod.labels()))
    })
}

fn check_probes(context: &Context<'_>, container: &Container<'_>, found: &mut Findings) {
    for probe in PROBES.iter().filter_map(|probe| container.node.entry(probe)) {
        let handlers = HANDLERS
            .iter()
            .filter(|handler| probe.node.entries().iter().any(|e| e.key == **handler))
            .count();
        if handlers != 1 && !probe.node.is_templated() {
            let message =
                format!("container {:?}: {} has {handlers} handlers", container.name, probe.key);
            found.absent(&NO_HANDLER, context.resource, probe.line, message);
        }
        let threshold =
            probe.node.entry("successThreshold").filter(|_| probe.key != "readinessProbe");
        if let Some(threshold) =
            threshold.filter(|entry| entry.node.text() != Some("1") && !entry.node.is_templated())
        {
            let message =
                format!("container {:?}: {} sets successThreshold", container.name, probe.key);
            found.present(&SUCCESS_THRESHOLD, context.resource, threshold.line, message);
        }
        check_port(context, container, &probe.key, &probe.node, found);
    }
    let (liveness, readiness) =
        (container.node.entry("livenessProbe"), container.node.entry("readinessProbe"));
    if let (Some(liveness), Some(readiness)) = (liveness, readiness)
        && same_question(&liveness.node, &readiness.node)
        && patience_seconds(&liveness.node) <= patience_seconds(&readiness.node)
    {
        let message = format!(
            "container {:?}: liveness asks the same as readiness, and is no more patient",
            container.name
        );
        found.present(&ALIKE, context.resource, liveness.line, message);
    }
}

fn check_port(
    context: &Context<'_>,
    container: &Container<'_>,
    probe: &str,
    node: &Node,
    found: &mut Findings,
) {
    for handler in ["httpGet", "tcpSocket"] {
        let Some(port) = node.get(handler).and_then(|handler| handler.entry("port")) else {
            continue;
        };
        let Some(name) = port.node.text().filter(|text| text.parse::<u32>().is_err()) else {
            continue;
        };
        let ports = container.node.get("ports").map_or(&[][..], Node::items);
        let is_declared = ports.iter().any(|port| port.text_of("name") == Some(name));
        if !is_declared && !port.node.is_templated() {
            let message = format!(
                "container {:?}: {probe} asks port {name:?}, which it does not declare",
                container.name
            );
            found.absent(&UNKNOWN_PORT, context.resource, port.line, message);
        }
    }
}

fn same_question(a: &Node, b: &Node) -> bool {
    HANDLERS.iter().any(|handler| match (a.get(handler), b.get(handler)) {
        (Some(a), Some(b)) => a.same_as(b),
        _ => false,
    })
}

/// How long it may fail before something happens, with Kubernetes' defaults.
fn patience_seconds(probe: &Node) -> i64 {
    probe
        .number_of("periodSeconds")
        .unwrap_or(10)
        .saturating_mul(probe.number_of("failureThreshold").unwrap_or(3))
}
