//! Rules on the controllers that make pods: whether they find them, and how they start and end.

use super::Context;
use crate::finding::{Findings, Rule};
use crate::resource::{Life, Pod};
use crate::set::selector_selects;

pub(super) static RULES: &[&Rule] = &[
    &SELECTOR_MISSING,
    &SELECTOR_MISMATCH,
    &RESTART_POLICY,
    &JOB_BACKOFF,
    &JOB_TTL,
    &CONCURRENCY,
    &STARTING_DEADLINE,
    &HISTORY,
    &SCHEDULE,
    &SERVICE_NAME,
    &LEGACY_CONTROLLER,
];

static SELECTOR_MISSING: Rule = Rule::error(
    "selector-missing",
    "apps/v1 requires a selector; the API server refuses the object.",
    "Add spec.selector.matchLabels with labels of the template.",
);

static SELECTOR_MISMATCH: Rule = Rule::error(
    "selector-mismatch",
    "The controller would not find the pods that it makes; the API server refuses the object.",
    "Make the template's labels include all that the selector asks for.",
);

static RESTART_POLICY: Rule = Rule::error(
    "restart-policy-invalid",
    "The API server refuses it: jobs take Never or OnFailure (the default, Always, is refused too), and other controllers Always alone.",
    "Set restartPolicy: Never or OnFailure in a job's template, and leave it out elsewhere.",
);

static JOB_BACKOFF: Rule = Rule::info(
    "job-backoff-limit-missing",
    "A job that cannot succeed is tried seven times, with growing waits, before anyone is told.",
    "Set backoffLimit to as many retries as make sense.",
);

static JOB_TTL: Rule = Rule::info(
    "job-ttl-missing",
    "A finished job and its pods stay until somebody deletes them, and a job of the same name cannot be made again.",
    "Set ttlSecondsAfterFinished.",
);

static CONCURRENCY: Rule = Rule::warning(
    "cronjob-concurrency-policy-missing",
    "The default, Allow, starts the next run while the last is still at work: a slow job piles up.",
    "Set concurrencyPolicy: Forbid or Replace, or say Allow.",
);

static STARTING_DEADLINE: Rule = Rule::info(
    "cronjob-starting-deadline-missing",
    "A run that could not start in time is started whenever it can, however late; after a hundred missed ones none is.",
    "Set startingDeadlineSeconds to how late a run is still of use (at least 10).",
);

static HISTORY: Rule = Rule::info(
    "cronjob-history-limit",
    "With none of its failed jobs kept there are no logs to look at; with many, finished pods fill the cluster.",
    "Leave failedJobsHistoryLimit at 1 and successfulJobsHistoryLimit at 3, or near.",
);

static SCHEDULE: Rule = Rule::error(
    "cronjob-schedule-invalid",
    "The API server refuses a schedule that it cannot read, and a time zone within it.",
    "Write five fields or a macro such as @daily, and the zone in timeZone.",
);

static SERVICE_NAME: Rule = Rule::warning(
    "statefulset-service-name-missing",
    "Its pods get no names in DNS, so they cannot be addressed one by one; older clusters refuse it.",
    "Set serviceName to a headless Service.",
);

static LEGACY_CONTROLLER: Rule = Rule::info(
    "replication-controller",
    "ReplicationControllers were superseded: they have no rollouts and no set-based selectors.",
    "Use a Deployment.",
);

const MOST_HISTORY: i64 = 20;

pub(super) fn check(context: &Context<'_>, found: &mut Findings) {
    let resource = context.resource;
    if let Some(pod) = &context.pod {
        check_selector(context, pod, found);
        check_restart_policy(context, pod, found);
    }
    if resource.is("Job") {
        check_job(context, found);
    }
    if resource.is("CronJob") {
        check_cron_job(context, found);
    }
    if resource.is("StatefulSet")
        && resource.spec().is_some_and(|spec| spec.get("serviceName").is_none())
    {
        found.absent(&SERVICE_NAME, resource, resource.root.line, "it names no Service".to_owned());
    }
    if resource.is("ReplicationController") {
        found.present(
            &LEGACY_CONTROLLER,
            resource,
            resource.root.line,
            "it is a ReplicationController".to_owned(),
        );
    }
}

fn check_selector(context: &Context<'_>, pod: &Pod<'_>, found: &mut Findings) {
    let resource = context.resource;
    if !matches!(pod.life, Life::Replicated | Life::PerNode)
        || resource.kind == "ReplicationController"
    {
        return;
    }
    match resource.spec().and_then(|spec| spec.entry("selector")) {
        None if resource.api_version == "apps/v1" => {
            found.absent(
                &SELECTOR_MISSING,
                resource,
                resource.spec_line("selector"),
                "it has no selector".to_owned(),
            );
        }
        Some(selector) if !selector_selects(&selector.node, pod.labels()) => {
            let message = "the selector does not match the template's labels".to_owned();
            found.absent(&SELECTOR_MISMATCH, resource, selector.line, message);
        }
        _ => {}
    }
}

