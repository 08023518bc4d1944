//! `malipo check` tests the SMS provider without sending anything.

use super::gateway::{Does, FakeGateway};
use crate::harness::process::run;
use crate::harness::{Kind, TestDatabase};

fn line(output: &std::process::Output) -> String {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let line = text.lines().find(|line| line.contains(" sms "));
    line.unwrap_or_else(|| panic!("no line for SMS: {text}"))
        .to_owned()
}

async fn check(settings: &[(&str, &str)]) -> std::process::Output {
    let database = TestDatabase::create(Kind::Sqlite).await;
    let mut all = vec![("MALIPO__DATABASE__URL", database.url.as_str())];
    all.extend_from_slice(settings);
    run(&["check"], &all)
}

#[actix_web::test]
async fn malipo_check_distinguishes_a_good_password_from_a_wrong_one() {
    let gateway = FakeGateway::that(Does::Take);
    let url = gateway.url();
    let settings = [
        ("MALIPO__SMS__PROVIDER", "nextsms"),
        ("MALIPO__SMS__SENDER_ID", "DUKA"),
        ("MALIPO__SMS__USERNAME", "duka"),
        ("MALIPO__SMS__PASSWORD", "the-password"),
        ("MALIPO__SMS__BASE_URL", url.as_str()),
    ];

    let well = check(&settings).await;
    gateway.now_does(Does::Answer(
        403,
        r#"{"success":false,"status":403,"message":"Not Authorized"}"#,
    ));
    let wrong = check(&settings).await;

    assert_eq!(well.status.code(), Some(0));
    assert!(line(&well).starts_with("ok "), "{}", line(&well));
    assert!(line(&well).ends_with("balance 4200"), "{}", line(&well));
    assert_eq!(wrong.status.code(), Some(1));
    assert!(line(&wrong).starts_with("FAIL "), "{}", line(&wrong));
    assert!(line(&wrong).ends_with(
        "NextSMS refuses the credentials. Compare sms.username and sms.password with the account"
    ));
    assert!(gateway.sent().is_empty(), "nothing was sent");
}

#[actix_web::test]
async fn malipo_check_says_what_cannot_be_checked() {
    let log = check(&[]).await;
    let zenopay = check(&[
        ("MALIPO__SMS__PROVIDER", "zenopay"),
        ("MALIPO__SMS__SENDER_ID", "DUKA"),
        ("MALIPO__SMS__API_KEY", "the-key"),
    ])
    .await;

    assert!(line(&log).contains("written to the log"), "{}", line(&log));
    assert!(line(&zenopay).contains("not checked"), "{}", line(&zenopay));
}
