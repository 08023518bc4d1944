//! The price list, and the vouchers that are printed from it.

pub(super) mod price_list;
pub(super) mod vouchers;
