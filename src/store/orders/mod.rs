//! Orders: created, loaded, changed in one transaction, searched.

pub(super) mod audit;
pub(super) mod commit;
pub(super) mod create;
pub(super) mod due;
pub(super) mod future;
pub(super) mod history;
pub(super) mod resend;
pub(super) mod sale;
pub(super) mod search;
