//! Rules on what containers ask of a node and may take of it.

use super::Context;
use crate::finding::{Findings, Rule};
use crate::quantity;
use crate::resource::{Container, Pod};
use crate::yaml::{Entry, Node};

pub(super) static RULES: &[&Rule] = &[
    &CPU_REQUEST,
    &MEMORY_REQUEST,
    &CPU_LIMIT,
    &MEMORY_LIMIT,
    &MALFORMED,
    &LIMIT_BELOW_REQUEST,
    &EXTENDED,
    &TINY_MEMORY,
];

static CPU_REQUEST: Rule = Rule::warning(
    "cpu-request-missing",
    "The scheduler counts the container as needing nothing, so nodes are overbooked and it is starved first.",
    "Set resources.requests.cpu to what it uses on a usual day.",
);

static MEMORY_REQUEST: Rule = Rule::warning(
    "memory-request-missing",
    "The scheduler counts the container as needing nothing, and it is among the first to be killed when a node runs out of memory.",
    "Set resources.requests.memory to what it uses on a usual day.",
);

static CPU_LIMIT: Rule = Rule::info(
    "cpu-limit-missing",
    "A container without it may take all idle CPU of its node. Many leave it out on purpose, to avoid throttling; then its neighbours' requests must be right.",
    "Set resources.limits.cpu, or leave it out knowingly.",
);

static MEMORY_LIMIT: Rule = Rule::warning(
    "memory-limit-missing",
    "A leak takes the memory of the whole node, and the kernel kills something else.",
    "Set resources.limits.memory; equal to the request is the safest.",
);

static MALFORMED: Rule = Rule::error(
    "quantity-malformed",
    "The API server refuses it.",
    "Write a number with one of m k M G T Ki Mi Gi Ti, such as 250m or 512Mi.",
);

static LIMIT_BELOW_REQUEST: Rule = Rule::error(
    "limit-below-request",
    "The API server refuses a container that may take less than it asks for.",
    "Raise the limit or lower the request.",
);

static EXTENDED: Rule = Rule::error(
    "extended-resource-limit",
    "Devices such as GPUs cannot be overbooked: the API server wants a limit, and a request equal to it.",
    "Give the limit; leave the request out or make it the same.",
);

static TINY_MEMORY: Rule = Rule::warning(
    "memory-implausible",
    "A number without a suffix is bytes, and the suffix m means thousandths of a byte. No program starts with so little.",
    "Use Mi for mebibytes.",
);

/// No container starts with less.
const LEAST_MEMORY_BYTES: f64 = 1_048_576.0;

pub(super) fn check(context: &Context<'_>, found: &mut Findings) {
    let Some(pod) = context.pod else { return };
    for container in pod.containers() {
        let resources = container.node.get("resources");
        if let Some(resources) = resources {
            check_quantities(context, &container, resources, found);
        }
        // Init containers run one by one before the others; what the others ask for covers them.
        if container.role != crate::resource::Role::Init
            && !resources.is_some_and(Node::is_templated)
        {
            check_presence(context, &pod, &container, found);
        }
    }
}

fn check_presence(
    context: &Context<'_>,
    pod: &Pod<'_>,
    container: &Container<'_>,
    found: &mut Findings,
) {
    let line = container.line("resources");
    // A pod's own resources, and a limit in place of a request, are as good.
    let has = |kind: &str, resource: &str| {
        container.node.at(&["resources", kind, resource]).is_some()
            || pod.spec.at(&["resources", kind, resource]).is_some()
    };
    for (resource, request_rule, limit_rule) in
        [("cpu", &CPU_REQUEST, &CPU_LIMIT), ("memory", &MEMORY_REQUEST, &MEMORY_LIMIT)]
    {
        let (has_request, has_limit) = (has("requests", resource), has("limits", resource));
        if !has_request && !has_limit {
            let message = format!("container {:?} requests no {resource}", container.name);
            found.absent(request_rule, context.resource, line, message);
        }
        if !has_limit {
            let message = format!("container {:?} has no {resource} limit", container.name);
            found.absent(limit_rule, context.resource, line, message);
        }
    }
}

fn check_quantities(
    context: &Context<'_>,
    container: &Container<'_>,
    resources: &Node,
    found: &mut Findings,
) {
    let entries = |kind: &str| resources.get(kind).map_or(&[][..], Node::entries);
    for (kind, entry) in ["requests", "limits"]
        .into_iter()
        .flat_map(|kind| entries(kind).iter().map(move |e| (kind, e)))
    {
        check_quantity(context, container, kind, entry, found);
    }
    for request in entries("requests").iter().filter(|entry| !entry.node.is_null()) {
        let limit = entries("limits")
            .iter()
            .find(|limit| limit.key == request.key && !limit.node.is_null());
        let value = |entry: &Entry| entry.node.text().and_then(quantity::parse);
        if is_extended(&request.key) {
            let differs = limit.is_none_or(|limit| value(limit) != value(request));
            if differs
                && !request.node.is_templated()
                && !limit.is_some_and(|limit| limit.node.is_templated())
            {
                let message = format!(
                    "container {:?} requests {} without the same limit",
                    container.name, request.key
                );
                found.absent(&EXTENDED, context.resource, request.line, message);
            }
        } else if let Some(limit) = limit
            && let (Some(wanted), Some(allowed)) = (value(request), value(limit))
            && allowed < wanted
        {
            let (limit_text, request_text) =
                (limit.node.text().unwrap_or("?"), request.node.text().unwrap_or("?"));
            let message = format!(
                "container {:?}: the {} limit {limit_text} is below the request {request_text}",
                container.name, request.key
            );
            found.present(&LIMIT_BELOW_REQUEST, context.resource, limit.line, message);
        }
    }
}

fn check_quantity(
    context: &Context<'_>,
    container: &Container<'_>,
    kind: &str,
    entry: &Entry,
    found: &mut Findings,
) {
    let Some(text) = entry.node.text() else { return };
    if entry.node.is_templated() || entry.node.is_null() {
        return;
    }
    match quantity::parse(text).filter(|value| *value >= 0.0) {
        None => {
            let message = format!(
                "container {:?}: {text:?} is no quantity for {} in {kind}",
                container.name, entry.key
            );
            found.present(&MALFORMED, context.resource, entry.line, message);
        }
        Some(value) if entry.key == "memory" && value > 0.0 && value < LEAST_MEMORY_BYTES => {
            let message = format!(
                "container {:?}: {text} of memory in {kind} is {value} bytes",
                container.name
            );
            found.present(&TINY_MEMORY, context.resource, entry.line, message);
        }
        Some(_) => {}
    }
}

/// Returns whether a resource is a device or the like, rather than one that Kubernetes knows by itself.
fn is_extended(resource: &str) -> bool {
    resource.contains('/') && !resource.contains("kubernetes.io/")
        || resource.starts_with("hugepages-")
}
