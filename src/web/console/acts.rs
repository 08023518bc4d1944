//! What an operator may do by hand.

/// What an operator may do by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Ask ZenoPay.
    Reconcile,
    /// A held order is completed after all.
    Release,
    /// A held order is not, and the owner pays back.
    Refuse,
    /// The owner has paid back.
    Refund,
    /// A voucher is taken back.
    Revoke,
    /// A voucher gets another code.
    Reissue,
    /// An SMS is sent once more.
    Resend,
    /// A journalled delivery is decided again.
    Replay,
    /// A package costs something else.
    ChangePrice,
    /// A package is no longer on sale.
    Retire,
    /// A package is on sale again.
    Offer,
    /// An operator is let in no more.
    EndToken,
    /// What restored books hold back is sent.
    SendHeld,
    /// What restored books hold back is given up, as far as it came with the backup.
    DropHeld,
}

/// What sending the held messages does.
const SENDS_HELD: &[&str] = &[
    "Every SMS and Disconnect-Request that waits is sent now, also those that were queued in the backup.",
    "A guest whose SMS went out after the backup was made gets it a second time.",
    "From now on messages go out as they come. This cannot be undone.",
];

/// What dropping them does.
const DROPS_HELD: &[&str] = &[
    "SMS and Disconnect-Requests that were queued in the backup are given up; they are then among the dead letters.",
    "Those of sales since the restore are sent now.",
    "A guest whose SMS was never sent still sees the code on the order's page, and you can send each SMS again by hand.",
    "From now on messages go out as they come. This cannot be undone.",
];