fn check_restart_policy(context: &Context<'_>, pod: &Pod<'_>, found: &mut Findings) {
    let resource = context.resource;
    let policy = pod.spec.entry("restartPolicy").filter(|policy| !policy.node.is_templated());
    let text = policy.and_then(|policy| policy.node.text());
    match (pod.life, text) {
        (Life::Batch, Some("Never" | "OnFailure"))
        | (Life::Replicated | Life::PerNode, None | Some("Always"))
        | (Life::Pod, _) => {}
        (Life::Batch, None) if pod.spec.get("restartPolicy").is_none() => {
            let message = "a job's pods need restartPolicy Never or OnFailure".to_owned();
            found.absent(&RESTART_POLICY, resource, pod.spec.line, message);
        }
        (_, Some(text)) => {
            let message = format!("restartPolicy {text} is not for a {}", resource.kind);
            found.present(&RESTART_POLICY, resource, pod.line("restartPolicy"), message);
        }
        _ => {}
    }
}

fn check_job(context: &Context<'_>, found: &mut Findings) {
    let resource = context.resource;
    let Some(spec) = resource.spec() else { return };
    if spec.get("backoffLimit").is_none() && spec.get("backoffLimitPerIndex").is_none() {
        found.absent(&JOB_BACKOFF, resource, spec.line, "it sets no backoffLimit".to_owned());
    }
    if spec.get("ttlSecondsAfterFinished").is_none() {
        found.absent(&JOB_TTL, resource, spec.line, "it stays after it finished".to_owned());
    }
}

fn check_cron_job(context: &Context<'_>, found: &mut Findings) {
    let resource = context.resource;
    let Some(spec) = resource.spec() else { return };
    if spec.get("concurrencyPolicy").is_none() {
        found.absent(&CONCURRENCY, resource, spec.line, "runs may overlap".to_owned());
    }
    if spec.get("startingDeadlineSeconds").is_none() {
        found.absent(
            &STARTING_DEADLINE,
            resource,
            spec.line,
            "a run may start however late".to_owned(),
        );
    }
    for key in ["successfulJobsHistoryLimit", "failedJobsHistoryLimit"] {
        let Some(kept) = spec.number_of(key) else { continue };
        if kept > MOST_HISTORY || kept == 0 && key == "failedJobsHistoryLimit" {
            found.present(&HISTORY, resource, resource.spec_line(key), format!("{key} is {kept}"));
        }
    }
    let schedule = spec.entry("schedule").filter(|schedule| !schedule.node.is_templated());
    if let Some((line, text)) =
        schedule.and_then(|entry| entry.node.text().map(|text| (entry.line, text)))
        && !is_schedule(text)
    {
        found.present(&SCHEDULE, resource, line, format!("{text:?} is no schedule"));
    }
    if let Some(template) = spec.at(&["jobTemplate", "spec"])
        && template.get("backoffLimit").is_none()
        && template.get("backoffLimitPerIndex").is_none()
    {
        found.absent(
            &JOB_BACKOFF,
            resource,
            template.line,
            "its jobs set no backoffLimit".to_owned(),
        );
    }
}

fn is_schedule(text: &str) -> bool {
    const MACROS: [&str; 7] =
        ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];
    if MACROS.contains(&text)
        || text.strip_prefix("@every ").is_some_and(|rest| !rest.trim().is_empty())
    {
        return true;
    }
    const MONTHS: &[&str] =
        &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    const DAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
    let ranges: [(u32, u32, &[&str]); 5] =
        [(0, 59, &[]), (0, 23, &[]), (1, 31, &[]), (1, 12, MONTHS), (0, 6, DAYS)];
    let fields: Vec<&str> = text.split_whitespace().collect();
    fields.len() == ranges.len()
        && fields.iter().zip(ranges).all(|(field, range)| is_schedule_field(field, range))
}

fn is_schedule_field(field: &str, (low, high, names): (u32, u32, &[&str])) -> bool {
    let value = |text: &str| {
        let named =
            names.iter().position(|name| name.eq_ignore_ascii_case(text)).map(|at| at as u32 + low);
        named.or_else(|| text.parse().ok()).filter(|value| (low..=high).contains(value))
    };
    field.split(',').all(|part| {
        let (range, step) =
            part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        let is_step = step.is_none_or(|step| step.parse::<u32>().is_ok_and(|step| step > 0));
        let is_range = match range.split_once('-') {
            _ if range == "*" || range == "?" => true,
            Some((from, to)) => {
                matches!((value(from), value(to)), (Some(from), Some(to)) if from <= to)
            }
            None => value(range).is_some(),
        };
        is_step && is_range
    })
}

#[cfg(test)]
mod tests {
    use super::is_schedule;

    #[test]
    fn schedules_are_read_as_the_api_server_reads_them() {
        for good in [
            "*/5 * * * *",
            "0 3 * * 1-5",
            "@daily",
            "0 0 1,15 * ?",
            "0 0 * JAN sun",
            "30 4-6/2 * * *",
        ] {
            assert!(is_schedule(good), "{good}");
        }
        for bad in [
            "",
            "* * * *",
            "60 * * * *",
            "0 0 0 * *",
            "TZ=UTC 0 0 * * *",
            "@never",
            "*/0 * * * *",
            "5-1 * * * *",
            "0 0 * * 7",
        ] {
            assert!(!is_schedule(bad), "{bad}");
        }
    }
}
