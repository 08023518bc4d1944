//! Counts the rows of a sale, to check that it is complete and made once.

/// Numbers of rows that one order has caused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaleCounts {
    pub completed: i64,
    pub customers: i64,
    pub invoices: i64,
    pub vouchers: i64,
    pub radius_users: i64,
    pub sms: i64,
}

impl SaleCounts {
    /// Nothing was sold.
    pub const NONE: Self = Self::all(0);
    /// One complete sale, and nothing twice.
    pub const ONE: Self = Self::all(1);

    const fn all(count: i64) -> Self {
        Self {
            completed: count,
            customers: count,
            invoices: count,
            vouchers: count,
            radius_users: count,
            sms: count,
        }
    }
}
