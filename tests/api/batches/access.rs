//! Who gets the codes of a batch, as JSON, CSV or cards, and who makes one.

use malipo::domain::people::Role;
use serde_json::json;

use super::{BATCHES, batch, log_in, post, print, submit};
use crate::harness::{Kind, TOKEN, TestApp};

on_both_databases! {
    only_admins_get_the_codes_of_a_batch_and_the_audit_log_says_so,
    a_package_with_a_formula_for_a_name_is_text_in_the_csv,
    a_batch_is_made_by_the_api_within_its_limits,
}

async fn only_admins_get_the_codes_of_a_batch_and_the_audit_log_says_so(kind: Kind) {
    let app = TestApp::start(kind).await;
    let codes = print(&app, 2).await;
    let viewer = app.add_operator("vera", Role::Viewer).await;
    let looks = "SELECT subject FROM audit_events WHERE action = 'reveal' ORDER BY id";

    for format in ["csv", "print"] {
        let path = format!("{BATCHES}/1?format={format}");
        let refused = app.get_with(&path, &viewer).await;
        refused.assert_problem(403, "forbidden");
        assert!(!refused.text.contains(&codes[0]), "{}", refused.text);
    }
    let masked = batch(&app, &viewer).await;
    assert_eq!(masked["masked"], true);
    assert!(!masked.to_string().contains(&codes[0]), "{masked}");
    assert!(app.database.texts(looks).await.is_empty());

    let csv = app
        .get_as_operator(&format!("{BATCHES}/1?format=csv"))
        .await;
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(csv.header("cache-control"), Some("no-store"));
    let name = "attachment; filename=\"malipo-vouchers-1.csv\"";
    assert_eq!(csv.header("content-disposition"), Some(name));
    let [one, other] = [&codes[0], &codes[1]];
    let lines = format!(
        "serial,code,package,price,state,first_login_at\r\n1-001,{one},One day,2000,new,\r\n1-002,{other},One day,2000,new,\r\n"
    );
    assert_eq!(csv.text.trim_start_matches('\u{feff}'), lines);
    assert_eq!(app.database.texts(looks).await, ["batch 1, as CSV"]);
    assert_eq!(batch(&app, TOKEN).await["masked"], false);
    assert_eq!(
        app.database.texts(looks).await,
        ["batch 1, as CSV", "batch 1"]
    );
    log_in(&app, kind, one).await;
    let csv = app
        .get_as_operator(&format!("{BATCHES}/1?format=csv"))
        .await;
    let used = format!("1-001,{one},One day,2000,active,20");
    assert!(csv.text.contains(&used), "{}", csv.text);
    let wrong = app
        .get_as_operator(&format!("{BATCHES}/1?format=xml"))
        .await;
    wrong.assert_problem(422, "invalid_query");
    // If the log cannot be written, nothing is shown.
    app.database.execute("DELETE FROM audit_events").await;
    app.database
        .execute("ALTER TABLE audit_events RENAME TO away")
        .await;
    let blind = app
        .get_as_operator(&format!("{BATCHES}/1?format=csv"))
        .await;
    assert!(
        blind.status >= 500 && !blind.text.contains(one.as_str()),
        "{}",
        blind.text
    );
}

async fn a_package_with_a_formula_for_a_name_is_text_in_the_csv(kind: Kind) {
    let app = TestApp::start(kind).await;
    let fields = [
        ("code", "odd"),
        ("name_sw", "=1+1"),
        ("name_en", "=HYPERLINK(\"http://x\")"),
        ("price", "500"),
        ("minutes", "60"),
        ("validity", "first_login"),
        ("down", "1024"),
        ("up", "512"),
        ("devices", "1"),
    ];
    assert_eq!(
        submit(&app, "/operator/packages", &fields).await.status,
        200
    );
    post(&app, BATCHES, &json!({"package": "odd", "count": 1})).await;

    let csv = app
        .get_as_operator(&format!("{BATCHES}/1?format=csv"))
        .await
        .text;

    assert!(
        csv.contains(",\"'=HYPERLINK(\"\"http://x\"\")\",500,"),
        "{csv}"
    );
}

async fn a_batch_is_made_by_the_api_within_its_limits(kind: Kind) {
    let app = TestApp::start(kind).await;
    for count in [
        json!(0),
        json!(241),
        json!(1.5),
        json!("5"),
        json!(null),
        json!(-1),
    ] {
        let body = json!({"package": "daily", "count": count});
        post(&app, BATCHES, &body)
            .await
            .assert_problem(422, "invalid_request");
    }
    let unknown = post(&app, BATCHES, &json!({"package": "yearly", "count": 1})).await;
    unknown.assert_problem(404, "package_not_found");
    assert_eq!(app.database.count("SELECT COUNT(*) FROM vouchers").await, 0);

    let made = post(&app, BATCHES, &json!({"package": "daily", "count": 2.0})).await;

    assert_eq!((made.status, made.json()["batch"].as_i64()), (201, Some(1)));
    let document = batch(&app, TOKEN).await;
    assert_eq!(document["package"], "daily");
    assert_eq!(
        (&document["batch"]["count"], &document["batch"]["price"]),
        (&json!(2), &json!(2_000))
    );
    let sheet = app
        .get_as_operator(&format!("{BATCHES}/1?format=print"))
        .await;
    assert_eq!(
        sheet.text.matches("<li class=\"voucher\">").count(),
        2,
        "{}",
        sheet.text
    );
}
