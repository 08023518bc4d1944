use chrono::TimeZone;

use super::*;
use crate::domain::order::ReportedStatus;
use crate::gateways::zenopay::wire::{Notification, read_webhook};

#[test]
fn by_default_one_documented_webhook_is_sent_at_once_with_the_key() {
    let planned = Behaviour::default().webhooks(&completed(), noon());

    let [webhook] = planned.as_slice() else {
        panic!("{} webhooks", planned.len())
    };
    assert_eq!(
        webhook.body,
        r#"{"order_id":"677e43274d7cb","payment_status":"COMPLETED","reference":"0936000000","metadata":{"package":"daily"}}"#
    );
    assert_eq!(webhook.content_type, "application/json");
    assert_eq!(webhook.url, "http://127.0.0.1:8080/hook");
    assert_eq!(webhook.due_at, noon());
    assert!(webhook.with_key);
}

#[test]
fn our_own_reader_understands_every_kind_of_body() {
    for form in [false, true] {
        for tell_amount in [false, true] {
            let behaviour = Behaviour {
                form,
                tell_amount,
                amount: Some(500),
                ..Behaviour::default()
            };

            let planned = behaviour.webhooks(&completed(), noon());

            let Notification {
                raw_order_id,
                report,
                ..
            } = read_webhook(planned[0].body.as_bytes()).unwrap();
            assert_eq!(raw_order_id, "677e43274d7cb");
            assert_eq!(report.word, ReportedStatus::Paid);
            assert_eq!(report.reference.as_deref(), Some("0936000000"));
            assert_eq!(
                report.amount.whole().map(|amount| amount.0),
                tell_amount.then_some(500)
            );
            assert_eq!(report.currency.as_deref(), tell_amount.then_some("TZS"));
        }
    }
}

#[test]
fn a_form_has_its_content_type_and_metadata_as_json() {
    let behaviour = Behaviour {
        form: true,
        ..Behaviour::default()
    };

    let planned = behaviour.webhooks(&completed(), noon());

    assert_eq!(planned[0].content_type, "application/x-www-form-urlencoded");
    assert_eq!(
        planned[0].body,
        "metadata=%7B%22package%22%3A%22daily%22%7D&order_id=677e43274d7cb\
         &payment_status=COMPLETED&reference=0936000000"
    );
}

#[test]
fn copies_are_sent_together_after_the_delay() {
    let behaviour = Behaviour {
        copies: 3,
        delay_ms: 5_000,
        with_key: false,
        ..Behaviour::default()
    };

    let planned = behaviour.webhooks(&completed(), noon());

    assert_eq!(planned.len(), 3);
    for webhook in &planned {
        assert_eq!(webhook.due_at, noon() + TimeDelta::seconds(5));
        assert!(!webhook.with_key);
    }
}

#[test]
fn out_of_order_a_pending_follows_the_completed() {
    let behaviour = Behaviour {
        out_of_order: true,
        ..Behaviour::default()
    };

    let planned = behaviour.webhooks(&completed(), noon());

    let words: Vec<_> = planned
        .iter()
        .map(|webhook| {
            read_webhook(webhook.body.as_bytes())
                .unwrap()
                .report
                .raw_word
        })
        .collect();
    assert_eq!(words, ["COMPLETED", "PENDING"]);
    assert!(planned[1].due_at > planned[0].due_at);
}

#[test]
fn no_webhook_is_sent_when_switched_off_or_without_a_url() {
    let silent = Behaviour {
        deliver: false,
        out_of_order: true,
        ..Behaviour::default()
    };
    let nowhere = SandboxPayment {
        webhook_url: None,
        ..completed()
    };

    assert!(silent.webhooks(&completed(), noon()).is_empty());
    assert!(Behaviour::default().webhooks(&nowhere, noon()).is_empty());
}

#[test]
fn absurd_numbers_are_cut_and_never_overflow() {
    let absurd = Behaviour {
        copies: u32::MAX,
        delay_ms: u64::MAX,
        after_ms: Some(u64::MAX),
        ..Behaviour::default()
    };

    let planned = absurd.webhooks(&completed(), noon());

    assert_eq!(planned.len(), 100);
    assert_eq!(planned[0].due_at, noon() + TimeDelta::days(1));
    assert_eq!(
        absurd.decide_at(noon(), 3_000),
        Some(noon() + TimeDelta::days(1))
    );
}

