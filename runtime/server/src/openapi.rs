//! The description of the API, made from the handlers themselves.

use std::collections::BTreeMap;

use http::StatusCode;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref,
    RefOr, Response, ResponseBuilder, SecurityRequirement,
};
use utoipa::{IntoResponses, PartialSchema, ToSchema};

use crate::problem::ProblemBody;

/// How calls that only read are refused.
pub(crate) struct RefusedQuery;

/// How calls are refused that change something's state and read no body.
pub(crate) struct RefusedState;

/// How calls are refused that read a body.
pub(crate) struct RefusedBody;

impl IntoResponses for RefusedQuery {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[400, 401, 403, 404, 422, 500])
    }
}

impl IntoResponses for RefusedState {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[400, 401, 403, 404, 409, 422, 429, 500, 507])
    }
}

impl IntoResponses for RefusedBody {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 500, 507])
    }
}

/// Describes problems of some statuses.
pub(crate) fn problems(statuses: &[u16]) -> BTreeMap<String, RefOr<Response>> {
    let content =
        ContentBuilder::new().schema(Some(Ref::from_schema_name(ProblemBody::name()))).build();
    let problem = |status: &u16| {
        let reason = StatusCode::from_u16(*status).ok().and_then(|code| code.canonical_reason());
        let response = ResponseBuilder::new()
            .description(reason.unwrap_or("Refused"))
            .content("application/problem+json", content.clone())
            .build();
        (status.to_string(), RefOr::T(response))
    };
    statuses.iter().map(problem).collect()
}

/// Returns the description without its paths.
pub(crate) fn frame() -> OpenApi {
    let mut named = vec![(ProblemBody::name().into_owned(), ProblemBody::schema())];
    ProblemBody::schemas(&mut named);
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let components =
        ComponentsBuilder::new().schemas_from_iter(named).security_scheme("bearer", bearer).build();
    let description = "Errand runs background tasks for AI agents: each in a WebAssembly sandbox, \
                       durable, observable and interruptible. Errors are RFC 9457 problem details \
                       with a stable `code`.";
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Errand")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(description))
                .license(Some(
                    LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build(),
                ))
                .build(),
        )
        .components(Some(components))
        .security(Some([SecurityRequirement::new("bearer", Vec::<String>::new())]))
        .build()
}

/// Writes paths as OpenAPI writes them: a wildcard is a parameter like any other.
pub(crate) fn finish(api: &mut OpenApi) {
    let paths = std::mem::take(&mut api.paths.paths);
    api.paths.paths =
        paths.into_iter().map(|(path, item)| (path.replace("{*", "{"), item)).collect();
}
