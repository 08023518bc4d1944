//! Who may know what about an order.

mod walk;
