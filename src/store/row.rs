//! Between the types of `domain` and the columns.

use std::str::FromStr;

use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

use super::StoreError;

/// A moment as it is stored: microseconds since 1970, UTC.
pub(super) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

pub(super) fn moment(table: &'static str, micros: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(micros).map_err(|error| StoreError::corrupt(table, error))
}

pub(super) fn moment_or_none(table: &'static str, micros: Option<i64>) -> Result<Option<Timestamp>, StoreError> {
    micros.map(|micros| moment(table, micros)).transpose()
}

pub(super) fn json<T: Serialize>(table: &'static str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::corrupt(table, error))
}

pub(super) fn from_json<T: DeserializeOwned>(table: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::corrupt(table, error))
}

pub(super) fn id<T: FromStr<Err: std::fmt::Display>>(table: &'static str, text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|error| StoreError::corrupt(table, error))
}

/// A name that the schema allows and this version does not know.
pub(super) fn unknown(table: &'static str, name: &str) -> StoreError {
    StoreError::corrupt(table, format!("the unknown name {name:?}"))
}

/// Fails unless a guarded statement changed exactly the row it was meant for.
pub(super) fn changed_one(changed: u64, what: &'static str, key: impl std::fmt::Display) -> Result<(), StoreError> {
    if changed == 1 { Ok(()) } else { Err(StoreError::Changed { what, key: key.to_string() }) }
}
