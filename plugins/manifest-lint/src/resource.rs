//! A Kubernetes object as a document says it, and the pod that it makes where it makes one.

use crate::yaml::Node;
use std::rc::Rc;

/// One object.
#[derive(Debug)]
pub(crate) struct Resource {
    pub(crate) file: Rc<str>,
    pub(crate) document: usize,
    pub(crate) root: Rc<Node>,
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) name: Option<String>,
    pub(crate) namespace: Option<String>,
    /// Whether more of it comes from elsewhere (a patch, a template), so that what is missing means nothing.
    pub(crate) is_fragment: bool,
}

/// The API groups of Kubernetes itself. Others are custom resources, of which nothing is known here.
const BUILT_IN_GROUPS: &[&str] = &[
    "",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "extensions",
    "flowcontrol.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
    "storagemigration.k8s.io",
];

impl Resource {
    /// Reads an object, where the node is one: it says an `apiVersion` and a `kind`.
    pub(crate) fn read(
        file: &Rc<str>,
        document: usize,
        root: &Rc<Node>,
        is_templated: bool,
    ) -> Option<Self> {
        let api_version = root.text_of("apiVersion")?.to_owned();
        let kind = root.text_of("kind")?.to_owned();
        let metadata = |key| root.at(&["metadata", key]).and_then(Node::text).map(str::to_owned);
        let mut resource = Self {
            file: Rc::clone(file),
            document,
            root: Rc::clone(root),
            api_version,
            kind,
            name: metadata("name").or_else(|| metadata("generateName")),
            namespace: metadata("namespace"),
            is_fragment: false,
        };
        resource.is_fragment = is_templated || resource.looks_like_a_patch();
        Some(resource)
    }

    /// Returns the API group, empty for the core.
    pub(crate) fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// Returns whether Kubernetes itself defines this kind.
    pub(crate) fn is_built_in(&self) -> bool {
        let version = self.api_version.rsplit('/').next().unwrap_or_default();
        let is_version = version
            .strip_prefix('v')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        is_version && BUILT_IN_GROUPS.contains(&self.group())
    }

    /// Returns whether this is a built-in kind of that name.
    pub(crate) fn is(&self, kind: &str) -> bool {
        self.kind == kind && self.is_built_in()
    }

    pub(crate) fn spec(&self) -> Option<&Node> {
        self.root.get("spec")
    }

    pub(crate) fn labels(&self) -> Option<&Node> {
        self.root.at(&["metadata", "labels"])
    }

    /// Returns the line of `metadata.name`, or of the object.
    pub(crate) fn name_line(&self) -> usize {
        let named = self.root.get("metadata").and_then(|metadata| metadata.entry("name"));
        named.map_or(self.root.line, |entry| entry.line)
    }

    /// Returns the line of a key of `spec`, or the next best place above it.
    pub(crate) fn spec_line(&self, key: &str) -> usize {
        let spec = self.root.entry("spec");
        let entry = spec.and_then(|spec| spec.node.entry(key)).or(spec);
        entry.map_or(self.root.line, |entry| entry.line)
    }

    /// Returns the pod that this object is or makes.
    pub(crate) fn pod(&self) -> Option<Pod<'_>> {
        let (path, life): (&[&str], Life) = match (self.group(), self.kind.as_str()) {
            ("", "Pod") => (&[], Life::Pod),
            ("", "ReplicationController")
            | ("apps" | "extensions", "Deployment" | "ReplicaSet") => {
                (&["spec", "template"], Life::Replicated)
            }
            ("apps", "StatefulSet") => (&["spec", "template"], Life::Replicated),
            ("apps" | "extensions", "DaemonSet") => (&["spec", "template"], Life::PerNode),
            ("", "PodTemplate") => (&["template"], Life::Pod),
            ("batch", "Job") => (&["spec", "template"], Life::Batch),
            ("batch", "CronJob") => (&["spec", "jobTemplate", "spec", "template"], Life::Batch),
            _ => return None,
        };
        let template = self.root.at(path)?;
        Some(Pod { template, spec: template.get("spec")?, life })
    }

    /// A workload that says no image says a part of itself: a patch, to be merged onto the rest.
    fn looks_like_a_patch(&self) -> bool {
        if self.root.get("$patch").is_some() {
            return true;
        }
        let makes_pods = matches!(
            self.kind.as_str(),
            "Pod"
                | "Deployment"
                | "ReplicaSet"
                | "StatefulSet"
                | "DaemonSet"
                | "ReplicationController"
                | "Job"
                | "CronJob"
        );
        let has_image =
            |pod: &Pod<'_>| pod.containers().iter().any(|c| c.node.get("image").is_some());
        makes_pods && self.is_built_in() && !self.pod().is_some_and(|pod| has_image(&pod))
    }
}

