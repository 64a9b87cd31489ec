//! Rules on API versions that clusters no longer serve, or soon will not.

use super::Context;
use crate::finding::{Findings, Rule};

pub(super) static RULES: &[&Rule] = &[&REMOVED, &DEPRECATED];

static REMOVED: Rule = Rule::error(
    "api-version-removed",
    "The cluster does not know this version any more: applying it fails.",
    "Move to the version that replaced it; fields may have changed.",
);

static DEPRECATED: Rule = Rule::warning(
    "api-version-deprecated",
    "A later version of Kubernetes does not serve it, and the upgrade of the cluster breaks this.",
    "Move to the version that replaces it; fields may have changed.",
);

/// What a version of Kubernetes' deprecation guide says of one API.
struct Retired {
    api_version: &'static str,
    /// Empty for all kinds of this version.
    kinds: &'static [&'static str],
    /// The minor version that first warned; the one that no longer serves it.
    deprecated: u32,
    removed: u32,
    replacement: &'static str,
}

const fn retired(
    api_version: &'static str,
    kinds: &'static [&'static str],
    (deprecated, removed): (u32, u32),
    replacement: &'static str,
) -> Retired {
    Retired { api_version, kinds, deprecated, removed, replacement }
}

static RETIRED: &[Retired] = &[
    retired("extensions/v1beta1", &["Deployment", "DaemonSet", "ReplicaSet"], (8, 16), "apps/v1"),
    retired("extensions/v1beta1", &["NetworkPolicy"], (9, 16), "networking.k8s.io/v1"),
    retired("extensions/v1beta1", &["PodSecurityPolicy"], (10, 16), "Pod Security Admission"),
    retired("extensions/v1beta1", &["Ingress"], (14, 22), "networking.k8s.io/v1"),
    retired("apps/v1beta1", &[], (9, 16), "apps/v1"),
    retired("apps/v1beta2", &[], (9, 16), "apps/v1"),
    retired(
        "networking.k8s.io/v1beta1",
        &["Ingress", "IngressClass"],
        (19, 22),
        "networking.k8s.io/v1",
    ),
    retired("rbac.authorization.k8s.io/v1alpha1", &[], (17, 22), "rbac.authorization.k8s.io/v1"),
    retired("rbac.authorization.k8s.io/v1beta1", &[], (17, 22), "rbac.authorization.k8s.io/v1"),
    retired(
        "admissionregistration.k8s.io/v1beta1",
        &["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"],
        (16, 22),
        "admissionregistration.k8s.io/v1",
    ),
    retired("apiextensions.k8s.io/v1beta1", &[], (16, 22), "apiextensions.k8s.io/v1"),
    retired("apiregistration.k8s.io/v1beta1", &[], (10, 22), "apiregistration.k8s.io/v1"),
    retired(
        "authentication.k8s.io/v1beta1",
        &["TokenReview"],
        (19, 22),
        "authentication.k8s.io/v1",
    ),
    retired("authorization.k8s.io/v1beta1", &[], (19, 22), "authorization.k8s.io/v1"),
    retired(
        "certificates.k8s.io/v1beta1",
        &["CertificateSigningRequest"],
        (19, 22),
        "certificates.k8s.io/v1",
    ),
    retired("coordination.k8s.io/v1beta1", &["Lease"], (19, 22), "coordination.k8s.io/v1"),
    retired("scheduling.k8s.io/v1beta1", &["PriorityClass"], (14, 22), "scheduling.k8s.io/v1"),
    retired(
        "storage.k8s.io/v1beta1",
        &["CSIDriver", "CSINode", "StorageClass", "VolumeAttachment"],
        (19, 22),
        "storage.k8s.io/v1",
    ),
    retired("batch/v1beta1", &["CronJob"], (21, 25), "batch/v1"),
    retired("batch/v2alpha1", &["CronJob"], (8, 21), "batch/v1"),
    retired("discovery.k8s.io/v1beta1", &["EndpointSlice"], (21, 25), "discovery.k8s.io/v1"),
    retired("events.k8s.io/v1beta1", &["Event"], (19, 25), "events.k8s.io/v1"),
    retired("autoscaling/v2beta1", &[], (22, 25), "autoscaling/v2"),
    retired("policy/v1beta1", &["PodDisruptionBudget"], (21, 25), "policy/v1"),
    retired("policy/v1beta1", &["PodSecurityPolicy"], (21, 25), "Pod Security Admission"),
    retired("node.k8s.io/v1beta1", &["RuntimeClass"], (20, 25), "node.k8s.io/v1"),
    retired("autoscaling/v2beta2", &[], (23, 26), "autoscaling/v2"),
    retired(
        "flowcontrol.apiserver.k8s.io/v1beta1",
        &[],
        (23, 26),
        "flowcontrol.apiserver.k8s.io/v1",
    ),
    retired("storage.k8s.io/v1beta1", &["CSIStorageCapacity"], (24, 27), "storage.k8s.io/v1"),
    retired(
        "flowcontrol.apiserver.k8s.io/v1beta2",
        &[],
        (26, 29),
        "flowcontrol.apiserver.k8s.io/v1",
    ),
    retired(
        "flowcontrol.apiserver.k8s.io/v1beta3",
        &[],
        (29, 32),
        "flowcontrol.apiserver.k8s.io/v1",
    ),
];

pub(super) fn check(context: &Context<'_>, found: &mut Findings) {
    let resource = context.resource;
    let is_meant = |retired: &&Retired| {
        retired.api_version == resource.api_version
            && (retired.kinds.is_empty() || retired.kinds.contains(&resource.kind.as_str()))
    };
    let Some(retired) = RETIRED.iter().find(is_meant) else { return };
    let line = resource.root.entry("apiVersion").map_or(resource.root.line, |entry| entry.line);
    let Retired { api_version, removed, replacement, .. } = retired;
    if context.kubernetes_minor >= *removed {
        let message = format!(
            "{} of {api_version} was removed in Kubernetes 1.{removed}; use {replacement}",
            resource.kind
        );
        found.present(&REMOVED, resource, line, message);
    } else if context.kubernetes_minor >= retired.deprecated {
        let message = format!(
            "{} of {api_version} goes in Kubernetes 1.{removed}; use {replacement}",
            resource.kind
        );
        found.present(&DEPRECATED, resource, line, message);
    }
}
