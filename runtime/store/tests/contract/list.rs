//! Lists: every combination of filters, against what a plain filter over all tasks says.

use errand_core::*;
use serde_json::json;

use crate::support::*;

crate::cases!(
    every_filter_gives_what_it_names_newest_first,
    cursors_go_through_everything_once,
    a_page_of_large_outputs_ends_early_with_a_cursor,
);

async fn every_filter_gives_what_it_names_newest_first(store: &dyn Store) {
    let namespaces = ["default", "other"].map(|name| Namespace::new(name).unwrap());
    let parents = [id(), id()];
    let contexts = ["one", "two"].map(|name| ContextId::new(name).unwrap());
    let mut all = Vec::new();
    for n in 0..72 {
        let mut new = submission();
        new.namespace = namespaces[n % 2].clone();
        new.executor = executor(["python", "lint"][n / 2 % 2], (n / 4 % 2) as u8);
        new.parent_id = (n % 3 == 0).then(|| parents[n / 3 % 2]);
        new.context_id = (n % 5 == 0).then(|| contexts[n / 5 % 2].clone());
        new.labels.insert("n".into(), (n % 7).to_string());
        let mut task = submit(store, new).await;
        match n % 4 {
            1 => {
                let failed = EventBody::Failed { error: error(ErrorCode::Lost), left: None };
                task = append(store, task.id, Guard::Version(1), vec![failed]).await.unwrap();
            }
            2 => {
                let bodies = vec![started(1), completed(json!(n))];
                task = append(store, task.id, Guard::Version(1), bodies).await.unwrap();
            }
            _ => {}
        }
        all.insert(0, task);
    }
    let mut tried = 0;
    for mask in 0..128_u32 {
        let on = |bit: u32| mask & 1 << bit != 0;
        for n in [0, 1, 2, 33] {
            let like: &Task = &all[n];
            let filter = ListFilter {
                status: on(0).then_some(like.status),
                executor: on(1).then(|| like.executor.name.clone()),
                digest: on(2).then_some(like.executor.digest),
                parent_id: on(3).then(|| like.parent_id.unwrap_or(parents[0])),
                context_id: on(4).then(|| like.context_id.clone().unwrap_or(contexts[1].clone())),
                label: on(5).then(|| ("n".into(), like.labels["n"].clone())),
            };
            let namespace = on(6).then(|| like.namespace.clone());
            let expected: Vec<TaskId> = all
                .iter()
                .filter(|task| fits(task, &filter, namespace.as_ref()))
                .map(|task| task.id)
                .collect();
            let query = ListQuery { namespace, filter, before: None, limit: 500 };
            let page = store.list(query.clone()).await.unwrap();
            assert_eq!(ids(&page.items), expected, "{query:?}");
            assert_eq!(page.next, None);
            tried += usize::from(!expected.is_empty());
        }
    }
    assert!(tried > 100, "the filters must find something to show anything");
}

fn fits(task: &Task, filter: &ListFilter, namespace: Option<&Namespace>) -> bool {
    namespace.is_none_or(|namespace| task.namespace == *namespace)
        && filter.status.is_none_or(|status| task.status == status)
        && filter.executor.as_ref().is_none_or(|name| task.executor.name == *name)
        && filter.digest.is_none_or(|digest| task.executor.digest == digest)
        && filter.parent_id.is_none_or(|parent| task.parent_id == Some(parent))
        && filter.context_id.as_ref().is_none_or(|id| task.context_id.as_ref() == Some(id))
        && filter.label.as_ref().is_none_or(|(name, value)| task.labels.get(name) == Some(value))
}

async fn cursors_go_through_everything_once(store: &dyn Store) {
    let mut all = Vec::new();
    for n in 0..25 {
        let mut new = submission();
        new.executor = executor("python", n % 3);
        all.insert(0, submit(store, new).await.id);
    }
    for status in [None, Some(Status::Queued)] {
        for limit in [1, 5, 7, 25, 26] {
            let filter = ListFilter { status, ..ListFilter::default() };
            let mut query = ListQuery { namespace: None, filter, before: None, limit };
            let mut seen = Vec::new();
            loop {
                let page = store.list(query.clone()).await.unwrap();
                assert!(page.items.len() <= limit);
                seen.extend(ids(&page.items));
                match page.next {
                    Some(next) => query.before = Some(next),
                    None => break,
                }
            }
            assert_eq!(seen, all);
        }
    }
}

async fn a_page_of_large_outputs_ends_early_with_a_cursor(store: &dyn Store) {
    let output = json!("x".repeat(1 << 20));
    for _ in 0..40 {
        let task = submit(store, submission()).await;
        let bodies = vec![started(1), completed(output.clone())];
        append(store, task.id, Guard::Version(1), bodies).await.unwrap();
    }
    let mut query =
        ListQuery { namespace: None, filter: ListFilter::default(), before: None, limit: 500 };
    let (mut seen, mut pages) = (0, 0);
    loop {
        let page = store.list(query.clone()).await.unwrap();
        assert!(page.items.len() < 20, "{} MiB on a page", page.items.len());
        seen += page.items.len();
        pages += 1;
        match page.next {
            Some(next) => query.before = Some(next),
            None => break,
        }
    }
    assert!(seen == 40 && pages >= 3, "{seen} on {pages} pages");
}
