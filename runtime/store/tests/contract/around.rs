//! What is written together with a task's events, and what comes to a waiting task.

use errand_core::*;
use serde_json::{Value, json};

use crate::support::*;

crate::cases!(
    tasks_and_documents_are_there_with_the_events_or_not_at_all,
    the_end_of_a_child_is_in_its_parents_log_in_the_same_write,
    a_parent_that_has_ended_or_is_unknown_is_no_obstacle,
    what_comes_from_outside_needs_no_version,
    a_wait_is_due_with_what_it_awaits_or_missed,
    documents_come_in_pages,
    a_conversation_has_the_events_of_its_tasks_in_the_order_of_their_writes,
);

fn change(key: &str, expected: Option<u64>, value: Option<Value>) -> DocChange {
    DocChange { kind: DocKind::Approval, key: key.into(), expected, value }
}

fn child(parent: TaskId, number: u32) -> Submission {
    let name = None;
    let lineage =
        Lineage { root: parent, depth: 1, number: Some(number), name, fuel_from_parent: false };
    Submission { parent_id: Some(parent), lineage: Some(lineage), ..submission() }
}

fn spawned(child_id: TaskId, number: u32) -> EventBody {
    EventBody::ChildSpawned { child_id, number, name: None }
}

/// A task that runs and has one child, queued.
async fn family(store: &dyn Store) -> (TaskId, Epoch, TaskId) {
    let (parent, epoch) = run(store, submission()).await;
    let new = new(child(parent.id, 1));
    let id = new.id;
    let drafts = vec![draft(spawned(id, 1))];
    let append = Append { tasks: vec![new], ..Append::new(parent.id, Guard::Lease(epoch), drafts) };
    store.append(append).await.unwrap();
    (parent.id, epoch, id)
}

async fn end(store: &dyn Store, id: TaskId) -> Task {
    let task = store.task(id).await.unwrap().unwrap();
    let guard = Guard::Version(task.version);
    append(store, id, guard, vec![started(1), completed(json!(7))]).await.unwrap()
}

async fn tasks_and_documents_are_there_with_the_events_or_not_at_all(store: &dyn Store) {
    let (parent, epoch, known) = family(store).await;
    assert_eq!(store.task(known).await.unwrap().unwrap().status, Status::Queued);
    let guard = Guard::Lease(epoch);
    let before = store.task(parent).await.unwrap().unwrap();
    let other = new(child(parent, 2));
    let again = NewTask { id: known, ..new(child(parent, 2)) };
    for (tasks, docs) in [
        (vec![other.clone()], vec![change("a/1", Some(3), Some(json!(1)))]),
        (vec![other.clone(), again], vec![change("a/1", None, Some(json!(1)))]),
    ] {
        let drafts = vec![draft(spawned(other.id, 2))];
        let append = Append { tasks, docs, ..Append::new(parent, guard, drafts) };
        assert!(matches!(store.append(append).await, Err(StoreError::Conflict)));
        assert_eq!(store.task(parent).await.unwrap().unwrap(), before);
        assert_eq!(store.task(other.id).await.unwrap(), None);
        assert_eq!(store.doc(DocKind::Approval, "a/1".into()).await.unwrap(), None);
    }
    let docs = vec![change("a/1", None, Some(json!("asked")))];
    let append =
        Append { tasks: vec![other.clone()], docs, ..Append::new(parent, guard, Vec::new()) };
    store.append(append).await.unwrap();
    let doc = store.doc(DocKind::Approval, "a/1".into()).await.unwrap().unwrap();
    assert_eq!((doc.value, doc.version), (json!("asked"), 1));
    assert!(store.task(other.id).await.unwrap().is_some());
    let docs = vec![change("a/1", Some(1), None)];
    store.append(Append { docs, ..Append::new(parent, guard, Vec::new()) }).await.unwrap();
    assert_eq!(store.doc(DocKind::Approval, "a/1".into()).await.unwrap(), None);
}

async fn the_end_of_a_child_is_in_its_parents_log_in_the_same_write(store: &dyn Store) {
    let (parent, epoch, child) = family(store).await;
    end(store, child).await;
    let task = store.task(parent).await.unwrap().unwrap();
    assert!(task.around.ended.contains(1) && task.around.news == 1, "{:?}", task.around);
    let last = store.events(parent, task.version - 1, 9).await.unwrap().remove(0);
    let status = Status::Completed;
    assert_eq!(last.body, EventBody::ChildFinished { child_id: child, number: Some(1), status });
    assert_eq!(last.by, Principal::of_task(child));
    // The parent's lease holds on.
    append(store, parent, Guard::Lease(epoch), vec![line("on")]).await.unwrap();
}

async fn a_parent_that_has_ended_or_is_unknown_is_no_obstacle(store: &dyn Store) {
    let (parent, epoch, first) = family(store).await;
    let ended =
        append(store, parent, Guard::Lease(epoch), vec![completed(json!(1))]).await.unwrap();
    end(store, first).await;
    assert_eq!(store.task(parent).await.unwrap().unwrap().version, ended.version);
    let orphan = submit(store, child(id(), 1)).await;
    assert_eq!(end(store, orphan.id).await.status, Status::Completed);
    // A client's own child has no number, and is told of too.
    let (parent, _) = run(store, submission()).await;
    let own = submit(store, Submission { parent_id: Some(parent.id), ..submission() }).await;
    end(store, own.id).await;
    let events = store.events(parent.id, parent.version, 9).await.unwrap();
    assert!(matches!(events[0].body, EventBody::ChildFinished { number: None, .. }), "{events:?}");
}

