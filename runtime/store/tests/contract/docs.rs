//! Documents.

use errand_core::*;
use serde_json::json;

crate::cases!(
    a_document_is_written_at_its_version_alone,
    documents_are_listed_by_prefix_in_order,
    a_large_document_comes_back,
);

async fn a_document_is_written_at_its_version_alone(store: &dyn Store) {
    let put = |expected, value| store.put_doc(DocKind::Queue, "q".into(), expected, value);
    assert_eq!(put(None, Some(json!(1))).await.unwrap(), 1);
    assert!(matches!(put(None, Some(json!(2))).await, Err(StoreError::Conflict)));
    assert!(matches!(put(Some(7), Some(json!(2))).await, Err(StoreError::Conflict)));
    assert_eq!(put(Some(1), Some(json!({"paused": true}))).await.unwrap(), 2);
    let doc = store.doc(DocKind::Queue, "q".into()).await.unwrap();
    assert_eq!(doc, Some(Doc { value: json!({"paused": true}), version: 2 }));
    assert_eq!(store.doc(DocKind::Token, "q".into()).await.unwrap(), None);
    assert!(matches!(put(Some(1), None).await, Err(StoreError::Conflict)));
    put(Some(2), None).await.unwrap();
    assert_eq!(store.doc(DocKind::Queue, "q".into()).await.unwrap(), None);
}

async fn documents_are_listed_by_prefix_in_order(store: &dyn Store) {
    for key in ["b/2", "a/1", "b/1", "b", "c/1"] {
        let value = Some(json!(key));
        store.put_doc(DocKind::Token, key.into(), None, value).await.unwrap();
    }
    store.put_doc(DocKind::Queue, "b/3".into(), None, Some(json!(0))).await.unwrap();
    let keys = |docs: Vec<(String, Doc)>| docs.into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    let some = store.docs(DocKind::Token, "b/".into()).await.unwrap();
    assert_eq!(keys(some), ["b/1", "b/2"]);
    let all = store.docs(DocKind::Token, String::new()).await.unwrap();
    assert_eq!(keys(all), ["a/1", "b", "b/1", "b/2", "c/1"]);
}

async fn a_large_document_comes_back(store: &dyn Store) {
    let value = json!({"versions": [], "schema": "x".repeat(300_000)});
    let key = || "default/big".to_owned();
    store.put_doc(DocKind::Executor, key(), None, Some(value.clone())).await.unwrap();
    let doc = store.doc(DocKind::Executor, key()).await.unwrap();
    assert_eq!(doc, Some(Doc { value, version: 1 }));
}
