//! What sinks over HTTP have in common: one way to ask, and what answers mean.

use std::error::Error;
use std::time::Duration;

use reqwest::header::{HeaderValue, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url, redirect};

use super::read::{Reading, is_loopback};
use super::secret::{Secret, SecretFile};
use super::tls::Tls;
use super::{Failure, message};

/// No receiver is left alone for longer, whatever it asks.
const MOST_AFTER: Duration = Duration::from_secs(600);
/// Bytes of a refusal that are told.
const TOLD: usize = 200;

/// What a client needs to know beside the address.
#[derive(Debug, Clone)]
pub(super) struct HttpOptions {
    tls: Tls,
    timeout: Duration,
    login: Login,
}

/// How a client says who it is.
#[derive(Debug, Clone)]
enum Login {
    Nobody,
    User(String, SecretFile),
    Token(SecretFile),
}

impl HttpOptions {
    /// Reads `ca_file`, `timeout`, and `user` with `password_file` or `token_file`.
    pub(super) fn read(reading: &mut Reading<'_, '_, '_, '_>, url: Option<&Url>) -> Self {
        let tls = Tls::read(reading);
        let timeout = reading.timeout();
        let user: Option<String> = reading.get("user");
        let (password, token) = (reading.secret("password_file"), reading.secret("token_file"));
        let login = match (user, password, token) {
            (None, None, None) => Login::Nobody,
            (Some(user), Some(password), None) => Login::User(user, password),
            (None, None, Some(token)) => Login::Token(token),
            (Some(_), Some(_), Some(_)) => {
                reading.problem("token_file", "`token_file` or `user` with `password_file`: choose one");
                Login::Nobody
            }
            (_, _, Some(token)) => {
                reading.problem("token_file", "`token_file` stands for itself: leave out `user` and `password_file`");
                Login::Token(token)
            }
            _ => {
                let keys = ["user", "password_file"];
                let written = keys.into_iter().find(|key| reading.section.has(key)).unwrap_or("user");
                reading.problem(written, "`user` and `password_file` go together: name both");
                Login::Nobody
            }
        };
        let host = url.filter(|url| url.scheme() == "http").and_then(Url::host_str);
        if !matches!(login, Login::Nobody) && host.is_some_and(|host| !is_loopback(host)) {
            reading.problem("url", "`url`: a login must not travel in the clear: write https://");
        }
        Self { tls, timeout, login }
    }

    pub(super) fn secrets(&self) -> Vec<&SecretFile> {
        match &self.login {
            Login::Nobody => Vec::new(),
            Login::User(_, file) | Login::Token(file) => vec![file],
        }
    }

    /// Goes straight to the receiver: by no proxy that the environment names, and no redirect leads elsewhere.
    pub(super) fn client(&self) -> Result<Http, String> {
        let client = Client::builder()
            .tls_backend_preconfigured(self.tls.client()?)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .timeout(self.timeout)
            .user_agent(concat!("camwatch/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| chain(&error))?;
        let login = match &self.login {
            Login::Nobody => None,
            Login::User(user, file) => {
                Some((Some(user.clone()), file.load().map_err(|error| format!("password_file {error}"))?))
            }
            Login::Token(file) => Some((None, file.load().map_err(|error| format!("token_file {error}"))?)),
        };
        Ok(Http { client, login })
    }
}

/// The bytes of a request's body, where the request can be made.
pub(super) fn bytes(request: RequestBuilder) -> Result<usize, Failure> {
    let request = request.build().map_err(|error| Failure::Refused(chain(&error)))?;
    Ok(request.body().and_then(reqwest::Body::as_bytes).map_or(0, <[u8]>::len))
}

/// A client at work.
#[derive(Debug)]
pub(super) struct Http {
    client: Client,
    login: Option<(Option<String>, Secret)>,
}

impl Http {
    /// A POST of JSON, with the login.
    pub(super) fn post(&self, url: &Url, body: Vec<u8>) -> RequestBuilder {
        let request = self.client.post(url.clone()).header("Content-Type", "application/json").body(body);
        match &self.login {
            None => request,
            Some((Some(user), password)) => request.basic_auth(user, Some(password.expose())),
            Some((None, token)) => request.bearer_auth(token.expose()),
        }
    }
}

/// Sends, and judges the answer.
pub(super) async fn send(request: RequestBuilder) -> Result<(), Failure> {
    match request.send().await {
        // Nor is the address told: it may be a secret.
        Err(error) => Err(Failure::later(chain(&error.without_url()))),
        Ok(response) => judge(response).await,
    }
}

/// A refusal is for good where the message is at fault. Where the login is, or the way, it may be mended: nothing is lost
/// for a password that ran out.
async fn judge(mut response: Response) -> Result<(), Failure> {
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let after = response.headers().get(RETRY_AFTER).and_then(retry_after);
    let mut said = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        said.extend_from_slice(&chunk);
        if said.len() >= TOLD {
            break;
        }
    }
    let said: String = String::from_utf8_lossy(&said).chars().take(TOLD).collect();
    let said = said.replace(char::is_control, " ");
    let why =
        if said.trim().is_empty() { format!("answer {status}") } else { format!("answer {status}: {}", said.trim()) };
    let mended =
        [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS, StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN];
    if status.is_client_error() && !mended.contains(&status) {
        return Err(Failure::Refused(why));
    }
    Err(Failure::Later { why, after })
}

/// Seconds, or a date (RFC 9110, section 10.2.3).
fn retry_after(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    let seconds = text.parse().ok().or_else(|| {
        let until = jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_second();
        Some(u64::try_from(until - message::now().as_secs()).unwrap_or(0))
    })?;
    Some(Duration::from_secs(seconds).min(MOST_AFTER))
}

/// An error with its causes, each once.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_how_long_it_is_asked_to_wait() {
        let after = |text: &'static str| retry_after(&HeaderValue::from_static(text));
        assert_eq!(after("120"), Some(Duration::from_secs(120)));
        assert_eq!(after("999999999"), Some(MOST_AFTER));
        assert_eq!(after("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        assert_eq!(after("soon"), None);
        let soon = jiff::Timestamp::from_second(message::now().as_secs() + 100).unwrap();
        let date = soon.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let wait = retry_after(&HeaderValue::from_str(&date).unwrap()).unwrap();
        assert!((90..=100).contains(&wait.as_secs()), "{wait:?}");
    }
}
