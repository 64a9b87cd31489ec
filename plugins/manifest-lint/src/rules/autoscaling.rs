//! Rules on HorizontalPodAutoscalers.

use super::Context;
use super::rollout::scales;
use crate::finding::{Findings, Rule};
use crate::resource::Resource;
use crate::yaml::Node;

pub(super) static RULES: &[&Rule] =
    &[&TARGET_MISSING, &MIN_MISSING, &BOUNDS, &NO_REQUESTS, &REPLICAS_SET, &FIXED];

static TARGET_MISSING: Rule = Rule::warning(
    "hpa-target-missing",
    "The autoscaler scales nothing, and says so only in its own status.",
    "Correct scaleTargetRef: apiVersion, kind and name must be those of the workload.",
);

static MIN_MISSING: Rule = Rule::info(
    "hpa-min-replicas-missing",
    "The default is one: at night a single pod is left, and its restart is an outage.",
    "Set minReplicas, to 2 or more where it matters.",
);

static BOUNDS: Rule = Rule::error(
    "hpa-bounds-invalid",
    "The API server refuses an autoscaler whose lower bound is above the upper.",
    "Set minReplicas at or below maxReplicas.",
);

static FIXED: Rule = Rule::info(
    "hpa-never-scales",
    "Both bounds are the same, so the autoscaler does nothing but watch.",
    "Raise maxReplicas, or set replicas on the workload instead.",
);

static NO_REQUESTS: Rule = Rule::warning(
    "hpa-target-without-requests",
    "Utilisation is a share of the request: without one the autoscaler cannot compute it and does not scale.",
    "Set the request for every container of the target, or use averageValue.",
);

static REPLICAS_SET: Rule = Rule::warning(
    "hpa-replicas-set",
    "Each apply sets the count back, so under load a rollout first takes pods away.",
    "Remove spec.replicas from the workload.",
);

pub(super) fn check(context: &Context<'_>, found: &mut Findings) {
    let resource = context.resource;
    if resource.is("HorizontalPodAutoscaler") {
        check_autoscaler(context, found);
    }
    if context.pod.is_some()
        && let Some(replicas) = resource.spec().and_then(|spec| spec.entry("replicas"))
        && let Some(autoscaler) = context.set.beside(resource).find(|other| scales(other, resource))
    {
        let message = format!(
            "replicas is set, and the autoscaler {:?} sets it too",
            autoscaler.name.as_deref().unwrap_or("?")
        );
        found.present(&REPLICAS_SET, resource, replicas.line, message);
    }
}

fn check_autoscaler(context: &Context<'_>, found: &mut Findings) {
    let resource = context.resource;
    let Some(spec) = resource.spec() else { return };
    let target = context.set.beside(resource).find(|other| scales(resource, other));
    match target {
        Some(target) => check_requests(context, target, found),
        None => check_target(context, found),
    }
    if spec.get("minReplicas").is_none() {
        found.absent(&MIN_MISSING, resource, spec.line, "it may scale down to one pod".to_owned());
    }
    let (least, most) = (spec.number_of("minReplicas").unwrap_or(1), spec.number_of("maxReplicas"));
    if let Some(most) = most {
        if least > most {
            let message = format!("minReplicas {least} is above maxReplicas {most}");
            found.present(&BOUNDS, resource, resource.spec_line("minReplicas"), message);
        } else if least == most {
            let message = format!("minReplicas and maxReplicas are both {most}");
            found.present(&FIXED, resource, resource.spec_line("maxReplicas"), message);
        }
    }
}

/// Complains only where workloads of that kind were handed in with it: the target may be elsewhere.
fn check_target(context: &Context<'_>, found: &mut Findings) {
    let resource = context.resource;
    let Some(reference) = resource.root.at(&["spec", "scaleTargetRef"]) else { return };
    let Some(name) = reference.entry("name").filter(|name| !name.node.is_templated()) else {
        return;
    };
    let is_elsewhere = context.set.resources.iter().any(|other| scales(resource, other));
    let has_such = !is_elsewhere
        && context
            .set
            .beside(resource)
            .any(|other| Some(other.kind.as_str()) == reference.text_of("kind"));
    if has_such {
        let text = name.node.text().unwrap_or("?");
        let message = format!(
            "no {} here is called {text:?}",
            reference.text_of("kind").unwrap_or("workload")
        );
        found.present(&TARGET_MISSING, resource, name.line, message);
    }
}

fn check_requests(context: &Context<'_>, target: &Resource, found: &mut Findings) {
    let resource = context.resource;
    let Some(pod) = target.pod().filter(|_| !target.is_fragment) else { return };
    for (line, wanted) in utilisation_metrics(resource) {
        let lacking = pod.lasting_containers().into_iter().find(|container| {
            let has = |kind: &str| container.node.at(&["resources", kind, wanted]).is_some();
            !has("requests")
                && !has("limits")
                && pod.spec.at(&["resources", "requests", wanted]).is_none()
        });
        if let Some(container) = lacking {
            let message = format!(
                "container {:?} of {} requests no {wanted}",
                container.name,
                target.name.as_deref().unwrap_or("?")
            );
            found.present(&NO_REQUESTS, resource, line, message);
        }
    }
}

/// Returns the resources of which an autoscaler watches the share that is used, with their lines.
fn utilisation_metrics(autoscaler: &Resource) -> Vec<(usize, &str)> {
    let Some(spec) = autoscaler.spec() else { return Vec::new() };
    let mut metrics = Vec::new();
    for metric in spec.get("metrics").map_or(&[][..], Node::items) {
        let Some(resource) =
            metric.get("resource").filter(|_| metric.text_of("type") == Some("Resource"))
        else {
            continue;
        };
        let is_share = resource.at(&["target", "averageUtilization"]).is_some()
            || resource.get("targetAverageUtilization").is_some();
        if let Some(name) = resource.entry("name").filter(|_| is_share) {
            metrics.extend(name.node.text().map(|text| (name.line, text)));
        }
    }
    if let Some(entry) = spec.entry("targetCPUUtilizationPercentage") {
        metrics.push((entry.line, "cpu"));
    }
    metrics
}
