//! The simulated subscriber and the mobile-money operator behind the phone: how a decision changes
//! a payment.

use chrono::{DateTime, Utc};
use rand::RngExt;
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;

use super::behaviour::{Behaviour, Choice};
use crate::domain::people::Phone;
use crate::store::{SandboxPayment, SandboxWebhook};

const DIGITS: &[u8] = b"0123456789";
const DIGITS_AND_CAPITALS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// The payment after the subscriber's decision at `now`, and the webhooks that report it. It keeps
/// the numbers that it has, because a second decision is no second payment, unless the behaviour
/// names another reference.
pub(super) fn answer(
    mut payment: SandboxPayment,
    now: DateTime<Utc>,
) -> (SandboxPayment, Vec<SandboxWebhook>) {
    let behaviour = Behaviour::from_stored(&payment.behaviour);
    let Some(word) = behaviour.word() else {
        return (payment, Vec::new());
    };

    payment.payment_status = word.to_owned();
    payment.channel = Some(channel(&Phone::from_stored(payment.buyer_phone.clone())).to_owned());
    // ZenoPay's number has ten digits.
    let reference = behaviour.reference.clone().or(payment.reference);
    payment.reference = reference.or_else(|| Some(random(DIGITS, 10)));
    if behaviour.decision == Choice::Approve {
        // The mobile-money operator's, as M-Pesa writes it: eleven digits and capitals.
        let transid = payment.transid;
        payment.transid = transid.or_else(|| Some(random(DIGITS_AND_CAPITALS, 11)));
    }

    let webhooks = behaviour.webhooks(&payment, now);
    (payment, webhooks)
}

/// The operator of a number, in ZenoPay's words; an unknown number counts as Vodacom's.
fn channel(phone: &Phone) -> &'static str {
    match phone.national().get(..3) {
        Some("065" | "067" | "071" | "077") => "TIGOPESATZ",
        Some("068" | "069" | "078") => "AIRTELMONEY",
        Some("061" | "062") => "HALOPESATZ",
        Some("073") => "TTCLMOBILE",
        _ => "MPESA-TZ",
    }
}

fn random(symbols: &[u8], count: usize) -> String {
    let mut dice = UnwrapErr(SysRng);
    (0..count)
        .map(|_| char::from(symbols[dice.random_range(0..symbols.len())]))
        .collect()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_paid_payment_has_both_numbers_and_a_channel() {
        let (paid, webhooks) = answer(pending(Behaviour::default()), Utc::now());

        assert_eq!(paid.payment_status, "COMPLETED");
        assert!(paid.reference.is_some() && paid.transid.is_some());
        assert_eq!(paid.channel.as_deref(), Some("AIRTELMONEY"));
        assert_eq!(webhooks.len(), 1);
    }

    #[test]
    fn a_declined_payment_moves_no_money_and_may_be_paid_later() {
        let declined = Behaviour {
            decision: Choice::Decline,
            ..Behaviour::default()
        };

        let (mut declined, _) = answer(pending(declined), Utc::now());

        assert_eq!(declined.payment_status, "FAILED");
        assert!(declined.reference.is_some());
        assert_eq!(declined.transid, None);

        declined.behaviour = Behaviour::default().to_stored();
        let (paid, _) = answer(declined.clone(), Utc::now());

        assert_eq!(paid.payment_status, "COMPLETED");
        assert_eq!(paid.reference, declined.reference);
        assert!(paid.transid.is_some());
    }

    #[test]
    fn a_second_charge_has_the_reference_that_its_behaviour_names() {
        let (mut payment, _) = answer(pending(Behaviour::default()), Utc::now());

        let again = Behaviour {
            reference: Some("again".into()),
            ..Behaviour::default()
        };
        payment.behaviour = again.to_stored();
        let (payment, _) = answer(payment, Utc::now());

        assert_eq!(payment.reference.as_deref(), Some("again"));
    }

    #[test]
    fn an_ignored_prompt_changes_nothing() {
        let ignoring = Behaviour {
            decision: Choice::Ignore,
            ..Behaviour::default()
        };

        let (payment, webhooks) = answer(pending(ignoring), Utc::now());

        assert_eq!(payment.payment_status, "PENDING");
        assert_eq!(payment.reference, None);
        assert!(webhooks.is_empty());
    }

    #[test]
    fn each_operator_is_found_by_the_first_digits() {
        for (number, expected) in [
            ("0744000000", "MPESA-TZ"),
            ("0754000000", "MPESA-TZ"),
            ("0764000000", "MPESA-TZ"),
            ("0654000000", "TIGOPESATZ"),
            ("0714000000", "TIGOPESATZ"),
            ("0694000000", "AIRTELMONEY"),
            ("0784000000", "AIRTELMONEY"),
            ("0624000000", "HALOPESATZ"),
            ("0734000000", "TTCLMOBILE"),
            ("0794000000", "MPESA-TZ"),
        ] {
            assert_eq!(channel(&Phone::read(number).unwrap()), expected, "{number}");
        }
    }

    #[test]
    fn numbers_look_like_those_of_the_real_ones() {
        let answered = || answer(pending(Behaviour::default()), Utc::now()).0;
        let (one, other) = (answered(), answered());
        let (reference, transid) = (one.reference.unwrap(), one.transid.unwrap());

        assert_eq!(reference.len(), 10);
        assert!(reference.bytes().all(|b| b.is_ascii_digit()));
        assert_eq!(transid.len(), 11);
        assert!(
            transid
                .bytes()
                .all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
        );
        assert_ne!(Some(reference), other.reference);
        assert_ne!(Some(transid), other.transid);
    }

    fn pending(behaviour: Behaviour) -> SandboxPayment {
        let created_at = Utc::now() - TimeDelta::seconds(3);
        SandboxPayment {
            id: 1,
            order_id: "677e43274d7cb".to_owned(),
            amount: 2_000,
            buyer_phone: "255784000000".to_owned(),
            webhook_url: Some("http://127.0.0.1:8080/hook".to_owned()),
            metadata: None,
            payment_status: "PENDING".to_owned(),
            reference: None,
            transid: None,
            channel: None,
            behaviour: behaviour.to_stored(),
            created_at,
            decide_at: Some(created_at),
        }
    }
}
