//! What pages load beside themselves, embedded in the binary.
//!
//! An asset's URL holds a hash of its content, so a browser may keep it for ever, and a new
//! release is seen at once.

use std::sync::LazyLock;

/// The style sheet of all pages.
pub static STYLE: Embedded = Embedded::new(|| {
    Asset::new(
        "style.css",
        "text/css; charset=utf-8",
        include_str!("assets/style.css"),
    )
});
/// The guest's script.
pub static SCRIPT: Embedded = Embedded::new(|| {
    Asset::new(
        "guest.js",
        "text/javascript; charset=utf-8",
        include_str!("assets/guest.js"),
    )
});
/// The style sheet of the console.
pub static CONSOLE_STYLE: Embedded = Embedded::new(|| {
    Asset::new(
        "console.css",
        "text/css; charset=utf-8",
        include_str!("assets/console.css"),
    )
});
/// The console's script.
pub static CONSOLE_SCRIPT: Embedded = Embedded::new(|| {
    Asset::new(
        "console.js",
        "text/javascript; charset=utf-8",
        include_str!("assets/console.js"),
    )
});
/// The icon.
pub static ICON: Embedded =
    Embedded::new(|| Asset::new("icon.svg", "image/svg+xml", include_str!("assets/icon.svg")));

/// All of them.
static ALL: [&Embedded; 5] = [&STYLE, &SCRIPT, &CONSOLE_STYLE, &CONSOLE_SCRIPT, &ICON];

/// An asset that is hashed when it is first asked for.
pub struct Embedded(LazyLock<Asset>);

impl Embedded {
    const fn new(make: fn() -> Asset) -> Self {
        Self(LazyLock::new(make))
    }

    /// The asset.
    pub fn get(&'static self) -> &'static Asset {
        &self.0
    }
}

/// One file.
pub struct Asset {
    /// Where it is served: `/assets/NAME.HASH.KIND`.
    pub url: String,
    /// For `Content-Type`.
    pub content_type: &'static str,
    /// The content.
    pub body: &'static str,
}

impl Asset {
    fn new(name: &str, content_type: &'static str, body: &'static str) -> Self {
        let (stem, kind) = name.split_once('.').expect("an asset's name has a kind");
        let hash = fnv1a(body.as_bytes());
        Self {
            url: format!("/assets/{stem}.{hash:016x}.{kind}"),
            content_type,
            body,
        }
    }
}

/// The asset that is served at this URL; an older release's is not.
pub fn find(url: &str) -> Option<&'static Asset> {
    ALL.iter()
        .map(|asset| asset.get())
        .find(|asset| asset.url == url)
}

/// FNV-1a: tells releases apart, which needs no cryptography.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asset_is_found_by_its_url_and_another_content_has_another() {
        let asset = STYLE.get();

        assert_eq!(find(&asset.url).map(|found| found.body), Some(asset.body));
        assert!(find("/assets/style.css").is_none());
        assert_ne!(fnv1a(b"a"), fnv1a(b"b"));
    }

    #[test]
    fn assets_are_small_and_load_nothing() {
        for asset in ALL.iter().map(|asset| asset.get()) {
            // Guests have a slow radio link; operators have more to see.
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
