use chrono::{DateTime, TimeDelta, Utc};

use super::*;
use crate::domain::catalog::Validity;
use crate::domain::order::decide::decide;
use crate::domain::order::decide_table::{facts, order};
use crate::domain::order::{Evidence, ReissueCount};

const GIB: u64 = 1 << 30;

fn request(order: &Payment) -> ReissueInput {
    ReissueInput {
        by: ReissuedBy::Owner,
        seen: order.version,
        usage: Usage::default(),
        replaced: ReissueCount::default(),
    }
}

fn replaced(order: &Payment, request: &ReissueInput) -> Option<ReissuedVoucher> {
    match decide(order, &Evidence::Reissue(request.clone()), &facts()).effect {
        Effect::Reissue(replacement) => Some(*replacement),
        Effect::Refuse => None,
        other => panic!("{other:?}"),
    }
}

fn end_of(replacement: Option<ReissuedVoucher>) -> Option<DateTime<Utc>> {
    replacement.unwrap().payment.voucher.unwrap().expires_at
}

#[test]
fn the_new_code_ends_when_the_old_one_would_have() {
    let now = facts().now;
    let mut order = order(Status::Completed);
    let end = Some(now + TimeDelta::hours(3));
    order.voucher.as_mut().unwrap().expires_at = end;
    let replacement = replaced(&order, &request(&order)).unwrap();
    let voucher = replacement.payment.voucher.clone().unwrap();
    assert_eq!(voucher.code, facts().fresh_code);
    assert_eq!((voucher.issued_at, voucher.expires_at), (now, end));
    assert_eq!(Some(replacement.old), order.voucher.clone().map(|v| v.code));
    assert_eq!(replacement.payment.version, order.version + 1);
    assert!(replacement.sms.text.contains(facts().fresh_code.as_str()));
    assert_eq!(replacement.sms.kind, "voucher-2");

    // From the first log-in, which was made with the old code, or is still to come.
    order.terms.validity = Validity::FirstLogin;
    order.voucher.as_mut().unwrap().expires_at = None;
    assert_eq!(end_of(replaced(&order, &request(&order))), None);
    let mut used = request(&order);
    used.usage.first_login_at = Some(now - TimeDelta::hours(1));
    let left = TimeDelta::minutes(1_440) - TimeDelta::hours(1);
    assert_eq!(end_of(replaced(&order, &used)), Some(now + left));
    // A second time, after which the first log-in may not be looked at again.
    order.voucher.as_mut().unwrap().expires_at = Some(now + left);
    let mut again = request(&order);
    again.usage.first_login_at = Some(now);
    again.replaced.total = 1;
    let second = replaced(&order, &again);
    assert_eq!(second.as_ref().unwrap().sms.kind, "voucher-3");
    assert_eq!(end_of(second), Some(now + left));
}

#[test]
fn an_ended_voucher_gets_no_new_code() {
    let mut order = order(Status::Completed);
    order.terms.data_limit_mb = Some(1_024);
    let mut used = request(&order);
    used.usage.octets = GIB - 1;
    assert!(replaced(&order, &used).is_some());
    used.usage.octets = GIB;
    assert_eq!(replaced(&order, &used), None);

    let mut ended = order.clone();
    ended.voucher.as_mut().unwrap().expires_at = Some(facts().now);
    assert_eq!(replaced(&ended, &request(&ended)), None);

    let mut revoked = order.clone();
    revoked.voucher.as_mut().unwrap().revoked_at = Some(facts().now);
    assert_eq!(replaced(&revoked, &request(&revoked)), None);

    order.terms.validity = Validity::FirstLogin;
    let mut over = request(&order);
    over.usage.first_login_at = Some(facts().now - TimeDelta::days(1));
    assert_eq!(replaced(&order, &over), None);
}

#[test]
fn an_owner_gets_at_most_three_new_codes_a_day() {
    let order = order(Status::Completed);
    let mut often = request(&order);
    often.replaced = ReissueCount {
        total: 9,
        last_day: 2,
        full_at: None,
    };
    assert_eq!(
        replaced(&order, &often).map(|it| it.sms.kind).as_deref(),
        Some("voucher-11")
    );

    often.replaced.last_day = 3;
    assert_eq!(replaced(&order, &often), None);
}

#[test]
fn an_operator_is_not_limited_to_three_codes_a_day() {
    let order = order(Status::Completed);
    let mut often = request(&order);
    often.by = ReissuedBy::Operator;
    often.replaced = ReissueCount {
        total: 3,
        last_day: 3,
        full_at: None,
    };

    assert!(replaced(&order, &often).is_some());
}

#[test]
fn the_order_remembers_that_its_code_was_replaced() {
    let order = order(Status::Completed);

    let replaced = replaced(&order, &request(&order)).unwrap();

    assert_eq!(replaced.payment.reissued_at, Some(facts().now));
}

#[test]
fn pressing_twice_makes_one_new_code() {
    let order = order(Status::Completed);
    let pressed = request(&order);
    let first = replaced(&order, &pressed).unwrap().payment;

    let second = decide(&first, &Evidence::Reissue(pressed), &facts());

    assert_eq!(second, Decision::keep(Outcome::Duplicate));
}
