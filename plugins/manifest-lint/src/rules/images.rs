//! Rules on which image a container runs.

use super::Context;
use crate::finding::{Findings, Rule};

pub(super) static RULES: &[&Rule] = &[&MUTABLE_TAG, &STALE, &NEEDLESS_PULL, &MALFORMED];

static MUTABLE_TAG: Rule = Rule::warning(
    "image-tag-latest",
    "What runs depends on when a node pulled it: pods of one rollout differ, and there is nothing to roll back to.",
    "Name a version, or better a digest.",
);

static STALE: Rule = Rule::warning(
    "image-pull-policy-stale",
    "A tag that moves is not pulled again where a node has some older image of it.",
    "Name a version or a digest, or set imagePullPolicy: Always.",
);

static NEEDLESS_PULL: Rule = Rule::info(
    "image-pull-policy-needless",
    "A digest never changes, so asking the registry at each start only makes starting depend on the registry.",
    "Set imagePullPolicy: IfNotPresent, unless the registry's check of credentials is what you want.",
);

static MALFORMED: Rule = Rule::error(
    "image-malformed",
    "The container runtime refuses the name, and the pod stays in InvalidImageName.",
    "Write REGISTRY/REPOSITORY:TAG, the repository in lower case and without spaces.",
);

pub(super) fn check(context: &Context<'_>, found: &mut Findings) {
    let Some(pod) = context.pod else { return };
    for container in pod.containers() {
        let Some(image) = container.node.entry("image") else { continue };
        let Some(text) = image.node.text().filter(|_| !image.node.is_templated()) else { continue };
        let name = container.name;
        let reference = Reference::of(text);
        if reference.is_malformed() {
            found.present(
                &MALFORMED,
                context.resource,
                image.line,
                format!("container {name:?} has the image {text:?}"),
            );
            continue;
        }
        if context.set.kustomizations.sets_image(&context.resource.file, reference.repository) {
            continue;
        }
        let moves = reference.digest.is_none() && matches!(reference.tag, None | Some("latest"));
        let policy = container.node.entry("imagePullPolicy");
        if moves {
            let message = format!("container {name:?} runs {text}, whatever that is at the time");
            found.present(&MUTABLE_TAG, context.resource, image.line, message);
        }
        match policy.and_then(|policy| policy.node.text().map(|text| (policy.line, text))) {
            Some((line, "IfNotPresent" | "Never")) if moves => {
                let message = format!("container {name:?} runs {text} as the node has it");
                found.present(&STALE, context.resource, line, message);
            }
            Some((line, "Always")) if reference.digest.is_some() => {
                let message = format!("container {name:?} pulls a digest at each start");
                found.present(&NEEDLESS_PULL, context.resource, line, message);
            }
            _ => {}
        }
    }
}

/// The parts of an image's name.
struct Reference<'a> {
    repository: &'a str,
    tag: Option<&'a str>,
    digest: Option<&'a str>,
}

impl<'a> Reference<'a> {
    fn of(text: &'a str) -> Self {
        let (name, digest) =
            text.split_once('@').map_or((text, None), |(name, digest)| (name, Some(digest)));
        // A colon before the last slash belongs to the registry's port.
        let after_slash = name.rfind('/').map_or(0, |at| at + 1);
        match name[after_slash..].find(':') {
            Some(at) => Self {
                repository: &name[..after_slash + at],
                tag: Some(&name[after_slash + at + 1..]),
                digest,
            },
            None => Self { repository: name, tag: None, digest },
        }
    }

    fn is_malformed(&self) -> bool {
        let path = match self.repository.split_once('/') {
            // The registry's host may have upper case.
            Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => path,
            _ => self.repository,
        };
        let is_permitted =
            |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' | b'/');
        let is_tag_byte =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        path.is_empty()
            || !path.bytes().all(is_permitted)
            || self.tag.is_some_and(|tag| {
                tag.is_empty() || tag.len() > 128 || !tag.bytes().all(is_tag_byte)
            })
            || self.digest.is_some_and(|digest| !digest.contains(':'))
    }
}
