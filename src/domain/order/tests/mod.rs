//! The decision, held against the contract.

pub(in crate::domain) mod decide_table;
