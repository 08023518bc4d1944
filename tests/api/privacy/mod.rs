//! Which roles may see which data of an order.

mod walk;
