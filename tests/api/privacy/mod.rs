//! Which roles may see which data of an order.

pub mod walk;
