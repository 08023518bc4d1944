//! The page that shows the API, Swagger UI, embedded in the binary. It loads our OpenAPI document.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use bytes::Bytes;
use utoipa_swagger_ui::{Config, serve};

use super::coding::{Coding, Compressed, Effort};

/// As `CONTENT_SECURITY_POLICY`, with what Swagger UI needs besides: styles of its own making, and images that
/// its style sheet contains.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";
/// By default the page loads an image from validator.swagger.io, which would see our address and
/// cannot be reached without the Internet.
static CONFIG: LazyLock<Arc<Config<'static>>> =
    LazyLock::new(|| Arc::new(Config::from("/openapi.json").validator_url("none")));
/// The files that were requested, by name; there is only a handful.
static FILES: Mutex<BTreeMap<String, Arc<File>>> = Mutex::new(BTreeMap::new());

/// One file of the page.
pub struct File {
    /// For `Content-Type`.
    pub content_type: String,
    pub body: Bytes,
    compressed: Compressed,
}

impl File {
    /// The body in this coding, compressed at the first request for it; `None` if that is no smaller.
    /// The script has more than a megabyte, so that the first call takes a while.
    pub fn encoded(&self, coding: Coding) -> Option<Bytes> {
        let encoded = self.compressed.of(&self.body, coding, Effort::Quick);
        (encoded.len() < self.body.len()).then_some(encoded)
    }
}

/// The file with this name; an empty name is the page itself.
pub fn find(name: &str) -> Option<Arc<File>> {
    let mut files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = files.get(name) {
        return Some(known.clone());
    }
    let found = serve(name, CONFIG.clone()).ok().flatten()?;
    let file = Arc::new(File {
        content_type: found.content_type,
        body: match found.bytes {
            Cow::Borrowed(embedded) => Bytes::from_static(embedded),
            Cow::Owned(made) => made.into(),
        },
        compressed: Compressed::default(),
    });
    files.insert(name.to_owned(), file.clone());
    Some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_compressed_at_its_first_request_alone() {
        for coding in [Coding::Gzip, Coding::Brotli] {
            let encoded = || {
                let script = find("swagger-ui-bundle.js").unwrap();
                script.encoded(coding).unwrap()
            };

            let (first, second) = (encoded(), encoded());

            assert_eq!(first.as_ptr(), second.as_ptr(), "the same memory");
        }
    }

    #[test]
    fn an_image_is_sent_as_it_is_and_an_unknown_name_is_no_file() {
        let icon = find("favicon-32x32.png").unwrap();

        assert_eq!(icon.encoded(Coding::Gzip), None);
        assert!(find("nothing").is_none());
    }
}