/// How long pods of this origin live, and who brings them back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    /// By itself, brought back by nobody.
    Pod,
    /// Any number, for ever.
    Replicated,
    /// One on each node, for ever.
    PerNode,
    /// Until it is done.
    Batch,
}

/// A pod, or the template of one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pod<'a> {
    /// Holds `metadata` and `spec`.
    pub(crate) template: &'a Node,
    pub(crate) spec: &'a Node,
    pub(crate) life: Life,
}

/// What a container is in its pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    App,
    /// Runs to its end before the others start.
    Init,
    /// An init container that keeps running beside the others.
    Sidecar,
}

/// A container of a pod.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Container<'a> {
    pub(crate) node: &'a Node,
    pub(crate) name: &'a str,
    pub(crate) role: Role,
}

impl<'a> Pod<'a> {
    pub(crate) fn labels(&self) -> Option<&'a Node> {
        self.template.at(&["metadata", "labels"])
    }

    /// Returns all containers, those that only initialise included.
    pub(crate) fn containers(&self) -> Vec<Container<'a>> {
        let container = |node: &'a Rc<Node>, role| Container {
            node,
            name: node.text_of("name").unwrap_or("(unnamed)"),
            role,
        };
        let init =
            self.spec.get("initContainers").map_or(&[][..], Node::items).iter().map(|node| {
                let stays = node.text_of("restartPolicy") == Some("Always");
                container(node, if stays { Role::Sidecar } else { Role::Init })
            });
        let app = self.spec.get("containers").map_or(&[][..], Node::items).iter();
        init.chain(app.map(|node| container(node, Role::App))).collect()
    }

    /// Returns the containers that run as long as the pod does.
    pub(crate) fn lasting_containers(&self) -> Vec<Container<'a>> {
        self.containers().into_iter().filter(|container| container.role != Role::Init).collect()
    }

    /// Returns whether the pod is meant to run until it is done.
    pub(crate) fn ends(&self) -> bool {
        self.life == Life::Batch
            || matches!(self.spec.text_of("restartPolicy"), Some("Never" | "OnFailure"))
    }

    pub(crate) fn is_windows(&self) -> bool {
        self.spec.at(&["os", "name"]).and_then(Node::text) == Some("windows")
            || self.spec.at(&["nodeSelector", "kubernetes.io/os"]).and_then(Node::text)
                == Some("windows")
    }

    /// Returns the line of a key of the pod's spec, or that of the spec.
    pub(crate) fn line(&self, key: &str) -> usize {
        self.spec.entry(key).map_or(self.spec.line, |entry| entry.line)
    }
}

impl<'a> Container<'a> {
    /// Returns a key of the container's security context, or else of the pod's.
    pub(crate) fn security(&self, pod: &Pod<'a>, key: &str) -> Option<&'a crate::yaml::Entry> {
        let own = self.node.get("securityContext").and_then(|context| context.entry(key));
        own.or_else(|| pod.spec.get("securityContext").and_then(|context| context.entry(key)))
    }

    /// Returns the truth value of a key of the container's own security context.
    pub(crate) fn own_flag(&self, key: &str) -> Option<bool> {
        self.node.get("securityContext").and_then(|context| context.flag_of(key))
    }

    pub(crate) fn is_privileged(&self) -> bool {
        self.own_flag("privileged") == Some(true)
    }

    /// Returns the line of the container's own key, or that of the container.
    pub(crate) fn line(&self, key: &str) -> usize {
        self.node.entry(key).map_or(self.node.line, |entry| entry.line)
    }
}
