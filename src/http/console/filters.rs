//! How templates of the console write numbers. Moments are written by the desk, which knows the
//! shop's clock.

use std::borrow::Borrow;
use std::fmt::Display;

use askama::{Result, Values, filter_fn};

use super::format;
use crate::web::format::thousands;

/// `2,000`.
#[filter_fn]
pub fn count<T: Display>(number: T, _: &dyn Values) -> Result<String> {
    Ok(thousands(number))
}

/// `2,000 TZS`.
#[filter_fn]
pub fn money<T: Display>(amount: T, _: &dyn Values) -> Result<String> {
    Ok(format!("{} TZS", thousands(amount)))
}

/// `0.4 ms`.
#[filter_fn]
pub fn millis<T: Borrow<f64>>(ms: T, _: &dyn Values) -> Result<String> {
    Ok(format::millis(*ms.borrow()))
}

/// Milliseconds as `12 s` or `5 min`.
#[filter_fn]
pub fn ago<T: Borrow<u64>>(ms: T, _: &dyn Values) -> Result<String> {
    Ok(format::ago(*ms.borrow()))
}