fn signal(name: &str) -> EventBody {
    EventBody::SignalReceived { name: name.into(), payload: json!(1) }
}

async fn what_comes_from_outside_needs_no_version(store: &dyn Store) {
    let (task, epoch) = run(store, submission()).await;
    for _ in 0..3 {
        append(store, task.id, Guard::Present, vec![signal("go")]).await.unwrap();
    }
    let ended =
        append(store, task.id, Guard::Lease(epoch), vec![completed(json!(1))]).await.unwrap();
    assert_eq!(ended.around.signals.len(), 3);
    let late = append(store, task.id, Guard::Present, vec![signal("go")]).await;
    assert!(matches!(late, Err(StoreError::Illegal(_))), "{late:?}");
    let nobody = append(store, id(), Guard::Present, vec![signal("go")]).await;
    assert!(matches!(nobody, Err(StoreError::NotFound(_))), "{nobody:?}");
}

async fn a_wait_is_due_with_what_it_awaits_or_missed(store: &dyn Store) {
    let waits = |seen| EventBody::Waiting {
        waiting_for: WaitingFor::Signal,
        until: None,
        awaits: Some(Box::new(Awaits { seen, signals: vec!["go".into()], ..Awaits::default() })),
    };
    let (task, epoch) = run(store, submission()).await;
    append(store, task.id, Guard::Lease(epoch), vec![waits(0)]).await.unwrap();
    append(store, task.id, Guard::Present, vec![signal("other")]).await.unwrap();
    assert_eq!(store.take_due(at(9_000), 9).await.unwrap().items, []);
    append(store, task.id, Guard::Present, vec![signal("go")]).await.unwrap();
    assert_eq!(store.take_due(at(9_000), 9).await.unwrap().items, [task.id]);
    // It came between the look and the wait.
    let (task, epoch) = run(store, submission()).await;
    append(store, task.id, Guard::Present, vec![signal("go")]).await.unwrap();
    append(store, task.id, Guard::Lease(epoch), vec![waits(0)]).await.unwrap();
    assert_eq!(store.take_due(at(9_000), 9).await.unwrap().items, [task.id]);
    // It was seen, and is not what is waited for.
    let (task, epoch) = run(store, submission()).await;
    append(store, task.id, Guard::Present, vec![signal("other")]).await.unwrap();
    append(store, task.id, Guard::Lease(epoch), vec![waits(1)]).await.unwrap();
    assert_eq!(store.take_due(at(9_000), 9).await.unwrap().items, []);
}

async fn documents_come_in_pages(store: &dyn Store) {
    for key in ["a/1", "a/2", "a/3", "b/1"] {
        store.put_doc(DocKind::Approval, key.into(), None, Some(json!(key))).await.unwrap();
    }
    let page = async |prefix: &str, after: Option<&str>, limit| {
        let after = after.map(str::to_owned);
        let docs = store.docs_page(DocKind::Approval, prefix.into(), after, limit).await.unwrap();
        docs.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
    };
    assert_eq!(page("a/", None, 2).await, ["a/1", "a/2"]);
    assert_eq!(page("a/", Some("a/2"), 2).await, ["a/3"]);
    assert_eq!(page("", Some("a/3"), 9).await, ["b/1"]);
    assert_eq!(page("b/", Some("a/1"), 9).await, ["b/1"]);
    assert_eq!(page("a/", Some("b/1"), 9).await, [""; 0]);
}

async fn a_conversation_has_the_events_of_its_tasks_in_the_order_of_their_writes(
    store: &dyn Store,
) {
    let context = ContextId::new("talk").unwrap();
    let of_it = || Submission { context_id: Some(context.clone()), ..submission() };
    let log = async |after| {
        let log = store.context_log(Namespace::default(), context.clone(), after, 99);
        log.await.unwrap()
    };
    assert_eq!(log(0).await, []);
    let (first, epoch) = run(store, of_it()).await;
    let second = submit(store, of_it()).await;
    submit(store, submission()).await;
    let bodies = vec![line("a"), line("b")];
    append(store, first.id, Guard::Lease(epoch), bodies).await.unwrap();
    let entries = log(0).await;
    let said: Vec<_> = entries.iter().map(|entry| (entry.task, entry.first, entry.last)).collect();
    let expected = [(first.id, 1, 1), (first.id, 2, 2), (second.id, 1, 1), (first.id, 3, 4)];
    assert_eq!(said, expected);
    assert!(entries.is_sorted_by_key(|entry| entry.position));
    assert_eq!(log(entries[2].position).await, entries[3..]);
    let changed = store.context_changed(Namespace::default(), context.clone(), entries[2].position);
    changed.await.unwrap();
    let other = Namespace::new("other").unwrap();
    assert_eq!(store.context_log(other, context.clone(), 0, 9).await.unwrap(), []);
    // The last task of it takes the log along.
    append(store, first.id, Guard::Lease(epoch), vec![completed(json!(1))]).await.unwrap();
    end(store, second.id).await;
    for id in [first.id, second.id] {
        let version = store.task(id).await.unwrap().unwrap().version;
        store.delete(id, version).await.unwrap();
    }
    assert_eq!(log(0).await, []);
}
