//! What tests of the store share: databases with their schema, empty or filled.

pub(in crate::store) mod migrated;
pub(in crate::store) mod plans;
