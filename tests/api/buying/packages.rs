//! The price list, and the names by which a package can be bought.

use serde_json::{Value, json};

use super::orders;
use crate::harness::{Answer, Kind, TestApp, fresh_phone};

on_both_databases! {
    the_price_list_says_what_is_sold,
    names_come_in_the_language_that_the_browser_prefers,
    a_retired_package_is_neither_listed_nor_sold,
    a_package_is_bought_by_its_number_or_by_its_code,
    a_package_that_is_not_on_the_list_is_not_sold,
}

async fn the_price_list_says_what_is_sold(kind: Kind) {
    let app = TestApp::start(kind).await;

    let mut list = app.get(&app.portal("/packages")).await.json();

    let mut ids: Vec<i64> = list["packages"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .map(|line| line.as_object_mut().unwrap().remove("id").unwrap())
        .map(|id| id.as_i64().unwrap())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 5, "each has a number of its own: {ids:?}");
    let line = |code, name, price, minutes, validity, limit: Value, speeds: [i32; 2], devices| {
        json!({"code": code, "name": name, "price": price, "currency": "TZS",
            "duration_minutes": minutes, "validity": validity, "data_limit_mb": limit,
            "download_kbps": speeds[0], "upload_kbps": speeds[1], "shared_devices": devices})
    };
    let (null, fast, faster) = (Value::Null, [5120, 2048], [8192, 4096]);
    #[rustfmt::skip]
    let packages = [
        line("half-day", "Nusu siku", 1000, 720, "purchase", null.clone(), fast, 1),
        line("daily", "Siku moja", 2000, 1440, "purchase", null.clone(), fast, 1),
        line("weekly", "Wiki moja", 10000, 10080, "purchase", null.clone(), fast, 1),
        line("monthly", "Mwezi mmoja", 30000, 43200, "purchase", null, faster, 2),
        line("student", "Mwanafunzi (mwezi)", 15000, 43200, "first_login", json!(20480), [4096, 2048], 1),
    ];
    assert_eq!(list, json!({"status": "success", "packages": packages}));
}

async fn names_come_in_the_language_that_the_browser_prefers(kind: Kind) {
    let app = TestApp::start(kind).await;

    for (language, name) in [
        ("en", "One day"),
        ("en-GB,en;q=0.9,sw;q=0.8", "One day"),
        ("sw", "Siku moja"),
        ("sw-TZ,sw;q=0.9,en;q=0.8", "Siku moja"),
        ("en;q=0.3, sw;q=0.7", "Siku moja"),
        ("de", "Siku moja"),
        ("", "Siku moja"),
    ] {
        let request = app.http.get(app.portal("/packages"));
        let answer = request.header("accept-language", language).send().await;
        let list = Answer::of(answer.unwrap()).await.json();

        assert_eq!(line_of(&list, "daily")["name"], name, "{language:?}");
    }
}

async fn a_retired_package_is_neither_listed_nor_sold(kind: Kind) {
    let app = TestApp::start(kind).await;
    let before = app.get(&app.portal("/packages")).await.json();
    let id = line_of(&before, "weekly")["id"].clone();

    app.database
        .execute("UPDATE packages SET retired_at = created_at WHERE code = 'weekly'")
        .await;

    let after = app.get(&app.portal("/packages")).await.json();
    assert_eq!(after["packages"].as_array().unwrap().len(), 4);
    assert_eq!(*line_of(&after, "weekly"), Value::Null);
    for name in [json!("weekly"), id] {
        app.pay(&json!({"packageId": name, "phoneNumber": fresh_phone()}))
            .await
            .assert_problem(404, "package_not_found");
    }
    assert_eq!(orders(&app).await, 0);
}

async fn a_package_is_bought_by_its_number_or_by_its_code(kind: Kind) {
    let app = TestApp::start(kind).await;
    let list = app.get(&app.portal("/packages")).await.json();
    let id = line_of(&list, "monthly")["id"].as_i64().unwrap();

    for name in [json!(id), json!(id.to_string()), json!("monthly")] {
        let answer = app
            .pay(&json!({"packageId": name, "phoneNumber": fresh_phone()}))
            .await;

        assert_eq!(
            (answer.status, &answer.json()["amount"]),
            (201, &json!(30000))
        );
        let status_url = answer.json()["status_url"].as_str().unwrap().to_owned();
        let document = app.get(&app.url(&status_url)).await.json();
        assert_eq!(document["package"]["code"], "monthly", "{name}");
    }
}

async fn a_package_that_is_not_on_the_list_is_not_sold(kind: Kind) {
    let app = TestApp::start(kind).await;

    for name in [
        json!("fortnightly"),
        json!(987_654),
        json!("987654"),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!("' OR 1=1 --"),
    ] {
        app.pay(&json!({"packageId": name, "phoneNumber": fresh_phone()}))
            .await
            .assert_problem(404, "package_not_found");
    }
    assert_eq!(orders(&app).await, 0);
}

/// The row of one package; null if it is not listed.
fn line_of<'a>(list: &'a Value, code: &str) -> &'a Value {
    list["packages"]
        .as_array()
        .unwrap()
        .iter()
        .find(|line| line["code"] == code)
        .unwrap_or(&Value::Null)
}
