//! What the contract names and this version does not do yet: answered 422 `unsupported`, so that a
//! client is never left to guess.

use axum::Router;
use axum::extract::FromRequestParts;
use axum::routing::{MethodFilter, on};
use http::request::Parts;
use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::{HttpMethod, ObjectBuilder, OpenApi, Required, Type};
use utoipa_axum::PathItemExt;

use crate::app::App;
use crate::call::authenticate;
use crate::openapi::problems;
use crate::problem::Problem;

/// A call that is not there yet.
pub(crate) struct NotYet {
    pub(crate) method: HttpMethod,
    pub(crate) path: &'static str,
    pub(crate) operation_id: &'static str,
    /// What it would do, for the answer.
    pub(crate) what: &'static str,
    /// Whether it needs no token.
    pub(crate) open: bool,
}

/// Adds such calls to the routes and to the description.
pub(crate) fn add(mut routes: Router<App>, api: &mut OpenApi, calls: &[NotYet]) -> Router<App> {
    for call in calls {
        let filter: MethodFilter = call.method.to_method_filter();
        routes = if call.open {
            let what = call.what;
            routes.route(call.path, on(filter, async move || Problem::unsupported(what)))
        } else {
            let what = call.what;
            let answer = async move |Authenticated: Authenticated| Problem::unsupported(what);
            routes.route(call.path, on(filter, answer))
        };
        let mut operation = OperationBuilder::new()
            .operation_id(Some(call.operation_id))
            .tag("not yet")
            .summary(Some(format!("Not supported yet: {}", call.what)));
        for (code, response) in problems(if call.open { &[422] } else { &[401, 403, 422] }) {
            operation = operation.response(code, response);
        }
        let variables = call
            .path
            .split('/')
            .filter_map(|part| part.strip_prefix('{').and_then(|part| part.strip_suffix('}')));
        for name in variables {
            let text = ObjectBuilder::new().schema_type(Type::String).build();
            let parameter = ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .schema(Some(text));
            operation = operation.parameter(parameter.build());
        }
        api.paths.add_path_operation(call.path, vec![call.method.clone()], operation.build());
    }
    routes
}

/// Somebody with a token, whatever it allows.
struct Authenticated;

impl FromRequestParts<App> for Authenticated {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        authenticate(app, &parts.headers).await.map(|_| Self)
    }
}
