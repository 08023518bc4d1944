//! What is on a card, and how an operator finds it.

use malipo::domain::people::Role;
use serde_json::json;

use super::{BATCHES, batch, post, print};
use crate::harness::{Kind, TOKEN, TestApp};

on_both_databases! {
    each_cards_qr_code_opens_the_page_of_its_own_code,
    without_a_public_address_there_is_no_qr_code_and_the_sheet_says_why,
    the_template_of_a_batch_is_the_paper_of_its_sheet,
    a_cards_serial_names_it_everywhere_and_stays,
}

/// What another library reads from the QR code of a card.
fn scanned(card: &str) -> String {
    let between = |begin: &str| {
        let rest = card.split_once(begin).unwrap().1;
        rest.split_once('"').unwrap().0.to_owned()
    };
    let size: usize = between("viewBox=\"0 0 ")[..2].parse().unwrap();
    let mut dark = vec![vec![false; size]; size];
    for run in between("<path d=\"").split('M').skip(1) {
        let numbers = run.split(|c: char| !c.is_ascii_digit());
        let numbers: Vec<usize> = numbers.filter_map(|it| it.parse().ok()).collect();
        let [x, y, long, ..] = numbers[..] else {
            panic!("{run}")
        };
        dark[y][x..x + long].fill(true);
    }
    let side = size * 3;
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(side, side, |x, y| {
        if dark[y / 3][x / 3] { 0 } else { 255 }
    });
    image.detect_grids()[0].decode().unwrap().1
}

async fn each_cards_qr_code_opens_the_page_of_its_own_code(kind: Kind) {
    let app = TestApp::start_with(kind, |config| {
        config.server.public_url = Some("http://127.0.0.1:8080".parse().unwrap());
        config.portal.wifi_name = Some("Pwani <Wi-Fi>".to_owned());
        config.portal.support_phone = Some("0712 000 111".to_owned());
    })
    .await;
    let codes = print(&app, 3).await;

    let sheet = app.get_as_operator("/operator/vouchers/1").await;

    let cards: Vec<_> = sheet.text.split("<li class=\"voucher\">").skip(1).collect();
    assert_eq!(cards.len(), 3);
    for (at, (card, code)) in cards.iter().zip(&codes).enumerate() {
        let address = format!("http://127.0.0.1:8080/voucher#{code}");
        assert_eq!(scanned(card), address);
        let in_halves = format!("{}&nbsp;{}", &code[..4], &code[4..]);
        for text in [
            in_halves.as_str(),
            &format!("1-00{}", at + 1),
            "TSh 2,000",
            "One day",
            "Saa\u{a0}24 · bila\u{a0}kikomo · kifaa\u{a0}1",
            "24\u{a0}hours · unlimited · 1\u{a0}device",
            "Muda unaanza ukiingia",
            "Pwani &#60;Wi-Fi&#62;",
            "kisha skani QR au andika namba ya vocha",
            "then scan the QR code or type the code",
            "Msaada / Help: 0712 000 111",
        ] {
            assert!(card.contains(text), "{text}: {card}");
        }
    }
    // A browser never sends a fragment; so a code is in no address that it requests.
    for code in &codes {
        assert!(!sheet.text.contains(code.as_str()), "outside the QR code");
    }
}

async fn without_a_public_address_there_is_no_qr_code_and_the_sheet_says_why(kind: Kind) {
    let app = TestApp::start(kind).await;
    print(&app, 1).await;

    for paper in ["", "?paper=a4", "?paper=58", "?paper=80", "?paper=letter"] {
        let path = format!("/operator/vouchers/1{paper}");
        let sheet = app.get_as_operator(&path).await.text;
        assert!(!sheet.contains("class=\"qr\""), "{sheet}");
        assert!(sheet.contains("server.public_url is not set"), "{sheet}");
        assert!(sheet.contains("kisha andika namba ya vocha"), "{sheet}");
        assert!(!sheet.contains("skani QR"), "{sheet}");
        assert!(!sheet.contains("Msaada /"), "no number is configured");
    }
}

