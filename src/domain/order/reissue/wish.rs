//! The wish for a new code: evidence like any other.

use chrono::TimeDelta;

use crate::domain::access::usage::Usage;

/// An order's code may be replaced so often in [`a_day`].
pub const MOST: u32 = 3;

/// For how long a replaced code counts against [`MOST`].
pub fn a_day() -> TimeDelta {
    TimeDelta::days(1)
}

/// The party that has a code replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReissuedBy {
    /// The phone that paid, by the link in its SMS.
    Owner,
    /// An admin, by hand. Not limited: the guest whose three of a day are used up asks the staff.
    Operator,
}

/// What is wanted, and what is known of the old code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReissueInput {
    /// The party that wants it.
    pub by: ReissuedBy,
    /// The version of the order that was seen: a second press has seen the same one.
    pub seen: i32,
    /// What of the voucher is used.
    pub usage: Usage,
    /// How often its code was replaced.
    pub replaced: Replaced,
}

/// How often the code of an order was replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replaced {
    /// In all.
    pub ever: u32,
    /// In the last day.
    pub lately: u32,
}

impl Replaced {
    /// Whether it is enough for a day.
    pub fn is_enough(self) -> bool {
        self.lately >= MOST
    }
}
