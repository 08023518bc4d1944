//! malipo
pub mod domain;
