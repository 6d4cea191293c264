//! The pages for people: a front end that asks `/api/v1`, embedded in the program.
//!
//! What a browser loads is in `assets`, built by `scripts/build-web` from `web/`. Nothing comes from elsewhere, and the policy
//! that every answer carries makes browsers hold to that: a name that a device gives itself can neither run nor load anything.

use std::io::Write;
use std::sync::LazyLock;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use flate2::Compression;
use flate2::write::GzEncoder;
use ring::digest::{SHA256, digest};

/// The addresses of pages: each is the same document, which shows the page of its address.
const PAGES: [&str; 8] =
    ["/", "/cameras", "/cameras/{id}", "/alerts", "/alerts/{id}", "/rules", "/suppressions/new", "/status"];

/// A file that is served.
struct Asset {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
    /// The same, compressed.
    gzip: Vec<u8>,
    tag: HeaderValue,
}

/// One embedded file, by its name in `assets`.
macro_rules! asset {
    ($name:literal, $kind:literal) => {
        Asset::new($name, $kind, include_bytes!(concat!("assets/", $name)))
    };
}

/// Compressed once, when the first of them is asked for.
static ASSETS: LazyLock<[Asset; 4]> = LazyLock::new(|| {
    [
        asset!("index.html", "text/html; charset=utf-8"),
        asset!("app.js", "text/javascript; charset=utf-8"),
        asset!("style.css", "text/css; charset=utf-8"),
        asset!("favicon.svg", "image/svg+xml"),
    ]
});

impl Asset {
    fn new(name: &'static str, kind: &'static str, bytes: &'static [u8]) -> Self {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        // Writing into memory does not fail; an empty answer would only be one that is sent uncompressed.
        let gzip = encoder.write_all(bytes).and_then(|()| encoder.finish()).unwrap_or_default();
        let hash = digest(&SHA256, bytes);
        let short = STANDARD_NO_PAD.encode(hash.as_ref().get(..9).unwrap_or_default());
        let tag = HeaderValue::try_from(format!("\"{short}\"")).unwrap_or(HeaderValue::from_static("\"\""));
        Self { name, kind, bytes, gzip, tag }
    }

    /// The answer to who has, or has not, the same already.
    fn answer(&'static self, asked: &HeaderMap) -> Response {
        let common = [
            (header::ETAG, self.tag.clone()),
            // Asked for anew each time, and answered in a line where nothing changed: an update is never half seen.
            (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
            (header::VARY, HeaderValue::from_static("accept-encoding")),
        ];
        let has_it = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let tag = self.tag.to_str().unwrap_or_default();
        if has_it.flat_map(|value| value.split(',')).any(|one| one.trim().trim_start_matches("W/") == tag) {
            return (StatusCode::NOT_MODIFIED, common).into_response();
        }
        let kind = [(header::CONTENT_TYPE, HeaderValue::from_static(self.kind))];
        if !self.gzip.is_empty() && takes_gzip(asked) {
            let encoding = [(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))];
            return (common, kind, encoding, self.gzip.as_slice()).into_response();
        }
        (common, kind, self.bytes).into_response()
    }
}

/// Whether an answer may be compressed.
fn takes_gzip(asked: &HeaderMap) -> bool {
    let offers = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    offers.flat_map(|value| value.split(',')).any(|offer| {
        let mut parts = offer.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        is_gzip && !parts.any(|part| part.strip_prefix("q=").is_some_and(|weight| weight.parse() == Ok(0.0)))
    })
}

/// The pages and what they load.
pub(super) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let router = Router::new().route("/assets/{name}", get(asset));
    PAGES.into_iter().fold(router, |router, path| router.route(path, get(page)))
}

async fn page(asked: HeaderMap) -> Response {
    named("index.html").map_or_else(missing, |document| document.answer(&asked))
}

async fn asset(Path(name): Path<String>, asked: HeaderMap) -> Response {
    named(&name).map_or_else(missing, |asset| asset.answer(&asked))
}

fn named(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}

fn missing() -> Response {
    (StatusCode::NOT_FOUND, "there is no such file: load the page again\n").into_response()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use axum::body::Body;
    use axum::http::Request;
    use flate2::read::GzDecoder;
    use tower::ServiceExt;

    use super::*;

    async fn get(path: &str, headers: &[(&str, &str)]) -> (StatusCode, HeaderMap, Vec<u8>) {
        let request = headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
        let answer = router::<()>().with_state(()).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        (status, headers, axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap().to_vec())
    }

    #[tokio::test]
    async fn every_page_is_the_document_and_loads_what_is_there() {
        for page in PAGES {
            let (status, _, body) = get(&page.replace("{id}", "44:19:b6:10:00:01"), &[]).await;
            let text = String::from_utf8(body).unwrap();
            assert_eq!(status, StatusCode::OK);
            for loaded in text.split('"').filter(|part| part.starts_with("/assets/")) {
                assert_eq!(get(loaded, &[]).await.0, StatusCode::OK, "{loaded}");
            }
            assert!(!text.contains("://") && !text.contains("<style") && !text.contains(" style="));
        }
        assert_eq!(get("/assets/../Cargo.toml", &[]).await.0, StatusCode::NOT_FOUND);
        assert_eq!(get("/assets/none.js", &[]).await.0, StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn what_is_compressed_is_the_same_and_sent_once() {
        let (_, headers, plain) = get("/assets/app.js", &[("accept-encoding", "br, gzip;q=0")]).await;
        assert!(!headers.contains_key(header::CONTENT_ENCODING));
        let (_, headers, small) = get("/assets/app.js", &[("accept-encoding", "deflate, GZIP;q=0.5")]).await;
        assert_eq!(headers[header::CONTENT_ENCODING], "gzip");
        let mut unpacked = Vec::new();
        GzDecoder::new(small.as_slice()).read_to_end(&mut unpacked).unwrap();
        assert!(unpacked == plain && small.len() * 2 < plain.len());
        let tag = headers[header::ETAG].to_str().unwrap();
        let (status, _, body) = get("/assets/app.js", &[("if-none-match", &format!("\"other\", W/{tag}"))]).await;
        assert_eq!((status, body.len()), (StatusCode::NOT_MODIFIED, 0));
    }

    #[test]
    fn the_pages_are_small() {
        let weight: usize = ASSETS.iter().map(|asset| asset.bytes.len()).sum();
        assert!(weight < 500_000, "{weight}");
    }
}
