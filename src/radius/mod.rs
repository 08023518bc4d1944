//! What FreeRADIUS needs to know of a voucher.

pub mod attributes;
