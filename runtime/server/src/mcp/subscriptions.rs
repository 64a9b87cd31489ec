//! Telling clients that something has changed: the tools, or a task that they look at.
//!
//! A client of a revision with sessions subscribes one resource at a time and is told for as long as its
//! session lives; one of the current revision opens one stream for all that it wants to know.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use errand_core::TaskId;
use errand_scheduler::{Caller, Follow, Followed, ServiceError};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rmcp::model::{ErrorData, ResourceUpdatedNotificationParam};
use rmcp::service::{Peer, RoleServer, SubscriptionContext};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::asking::From;
use super::resources::Named;
use crate::app::App;

/// Resources that one client may follow at a time.
const MAX_FOLLOWED: usize = 100;
/// A resource that changes all the time is told of once in so long.
const BREATH: Duration = Duration::from_millis(250);

/// What the session of one client follows, and what its user was asked.
#[derive(Default)]
pub(super) struct Subscriptions {
    followed: Mutex<HashMap<String, AbortHandle>>,
    asked: Mutex<HashSet<String>>,
}

/// The key of what tells of the tools: no resource is called like this.
const TOOLS: &str = "";

impl Subscriptions {
    /// Tells of each change of the tools, from now on.
    pub(super) fn follow_tools(&self, app: &App, peer: Peer<RoleServer>) {
        let mut changes = app.service.executor_changes();
        let told = tokio::spawn(async move {
            while changed(&mut changes).await {
                if peer.notify_tool_list_changed().await.is_err() {
                    break;
                }
            }
        });
        self.keep(TOOLS.to_owned(), told.abort_handle());
    }

    /// Tells of each change of a resource, from now on.
    ///
    /// # Errors
    /// Where there is no such resource, or too many are followed.
    pub(super) async fn follow(
        &self,
        app: &App,
        caller: &Caller,
        peer: Peer<RoleServer>,
        uri: String,
    ) -> Result<(), ErrorData> {
        if self.lock().len() > MAX_FOLLOWED {
            let message = format!("a session follows {MAX_FOLLOWED} resources at most");
            return Err(ErrorData::invalid_request(message, None));
        }
        let mut news = news_of(app, caller, &uri).await?;
        let told = uri.clone();
        let told = tokio::spawn(async move {
            while next(&mut news).await {
                let param = ResourceUpdatedNotificationParam::new(told.clone());
                if peer.notify_resource_updated(param).await.is_err() {
                    break;
                }
            }
        });
        self.keep(uri, told.abort_handle());
        Ok(())
    }

    /// Tells no more of a resource.
    pub(super) fn leave(&self, uri: &str) {
        if let Some(told) = self.lock().remove(uri) {
            told.abort();
        }
    }

    /// Tells whether a question is put before the session's user for the first time.
    pub(super) fn asks_first(&self, question: &str) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.insert(question.to_owned())
    }

    fn keep(&self, uri: String, told: AbortHandle) {
        if let Some(before) = self.lock().insert(uri, told) {
            before.abort();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, AbortHandle>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Subscriptions {
    fn drop(&mut self) {
        self.lock().values().for_each(AbortHandle::abort);
    }
}

/// Tells one client of the current revision what it wants to know, until it has enough.
///
/// # Errors
/// Where a resource is none.
pub(super) async fn listen(app: &App, context: SubscriptionContext) -> Result<(), ErrorData> {
    let From { caller, .. } = From::of(&context.request_context().extensions)?;
    let accepted = context.accepted().clone();
    let sink = context.sink().clone();
    let uris = accepted.resource_subscriptions.unwrap_or_default();
    if uris.len() > MAX_FOLLOWED {
        let message = format!("a client follows {MAX_FOLLOWED} resources at most");
        return Err(ErrorData::invalid_request(message, None));
    }
    let mut followed = Vec::new();
    for uri in uris {
        let news = news_of(app, &caller, &uri).await?;
        followed.push((uri, news));
    }
    let mut changes = app.service.executor_changes();
    let tells_of_tools = accepted.tools_list_changed == Some(true);
    let mut news = FuturesUnordered::new();
    for (uri, follow) in followed {
        news.push(one(uri, follow));
    }
    loop {
        let told = tokio::select! {
            is_change = changed(&mut changes), if tells_of_tools => match is_change {
                true => sink.notify_tool_list_changed().await,
                false => return Ok(()),
            },
            Some(one_changed) = news.next() => match one_changed {
                Some((uri, follow)) => {
                    let told = sink.notify_resource_updated(uri.clone()).await;
                    news.push(one(uri, follow));
                    told
                }
                // It has ended, and was told of.
                None => Ok(()),
            },
            () = context.cancelled() => return Ok(()),
            () = app.stopping.cancelled() => return Ok(()),
        };
        if told.is_err() {
            return Ok(());
        }
    }
}

async fn one(uri: String, mut follow: Follow) -> Option<(String, Follow)> {
    next(&mut follow).await.then_some((uri, follow))
}

async fn news_of(app: &App, caller: &Caller, uri: &str) -> Result<Follow, ErrorData> {
    let missing = || ErrorData::resource_not_found(format!("there is no resource `{uri}`"), None);
    let id: TaskId = Named::parse(uri).ok_or_else(missing)?.task;
    let begun = async {
        let task = app.service.task(caller, id).await?;
        app.service.follow(caller, id, task.version).await
    };
    begun.await.map_err(|error: ServiceError| match error {
        ServiceError::NotFound { .. } => missing(),
        error => super::tasks::protocol(error.into()),
    })
}

/// Waits for something new of a task, and takes what comes right behind it. Answers false after its end.
async fn next(follow: &mut Follow) -> bool {
    match follow.next().await {
        Ok(Some(Followed::Event(_) | Followed::Progress(_))) => {}
        Ok(None) | Err(_) => return false,
    }
    let mut breath = std::pin::pin!(tokio::time::sleep(BREATH));
    loop {
        tokio::select! {
            more = follow.next() => if !matches!(more, Ok(Some(_))) { return true },
            () = &mut breath => return true,
        }
    }
}

async fn changed(changes: &mut watch::Receiver<u64>) -> bool {
    changes.changed().await.is_ok()
}
