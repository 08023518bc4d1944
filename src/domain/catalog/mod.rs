//! What is sold, for how much, and to whom a prompt may be sent.

pub mod admission;
pub mod money;
pub mod package;
pub mod purchase;
