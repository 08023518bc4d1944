//! A desk, for tests that draw pages.

use std::sync::Arc;

use super::desk::{PageContext, Section, Words};
use crate::domain::order::reissue::MayReissue;
use crate::domain::people::operator::Operator;
use crate::web::Shop;

/// The desk of an admin.
pub fn desk() -> PageContext {
    PageContext {
        shop: Arc::new(Shop {
            brand: "Shop".to_owned(),
            support_phone: None,
            login_hosts: Vec::new(),
            timezone: chrono_tz::Africa::Dar_es_Salaam,
            is_sandbox: false,
            may_reissue: MayReissue::Owner,
        }),
        operator: Operator::bootstrap(),
        csrf: String::new(),
        here: Section::Live,
        words: Words::default(),
        done: None,
    }
}

#[test]
fn a_moment_is_told_on_the_shop_s_clock() {
    let at = "2026-11-24T21:05:09.042Z".parse().unwrap();
    let desk = desk();

    assert_eq!(desk.iso(&at), "2026-11-24T21:05:09.042Z");
    assert_eq!(desk.day(&at), "25 Nov 2026");
    assert_eq!(
        (desk.time(&at).as_str(), desk.fraction(&at).as_str()),
        ("00:05:09", ".042")
    );
}
