//! A POST of JSON for each transition, signed.

use std::fmt::Write;
use std::sync::Arc;

use reqwest::{RequestBuilder, Url};
use ring::hmac;

use super::format::Format;
use super::http::{self, Http, HttpOptions};
use super::read::{Reading, web_address};
use super::secret::{Secret, SecretFile};
use super::{Failure, Kind, Receiver, Sending, message};
use crate::alert::Transition;

/// An address that takes JSON.
#[derive(Debug)]
pub(super) struct Webhook {
    address: Address,
    secret: Option<SecretFile>,
    format: Format,
    http: HttpOptions,
}

/// Where to.
#[derive(Debug)]
enum Address {
    Url(Url),
    /// Whoever knows the address may post there: it is a secret itself.
    Secret(SecretFile),
}

/// `url` or `url_file`, `secret_file`, `format`, and those of [`HttpOptions`].
pub(super) fn read(reading: &mut Reading<'_, '_, '_, '_>) -> Option<Arc<dyn Kind>> {
    let address = match (reading.section.has("url"), reading.secret("url_file")) {
        (true, Some(_)) => {
            reading.problem("url_file", "`url` or `url_file`: choose one");
            None
        }
        (false, Some(file)) => Some(Address::Secret(file)),
        _ => reading.url("\"https://hooks.example/camwatch\"").map(Address::Url),
    };
    let url = match &address {
        Some(Address::Url(url)) => Some(url),
        _ => None,
    };
    let http = HttpOptions::read(reading, url);
    let secret = reading.secret("secret_file");
    let format = Format::read(reading, Format::Camwatch);
    Some(Arc::new(Webhook { address: address?, secret, format, http }))
}

impl Kind for Webhook {
    fn open(&self) -> Result<Box<dyn Receiver>, String> {
        let url = match &self.address {
            Address::Url(url) => url.clone(),
            Address::Secret(file) => {
                let text = file.load().map_err(|error| format!("url_file {error}"))?;
                web_address(text.expose()).map_err(|what| format!("url_file: {what}: write https://… into it"))?
            }
        };
        let secret = self.secret.as_ref().map(SecretFile::load).transpose();
        let secret = secret.map_err(|error| format!("secret_file {error}"))?;
        Ok(Box::new(Poster { url, secret, format: self.format, http: self.http.client()? }))
    }

    fn secrets(&self) -> Vec<&SecretFile> {
        let mut files = self.http.secrets();
        files.extend(&self.secret);
        if let Address::Secret(file) = &self.address {
            files.push(file);
        }
        files
    }
}

struct Poster {
    url: Url,
    secret: Option<Secret>,
    format: Format,
    http: Http,
}

/// `sha256=` and the HMAC-SHA256 (RFC 2104) of timestamp, a full stop, and the body, in lower-case hexadecimal.
fn signature(secret: &Secret, timestamp: i64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(timestamp.to_string().as_bytes());
    context.update(b".");
    context.update(body);
    let mut text = "sha256=".to_owned();
    for byte in context.sign().as_ref() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// What a header may hold: others than visible ASCII are written as in URLs.
fn in_header(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

impl Poster {
    fn request(&self, transition: &Transition) -> RequestBuilder {
        let body = self.format.line(transition).into_bytes();
        // Of this try, not of the alert: receivers refuse what is old, so that nobody plays it again.
        let timestamp = message::now().as_secs();
        let signature = self.secret.as_ref().map(|secret| signature(secret, timestamp, &body));
        let mut request = self
            .http
            .post(&self.url, body)
            .header("X-Camwatch-Timestamp", timestamp)
            .header("X-Camwatch-Event", transition.event.to_string())
            .header("Idempotency-Key", in_header(&transition.key));
        if let Some(signature) = signature {
            request = request.header("X-Camwatch-Signature", signature);
        }
        request
    }
}

impl Receiver for Poster {
    fn prepare(&self, batch: &[Arc<Transition>]) -> Result<usize, Failure> {
        batch.iter().map(|transition| http::bytes(self.request(transition))).sum()
    }

    fn send<'a>(&'a mut self, batch: &'a [Arc<Transition>]) -> Sending<'a> {
        Box::pin(async move {
            for transition in batch {
                http::send(self.request(transition)).await?;
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_told_whole_in_a_header() {
        assert_eq!(in_header("overseas-rate/camera/gate 100%é#1"), "overseas-rate/camera/gate%20100%25%C3%A9#1");
    }
}
