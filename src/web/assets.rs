//! Style sheets, scripts and the icon, embedded in the binary.
//!
//! The URL of an asset has a hash of its content: a browser may keep it for ever, and loads the assets
//! of a new release at once.

use std::sync::LazyLock;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::coding::{Coding, Compressed, Effort};

/// The style sheet of the guests' pages.
pub static STYLE: LazyLock<Asset> =
    LazyLock::new(|| asset("style.css", include_str!("assets/style.css")));
/// The guest's script.
pub static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| asset("guest.js", include_str!("assets/guest.js")));
/// The style sheet of the sandbox's phone, beside [`STYLE`].
pub static HANDSET_STYLE: LazyLock<Asset> =
    LazyLock::new(|| asset("handset.css", include_str!("assets/handset.css")));
/// The script of the sandbox's phone, beside [`SCRIPT`].
pub static HANDSET_SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| asset("handset.js", include_str!("assets/handset.js")));
/// The style sheet of the console.
pub static CONSOLE_STYLE: LazyLock<Asset> =
    LazyLock::new(|| asset("console.css", include_str!("assets/console.css")));
/// The cards of printed vouchers, beside [`CONSOLE_STYLE`].
pub static SHEET_STYLE: LazyLock<Asset> =
    LazyLock::new(|| asset("sheet.css", include_str!("assets/sheet.css")));
/// The size of the pages that cards are printed on, beside [`SHEET_STYLE`].
pub static PAPER_A4: LazyLock<Asset> =
    LazyLock::new(|| asset("paper-a4.css", include_str!("assets/paper-a4.css")));
/// The same for a receipt printer's roll.
pub static PAPER_ROLL_58: LazyLock<Asset> =
    LazyLock::new(|| asset("paper-58.css", include_str!("assets/paper-58.css")));
/// The same for the wider roll.
pub static PAPER_ROLL_80: LazyLock<Asset> =
    LazyLock::new(|| asset("paper-80.css", include_str!("assets/paper-80.css")));
/// The console's script.
pub static CONSOLE_SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| asset("console.js", include_str!("assets/console.js")));
/// The icon.
pub static ICON: LazyLock<Asset> =
    LazyLock::new(|| asset("icon.svg", include_str!("assets/icon.svg")));

static ALL: [&LazyLock<Asset>; 11] = [
    &STYLE,
    &SCRIPT,
    &HANDSET_STYLE,
    &HANDSET_SCRIPT,
    &CONSOLE_STYLE,
    &SHEET_STYLE,
    &PAPER_A4,
    &PAPER_ROLL_58,
    &PAPER_ROLL_80,
    &CONSOLE_SCRIPT,
    &ICON,
];

pub struct Asset {
    /// Where it is served: `/assets/NAME.HASH.KIND`.
    pub url: String,
    /// For `Content-Type`.
    pub content_type: &'static str,
    pub body: &'static str,
    compressed: Compressed,
}

impl Asset {
    /// The body in this coding; it is compressed at the first request for it.
    pub fn encoded(&self, coding: Coding) -> Bytes {
        let body = self.body.as_bytes();
        self.compressed.of(body, coding, Effort::Best)
    }
}

fn asset(name: &str, body: &'static str) -> Asset {
    let (stem, kind) = name.split_once('.').expect("an asset's name has a kind");
    let hash = hex::encode(&Sha256::digest(body)[..8]);
    Asset {
        url: format!("/assets/{stem}.{hash}.{kind}"),
        content_type: match kind {
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            _ => "image/svg+xml",
        },
        body,
        compressed: Compressed::default(),
    }
}

/// The asset with this URL. URLs of older releases are not found.
pub fn find(url: &str) -> Option<&'static Asset> {
    let mut all = ALL.into_iter().map(|asset| &**asset);
    all.find(|asset| asset.url == url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asset_is_found_by_its_url_and_another_content_has_another() {
        let asset = &*STYLE;

        assert_eq!(find(&asset.url).map(|found| found.body), Some(asset.body));
        assert!(find("/assets/style.css").is_none());
        let [one, other] = ["a{}", "b{}"].map(|body| super::asset("style.css", body));
        assert_ne!(one.url, other.url);
    }

    #[test]
    fn assets_are_small_and_load_nothing() {
        for asset in ALL {
            // Guests have a slow radio link; the pages of operators have more content.
            let most = if asset.url.starts_with("/assets/console.") {
                20
            } else {
                12
            };
            assert!(asset.body.len() < most * 1_024, "{} is large", asset.url);
            for loads in ["@import", "url(", "http:", "https:", "eval("] {
                let body = asset.body.replace("http://www.w3.org/2000/svg", "");
                assert!(!body.contains(loads), "{} has {loads}", asset.url);
            }
        }
    }
}
