//! Rules on Services and Ingresses.

use super::Context;
use crate::finding::{Findings, Rule};
use crate::resource::{Pod, Resource};
use crate::set::map_selects;
use crate::yaml::{Entry, Node};

pub(super) static RULES: &[&Rule] = &[
    &NODE_PORT,
    &LOAD_BALANCER,
    &SELECTS_NOTHING,
    &UNKNOWN_TARGET_PORT,
    &EXTERNAL_IPS,
    &UNNAMED_PORTS,
    &NO_TLS,
    &CATCH_ALL,
    &BACKEND_MISSING,
];

static NODE_PORT: Rule = Rule::info(
    "service-node-port",
    "The port is open on the address of every node, past Ingress, its TLS and its limits.",
    "Use ClusterIP behind an Ingress or a Gateway.",
);

static LOAD_BALANCER: Rule = Rule::info(
    "service-load-balancer",
    "It asks the cloud for a public address, open to everybody unless said otherwise.",
    "Use ClusterIP behind an Ingress or a Gateway, or set loadBalancerSourceRanges or the cloud's annotation for an internal one.",
);

static SELECTS_NOTHING: Rule = Rule::warning(
    "service-selects-nothing",
    "Requests to it are refused: no pod template here has the labels that it selects.",
    "Make the selector a part of the pod template's labels.",
);

static UNKNOWN_TARGET_PORT: Rule = Rule::error(
    "service-target-port-unknown",
    "A named target port that no container declares leads nowhere.",
    "Use the name under the container's ports, or the number.",
);

static EXTERNAL_IPS: Rule = Rule::warning(
    "service-external-ips",
    "Whoever may set it takes over traffic to any address (CVE-2020-8554), so clusters often refuse it.",
    "Use a LoadBalancer or an Ingress.",
);

static UNNAMED_PORTS: Rule = Rule::error(
    "service-ports-unnamed",
    "The API server wants a name for each port where a Service has several.",
    "Name every port.",
);

static NO_TLS: Rule = Rule::warning(
    "ingress-without-tls",
    "Passwords, cookies and data cross the network in the clear.",
    "Add spec.tls with the hosts and a certificate's Secret.",
);

static CATCH_ALL: Rule = Rule::info(
    "ingress-without-host",
    "It answers for every name that points at the controller, those of other teams included.",
    "Name the host in each rule.",
);

static BACKEND_MISSING: Rule = Rule::warning(
    "ingress-backend-missing",
    "The controller answers 503 for a path whose Service does not exist.",
    "Correct the Service's name, or add it.",
);

/// Annotations by which clouds are asked for an internal address.
const INTERNAL: &[&str] = &[
    "cloud.google.com/load-balancer-type",
    "networking.gke.io/load-balancer-type",
    "service.beta.kubernetes.io/aws-load-balancer-internal",
    "service.beta.kubernetes.io/aws-load-balancer-scheme",
    "service.beta.kubernetes.io/azure-load-balancer-internal",
];

pub(super) fn check(context: &Context<'_>, found: &mut Findings) {
    if context.resource.is("Service") {
        check_service(context, found);
    }
    if context.resource.is("Ingress") {
        check_ingress(context, found);
    }
}

fn check_service(context: &Context<'_>, found: &mut Findings) {
    let resource = context.resource;
    let Some(spec) = resource.spec() else { return };
    let annotations = resource.root.at(&["metadata", "annotations"]);
    match spec.text_of("type") {
        Some("NodePort") => {
            found.present(
                &NODE_PORT,
                resource,
                resource.spec_line("type"),
                "it is of type NodePort".to_owned(),
            );
        }
        Some("LoadBalancer") => {
            let is_bounded = spec.get("loadBalancerSourceRanges").is_some()
                || INTERNAL.iter().any(|key| {
                    annotations.is_some_and(|annotations| annotations.get(key).is_some())
                });
            if !is_bounded {
                let message = "it is of type LoadBalancer, open to all".to_owned();
                found.present(&LOAD_BALANCER, resource, resource.spec_line("type"), message);
            }
        }
        _ => {}
    }
    if spec.get("externalIPs").is_some() {
        found.present(
            &EXTERNAL_IPS,
            resource,
            resource.spec_line("externalIPs"),
            "it sets externalIPs".to_owned(),
        );
    }
    let ports = spec.get("ports").map_or(&[][..], Node::items);
    if let Some(port) = ports.iter().find(|port| ports.len() > 1 && port.get("name").is_none()) {
        found.absent(
            &UNNAMED_PORTS,
            resource,
            port.line,
            "one of several ports has no name".to_owned(),
        );
    }
    if let Some(selector) =
        spec.entry("selector").filter(|selector| !selector.node.entries().is_empty())
    {
        check_selection(context, selector.line, &selector.node, ports, found);
    }
}

