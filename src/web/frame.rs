//! What every page knows, and what surrounds it.

use chrono_tz::Tz;

use super::assets::{self, Asset};
use super::text::{Text, text};
use super::visit::Visit;
use crate::config::{Mode, PortalConfig, SmsProvider};
use crate::domain::order::reissue::MayReissue;
use crate::domain::people::language::Language;

/// What every page knows of the shop.
#[derive(Clone, Debug)]
pub struct Shop {
    /// The shop's name.
    pub brand: String,
    /// A number to call for help.
    pub support_phone: Option<String>,
    /// The router hosts to which a code may be sent, in lower case.
    pub login_hosts: Vec<String>,
    /// Of the times in texts.
    pub timezone: Tz,
    /// No money moves, and every page says so.
    pub is_sandbox: bool,
    /// Who can have a voucher's code replaced.
    pub may_reissue: MayReissue,
}

impl Shop {
    /// As configured.
    pub fn new(portal: &PortalConfig, timezone: Tz, mode: Mode, sms: SmsProvider) -> Self {
        Self {
            brand: portal.brand.clone(),
            support_phone: portal.support_phone.clone(),
            login_hosts: portal
                .login_hosts
                .iter()
                .map(|host| host.to_ascii_lowercase())
                .collect(),
            timezone,
            is_sandbox: mode == Mode::Sandbox,
            may_reissue: match (mode, sms) {
                // The link would be in our log, and on no phone.
                (Mode::Live, SmsProvider::Log) => MayReissue::OperatorsOnly,
                (
                    Mode::Live,
                    SmsProvider::Nextsms
                    | SmsProvider::Beem
                    | SmsProvider::Africastalking
                    | SmsProvider::Zenopay,
                )
                | (Mode::Sandbox, _) => MayReissue::Owner,
            },
        }
    }
}

/// What surrounds a page.
pub struct Frame<'a> {
    /// The shop.
    pub shop: &'a Shop,
    /// Of the page.
    pub language: Language,
    /// Its catalogue.
    pub text: &'static Text,
    /// What the guest's URLs carry on.
    pub visit: &'a Visit,
    /// This page in the other language.
    pub other_href: String,
}

impl<'a> Frame<'a> {
    /// The frame of the page at `path`.
    pub fn new(shop: &'a Shop, visit: &'a Visit, language: Language, path: &str) -> Self {
        Self {
            shop,
            language,
            text: text(language),
            visit,
            other_href: visit.in_language(language.other()).link(path),
        }
    }

    /// A link to another page of the guest's, which carries the visit on.
    pub fn link(&self, path: &str) -> String {
        self.visit.link(path)
    }

    /// The tag of the page's language, for `lang`.
    pub fn tag(&self) -> &'static str {
        self.language.tag()
    }

    /// The tag of the other language, for `hreflang`.
    pub fn other_tag(&self) -> &'static str {
        self.language.other().tag()
    }

    /// The help number as a link dials it.
    pub fn support_href(&self) -> Option<String> {
        let phone = self.shop.support_phone.as_deref()?;
        let dialled: String = phone
            .chars()
            .filter(|c| c.is_ascii_digit() || *c == '+')
            .collect();
        Some(format!("tel:{dialled}"))
    }

    /// The style sheet of all pages.
    pub fn style(&self) -> &'static Asset {
        &assets::STYLE
    }

    /// The guest's script.
    pub fn script(&self) -> &'static Asset {
        &assets::SCRIPT
    }

    /// The icon.
    pub fn icon(&self) -> &'static Asset {
        &assets::ICON
    }
}
