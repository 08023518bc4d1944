//! Databases for tests of the store: with the schema, empty or filled.

pub(in crate::store) mod migrated;
pub(in crate::store) mod plans;
#[path = "../../../../tests/shared/templates.rs"]
mod templates;
