//! Reading query strings: every parameter is known, given once and well-formed, or the request is 422
//! with all that is wrong.

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use crate::problem::{Problem, WireFault};

/// The parameters of one call.
pub(crate) trait Params: Sized {
    /// Takes the call's parameters; what is left over is an error.
    fn read(query: &mut Query<'_>) -> Self;
}

/// A call without parameters.
impl Params for () {
    fn read(_: &mut Query<'_>) {}
}

/// What of a query string was not read yet, and what was wrong with the rest.
pub(crate) struct Query<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    faults: Vec<WireFault>,
}

/// Reads the parameters of a call.
///
/// # Errors
/// 422 with every unknown, repeated and malformed parameter.
pub(crate) fn read<P: Params>(query: Option<&str>) -> Result<P, Problem> {
    let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes()).collect();
    let mut query = Query { pairs, faults: Vec::new() };
    let params = P::read(&mut query);
    for (name, _) in query.pairs {
        query.faults.push(WireFault::parameter(name, "there is no such parameter here"));
    }
    if query.faults.is_empty() { Ok(params) } else { Err(Problem::invalid(query.faults)) }
}

impl Query<'_> {
    /// Takes a parameter that may be absent or empty.
    pub(crate) fn optional<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        self.with(name, |text| text.parse::<T>().map_err(|error| error.to_string()))
    }

    /// Takes a parameter that must be there.
    pub(crate) fn required<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        if self.pairs.iter().all(|(given, _)| given != name) {
            self.fault(name, "is needed");
        }
        self.optional(name)
    }

    /// Takes a whole number between two bounds.
    pub(crate) fn number(&mut self, name: &str, least: u64, most: u64) -> Option<u64> {
        self.with(name, |text| match text.parse() {
            Ok(number) if (least..=most).contains(&number) => Ok(number),
            _ => Err(format!("must be a whole number from {least} to {most}")),
        })
    }

    /// Takes a parameter through a reading function.
    pub(crate) fn with<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let at = self.pairs.iter().position(|(given, _)| given == name)?;
        let (_, text) = self.pairs.swap_remove(at);
        if self.pairs.iter().any(|(given, _)| given == name) {
            self.pairs.retain(|(given, _)| given != name);
            self.fault(name, "is given more than once");
            return None;
        }
        match parse(&text) {
            _ if text.is_empty() => None,
            Ok(value) => Some(value),
            Err(message) => {
                self.fault(name, message);
                None
            }
        }
    }

    /// Notes that something is wrong with a parameter.
    pub(crate) fn fault(&mut self, name: &str, message: impl Into<String>) {
        self.faults.push(WireFault::parameter(name, message));
    }
}
