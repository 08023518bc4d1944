//! Connections, transactions, and the one way to write and to read.

pub(super) mod close;
pub(super) mod connect;
pub(super) mod files;
pub(super) mod lease;
#[cfg(test)]
pub(super) mod migrated;
#[cfg(test)]
pub(super) mod plans;
pub(super) mod pool;
pub(super) mod reader;
pub(super) mod runtime;
pub(super) mod stalled;
pub(super) mod transaction;
pub(super) mod writer;
