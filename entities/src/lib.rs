//! The tables of `malipo` as sea-orm entities, one file per table.
//!
//! These types are for reading and writing rows; `migration` defines the schema (column types, checks,
//! indexes). Only `store` may import this crate. Columns with a closed set of words (`status`, `state`, …)
//! are plain text here: the domain's enums parse them, and the schema's checks restrict them.
//!
//! On both databases times are UTC and money is whole units of its currency. Rows contain phones, codes
//! and secrets, so `Debug` of a row shows nothing of it. The derived `Debug` of an `ActiveModel` does: never
//! log one.

/// `Debug` of the row of this file, as the library requires it: the table's module and nothing of the row.
macro_rules! hidden_debug {
    () => {
        impl ::std::fmt::Debug for Model {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(concat!(module_path!(), "(hidden)"))
            }
        }
    };
}

// The shop.
pub mod customers;
pub mod invoices;
pub mod live_marks;
pub mod packages;
pub mod payments;
pub mod voucher_batches;
pub mod vouchers;

// Messages.
pub mod audit_events;
pub mod gateway_calls;
pub mod order_events;
pub mod outbox_holds;
pub mod outbox_messages;
pub mod sms_messages;
pub mod webhook_deliveries;

// Operators.
pub mod login_failures;
pub mod operator_devices;
pub mod operator_recovery_codes;
pub mod operator_sessions;
pub mod operator_tokens;
pub mod operators;

// FreeRADIUS's own tables.
pub mod nas;
pub mod radacct;
pub mod radcheck;
pub mod radgroupcheck;
pub mod radgroupreply;
pub mod radpostauth;
pub mod radreply;
pub mod radusergroup;

// The simulated ZenoPay.
pub mod sandbox_payments;
pub mod sandbox_switches;
pub mod sandbox_webhooks;

#[cfg(test)]
mod tests {
    #[test]
    fn a_row_shows_nothing_of_itself_in_a_log() {
        let row = crate::radcheck::Model {
            id: 1,
            username: "K7QMX2PA".to_owned(),
            attribute: "Cleartext-Password".to_owned(),
            op: ":=".to_owned(),
            value: "K7QMX2PA".to_owned(),
        };
        assert_eq!(format!("{row:?}"), "entities::radcheck(hidden)");
    }
}
