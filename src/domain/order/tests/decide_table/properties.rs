//! What must hold for any order and any evidence, whatever the table says.

use chrono::{DateTime, TimeDelta};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::after;
use super::fixtures::{facts, order};
use crate::domain::access::{Usage, VoucherCode};
use crate::domain::catalog::{Tzs, Validity};
use crate::domain::order::decide::decide;
use crate::domain::order::{
    Decision, Effect, Evidence, Facts, GatewayFacts, GatewayReport, OrderAct, Payment,
    ReissueCount, ReissueInput, ReissuedBy, ReportedAmount, ReportedStatus, Status,
};
use crate::domain::people::Personal;

const ALPHABET_CODE: &str = "[A-HJKMNP-Z2-9]{8}";

fn any_amount() -> impl Strategy<Value = ReportedAmount> {
    let whole = prop_oneof![Just(2000), 0..=999_999_999_999_999_i64];
    prop_oneof![
        Just(ReportedAmount::Absent),
        whole.prop_map(|amount| ReportedAmount::Whole(Tzs(amount))),
        "[ -~]{1,60}".prop_map(ReportedAmount::Unreadable),
    ]
}

prop_compose! {
    fn any_report()(
        (word, raw_word) in select(vec![
            (ReportedStatus::Paid, "PAID"), (ReportedStatus::Failed, "FAILED"), (ReportedStatus::Cancelled, "CANCELLED"),
            (ReportedStatus::InProgress, "PENDING"), (ReportedStatus::Unknown, "UNPAID"),
        ]),
        amount in any_amount(),
        currency in option::of(select(vec!["TZS", "USD", ""])),
        reference in option::of("R[12]"),
    ) -> GatewayReport {
        GatewayReport {
            word,
            raw_word: raw_word.into(),
            amount,
            currency: currency.map(str::to_owned),
            reference,
            transid: None,
            channel: None,
            payer_msisdn: None,
        }
    }
}

prop_compose! {
    fn any_request()(
        seen in 1..4_i32,
        first_login in option::of(-3600..4_000_000_000_i64),
        octets in any::<u64>(),
        last_day in 0..5_u32,
        by in select(vec![ReissuedBy::Owner, ReissuedBy::Operator]),
    ) -> ReissueInput {
        let first_login = first_login.map(|secs| DateTime::UNIX_EPOCH + TimeDelta::seconds(secs));
        ReissueInput {
            by,
            seen,
            usage: Usage { first_login_at: first_login, octets, devices_online: 0 },
            replaced: ReissueCount { total: last_day, last_day, full_at: None },
        }
    }
}

fn any_evidence() -> impl Strategy<Value = Evidence> {
    let reason = || ".{0,20}";
    prop_oneof![
        8 => any_report().prop_map(Evidence::Gateway),
        4 => any_report().prop_map(Evidence::OrderStatus),
        1 => Just(Evidence::NeverConfirmed),
        1 => reason().prop_map(Evidence::PushRefused),
        1 => Just(Evidence::PushUnknown),
        1 => Just(Evidence::Unconfirmed),
        1 => Just(Evidence::Deadline),
        1 => Just(Evidence::LetGo),
        1 => reason().prop_map(|reason| Evidence::Operator(OrderAct::Release, Personal::new(reason))),
        1 => reason().prop_map(|reason| Evidence::Operator(OrderAct::Refuse, Personal::new(reason))),
        1 => reason().prop_map(|reason| Evidence::Operator(OrderAct::Refund, Personal::new(reason))),
        1 => reason().prop_map(|reason| Evidence::Operator(OrderAct::Revoke, Personal::new(reason))),
        1 => any_request().prop_map(Evidence::Reissue),
    ]
}

prop_compose! {
    fn any_order()(
        status in select(Status::ALL.to_vec()),
        version in 1..1000_i32,
        price in 1..1_000_000_i64,
        duration_minutes in 1..1_000_000_i32,
        validity in select(vec![Validity::Purchase, Validity::FirstLogin]),
        paid_amount in option::of(0..2_000_000_i64),
        reference in option::of("R[12]"),
    ) -> Payment {
        let mut order = order(status);
        order.version = version;
        order.amount = Tzs(price);
        order.terms.duration_minutes = duration_minutes;
        order.terms.validity = validity;
        order.gateway = GatewayFacts {
            paid_amount: paid_amount.map(Tzs),
            reference,
            ..GatewayFacts::default()
        };
        order
    }
}

prop_compose! {
    /// Any moment from 1970 to 2096, also before the order was made by another clock.
    fn any_facts()(
        second in -3600..4_000_000_000_i64,
        code in ALPHABET_CODE,
    ) -> Facts {
        Facts {
            now: DateTime::UNIX_EPOCH + TimeDelta::seconds(second),
            fresh_code: VoucherCode::from_stored(code),
            ..facts()
        }
    }
}

/// The order as the database holds it once the decision is written.
fn applied(order: &Payment, decision: &Decision) -> Payment {
    let mut stored = after(order, &decision.effect).unwrap_or(order).clone();
    if let Effect::CheckAt(at) = decision.effect {
        stored.due_at = Some(at);
    }
    if let Effect::Confirm(kept) = &decision.effect {
        stored = Payment::clone(kept);
    }
    stored
}

