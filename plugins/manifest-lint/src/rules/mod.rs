//! The rules, a file for each family. A family lists its rules and has one function that checks them all.

mod autoscaling;
mod files;
mod host;
mod images;
mod metadata;
mod network;
mod pods;
mod probes;
mod rbac;
mod resources;
mod rollout;
mod secrets;
mod security;
mod versions;
mod workloads;

pub(crate) use files::{DUPLICATE_KEY, SYNTAX, TEMPLATED};

use crate::finding::{Findings, Rule};
use crate::resource::{Pod, Resource};
use crate::set::Set;

/// What a rule may look at.
pub(crate) struct Context<'a> {
    pub(crate) set: &'a Set,
    pub(crate) resource: &'a Resource,
    /// The pod that the resource is or makes.
    pub(crate) pod: Option<Pod<'a>>,
    /// The minor version of the cluster that the manifests are for: 31 for 1.31.
    pub(crate) kubernetes_minor: u32,
}

type Check = fn(&Context<'_>, &mut Findings);

static FAMILIES: &[(&[&Rule], Check)] = &[
    (resources::RULES, resources::check),
    (probes::RULES, probes::check),
    (security::RULES, security::check),
    (host::RULES, host::check),
    (images::RULES, images::check),
    (pods::RULES, pods::check),
    (workloads::RULES, workloads::check),
    (rollout::RULES, rollout::check),
    (autoscaling::RULES, autoscaling::check),
    (network::RULES, network::check),
    (rbac::RULES, rbac::check),
    (secrets::RULES, secrets::check),
    (metadata::RULES, metadata::check),
    (versions::RULES, versions::check),
];

/// Returns every rule, those on files first.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    files::RULES.iter().chain(FAMILIES.iter().flat_map(|(rules, _)| rules.iter())).copied()
}

/// Checks one resource.
pub(crate) fn check(context: &Context<'_>, found: &mut Findings) {
    for (_, check) in FAMILIES {
        check(context, found);
    }
}
