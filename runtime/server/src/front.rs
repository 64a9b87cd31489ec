//! What happens to every request before and after its handler: host and origin are checked, the
//! framework's own refusals become problem details, what nobody read of a body is settled, and the answer
//! is counted.
//!
//! One tower service instead of a stack of them: each layer of a router costs every request boxes.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::Body;
use axum::extract::MatchedPath;
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONTENT_TYPE};
use http::{Request, StatusCode};
use tower_layer::Layer;
use tower_service::Service;

use crate::app::App;
use crate::problem::Problem;
use crate::unread::Watch;

/// Puts a [`Front`] before each route.
#[derive(Clone)]
pub(crate) struct FrontLayer(pub(crate) App);

/// A route with what happens before and after it.
#[derive(Clone)]
pub(crate) struct Front<S> {
    app: App,
    route: S,
}

impl<S> Layer<S> for FrontLayer {
    type Service = Front<S>;

    fn layer(&self, route: S) -> Front<S> {
        Front { app: self.0.clone(), route }
    }
}

impl<S> Service<Request<Body>> for Front<S>
where
    S: Service<Request<Body>, Response = Response, Error = Infallible, Future: Send + 'static>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.route.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let begun = Instant::now();
        let app = self.app.clone();
        let method = request.method().clone();
        let route = request.extensions().get::<MatchedPath>().cloned();
        let checked = app.hosts.check(request.uri(), request.headers());
        let (request, body) = Watch::over(request);
        let answer = checked.map(|()| self.route.call(request));
        Box::pin(async move {
            let mut response = match answer {
                Ok(answer) => in_our_words(answer.await?),
                Err(problem) => problem.into_response(),
            };
            body.settle(&mut response).await;
            let route = route.as_ref().map(MatchedPath::as_str);
            app.metrics.answered(route, &method, response.status(), begun.elapsed());
            Ok(response)
        })
    }
}

/// Gives a body to the framework's bare refusal of a method.
fn in_our_words(mut response: Response) -> Response {
    let bare = !response.headers().contains_key(CONTENT_TYPE);
    if bare && response.status() == StatusCode::METHOD_NOT_ALLOWED {
        let allow = response.headers_mut().remove(ALLOW);
        return Problem::method_not_allowed().with_allow(allow);
    }
    response
}
