//! A series: all tasks of one namespace and one pinned executor. Its number stands for them in keys.

use errand_core::{ExecutorRef, Namespace, StoreError};
use serde::{Deserialize, Serialize};

use super::{from_json, keys, seal, to_json};

/// What a series is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Series {
    pub(crate) namespace: Namespace,
    pub(crate) executor: ExecutorRef,
}

/// How many tasks of a series are at each status, in the order of `Status::ALL`.
pub(crate) type Counts = [u64; 6];

pub(crate) fn seal_series(number: u32, series: &Series) -> Vec<u8> {
    seal::seal_head(&keys::series(number), &to_json(series))
}

pub(crate) fn open_series(key: &[u8], value: &[u8]) -> Result<(u32, Series), StoreError> {
    Ok((number_of(key)?, from_json(key, inline(key, value)?)?))
}

pub(crate) fn seal_counts(number: u32, counts: &Counts) -> Vec<u8> {
    seal::seal_head(&keys::counts(number), &counts.map(u64::to_le_bytes).concat())
}

pub(crate) fn open_counts(key: &[u8], value: &[u8]) -> Result<(u32, Counts), StoreError> {
    let bytes = inline(key, value)?;
    let mut counts = Counts::default();
    let (numbers, rest) = bytes.as_chunks::<8>();
    if numbers.len() != counts.len() || !rest.is_empty() {
        return Err(StoreError::Corrupt(format!("{}: its size", keys::describe(key))));
    }
    for (count, number) in counts.iter_mut().zip(numbers) {
        *count = u64::from_le_bytes(*number);
    }
    Ok((number_of(key)?, counts))
}

fn number_of(key: &[u8]) -> Result<u32, StoreError> {
    let number = key.get(1..).and_then(|bytes| bytes.try_into().ok());
    number.map(u32::from_be_bytes).ok_or_else(|| StoreError::Corrupt("a series' number".into()))
}

fn inline<'a>(key: &[u8], value: &'a [u8]) -> Result<&'a [u8], StoreError> {
    match seal::open(key, value)?.head {
        seal::Found::Inline(bytes) => Ok(bytes),
        seal::Found::Blob(_) => {
            Err(StoreError::Corrupt(format!("{} in a blob", keys::describe(key))))
        }
    }
}
