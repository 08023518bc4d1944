//! A date outside the calendar is refused by both databases alike.

use crate::harness::{Answer, Kind, TOKEN, TestApp};

on_both_databases! {
    a_date_outside_the_calendar_is_refused_and_its_first_and_last_day_are_not,
}

async fn a_date_outside_the_calendar_is_refused_and_its_first_and_last_day_are_not(kind: Kind) {
    for zone in ["Africa/Dar_es_Salaam", "Pacific/Kiritimati", "America/Adak"] {
        let app = TestApp::start_with(kind, |config| {
            config.server.timezone = zone.parse().unwrap();
        })
        .await;
        let ask = async |path: &str, date: &str| {
            let query = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("date", date)
                .finish();
            let request = app.http.get(app.url(&format!("{path}{query}")));
            Answer::of(request.bearer_auth(TOKEN).send().await.unwrap()).await
        };
        let paths = [
            "/api/v1/operator/reports/daily?",
            "/api/v1/operator/reports/daily?format=csv&",
            "/operator/report?",
        ];

        for path in paths {
            for date in [
                "0001-01-01",
                "0001-01-02",
                "2024-02-29",
                "2400-02-29",
                "9999-12-31",
            ] {
                let answer = ask(path, date).await;
                assert_eq!(answer.status, 200, "{path} {date}: {}", answer.text);
            }
            for date in [
                "0000-01-01",
                "0000-12-31",
                "-0001-01-01",
                "-262143-01-01",
                "10000-01-01",
                "+10000-01-01",
                "+262142-12-31",
                "+262143-01-01",
                "2023-02-29",
                "2100-02-29",
                "2026-02-30",
                "2026-13-01",
                "2026-00-10",
                "2026-1-5",
                "2026-11-30T00:00:00Z",
                "today",
                "\0",
            ] {
                let answer = ask(path, date).await;
                assert_eq!(answer.status, 422, "{path} {date}: {}", answer.text);
                if path.starts_with("/api/") {
                    answer.assert_problem(422, "invalid_query");
                }
            }
        }
        // The page of the first day has no link to a day before it.
        let first = ask("/operator/report?", "0001-01-01").await;
        assert!(!first.text.contains("0000-12-31"), "{}", first.text);
        app.stop().await;
    }
}
