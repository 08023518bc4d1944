//! An operator gives a voucher a new code.

use serde_json::json;

use super::{code_of, post, sold};
use crate::harness::{Answer, Kind, TOKEN, TestApp, TestOrder};

on_both_databases! {
    a_form_for_a_new_code_that_is_sent_twice_makes_one,
    a_program_that_names_the_version_it_saw_gets_one_new_code,
}

/// SMS with a new code.
async fn new_codes(app: &TestApp) -> i64 {
    let sql = "SELECT COUNT(*) FROM sms_messages WHERE kind LIKE 'voucher-%'";
    app.database.count(sql).await
}

/// The hidden field of the form.
fn seen(page: &Answer) -> String {
    let (_, field) = page.text.split_once("name=\"seen\" value=\"").unwrap();
    field.split('"').next().unwrap().to_owned()
}

async fn press(app: &TestApp, path: &str, seen: &str) -> Answer {
    let request = app.http.post(app.url(path)).bearer_auth(TOKEN);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let answer = request.body(format!("seen={seen}")).send().await;
    Answer::of(answer.unwrap()).await
}

async fn a_form_for_a_new_code_that_is_sent_twice_makes_one(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = sold(&app).await;
    let path = format!("/operator/orders/{}/reissue", order.id);
    let form = app.get_as_operator(&path).await;

    let first = press(&app, &path, &seen(&form)).await;
    let code = code_of(&app, &order).await;
    let second = press(&app, &path, &seen(&form)).await;

    for answer in [&first, &second] {
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(answer.text.contains("The voucher has a new code"));
        assert!(answer.text.contains(&code), "{}", answer.text);
    }
    assert_eq!(code_of(&app, &order).await, code);
    assert_eq!(new_codes(&app).await, 1);

    // The form of now is another wish.
    let form = app.get_as_operator(&path).await;
    press(&app, &path, &seen(&form)).await;
    assert_ne!(code_of(&app, &order).await, code);
    assert_eq!(new_codes(&app).await, 2);
    let odd = press(&app, &path, "two").await;
    assert_eq!(odd.status, 422, "{}", odd.text);
    assert_eq!(new_codes(&app).await, 2);
}

async fn a_program_that_names_the_version_it_saw_gets_one_new_code(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order: TestOrder = sold(&app).await;
    let path = format!("/orders/{}/reissue", order.id);
    let seen = app.status(&order).await["version"].clone();

    let first = post(&app, &path, &json!({"seen": seen})).await.json();
    let second = post(&app, &path, &json!({"seen": seen})).await.json();
    let unnamed = post(&app, &path, &json!({})).await.json();

    assert_eq!(first["changed"], true, "{first}");
    assert_eq!(second["changed"], false, "{second}");
    assert_eq!(second["version"], first["version"]);
    assert_eq!(unnamed["changed"], true, "{unnamed}");
    assert_eq!(new_codes(&app).await, 2);
    for odd in [json!(-1), json!(1.5), json!([2])] {
        let answer = post(&app, &path, &json!({"seen": odd})).await;
        answer.assert_problem(422, "invalid_request");
    }
}
