//! The price list, batches of printed vouchers, and the look-up of any voucher by its code or number.

pub(super) mod batches;
pub(super) mod price_list;
pub(super) mod vouchers;
