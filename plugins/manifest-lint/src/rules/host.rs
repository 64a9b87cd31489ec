//! Rules on what of its node a pod shares.

use super::Context;
use crate::finding::{Findings, Rule};
use crate::resource::Pod;
use crate::yaml::Node;

pub(super) static RULES: &[&Rule] = &[
    &NETWORK,
    &PROCESSES,
    &IPC,
    &HOST_PATH,
    &SENSITIVE_PATH,
    &RUNTIME_SOCKET,
    &HOST_PORT,
    &PROPAGATION,
];

static NETWORK: Rule = Rule::warning(
    "host-network",
    "The pod sees all traffic of its node, reaches services that listen on its loopback, and escapes network policies.",
    "Remove hostNetwork: true and expose ports through a Service.",
);

static PROCESSES: Rule = Rule::error(
    "host-pid",
    "The pod sees every process of its node, with their environments, and may signal or trace them.",
    "Remove hostPID: true.",
);

static IPC: Rule = Rule::error(
    "host-ipc",
    "The pod reads and writes the shared memory of its node's processes.",
    "Remove hostIPC: true; containers of one pod share memory without it.",
);

static HOST_PATH: Rule = Rule::warning(
    "host-path",
    "The pod depends on what lies on its node, changes it for others, and finds something else on another node.",
    "Use a PersistentVolumeClaim, an emptyDir, a ConfigMap, or a local volume.",
);

static SENSITIVE_PATH: Rule = Rule::error(
    "host-path-sensitive",
    "Whoever can write there, and in some of these whoever can read, takes over the node.",
    "Mount the one file or directory that is needed, readOnly, or do without.",
);

static RUNTIME_SOCKET: Rule = Rule::error(
    "container-runtime-socket",
    "Who speaks to the container runtime starts privileged containers: it is root on the node.",
    "Do without the socket: build images with a rootless builder, and ask the Kubernetes API about containers.",
);

static HOST_PORT: Rule = Rule::warning(
    "host-port",
    "Only one such pod fits on a node, and the port is open on the node's address, past Services and most policies.",
    "Remove hostPort and use a Service.",
);

static PROPAGATION: Rule = Rule::warning(
    "mount-propagation-bidirectional",
    "What the container mounts appears on its node and in other pods, and needs a privileged container.",
    "Use HostToContainer, or None.",
);

const RUNTIME_SOCKETS: &[&str] = &[
    "docker.sock",
    "containerd.sock",
    "crio.sock",
    "cri-dockerd.sock",
    "podman.sock",
    "dockershim.sock",
];

/// Directories that hold such a socket, or the node's own secrets and settings.
const SENSITIVE: &[&str] = &[
    "/",
    "/boot",
    "/etc",
    "/etc/kubernetes",
    "/home",
    "/root",
    "/run",
    "/usr",
    "/var",
    "/var/lib",
    "/var/lib/docker",
    "/var/lib/containerd",
    "/var/lib/etcd",
    "/var/lib/kubelet",
    "/var/run",
];

pub(super) fn check(context: &Context<'_>, found: &mut Findings) {
    let Some(pod) = context.pod else { return };
    for (key, rule) in [("hostNetwork", &NETWORK), ("hostPID", &PROCESSES), ("hostIPC", &IPC)] {
        if pod.spec.flag_of(key) == Some(true) {
            let message = format!("the pod has {key}: true");
            found.present(rule, context.resource, pod.line(key), message);
        }
    }
    for volume in pod.spec.get("volumes").map_or(&[][..], Node::items) {
        check_volume(context, volume, found);
    }
    check_containers(context, &pod, found);
}

fn check_volume(context: &Context<'_>, volume: &Node, found: &mut Findings) {
    let Some(host_path) = volume.entry("hostPath") else { return };
    let name = volume.text_of("name").unwrap_or("(unnamed)");
    let Some(path) = host_path.node.entry("path") else { return };
    let Some(text) = path.node.text().filter(|_| !path.node.is_templated()) else { return };
    let trimmed = match text.trim_end_matches('/') {
        "" => "/",
        trimmed => trimmed,
    };
    let last = trimmed.rsplit('/').next().unwrap_or_default();
    let message = format!("volume {name:?} mounts {text} of the node");
    let rule = if RUNTIME_SOCKETS.contains(&last) {
        &RUNTIME_SOCKET
    } else if SENSITIVE.contains(&trimmed) {
        &SENSITIVE_PATH
    } else {
        &HOST_PATH
    };
    found.present(rule, context.resource, path.line, message);
}

fn check_containers(context: &Context<'_>, pod: &Pod<'_>, found: &mut Findings) {
    let shares_network = pod.spec.flag_of("hostNetwork") == Some(true);
    for container in pod.containers() {
        for port in container.node.get("ports").map_or(&[][..], Node::items) {
            // With the node's network every port is one of the node's, and that has a finding of its own.
            let host_port = port
                .entry("hostPort")
                .filter(|entry| !shares_network && entry.node.text() != Some("0"));
            if let Some(entry) = host_port {
                let message = format!(
                    "container {:?} takes port {} of its node",
                    container.name,
                    entry.node.text().unwrap_or("?")
                );
                found.present(&HOST_PORT, context.resource, entry.line, message);
            }
        }
        for mount in container.node.get("volumeMounts").map_or(&[][..], Node::items) {
            if let Some(entry) =
                mount.entry("mountPropagation").filter(|e| e.node.text() == Some("Bidirectional"))
            {
                let message = format!(
                    "container {:?} mounts {} both ways",
                    container.name,
                    mount.text_of("name").unwrap_or("a volume")
                );
                found.present(&PROPAGATION, context.resource, entry.line, message);
            }
        }
    }
}