proptest! {
    #[test]
    fn every_evidence_has_one_decision(
        order in any_order(), evidence in any_evidence(), facts in any_facts(),
    ) {
        prop_assert_eq!(decide(&order, &evidence, &facts), decide(&order, &evidence, &facts));
    }

    #[test]
    fn the_version_rises_by_one_exactly_when_the_guest_sees_a_change(
        order in any_order(), evidence in any_evidence(), facts in any_facts(),
    ) {
        let decision = decide(&order, &evidence, &facts);

        match after(&order, &decision.effect) {
            Some(after) => {
                prop_assert_eq!(after.version, order.version + 1);
                let is_about_the_voucher =
                    matches!(decision.effect, Effect::Revoke(_) | Effect::Reissue(_));
                prop_assert!(is_about_the_voucher || after.status != order.status);
            }
            // Remarks, asks and what ZenoPay knows are written beside the order and leave its
            // document alone.
            None => {
                let stored = Payment {
                    due_at: order.due_at,
                    gateway: order.gateway.clone(),
                    gateway_confirmed_at: order.gateway_confirmed_at,
                    ..applied(&order, &decision)
                };
                prop_assert_eq!(stored, order);
            }
        }
    }

    #[test]
    fn a_sale_is_kept_unless_an_operator_refunds_it(
        order in any_order(), evidence in any_evidence(), facts in any_facts(),
    ) {
        prop_assume!(matches!(order.status, Status::Completed | Status::Refunded));

        let stored = applied(&order, &decide(&order, &evidence, &facts));

        let may_refund = matches!(evidence, Evidence::Operator(OrderAct::Refund, _));
        let is_refund = may_refund && stored.status == Status::Refunded;
        prop_assert!(stored.status == order.status || is_refund);
        let code = |payment: &Payment| payment.voucher.as_ref().map(|v| v.code.clone());
        let may_replace = matches!(evidence, Evidence::Reissue(_));
        prop_assert!(code(&stored) == code(&order) || may_replace);
        let is_revoked = stored.voucher.is_some_and(|voucher| voucher.revoked_at.is_some());
        let may_revoke = matches!(evidence, Evidence::Operator(OrderAct::Revoke, _));
        let was_sold = order.status == Status::Completed;
        prop_assert_eq!(is_revoked, was_sold && (is_refund || may_revoke));
    }

    #[test]
    fn a_held_order_is_sold_only_by_an_operator(
        evidence in any_evidence(), facts in any_facts(),
    ) {
        let decision = decide(&order(Status::Held), &evidence, &facts);

        let is_release = matches!(evidence, Evidence::Operator(OrderAct::Release, _));
        prop_assert_eq!(matches!(decision.effect, Effect::Sell(_)), is_release);
    }

    #[test]
    fn an_unreadable_amount_sells_nothing(
        order in any_order(), report in any_report(), facts in any_facts(),
    ) {
        let unreadable = matches!(report.amount, ReportedAmount::Unreadable(_));
        prop_assume!(unreadable);

        for evidence in [Evidence::Gateway(report.clone()), Evidence::OrderStatus(report)] {
            let decision = decide(&order, &evidence, &facts);
            prop_assert!(!matches!(decision.effect, Effect::Sell(_)), "{decision:?}");
        }
    }

    #[test]
    fn a_sale_gives_the_whole_time_from_now_and_a_fresh_code(
        order in any_order(), evidence in any_evidence(), facts in any_facts(),
    ) {
        let decision = decide(&order, &evidence, &facts);
        let Effect::Sell(sale) = decision.effect else { return Ok(()) };
        let voucher = sale.payment.voucher.unwrap();

        let whole_time = TimeDelta::minutes(order.terms.duration_minutes.into());
        let expected = match order.terms.validity {
            Validity::Purchase => Some(facts.now + whole_time),
            Validity::FirstLogin => None,
        };
        prop_assert_eq!(voucher.expires_at, expected);
        prop_assert_eq!(voucher.issued_at, facts.now);
        prop_assert_eq!(sale.payment.processed_at, Some(facts.now));
        prop_assert_eq!(sale.invoice.issued_at, facts.now);
        prop_assert!(sale.payment.confirmed_at.is_some());
        prop_assert!(sale.sms.text.contains(facts.fresh_code.as_str()));
        prop_assert_eq!(voucher.code, facts.fresh_code);
    }

    #[test]
    fn one_order_is_sold_at_most_once_whatever_arrives_in_any_order(
        story in proptest::collection::vec((any_evidence(), any_facts()), 0..30),
    ) {
        let mut order = order(Status::Pending);
        let mut sales = 0;
        for (evidence, facts) in &story {
            let decision = decide(&order, evidence, facts);
            sales += i32::from(matches!(decision.effect, Effect::Sell(_)));
            order = applied(&order, &decision);
        }

        prop_assert!(sales <= 1);
        prop_assert_eq!(sales == 1, order.voucher.is_some());
    }

    #[test]
    fn a_paid_order_is_sold_whatever_else_arrives_before_or_after(
        mut story in proptest::collection::vec(any_report(), 0..20),
        at in any::<prop::sample::Index>(),
    ) {
        for report in &mut story {
            // Money that does not fit waits for an operator: that is another story.
            report.currency = None;
            report.amount = ReportedAmount::Absent;
        }
        let paid = super::report("PAID", "R1", Some(2000));
        story.insert(at.index(story.len() + 1), paid);

        let mut order = order(Status::Pending);
        for report in story {
            let decision = decide(&order, &Evidence::Gateway(report), &facts());
            order = applied(&order, &decision);
        }

        prop_assert_eq!(order.status, Status::Completed);
    }
}
