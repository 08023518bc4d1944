//! What a delivery means, however it is written.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::domain::catalog::Tzs;
use crate::domain::order::{ReportedAmount, ReportedStatus};

fn read(body: &str) -> Result<Notification, Unreadable> {
    read_webhook(body.as_bytes())
}

/// The report of a paid delivery with more fields.
fn report(fields: &str) -> GatewayReport {
    let body = format!(r#"{{"order_id":"A","payment_status":"PAID",{fields}}}"#);
    read(&body).unwrap().report
}

#[test]
fn every_field_that_zenopay_may_send_is_understood() {
    let report = report(
        r#""amount":2000.0,"currency":" tzs ","reference":1003020496,"transid":"CEJ3",
           "payment_method":"M-Pesa","phone":"255744000000","metadata":[{"amount":1}]"#,
    );

    assert_eq!(report.word, ReportedStatus::Paid);
    assert_eq!(report.raw_word, "PAID");
    assert_eq!(report.amount, ReportedAmount::Whole(Tzs(2000)));
    assert_eq!(report.currency.as_deref(), Some("TZS"));
    assert_eq!(report.reference.as_deref(), Some("1003020496"));
    assert_eq!(report.transid.as_deref(), Some("CEJ3"));
    assert_eq!(report.channel.as_deref(), Some("M-Pesa"));
    assert_eq!(
        report.payer_msisdn.as_ref().map(|msisdn| msisdn.expose()),
        Some("255744000000")
    );
}

#[test]
fn the_narrower_field_wins_over_its_stand_in() {
    let report = report(
        r#""payment_method":"M-Pesa","channel":"MPESA-TZ","phone":"1","msisdn":"255744000000""#,
    );

    assert_eq!(report.channel.as_deref(), Some("MPESA-TZ"));
    assert_eq!(
        report.payer_msisdn.as_ref().map(|msisdn| msisdn.expose()),
        Some("255744000000")
    );
}

#[test]
fn what_is_empty_null_or_no_plain_value_counts_as_absent() {
    for value in [
        "\"\"",
        "\" \"",
        "null",
        "true",
        "{}",
        "[\"x\"]",
        "\"\\u0000\"",
    ] {
        let fields = ["reference", "transid", "channel", "msisdn"]
            .map(|name| format!("\"{name}\":{value}"))
            .join(",");
        let report = report(&fields);

        let bare = r#"{"order_id":"A","payment_status":"PAID"}"#;
        assert_eq!(report, read(bare).unwrap().report, "{value}");
    }
}

#[test]
fn an_amount_is_whole_shillings_or_absent_or_kept_as_it_was_sent() {
    let whole = |amount| ReportedAmount::Whole(Tzs(amount));
    let kept = |sent: &str| ReportedAmount::Unreadable(sent.to_owned());
    for (sent, expected) in [
        ("null", ReportedAmount::Absent),
        ("\"\"", ReportedAmount::Absent),
        ("\" \"", ReportedAmount::Absent),
        ("\"\\u0000\"", kept("\\u{0}")),
        ("2000.0", whole(2_000)),
        ("2.000", whole(2)),
        ("1e3", whole(1_000)),
        ("\"1,000\"", whole(1_000)),
        ("\"1\\u202f000\"", whole(1_000)),
        ("\"a lot\"", kept("a lot")),
        ("\"TZS\\n100\"", kept("TZS100")),
        ("\"\\ud83d\"", kept("\"\\ud83d\"")),
        ("-5", kept("-5")),
        ("1999.5", kept("1999.5")),
        ("1e30", kept("1e30")),
        ("1e400", kept("1e400")),
        ("true", kept("true")),
        ("[ 2000 ]", kept("[ 2000 ]")),
        ("{\"value\":2000}", kept("{\"value\":2000}")),
        ("{}", kept("{}")),
        // The last of several wins, as of every other field.
        ("\"TZS 100\",\"amount\":2000", whole(2_000)),
        ("2000,\"amount\":\"TZS 100\"", kept("TZS 100")),
    ] {
        let report = report(&format!("\"amount\":{sent}"));
        assert_eq!(report.amount, expected, "{sent}");
    }
    let form = read("order_id=A&payment_status=PAID&amount=+2%2C000.00").unwrap();
    assert_eq!(form.report.amount, whole(2_000));
}

#[test]
fn a_currency_is_absent_only_if_it_is_null_or_empty() {
    for (sent, expected) in [
        ("null", None),
        ("\"\"", None),
        ("\" \"", None),
        ("\"TZS\"", Some("TZS")),
        ("\" tzs \"", Some("TZS")),
        ("\"usd\"", Some("USD")),
        ("true", Some("TRUE")),
        ("834", Some("834")),
        ("1e400", Some("1E400")),
        ("[\"TZS\"]", Some("[\"TZS\"]")),
        ("{}", Some("{}")),
        ("\"\\u0000\"", Some("?")),
        ("\"TZ\\u0000S\"", Some("TZS?")),
        ("\"\\ud83d\"", Some("\"\\UD83D\"")),
        ("\"shillings of Tanzania\"", Some("SHILLINGS OF TAN")),
    ] {
        let report = report(&format!("\"currency\":{sent}"));
        assert_eq!(report.currency.as_deref(), expected, "{sent}");
    }
    let form = |currency: &str| {
        let body = format!("order_id=A&payment_status=PAID&currency={currency}");
        read(&body).unwrap().report.currency
    };
    assert_eq!(form(""), None);
    assert_eq!(form("+tzs"), Some("TZS".to_owned()));
    assert_eq!(form("%00"), Some("?".to_owned()));
}

#[test]
fn a_delivery_that_does_not_say_what_happened_to_which_order_is_refused() {
    for (body, why) in [
        ("", Unreadable::Empty),
        (" \n", Unreadable::Empty),
        ("\u{FEFF}", Unreadable::Empty),
        ("{", Unreadable::NotJson),
        (
            r#"{"order_id":"A","payment_status":"PAID"} x"#,
            Unreadable::NotJson,
        ),
        ("{}", Unreadable::NoOrderId),
        ("[]", Unreadable::NoOrderId),
        ("hello", Unreadable::NoOrderId),
        (
            r#"{"order_id":" ","payment_status":"PAID"}"#,
            Unreadable::NoOrderId,
        ),
        (
            r#"{"order_id":null,"payment_status":"PAID"}"#,
            Unreadable::NoOrderId,
        ),
        (
            r#"{"order_id":{"a":1},"payment_status":"PAID"}"#,
            Unreadable::NoOrderId,
        ),
        (
            r#"{"order_id":"A","payment_status":""}"#,
            Unreadable::NoPaymentStatus,
        ),
        (
            r#"{"order_id":"A","payment_status":1}"#,
            Unreadable::NoPaymentStatus,
        ),
        (
            r#"{"order_id":"A","payment_status":["PAID"]}"#,
            Unreadable::NoPaymentStatus,
        ),
        ("order_id=A&payment_status=", Unreadable::NoPaymentStatus),
        ("order_id=%FF&payment_status=PAID", Unreadable::NotUtf8),
    ] {
        assert_eq!(read(body), Err(why), "{body:?}");
    }
    assert_eq!(
        read_webhook(b"{\"order_id\":\"\xFF\"}"),
        Err(Unreadable::NotUtf8)
    );
}

#[test]
fn a_delivery_that_contradicts_itself_is_refused() {
    for body in [
        r#"{"order_id":"A","order_id":"B","payment_status":"PAID"}"#,
        r#"{"order_id":null,"order_id":"A","payment_status":"PAID"}"#,
        r#"{"order_id":"A","payment_status":"FAILED","payment_status":"PAID"}"#,
        r#"{"order_id":"A","payment_status":"PAID","payment\u005fstatus":"PAID"}"#,
        "order_id=A&payment_status=PAID&order%5Fid=B",
        "order_id=A&payment_status=FAILED&payment_status=PAID",
    ] {
        assert_eq!(read(body), Err(Unreadable::Ambiguous), "{body}");
    }
    let twice = r#""reference":"1","reference":"2","metadata":1,"metadata":{"order_id":"B"}"#;
    assert_eq!(report(twice).reference.as_deref(), Some("2"));
}

#[test]
fn an_order_id_may_be_a_number_and_is_otherwise_kept_as_sent() {
    let id = |body: &str| read(body).unwrap().raw_order_id;

    assert_eq!(id(r#"{"order_id":17,"payment_status":"PAID"}"#), "17");
    assert_eq!(
        id(r#"{"order_id":" 677E ","payment_status":"PAID"}"#),
        "677E"
    );
    assert_eq!(id("order_id=+677E&payment_status=PAID\r\n"), "677E");
}

#[test]
fn what_the_database_could_not_store_is_cut_out() {
    let body = json!({
        "order_id": format!("A\0{}", "x".repeat(200)),
        "payment_status": format!("NO\0{}", "w".repeat(200)),
        "reference": "1\u{7}2\n",
    });
    let read = read(&body.to_string()).unwrap();

    assert_eq!(read.raw_order_id, format!("A{}", "x".repeat(127)));
    assert_eq!(read.report.raw_word, format!("NO{}", "w".repeat(62)));
    assert_eq!(read.report.reference.as_deref(), Some("12"));
}

#[test]
fn a_word_that_is_only_whole_once_cleaned_does_not_make_a_sale() {
    let body = r#"{"order_id":"A","payment_status":"COMPLE\u0000TED"}"#;

    assert_eq!(read(body).unwrap().report.word, ReportedStatus::Unknown);
}

#[test]
fn an_id_that_is_only_whole_once_cleaned_or_cut_names_nobodys_order() {
    let id = "677e4327-4d7c-4b1e-9f00-0123456789ab";
    let names = |sent: &str| {
        let body = json!({"order_id": sent, "payment_status": "PAID"});
        read(&body.to_string()).unwrap().order_id
    };

    assert_eq!(names(&format!(" {id}\n")), id.parse().ok());
    assert_eq!(names(&format!("\0{id}")), None);
    assert_eq!(names(&id.replace("4327", "43\u{7}27")), None);
    assert_eq!(names(&format!("{id}{}x", " ".repeat(100))), None);
}

#[test]
fn deep_nesting_and_size_do_no_harm() {
    for field in ["metadata", "amount", "order_id", "payment_status"] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let deep = open.repeat(100_000) + "1" + &close.repeat(100_000);
            let body = format!(r#"{{"order_id":"A","payment_status":"PAID","{field}":{deep}}}"#);
            let is_optional = matches!(field, "metadata" | "amount");
            assert_eq!(read(&body).is_ok(), is_optional, "{field}");
        }
    }
}

#[test]
fn the_sender_is_told_nothing_of_what_it_sent() {
    let why = read(r#"{"order_id":"0712345678","payment_status":7}"#).unwrap_err();

    assert_eq!(
        why.to_string(),
        "payment_status is missing, empty or not a string"
    );
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(body in any::<Vec<u8>>()) {
        let _ = read_webhook(&body);
    }

    #[test]
    fn nothing_that_looks_like_a_delivery_makes_the_reader_panic(
        body in r#"\{?("(order_id|payment_status|amount|x)"[:=&,]?|[\[\]{}:,"\\u0-9a-f=&%+.e-]){0,40}\}?"#,
    ) {
        let _ = read(&body);
    }

    #[test]
    fn what_is_written_reads_back_as_json_and_as_form(
        order_id in "[!-~]{1,128}",
        word in "[A-Z_]{1,64}",
        reference in proptest::option::of("[!-~]{1,128}"),
    ) {
        let body = WebhookBody {
            order_id: order_id.clone(),
            payment_status: word.clone(),
            reference: reference.clone(),
            metadata: json!({"order_id": "another"}),
        };
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("order_id", &order_id).append_pair("payment_status", &word);
        form.extend_pairs(reference.iter().map(|text| ("reference", text)));

        for body in [serde_json::to_string(&body).unwrap(), form.finish()] {
            let read = read(&body).unwrap();
            prop_assert_eq!(&read.raw_order_id, &order_id);
            prop_assert_eq!(&read.report.raw_word, &word);
            prop_assert_eq!(read.report.word, ReportedStatus::read(&word));
            prop_assert_eq!(&read.report.reference, &reference);
        }
    }
}