/// Complains only where it is plain which pods were meant: those that it means may be elsewhere.
fn check_selection(
    context: &Context<'_>,
    line: usize,
    selector: &Node,
    ports: &[std::rc::Rc<Node>],
    found: &mut Findings,
) {
    let resource = context.resource;
    let here: Vec<_> = context.set.pods_beside(resource).collect();
    let selected: Vec<&Pod<'_>> = here
        .iter()
        .filter(|(_, pod)| map_selects(selector, pod.labels()))
        .map(|(_, pod)| pod)
        .collect();
    if selected.is_empty() {
        let elsewhere = context.set.resources.iter().filter_map(Resource::pod);
        let is_selected_elsewhere =
            elsewhere.into_iter().any(|pod| map_selects(selector, pod.labels()));
        if !is_selected_elsewhere
            && here.iter().any(|(other, pod)| was_meant(resource, selector, other, pod))
        {
            let message = "it selects no pod of those that are here".to_owned();
            found.absent(&SELECTS_NOTHING, resource, line, message);
        }
        return;
    }
    for target in ports.iter().filter_map(|port| port.entry("targetPort")) {
        let Some(name) = target.node.text().filter(|text| text.parse::<u32>().is_err()) else {
            continue;
        };
        let is_declared =
            selected.iter().flat_map(|pod| pod.lasting_containers()).any(|container| {
                let ports = container.node.get("ports").map_or(&[][..], Node::items);
                ports.iter().any(|port| {
                    port.text_of("name") == Some(name)
                        || port.get("name").is_some_and(Node::is_templated)
                })
            });
        let is_whole = here.iter().all(|(other, _)| !other.is_fragment);
        if !is_declared && is_whole && !target.node.is_templated() {
            let message = format!("no container of its pods declares a port {name:?}");
            found.absent(&UNKNOWN_TARGET_PORT, resource, target.line, message);
        }
    }
}

/// Returns whether a Service seems to be for these pods: one file or one name, or some of its labels.
fn was_meant(service: &Resource, selector: &Node, other: &Resource, pod: &Pod<'_>) -> bool {
    let has = |wanted: &Entry| {
        let label = pod.labels().and_then(|labels| labels.text_of(&wanted.key));
        label.is_some() && label == wanted.node.text()
    };
    let is_near = other.file == service.file
        || other.name == service.name
        || selector.entries().iter().any(has);
    is_near && !other.is_fragment
}

fn check_ingress(context: &Context<'_>, found: &mut Findings) {
    let resource = context.resource;
    let Some(spec) = resource.spec() else { return };
    if spec.get("tls").is_none_or(|tls| tls.items().is_empty() && !tls.is_templated()) {
        found.absent(&NO_TLS, resource, spec.line, "it has no TLS".to_owned());
    }
    for rule in spec.get("rules").map_or(&[][..], Node::items) {
        if rule.get("host").is_none() {
            found.absent(&CATCH_ALL, resource, rule.line, "a rule names no host".to_owned());
        }
        for path in rule.at(&["http", "paths"]).map_or(&[][..], Node::items) {
            check_backend(context, path, found);
        }
    }
}

/// Complains only where Services were handed in with it.
fn check_backend(context: &Context<'_>, path: &Node, found: &mut Findings) {
    let Some(backend) = path.get("backend") else { return };
    // AWS's controller: the name is that of an action in an annotation.
    if backend.at(&["service", "port", "name"]).and_then(Node::text) == Some("use-annotation") {
        return;
    }
    let name = backend
        .get("service")
        .and_then(|service| service.entry("name"))
        .or_else(|| backend.entry("serviceName"));
    let Some(name) = name.filter(|name| !name.node.is_templated()) else { return };
    let mut services =
        context.set.beside(context.resource).filter(|other| other.is("Service")).peekable();
    if services.peek().is_some()
        && !services.any(|service| service.name.as_deref() == name.node.text())
    {
        let message = format!("no Service here is called {:?}", name.node.text().unwrap_or("?"));
        found.present(&BACKEND_MISSING, context.resource, name.line, message);
    }
}
