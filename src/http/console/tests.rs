//! A context for tests that render pages.

use std::sync::Arc;

use super::banner::StatusBanner;
use super::context::{PageContext, Section};
use crate::domain::order::MayReissue;
use crate::domain::people::Operator;
use crate::web::Shop;

/// An admin's context.
pub fn context() -> PageContext {
    PageContext {
        shop: Arc::new(Shop {
            brand: "Shop".to_owned(),
            support_phone: None,
            wifi_name: None,
            login_hosts: Vec::new(),
            uam_secret: None,
            fas_key: None,
            timezone: chrono_tz::Africa::Dar_es_Salaam,
            is_sandbox: false,
            may_reissue: MayReissue::Owner,
        }),
        operator: Operator::bootstrap(),
        csrf: String::new(),
        here: Section::Live,
        banner: StatusBanner::default(),
        done: None,
    }
}

#[test]
fn a_time_is_shown_in_the_shops_zone() {
    let at = "2026-11-24T21:05:09.042Z".parse().unwrap();
    let context = context();

    assert_eq!(context.iso(&at), "2026-11-24T21:05:09.042Z");
    assert_eq!(context.day(&at), "25 Nov 2026");
    assert_eq!(
        (context.time(&at).as_str(), context.fraction(&at).as_str()),
        ("00:05:09", ".042")
    );
}
