//! Rights, namespaces and tokens.

use std::sync::Arc;

use bytes::Bytes;
use errand_core::{Grants, Namespace, Principal, Store, Submitted, Variable};
use serde_json::json;

use super::faults::store::{FaultyStore, Plan};
use super::harness::Harness;
use crate::{
    BulkFilter, Caller, ListRequest, Right, Rights, Service, ServiceError, Settings, TaskRequest,
    TokenRequest,
};

fn caller(namespace: &str, rights: &[Right]) -> Caller {
    Caller {
        principal: Principal::new("someone").unwrap(),
        namespace: Some(Namespace::new(namespace).unwrap()),
        rights: rights.iter().copied().collect(),
    }
}

#[tokio::test]
async fn a_call_without_its_right_is_forbidden() {
    let h = Harness::new().await;
    let id = h.submit(json!({})).await;
    let reader = caller("default", &[Right::Read]);
    let nobody = caller("default", &[]);
    let (s, wasm) = (&h.service, Bytes::from_static(b"x"));
    let refused = [
        s.submit(&reader, TaskRequest::new("work", json!({}))).await.err(),
        s.cancel(&reader, id, None).await.err(),
        s.retry(&reader, id).await.err(),
        s.delete(&reader, id).await.err(),
        s.retry_many(&reader, BulkFilter::default()).await.err(),
        s.upload(&reader, "x", wasm).await.err(),
        s.remove_executor(&reader, "work").await.err(),
        s.pause_queue(&reader).await.err(),
        s.tokens(&reader).await.err(),
        s.task(&nobody, id).await.err(),
        s.events(&nobody, id, 0, 1).await.err(),
        s.list(&nobody, ListRequest::default()).await.err(),
        s.executors(&nobody).await.err(),
        s.artifacts(&nobody, id).await.err(),
        s.queue(&nobody).await.err(),
        s.workers(&nobody).await.err(),
    ];
    for error in refused {
        assert!(matches!(error, Some(ServiceError::Forbidden { .. })), "{error:?}");
    }
    assert!(s.task(&reader, id).await.is_ok());
}

#[tokio::test]
async fn another_namespace_does_not_exist() {
    let h = Harness::new().await;
    let id = h.submit(json!({})).await;
    let other = caller("other", &Right::ALL);
    let s = &h.service;
    let unseen = [
        s.task(&other, id).await.err(),
        s.wait(&other, id, 1).await.err(),
        s.events(&other, id, 0, 10).await.err(),
        s.follow(&other, id, 0).await.err(),
        s.tree(&other, id).await.err(),
        s.cancel(&other, id, None).await.err(),
        s.retry(&other, id).await.err(),
        s.delete(&other, id).await.err(),
        s.artifacts(&other, id).await.err(),
        s.executor(&other, "work").await.err(),
        s.remove_executor(&other, "work").await.err(),
    ];
    for error in unseen {
        assert!(matches!(error, Some(ServiceError::NotFound { .. })), "{error:?}");
    }
    assert!(s.list(&other, ListRequest::default()).await.unwrap().items.is_empty());
    assert!(s.executors(&other).await.unwrap().is_empty());
    assert_eq!(s.queue(&other).await.unwrap().depth.by_status[0], 0);

    // Nor can a request name what is another's.
    s.upload(&other, "work", Bytes::from_static(b"theirs")).await.unwrap();
    let mut request = TaskRequest::new("work", json!({}));
    request.parent_id = Some(id.to_string());
    let error = s.submit(&other, request).await.unwrap_err();
    assert!(matches!(error, ServiceError::Invalid { .. }), "{error}");
    let mut request = TaskRequest::new("work", json!({}));
    request.namespace = Some("default".into());
    let error = s.submit(&other, request.clone()).await.unwrap_err();
    assert!(matches!(error, ServiceError::Forbidden { .. }), "{error}");
    // The operator may, and then it is there.
    request.namespace = Some("other".into());
    let Submitted::Created(task) = s.submit(&h.caller, request).await.unwrap() else { panic!() };
    assert_eq!(s.task(&other, task.id).await.unwrap().namespace.as_str(), "other");
}

