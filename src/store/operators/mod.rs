//! Operators: who they are, how they log in, and what they did.

pub(super) mod attempts;
pub(super) mod audit_log;
pub(super) mod hashing;
pub(super) mod opening;
pub(super) mod passwords;
pub(super) mod people;
pub(super) mod searches;
pub(super) mod second_factor;
pub(super) mod sessions;
pub(super) mod tokens;
