//! Messages to the outside, written with the sale and carried out after it.

pub(super) mod dead_letters;
pub(super) mod disconnects;
pub(super) mod ended_sessions;
pub(super) mod hold;
pub(super) mod messages;
pub(super) mod receipts;