#[tokio::test]
async fn a_token_lets_in_until_it_is_revoked_or_ends() {
    let h = Harness::new().await;
    let boot = h.service.bootstrap_tokens().await.unwrap();
    let agent = h.service.authenticate(boot.agent.token.expose()).await.unwrap();
    assert_eq!(agent.principal.as_str(), "agent");
    assert_eq!(agent.namespace, Some(Namespace::default()));
    assert_eq!(agent.rights, [Right::Read, Right::Submit].into_iter().collect::<Rights>());
    let operator = h.service.authenticate(boot.operator.token.expose()).await.unwrap();
    assert_eq!((operator.namespace.clone(), operator.rights), (None, Rights::ALL));

    let request = TokenRequest {
        name: Principal::new("ci").unwrap(),
        namespace: None,
        rights: [Right::Submit].into_iter().collect(),
        expires_at: Some(h.service.now().plus_ms(500)),
    };
    let ci = h.service.create_token(&operator, request).await.unwrap();
    assert!(h.service.authenticate(ci.token.expose()).await.is_ok());
    h.clock.advance(500);
    let ended = h.service.authenticate(ci.token.expose()).await.unwrap_err();
    assert_eq!(ended, ServiceError::Unauthenticated);

    assert_eq!(h.service.tokens(&operator).await.unwrap().len(), 3);
    h.service.revoke_token(&operator, &boot.agent.info.id).await.unwrap();
    for bad in [boot.agent.token.expose(), "", "errand_", "errand_0_1", "x"] {
        let error = h.service.authenticate(bad).await.unwrap_err();
        assert_eq!(error, ServiceError::Unauthenticated);
    }
    let mut wrong = boot.operator.token.expose().to_owned();
    wrong.pop();
    wrong.push('g');
    assert!(h.service.authenticate(&wrong).await.is_err());
    let docs = h.store.docs(errand_core::DocKind::Token, String::new()).await.unwrap();
    let secret = boot.operator.token.expose().rsplit('_').next().unwrap();
    assert!(!format!("{docs:?}").contains(secret), "a secret was stored");
}

#[tokio::test]
async fn an_administrator_of_one_namespace_makes_no_token_for_another() {
    let h = Harness::new().await;
    let admin = caller("team", &[Right::Admin, Right::Read]);
    let wish = |namespace: Option<&str>, rights: &[Right]| TokenRequest {
        name: Principal::new("x").unwrap(),
        namespace: namespace.map(|name| Namespace::new(name).unwrap()),
        rights: rights.iter().copied().collect(),
        expires_at: None,
    };
    let own = h.service.create_token(&admin, wish(None, &[Right::Read])).await.unwrap();
    assert_eq!(own.info.namespace.unwrap().as_str(), "team");
    for (namespace, rights) in [(Some("default"), &[Right::Read]), (None, &[Right::Upload])] {
        let error = h.service.create_token(&admin, wish(namespace, rights)).await.unwrap_err();
        assert!(matches!(error, ServiceError::Forbidden { .. }), "{error}");
    }
    let boot = h.service.bootstrap_tokens().await.unwrap();
    assert_eq!(h.service.tokens(&admin).await.unwrap().len(), 1);
    let error = h.service.revoke_token(&admin, &boot.operator.info.id).await.unwrap_err();
    assert!(matches!(error, ServiceError::NotFound { .. }), "{error}");
}

#[tokio::test]
async fn whoever_always_comes_second_with_grants_is_told_so() {
    let h = Harness::new().await;
    let plan = Plan::without_faults();
    let mut parts = h.service.0.parts.clone();
    parts.store = Arc::new(FaultyStore::open(Arc::clone(&h.store), Arc::clone(&plan)).await);
    let service = Service::new(parts, Settings::default());
    let environment = [("MODE".to_owned(), Variable::Text("test".into()))].into();
    let grants = Grants { environment, ..Grants::default() };
    plan.contend(1);
    let operator = caller("default", &[Right::Admin]);
    let put = || service.put_grants(&operator, None, "python", grants.clone());
    assert!(put().await.is_ok(), "once is no harm");
    plan.contend(u64::MAX);
    let refused = put().await.unwrap_err();
    assert!(matches!(refused, ServiceError::Conflict { .. }), "{refused}");
}