async fn the_template_of_a_batch_is_the_paper_of_its_sheet(kind: Kind) {
    let app = TestApp::start(kind).await;
    let make = |more: serde_json::Value| {
        let mut body = json!({"package": "daily", "count": 1});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };

    for (number, (more, paper)) in [
        (json!({}), ""),
        (json!({"template": null, "site": null}), ""),
        (json!({"template": "a4"}), "?paper=a4"),
        (json!({"template": "thermal"}), "?paper=80"),
    ]
    .into_iter()
    .enumerate()
    {
        let made = post(&app, BATCHES, &make(more)).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let sheet = format!("/operator/vouchers/{}{paper}", number + 1);
        assert_eq!(made.json()["sheet"], json!(sheet));
    }
    for wrong in [
        json!({"template": "letter"}),
        json!({"template": ""}),
        json!({"template": 80}),
        json!({"site": "kariakoo"}),
        json!({"site": 1}),
    ] {
        let refused = post(&app, BATCHES, &make(wrong)).await;
        refused.assert_problem(422, "invalid_request");
    }
    let batches = "SELECT COUNT(*) FROM voucher_batches";
    assert_eq!(app.database.count(batches).await, 4, "nothing was made");

    let print = |template: &str| format!("{BATCHES}/1?format=print&template={template}");
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let client = client.no_proxy().build().unwrap();
    let leads = client.get(app.url(&print("thermal"))).bearer_auth(TOKEN);
    let leads = leads.send().await.unwrap();
    assert_eq!(leads.headers()["location"], "/operator/vouchers/1?paper=80");
    let unknown = app.get_as_operator(&print("letter")).await;
    unknown.assert_problem(422, "invalid_query");
    let sheet = app.get_as_operator("/operator/vouchers/4?paper=80").await;
    assert!(sheet.text.contains("sheet paper-80"), "{}", sheet.text);
}

async fn a_cards_serial_names_it_everywhere_and_stays(kind: Kind) {
    let app = TestApp::start(kind).await;
    let codes = print(&app, 3).await;
    // Rows of other batches lie between.
    post(&app, BATCHES, &json!({"package": "weekly", "count": 2})).await;
    let viewer = app.add_operator("vera", Role::Viewer).await;
    let revoke = format!("/api/v1/operator/vouchers/{}/revoke", codes[0]);
    assert_eq!(post(&app, &revoke, &json!({})).await.status, 200);

    let batch = batch(&app, TOKEN).await;
    let csv = format!("{BATCHES}/1?format=csv");
    let csv = app.get_as_operator(&csv).await.text;
    let sheet = app.get_as_operator("/operator/vouchers/1").await.text;
    for (at, code) in codes.iter().enumerate() {
        let serial = format!("1-{:03}", at + 1);
        let card = &batch["vouchers"][at];
        assert_eq!(
            (&card["serial"], &card["voucher_code"]),
            (&json!(serial), &json!(code))
        );
        assert!(csv.contains(&format!("\r\n{serial},{code},")), "{csv}");
        let path = format!("/api/v1/operator/vouchers/{code}");
        assert_eq!(app.get_as_operator(&path).await.json()["serial"], serial);
        let found = app
            .get_as_operator(&format!("/operator/orders?q={serial}"))
            .await;
        assert!(
            found.text.contains(&format!("Printed voucher {serial}")),
            "{}",
            found.text
        );
        assert!(found.text.contains(code.as_str()), "{}", found.text);
        // The first card is revoked, so it is not printed again.
        assert_eq!(sheet.contains(&serial), at > 0, "{serial}: {sheet}");
    }
    assert_eq!(
        app.database
            .texts("SELECT code FROM vouchers WHERE batch_id = 1 ORDER BY id")
            .await,
        codes
    );
    let found = app.get_with("/operator/orders?q=1-002", &viewer).await;
    assert!(
        found.text.contains("Printed voucher 1-002"),
        "{}",
        found.text
    );
    assert!(!found.text.contains(&codes[1]), "{}", found.text);
    for unknown in ["1-004", "3-001"] {
        let found = app
            .get_as_operator(&format!("/operator/orders?q={unknown}"))
            .await;
        assert!(!found.text.contains("Printed voucher"), "{}", found.text);
    }
}
