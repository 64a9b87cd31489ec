//! Counters for Prometheus: of requests, and of what the service tells about tasks.
//!
//! Counting a request costs two look-ups under a read lock and one short lock of its route's own
//! histogram; no lock is shared by all requests for writing.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Bounds of the latency histogram, in seconds: from a cached read to a waiting one.
const LATENCY_SECONDS: [f64; 12] =
    [0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.25, 1.0, 4.0, 60.0];

/// What is counted for every request.
pub(crate) struct HttpMetrics {
    registry: Registry,
    routes: HashSet<Arc<str>>,
    /// What is counted under where no route matched.
    unmatched: Arc<str>,
    requests: Family<RequestLabels, Counter>,
    durations: HashMap<Arc<str>, Histogram>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: Arc<str>,
    method: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: Arc<str>,
}

impl HttpMetrics {
    /// Prepares the counters of all routes.
    pub(crate) fn new<'a>(routes: impl Iterator<Item = &'a str>) -> Self {
        let unmatched: Arc<str> = "unmatched".into();
        let routes: HashSet<Arc<str>> =
            routes.map(Arc::from).chain([Arc::clone(&unmatched)]).collect();
        let requests = Family::<RequestLabels, Counter>::default();
        let by_route = Family::<RouteLabels, Histogram>::new_with_constructor(|| {
            Histogram::new(LATENCY_SECONDS)
        });
        let durations = routes
            .iter()
            .map(|route| {
                let labels = RouteLabels { route: Arc::clone(route) };
                (Arc::clone(route), by_route.get_or_create_owned(&labels))
            })
            .collect();
        let mut registry = Registry::with_prefix("errand");
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "From a request's headers to the headers of its answer",
            Unit::Seconds,
            by_route,
        );
        Self { registry, routes, unmatched, requests, durations }
    }

    /// Counts an answered request.
    pub(crate) fn answered(
        &self,
        route: Option<&str>,
        method: &Method,
        status: StatusCode,
        took: Duration,
    ) {
        let route = route.and_then(|route| self.routes.get(route)).unwrap_or(&self.unmatched);
        if let Some(histogram) = self.durations.get(route) {
            histogram.observe(took.as_secs_f64());
        }
        let labels = RequestLabels {
            route: Arc::clone(route),
            method: known_method(method),
            status: status.as_u16(),
        };
        self.requests.get_or_create(&labels).inc();
    }

    /// Writes what was counted, with further gauges of the moment, as OpenMetrics text.
    pub(crate) fn encode(&self, moment: &Registry) -> Result<String, std::fmt::Error> {
        use prometheus_client::encoding::text::{encode_eof, encode_registry};
        let mut text = String::with_capacity(16 << 10);
        encode_registry(&mut text, &self.registry)?;
        encode_registry(&mut text, moment)?;
        encode_eof(&mut text)?;
        Ok(text)
    }
}

/// Keeps made-up methods from making up time series.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
