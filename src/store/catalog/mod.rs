//! The price list and the vouchers that are printed for cash.

pub(super) mod price_list;
pub(super) mod voucher_batches;
pub(super) mod vouchers;
