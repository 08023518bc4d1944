//! Operators: their tokens, sessions, and the log of what they did.

pub(super) mod audit_log;
pub(super) mod sessions;
pub(super) mod tokens;