impl Act {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Reconcile,
        Self::Release,
        Self::Refuse,
        Self::Refund,
        Self::Revoke,
        Self::Reissue,
        Self::Resend,
        Self::Replay,
        Self::ChangePrice,
        Self::Retire,
        Self::Offer,
        Self::EndToken,
        Self::SendHeld,
        Self::DropHeld,
    ];

    /// Its word in a path.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Reconcile => "reconcile",
            Self::Release => "release",
            Self::Refuse => "refuse",
            Self::Refund => "refund",
            Self::Revoke => "revoke",
            Self::Reissue => "reissue",
            Self::Resend => "resend",
            Self::Replay => "replay",
            Self::ChangePrice => "price",
            Self::Retire => "retire",
            Self::Offer => "offer",
            Self::EndToken => "disable",
            Self::SendHeld => "send",
            Self::DropHeld => "drop",
        }
    }

    /// Reads a path's word.
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|act| act.word() == word)
    }

    /// What the button says.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reconcile => "Ask ZenoPay",
            Self::Release => "Complete the order",
            Self::Refuse => "Refuse the order",
            Self::Refund => "Record a refund",
            Self::Revoke => "Revoke the voucher",
            Self::Reissue => "Give a new code",
            Self::Resend => "Send the SMS again",
            Self::Replay => "Decide again",
            Self::ChangePrice => "Change the price",
            Self::Retire => "Retire the package",
            Self::Offer => "Offer the package again",
            Self::EndToken => "End the token",
            Self::SendHeld => "Send what is held back",
            Self::DropHeld => "Drop what the backup had queued",
        }
    }

    /// Whether it takes something away from somebody.
    pub const fn takes_away(self) -> bool {
        match self {
            Self::Refuse
            | Self::Refund
            | Self::Revoke
            | Self::Reissue
            | Self::EndToken
            | Self::DropHeld => true,
            Self::Reconcile
            | Self::Release
            | Self::Resend
            | Self::Replay
            | Self::ChangePrice
            | Self::Retire
            | Self::Offer
            | Self::SendHeld => false,
        }
    }

    /// What will happen, a sentence each.
    pub const fn consequences(self) -> &'static [&'static str] {
        match self {
            Self::Reconcile => &[
                "ZenoPay is asked once what is true of this payment.",
                "If it says paid, the order is sold in the same moment: voucher, invoice, RADIUS user and SMS.",
                "If it says anything else, that is noted and nothing is taken away.",
            ],
            Self::Release => &[
                "The order becomes COMPLETED although the money does not fit.",
                "The guest gets the voucher, on the page and by SMS, and is let in at once.",
                "This cannot be undone; a refund can follow.",
            ],
            Self::Refuse => &[
                "The order becomes REFUNDED, and no voucher is made.",
                "No money is moved: pay the guest back yourself, by hand.",
                "This cannot be undone.",
            ],
            Self::Refund => &[
                "The order becomes REFUNDED. No money is moved: you have paid, or will pay, the guest back by hand.",
                "The voucher is revoked at once, its RADIUS user is removed, and devices that are online are disconnected.",
                "This cannot be undone.",
            ],
            Self::Revoke => &[
                "The voucher lets nobody in any more, and devices that are online are disconnected.",
                "No money is moved, and an order that it was sold with stays COMPLETED.",
                "This cannot be undone; the guest must buy again.",
            ],
            Self::Reissue => &[
                "The voucher gets another code, for the time and data that are left. The old code is closed at once, and devices that use it are disconnected.",
                "The new code goes by SMS to the phone that paid, and the link in that SMS shows it. Where no SMS is sent, tell it to the guest yourself.",
                "The page of whoever knows the order's id shows no code from then on.",
            ],
            Self::Resend => &[
                "The same text is sent to the same phone once more, or that of the newest code if there is a new one.",
                "Nothing else is changed.",
            ],
            Self::Replay => &[
                "The delivery is decided again as if it came now, and journalled as a replay.",
                "If it was proven when it came, it counts as evidence again; if not, ZenoPay is asked.",
                "What the order already knows is not changed: one payment is one sale.",
            ],
            Self::ChangePrice => &[
                "The shop shows the new price at once, and orders that are made from now on cost it.",
                "What was ordered before keeps its price, also if it is not paid yet.",
                "Printed vouchers keep the price that stands on them.",
            ],
            Self::Retire => &[
                "The shop no longer shows the package, and no vouchers of it can be printed.",
                "What was sold stays valid, and an order that waits for its payment is still sold when that comes.",
                "It can be offered again at any time.",
            ],
            Self::Offer => &[
                "The shop shows the package again at once, at the price above.",
                "Nothing else is changed.",
            ],
            Self::EndToken => &[
                "The token lets nobody in any more, and whoever is logged in with it is out at once.",
                "What was done with it stays in the audit log.",
                "A new token can be made for the same name at any time.",
            ],
            Self::SendHeld => SENDS_HELD,
            Self::DropHeld => DROPS_HELD,
        }
    }

    /// What is said when it is done.
    pub const fn done(self) -> &'static str {
        match self {
            Self::Reconcile => "ZenoPay was asked; what it said is the newest line below.",
            Self::Release => "The order is completed, and the guest has the voucher.",
            Self::Refuse => "The order is refused. Pay the guest back by hand.",
            Self::Refund => "The refund is recorded, and the voucher lets nobody in any more.",
            Self::Revoke => "The voucher is revoked.",
            Self::Reissue => "The voucher has a new code, which is below and goes out by SMS.",
            Self::Resend => "The SMS is queued again.",
            Self::Replay => "The delivery was decided again; what came of it is below.",
            Self::ChangePrice => "The price is changed, for orders from now on.",
            Self::Retire => "The package is no longer on sale. What was sold stays valid.",
            Self::Offer => "The package is on sale again.",
            Self::EndToken => "The token and its sessions are ended.",
            Self::SendHeld => "Nothing is held back any more: what waited is being sent.",
            Self::DropHeld => {
                "Nothing is held back any more: what the backup had queued is given up."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_act_says_what_will_happen_and_is_found_by_its_word() {
        for act in Act::ALL {
            assert_eq!(Act::read(act.word()), Some(act));
            assert!(act.consequences().len() >= 2, "{act:?}");
        }
        assert_eq!(Act::read("delete"), None);
    }
}