#[test]
fn the_subscriber_decides_after_the_usual_time_or_the_payments_own_or_by_hand() {
    let after = |after_ms, decision| {
        let behaviour = Behaviour {
            after_ms,
            decision,
            ..Behaviour::default()
        };
        behaviour
            .decide_at(noon(), 3_000)
            .map(|at| (at - noon()).num_milliseconds())
    };

    assert_eq!(after(None, Choice::Approve), Some(3_000));
    assert_eq!(after(Some(20), Choice::Decline), Some(20));
    assert_eq!(after(Some(0), Choice::Approve), None);
    assert_eq!(after(None, Choice::Ignore), None);
    assert_eq!(Behaviour::default().decide_at(noon(), 0), None);
}

#[test]
fn each_decision_has_its_word_unless_another_is_named() {
    let word = |decision, word: Option<&str>| {
        let word = word.map(str::to_owned);
        let behaviour = Behaviour {
            decision,
            word,
            ..Behaviour::default()
        };
        behaviour.word().map(str::to_owned)
    };

    assert_eq!(word(Choice::Approve, None).as_deref(), Some("COMPLETED"));
    assert_eq!(word(Choice::Decline, None).as_deref(), Some("FAILED"));
    assert_eq!(word(Choice::Cancel, None).as_deref(), Some("CANCELLED"));
    assert_eq!(
        word(Choice::Decline, Some("INVALID_PIN")).as_deref(),
        Some("INVALID_PIN")
    );
    assert_eq!(word(Choice::Ignore, Some("COMPLETED")), None);
}

#[test]
fn a_change_names_only_what_it_changes_and_another_decision_has_its_usual_word() {
    let declined = Behaviour {
        decision: Choice::Decline,
        word: Some("INVALID_PIN".to_owned()),
        copies: 4,
        ..Behaviour::default()
    };

    let paid_late = declined.with(changes(json!({"decision": "approve", "amount": 500})));

    let expected = Behaviour {
        decision: Choice::Approve,
        word: None,
        amount: Some(500),
        ..declined
    };
    assert_eq!(paid_late, Ok(expected));
}

#[test]
fn an_unknown_field_is_refused_by_its_name() {
    let refused = Behaviour::default().with(changes(json!({"decison": "approve"})));

    assert!(refused.unwrap_err().contains("decison"));
}

#[test]
fn a_text_that_a_database_cannot_store_is_refused() {
    for change in [json!({"word": "PA\0ID"}), json!({"reference": "\0"})] {
        assert!(Behaviour::default().with(changes(change)).is_err());
    }
}

#[test]
fn what_is_stored_reads_back_and_what_cannot_be_read_is_the_default() {
    let odd = Behaviour {
        push: Push::BadKey,
        after_ms: Some(1),
        ..Behaviour::default()
    };

    assert_eq!(Behaviour::from_stored(&odd.to_stored()), odd);
    assert_eq!(Behaviour::from_stored("{"), Behaviour::default());
    assert_eq!(Behaviour::from_stored("{}"), Behaviour::default());
}

fn changes(fields: Value) -> Map<String, Value> {
    fields.as_object().unwrap().clone()
}

fn noon() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 23, 9, 0, 0).unwrap()
}

fn completed() -> SandboxPayment {
    SandboxPayment {
        id: 1,
        order_id: "677e43274d7cb".to_owned(),
        amount: 2_000,
        buyer_phone: "255744000000".to_owned(),
        webhook_url: Some("http://127.0.0.1:8080/hook".to_owned()),
        metadata: Some(r#"{"package":"daily"}"#.to_owned()),
        payment_status: "COMPLETED".to_owned(),
        reference: Some("0936000000".to_owned()),
        transid: Some("CEJ3I3SETSN".to_owned()),
        channel: Some("MPESA-TZ".to_owned()),
        behaviour: Behaviour::default().to_stored(),
        created_at: noon(),
        decide_at: None,
    }
}
