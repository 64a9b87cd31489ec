//! Reading small JSON bodies with every fault named.
//!
//! serde stops at the first fault. So a body that does not fit is checked again, against the schema
//! that describes it to clients, which names them all. Task requests are read by the service itself.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

use crate::problem::{Problem, WireFault};

/// Most faults that one answer names.
const MOST_FAULTS: usize = 100;

/// Reads a body.
///
/// # Errors
/// 400 when it is not JSON, with the position; 422 with every fault.
pub(crate) fn parse<T: DeserializeOwned + ToSchema>(body: &[u8]) -> Result<T, Problem> {
    let malformed =
        |error: serde_json::Error| Problem::malformed(format!("read the body: {error}"));
    let error = match serde_json::from_slice(body) {
        Ok(value) => return Ok(value),
        Err(error) if !error.is_data() => return Err(malformed(error)),
        Err(error) => error,
    };
    let value: Value = serde_json::from_slice(body).map_err(malformed)?;
    let mut faults = faults_by_schema::<T>(&value)?;
    if faults.is_empty() {
        // What a schema can't say, such as what a name may look like.
        let path = serde_path_to_error::deserialize::<_, T>(&value)
            .err()
            .map(|error| pointer(error.path()))
            .unwrap_or_default();
        faults.push(WireFault::body(path, without_position(&error.to_string())));
    }
    Err(Problem::invalid(faults))
}

fn faults_by_schema<T: ToSchema>(value: &Value) -> Result<Vec<WireFault>, Problem> {
    let schema = root_schema::<T>().map_err(Problem::internal)?;
    let validator = jsonschema::options().build(&schema).map_err(Problem::internal)?;
    let faults = validator
        .iter_errors(value)
        .take(MOST_FAULTS)
        .map(|error| WireFault::body(error.instance_path().as_str(), error.masked().to_string()));
    Ok(faults.collect())
}

/// Returns the schema of a type with all that it refers to.
pub(crate) fn root_schema<T: ToSchema>() -> Result<Value, serde_json::Error> {
    let mut named: Vec<(String, RefOr<Schema>)> = Vec::new();
    T::schemas(&mut named);
    let mut schema = serde_json::to_value(T::schema())?;
    let named: serde_json::Map<String, Value> = named
        .into_iter()
        .map(|(name, schema)| Ok((name, serde_json::to_value(schema)?)))
        .collect::<Result<_, serde_json::Error>>()?;
    if let Value::Object(root) = &mut schema {
        root.insert("components".to_owned(), json!({ "schemas": named }));
    }
    Ok(schema)
}

/// Writes where a fault is as a JSON pointer.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        pointer.push('/');
        match segment {
            Segment::Seq { index } => pointer.push_str(&index.to_string()),
            Segment::Map { key } | Segment::Enum { variant: key } => {
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Unknown => pointer.push('?'),
        }
    }
    pointer
}

/// Cuts ` at line 1 column 2` off: the pointer says it.
fn without_position(message: &str) -> &str {
    message.rsplit_once(" at line ").map_or(message, |(message, _)| message)
}
