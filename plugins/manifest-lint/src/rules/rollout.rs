//! Rules on how many pods there are, and what happens to them when versions and nodes change.

use super::Context;
use crate::finding::{Findings, Rule};
use crate::resource::{Pod, Resource};
use crate::set::{same_namespace, selector_selects};
use crate::yaml::Node;

pub(super) static RULES: &[&Rule] =
    &[&SINGLE_REPLICA, &NO_BUDGET, &BUDGET_BLOCKS, &STUCK, &UNAVAILABLE, &SHARED_DISK];

static SINGLE_REPLICA: Rule = Rule::info(
    "single-replica",
    "Whenever its node is drained or its pod restarts, nobody serves.",
    "Run two or more, with a PodDisruptionBudget; or strategy Recreate where there may be only one.",
);

static NO_BUDGET: Rule = Rule::info(
    "pod-disruption-budget-missing",
    "Draining nodes may take all its pods at once.",
    "Add a PodDisruptionBudget that selects its pods.",
);

static BUDGET_BLOCKS: Rule = Rule::warning(
    "pod-disruption-budget-blocks",
    "No pod may ever be evicted, so nodes cannot be drained and cluster upgrades hang.",
    "Permit one: maxUnavailable: 1, or a minAvailable below the number of replicas.",
);

static STUCK: Rule = Rule::error(
    "rollout-stuck",
    "With neither a pod more nor a pod less no rollout can begin; the API server refuses it.",
    "Set maxSurge or maxUnavailable to at least 1.",
);

static UNAVAILABLE: Rule = Rule::warning(
    "rollout-takes-all-down",
    "Each rollout stops all pods at once.",
    "Set maxUnavailable below 100%, or strategy Recreate where that is meant.",
);

static SHARED_DISK: Rule = Rule::warning(
    "replicas-share-single-writer-volume",
    "A ReadWriteOnce volume is attached to one node: replicas elsewhere never start, and a rolling update waits for itself.",
    "Use a StatefulSet with volumeClaimTemplates, or a ReadWriteMany claim.",
);

pub(super) fn check(context: &Context<'_>, found: &mut Findings) {
    if context.resource.is("PodDisruptionBudget") {
        check_budget(context, found);
    }
    if let Some(pod) = &context.pod
        && context.resource.is("Deployment")
    {
        check_deployment(context, pod, found);
        check_strategy(context, found);
    }
}

fn check_deployment(context: &Context<'_>, pod: &Pod<'_>, found: &mut Findings) {
    let resource = context.resource;
    let Some(spec) = resource.spec() else { return };
    if spec.get("replicas").is_some_and(Node::is_templated) {
        return;
    }
    let replicas = spec.number_of("replicas").unwrap_or(1);
    let is_scaled = context.set.resources.iter().any(|other| scales(other, resource));
    let recreates = spec.at(&["strategy", "type"]).and_then(Node::text) == Some("Recreate");
    let has_budget = context.set.resources.iter().any(|other| {
        other.is("PodDisruptionBudget")
            && same_namespace(other, resource)
            && other
                .root
                .at(&["spec", "selector"])
                .is_some_and(|selector| selector_selects(selector, pod.labels()))
    });
    if replicas == 1 && !is_scaled && !recreates {
        let message = "it runs one pod".to_owned();
        found.absent(&SINGLE_REPLICA, resource, resource.spec_line("replicas"), message);
    }
    if replicas > 1 && !has_budget {
        let message = format!("no PodDisruptionBudget covers its {replicas} pods");
        found.absent(&NO_BUDGET, resource, resource.spec_line("replicas"), message);
    }
    if replicas > 1 {
        check_disks(context, pod, replicas, found);
    }
}

/// Returns whether a resource is an autoscaler of another.
pub(super) fn scales(autoscaler: &Resource, target: &Resource) -> bool {
    let reference = autoscaler.root.at(&["spec", "scaleTargetRef"]).filter(|_| {
        matches!(autoscaler.kind.as_str(), "HorizontalPodAutoscaler" | "ScaledObject")
            && same_namespace(autoscaler, target)
    });
    reference.is_some_and(|reference| {
        reference.text_of("name").is_some_and(|name| Some(name) == target.name.as_deref())
            && reference.text_of("kind").unwrap_or("Deployment") == target.kind
    })
}

fn check_disks(context: &Context<'_>, pod: &Pod<'_>, replicas: i64, found: &mut Findings) {
    for volume in pod.spec.get("volumes").map_or(&[][..], Node::items) {
        let Some(claim) =
            volume.get("persistentVolumeClaim").and_then(|source| source.entry("claimName"))
        else {
            continue;
        };
        let name = claim.node.text();
        let is_single_writer = context.set.beside(context.resource).any(|other| {
            let modes = other.root.at(&["spec", "accessModes"]).map_or(&[][..], Node::items);
            other.is("PersistentVolumeClaim")
                && other.name.as_deref() == name
                && !modes.is_empty()
                && modes
                    .iter()
                    .all(|mode| matches!(mode.text(), Some("ReadWriteOnce" | "ReadWriteOncePod")))
        });
        if is_single_writer {
            let message = format!("{replicas} pods share the claim {:?}", name.unwrap_or("?"));
            found.present(&SHARED_DISK, context.resource, claim.line, message);
        }
    }
}

fn check_strategy(context: &Context<'_>, found: &mut Findings) {
    let resource = context.resource;
    let Some(rolling) = resource.root.at(&["spec", "strategy", "rollingUpdate"]) else { return };
    let is_zero = |key: &str| matches!(rolling.text_of(key), Some("0" | "0%"));
    let line = |key: &str| rolling.entry(key).map_or(rolling.line, |entry| entry.line);
    if is_zero("maxSurge") && is_zero("maxUnavailable") {
        let message = "maxSurge and maxUnavailable are both 0".to_owned();
        found.present(&STUCK, resource, line("maxUnavailable"), message);
    }
    if rolling.text_of("maxUnavailable") == Some("100%") {
        let message = "maxUnavailable is 100%".to_owned();
        found.present(&UNAVAILABLE, resource, line("maxUnavailable"), message);
    }
}

fn check_budget(context: &Context<'_>, found: &mut Findings) {
    let budget = context.resource;
    let Some(spec) = budget.spec() else { return };
    let selector = spec.get("selector");
    let mut covered = context.set.pods_beside(budget).filter(|(other, pod)| {
        other.is("Deployment")
            && selector.is_some_and(|selector| selector_selects(selector, pod.labels()))
    });
    let (key, message) = match (spec.text_of("maxUnavailable"), spec.text_of("minAvailable")) {
        (Some(none @ ("0" | "0%")), _) => ("maxUnavailable", format!("maxUnavailable is {none}")),
        (_, Some("100%")) => ("minAvailable", "minAvailable is 100%".to_owned()),
        (_, Some(least)) => {
            let Ok(least) = least.parse::<i64>() else { return };
            let replicas = |deployment: &Resource| {
                let is_scaled = context.set.resources.iter().any(|other| scales(other, deployment));
                let count = deployment.spec().and_then(|spec| spec.number_of("replicas"));
                count.or((!deployment.is_fragment).then_some(1)).filter(|_| !is_scaled)
            };
            let Some((deployment, count)) =
                covered.find_map(|(other, _)| Some((other, replicas(other)?)))
            else {
                return;
            };
            if least < count {
                return;
            }
            let name = deployment.name.as_deref().unwrap_or("?");
            ("minAvailable", format!("minAvailable is {least}, and {name} has {count} replicas"))
        }
        _ => return,
    };
    found.present(&BUDGET_BLOCKS, budget, budget.spec_line(key), message);
}
