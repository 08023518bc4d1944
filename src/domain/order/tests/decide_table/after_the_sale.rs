//! After the sale: ZenoPay's confirmation, revocation and refund.

use chrono::TimeDelta;

use super::fixtures::{facts, order, report};
use crate::domain::catalog::Tzs;
use crate::domain::order::decide::decide;
use crate::domain::order::{Effect, Evidence, Facts, GatewayReport, OrderAct, Outcome, Status};
use crate::domain::people::Personal;

#[test]
fn a_confirmation_fills_in_missing_facts_once() {
    let known = GatewayReport {
        transid: Some("T1".into()),
        channel: Some("MPESA-TZ".into()),
        payer_msisdn: Some(Personal::new("255744000000")),
        ..report("COMPLETED", "R2", Some(2000))
    };
    let asked = Evidence::OrderStatus(known);

    let Effect::Confirm(kept) = decide(&order(Status::Completed), &asked, &facts()).effect else {
        panic!("not kept")
    };

    assert_eq!(kept.gateway.paid_amount, Some(Tzs(2000)));
    assert_eq!(kept.gateway.transid.as_deref(), Some("T1"));
    assert_eq!(kept.gateway.channel.as_deref(), Some("MPESA-TZ"));
    assert!(kept.gateway.payer_msisdn.is_some());
    assert_eq!(kept.gateway.reference.as_deref(), Some("R1"), "ours stays");
    assert_eq!(decide(&kept, &asked, &facts()).effect, Effect::Keep);
}

#[test]
fn an_amount_that_it_was_sold_for_is_not_alerted_again() {
    for amount in [1500, 2500] {
        let mut sold = order(Status::Completed);
        sold.gateway.paid_amount = Some(Tzs(amount));
        let asked = Evidence::OrderStatus(report("COMPLETED", "R1", Some(amount)));

        let decision = decide(&sold, &asked, &facts());

        assert!(
            matches!(decision.effect, Effect::Confirm(_)),
            "{decision:?}"
        );
        assert_eq!(decision.remarks, [], "{amount}");
    }
}

#[test]
fn a_sale_is_checked_later_unless_a_status_check_made_it() {
    let report = || report("COMPLETED", "R1", None);
    for (evidence, confirmed) in [
        (Evidence::Gateway(report()), false),
        (Evidence::OrderStatus(report()), true),
    ] {
        let Effect::Sell(sale) = decide(&order(Status::Pending), &evidence, &facts()).effect else {
            panic!("not sold")
        };

        let sold = sale.payment;
        assert_eq!(sold.gateway_confirmed_at.is_some(), confirmed);
        assert_eq!(sold.due_at.is_none(), confirmed);
        assert!(sold.due_at.is_none_or(|at| at > facts().now));
    }
}

#[test]
fn a_second_revocation_changes_nothing_and_a_refund_keeps_the_time_of_the_first() {
    let reason = || "lost".to_owned();
    let revoke = Evidence::Operator(OrderAct::Revoke, Personal::new(reason()));
    let Effect::Revoke(revoked) = decide(&order(Status::Completed), &revoke, &facts()).effect
    else {
        panic!("not revoked")
    };
    let later = Facts {
        now: facts().now + TimeDelta::hours(1),
        ..facts()
    };

    let again = decide(&revoked, &revoke, &later);
    let refund = Evidence::Operator(OrderAct::Refund, Personal::new(reason()));
    let refunded = decide(&revoked, &refund, &later);

    assert_eq!(
        (again.outcome, again.effect),
        (Outcome::Duplicate, Effect::Keep)
    );
    let Effect::Refund(refunded) = refunded.effect else {
        panic!("not refunded")
    };
    assert_eq!(refunded.voucher.unwrap().revoked_at, Some(facts().now));
}
