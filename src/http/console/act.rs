//! The manual actions, and their texts.

/// What an operator may do by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Reconcile,
    Release,
    Refuse,
    Refund,
    Revoke,
    RevokeBatch,
    Reissue,
    Resend,
    Replay,
    ChangePrice,
    Retire,
    Offer,
    ChangeRouter,
    RemoveRouter,
    Disconnect,
    EndToken,
    SendHeld,
    DropHeld,
}

/// The texts of an action. What will happen is in `templates/console/consequences.html`.
pub struct Text {
    /// The action.
    pub act: Act,
    /// The kinds of target, as in the first part of the path.
    pub kinds: &'static [&'static str],
    /// The last part of the path.
    pub segment: &'static str,
    /// The label of the button.
    pub name: &'static str,
    /// Whether a guest or an operator loses something.
    pub takes_away: bool,
    /// Shown after success.
    pub done: &'static str,
}

/// In the order of the enum.
#[rustfmt::skip] // A table is read by its columns.
pub(super) static TEXTS: [Text; 18] = [
    Text { act: Act::Reconcile, kinds: &["orders"], segment: "reconcile", name: "Ask ZenoPay", takes_away: false, done: "ZenoPay was asked; what it said is the newest line below." },
    Text { act: Act::Release, kinds: &["orders"], segment: "release", name: "Complete the order", takes_away: false, done: "The order is completed, and the guest has the voucher." },
    Text { act: Act::Refuse, kinds: &["orders"], segment: "refuse", name: "Refuse the order", takes_away: true, done: "The order is refused. Pay the guest back by hand." },
    Text { act: Act::Refund, kinds: &["orders"], segment: "refund", name: "Record a refund", takes_away: true, done: "The refund is recorded, and the voucher is revoked." },
    Text { act: Act::Revoke, kinds: &["orders", "printed"], segment: "revoke", name: "Revoke the voucher", takes_away: true, done: "The voucher is revoked." },
    Text { act: Act::RevokeBatch, kinds: &["vouchers"], segment: "revoke-unused", name: "Revoke the unused cards", takes_away: true, done: "The unused cards of the batch are revoked." },
    Text { act: Act::Reissue, kinds: &["orders"], segment: "reissue", name: "Give a new code", takes_away: true, done: "The voucher has a new code, which is below and goes out by SMS." },
    Text { act: Act::Resend, kinds: &["sms"], segment: "resend", name: "Send the SMS again", takes_away: false, done: "The SMS is queued again." },
    Text { act: Act::Replay, kinds: &["deliveries"], segment: "replay", name: "Replay", takes_away: false, done: "The webhook was replayed; what came of it is below." },
    Text { act: Act::ChangePrice, kinds: &["packages"], segment: "price", name: "Change the price", takes_away: false, done: "The price is changed, for orders from now on." },
    Text { act: Act::Retire, kinds: &["packages"], segment: "retire", name: "Retire the package", takes_away: false, done: "The package is no longer on sale. What was sold stays valid." },
    Text { act: Act::Offer, kinds: &["packages"], segment: "offer", name: "Offer the package again", takes_away: false, done: "The package is on sale again." },
    Text { act: Act::ChangeRouter, kinds: &["routers"], segment: "change", name: "Change the router", takes_away: false, done: "The router is changed. FreeRADIUS reads it within a minute." },
    Text { act: Act::RemoveRouter, kinds: &["routers"], segment: "remove", name: "Remove the router", takes_away: true, done: "The router is removed. FreeRADIUS forgets it within a minute." },
    Text { act: Act::Disconnect, kinds: &["sessions"], segment: "disconnect", name: "Disconnect the device", takes_away: false, done: "The router is asked to end the session." },
    Text { act: Act::EndToken, kinds: &["people"], segment: "disable", name: "End the access", takes_away: true, done: "The tokens, the password and the sessions are ended." },
    Text { act: Act::SendHeld, kinds: &["outbox"], segment: "send", name: "Send what is held back", takes_away: false, done: "Nothing is held back any more: what waited is being sent." },
    Text { act: Act::DropHeld, kinds: &["outbox"], segment: "drop", name: "Drop what the backup had queued", takes_away: true, done: "Nothing is held back any more: what the backup had queued is given up." },
];

impl Act {
    /// Its texts.
    pub fn text(self) -> &'static Text {
        &TEXTS[self as usize]
    }

    /// Reads the last part of a path.
    pub fn read(segment: &str) -> Option<Self> {
        let text = TEXTS.iter().find(|text| text.segment == segment);
        text.map(|text| text.act)
    }
}
