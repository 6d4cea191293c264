//! E-mail, gathered: the first critical alert at once, others in a digest.

mod text;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MessageBuilder, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls as SmtpTls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use super::http::chain;
use super::read::{Reading, is_loopback};
use super::secret::SecretFile;
use super::tls::Tls;
use super::{Failure, Kind, Letter, Ready, Receiver, Sending};
use crate::alert::{State, Transition};
use crate::rules::Severity;

/// Transitions in one mail at most; the rest follows in the next.
const MOST: usize = 200;
/// Alerts that a digest refers to, so that it stands with their other mails.
const REFERRED: usize = 10;
/// Answers to a login that is wrong or wanting (RFC 4954): nothing is wrong with the mail.
const LOGIN: [u16; 4] = [530, 534, 535, 538];

/// A mail server, and whom to write.
#[derive(Debug)]
pub(super) struct Email {
    server: String,
    port: u16,
    security: Security,
    from: Mailbox,
    to: Vec<Mailbox>,
    login: Option<(String, SecretFile)>,
    digest: Duration,
    tls: Tls,
    timeout: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Security {
    StartTls,
    Tls,
    Nothing,
}

/// `server`, `port`, `security`, `from`, `to`, `user`, `password_file`, `digest`, `ca_file` and `timeout`.
pub(super) fn read(reading: &mut Reading<'_, '_, '_, '_>) -> Option<Arc<dyn Kind>> {
    let server: Option<String> = reading.needed("server", "\"smtp.example\"");
    let words = [("starttls", Security::StartTls), ("tls", Security::Tls), ("none", Security::Nothing)];
    let security = reading.one_of("security", &words).unwrap_or(Security::StartTls);
    let port = reading.get("port").unwrap_or(match security {
        Security::StartTls => 587,
        Security::Tls => 465,
        Security::Nothing => 25,
    });
    if security == Security::Nothing && server.as_ref().is_some_and(|server| !is_loopback(server)) {
        let message = "`security`: mail in the clear is for a server on this machine: write \"starttls\" or \"tls\"";
        reading.problem("security", message);
    }
    let from = reading.needed::<String>("from", "\"camwatch <camwatch@council.example>\"");
    let from = from.and_then(|text| mailbox(reading, "from", &text));
    if !reading.section.has("to") {
        let span = reading.section.span();
        reading.problems.add(span, "this sink needs `to`, as in to = [\"network@council.example\"]");
    }
    let to = reading.section.list::<String>("to", reading.problems).unwrap_or_default();
    if reading.section.is_empty_list("to") {
        reading.problem("to", "`to`: name at least one address");
    }
    let to: Vec<Mailbox> = to.iter().filter_map(|text| mailbox(reading, "to", text)).collect();
    let login = match (reading.get("user"), reading.secret("password_file")) {
        (Some(user), Some(password)) => Some((user, password)),
        (None, None) => None,
        (user, _) => {
            let written: &str = if user.is_some() { "user" } else { "password_file" };
            reading.problem(written, "`user` and `password_file` go together: name both");
            None
        }
    };
    let digest = reading.time("digest", Duration::from_secs(600), Duration::ZERO, Duration::from_secs(24 * 3600));
    let tls = Tls::read_authority(reading);
    let timeout = reading.timeout();
    let (server, from) = (server?, from?);
    Some(Arc::new(Email { server, port, security, from, to, login, digest, tls, timeout }))
}

fn mailbox(reading: &mut Reading<'_, '_, '_, '_>, key: &'static str, text: &str) -> Option<Mailbox> {
    let mailbox = text.parse().ok().filter(|_| !text.contains(char::is_control));
    if mailbox.is_none() {
        let message = format!("`{key}`: `{text}` is no address: write name@council.example");
        reading.problem(key, message);
    }
    mailbox
}

/// Whether a text is somebody's mail address, with or without a name.
pub fn is_address(text: &str) -> bool {
    text.parse::<Mailbox>().is_ok() && !text.contains(char::is_control)
}

impl Email {
    fn mailer(&self) -> Result<Mailer, String> {
        let parameters = || -> Result<TlsParameters, String> {
            let mut builder = TlsParameters::builder(self.server.clone());
            if let Some(path) = &self.tls.authority {
                let wrong = |what: &str| format!("ca_file {}: {what}", path.display());
                let pem = std::fs::read(path).map_err(|error| wrong(&error.to_string()))?;
                let certificate = Certificate::from_pem(&pem).map_err(|error| wrong(&chain(&error)))?;
                builder = builder.certificate_store(CertificateStore::None).add_root_certificate(certificate);
            }
            builder.build().map_err(|error| format!("server {}: {}", self.server, chain(&error)))
        };
        let security = match self.security {
            Security::StartTls => SmtpTls::Required(parameters()?),
            Security::Tls => SmtpTls::Wrapper(parameters()?),
            Security::Nothing => SmtpTls::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&self.server)
            .port(self.port)
            .tls(security)
            .timeout(Some(self.timeout));
        if let Some((user, file)) = &self.login {
            let password = file.load().map_err(|error| format!("password_file {error}"))?;
            builder = builder.credentials(Credentials::new(user.clone(), password.expose().to_owned()));
        }
        let (from, to, digest) = (self.from.clone(), self.to.clone(), self.digest);
        Ok(Mailer { transport: builder.build(), from, to, digest, urgent: None })
    }
}

impl Kind for Email {
    fn open(&self) -> Result<Box<dyn Receiver>, String> {
        Ok(Box::new(self.mailer()?))
    }

    fn takes_letters(&self) -> bool {
        true
    }

    fn post<'a>(&'a self, letter: &'a Letter) -> Sending<'a> {
        Box::pin(async move {
            let mut mailer = self.mailer().map_err(Failure::Refused)?;
            if !letter.to.is_empty() {
                mailer.to = letter.to.iter().filter_map(|text| text.parse().ok()).collect();
            }
            mailer.post_all(letter).await
        })
    }

    fn secrets(&self) -> Vec<&SecretFile> {
        self.login.iter().map(|(_, file)| file).collect()
    }
}

struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
    digest: Duration,
    /// When a mail went out at once.
    urgent: Option<Instant>,
}

fn is_urgent(transition: &Transition) -> bool {
    transition.alert.severity == Severity::Critical && transition.alert.state != State::Resolved
}

/// What goes, when the oldest of these has waited for `waited` and the last urgent mail went out `since_urgent` ago.
fn plan(waiting: &[Arc<Transition>], waited: Duration, since_urgent: Option<Duration>, digest: Duration) -> Ready {
    let count = waiting.len().min(MOST);
    let mut left = digest.saturating_sub(waited);
    if waiting.iter().any(|transition| is_urgent(transition)) {
        left = left.min(since_urgent.map_or(Duration::ZERO, |since| digest.saturating_sub(since)));
    }
    if left.is_zero() || waiting.len() >= MOST { Ready::Now(count) } else { Ready::In(left) }
}

/// The id of an alert's first mail, to which its others refer: made from the alert's id, and so the same after a restart.
fn message_id<'a>(parts: impl IntoIterator<Item = &'a str>, domain: &str) -> String {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    for part in parts {
        context.update(part.as_bytes());
        context.update(b"\n");
    }
    let hash = context.finish();
    // Half of it tells all mails of the world apart.
    let half = hash.as_ref().first_chunk().copied().map_or(0, u128::from_be_bytes);
    format!("<{half:032x}@{domain}>")
}

impl Mailer {
    /// One mail; the same transitions make the same Message-ID, so that a mail sent twice can be told.
    fn message(&self, batch: &[Arc<Transition>], to: &[Mailbox]) -> Result<Message, Failure> {
        let domain = self.from.email.domain();
        let ids: BTreeSet<&str> = batch.iter().map(|transition| transition.alert.id.as_str()).collect();
        let first_of_one = ids.len() == 1 && batch.first().is_some_and(|first| first.key.ends_with("#1"));
        let roots: Vec<String> = ids.into_iter().take(REFERRED).map(|id| message_id([id], domain)).collect();
        let keys = batch.iter().map(|transition| transition.key.as_str());
        let own = match roots.first().filter(|_| first_of_one) {
            Some(root) => root.clone(),
            None => message_id(keys, domain),
        };
        let mut builder = self.head(text::subject(batch), own, to);
        if !first_of_one {
            if let [root] = roots.as_slice() {
                builder = builder.in_reply_to(root.clone());
            }
            builder = builder.references(roots.join(" "));
        }
        let body = MultiPart::alternative_plain_html(text::plain(batch), text::html(batch));
        builder.multipart(body).map_err(|error| Failure::Refused(error.to_string()))
    }

    /// What every mail begins with.
    fn head(&self, subject: String, id: String, to: &[Mailbox]) -> MessageBuilder {
        let builder = Message::builder().from(self.from.clone()).subject(subject).message_id(Some(id)).raw_header(
            // Nobody's absence answers this (RFC 3834).
            HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()),
        );
        to.iter().fold(builder, |builder, mailbox| builder.to(mailbox.clone()))
    }

    /// A mail with files.
    fn letter(&self, letter: &Letter) -> Result<Message, Failure> {
        let unusable = |error: &dyn std::fmt::Display| Failure::Refused(error.to_string());
        let mut body = MultiPart::mixed().singlepart(SinglePart::plain(letter.text.clone()));
        for file in &letter.files {
            let kind = ContentType::parse(file.kind).map_err(|error| unusable(&error))?;
            body = body.singlepart(Attachment::new(file.name.clone()).body(file.bytes.clone(), kind));
        }
        let id = message_id([letter.key.as_str()], self.from.email.domain());
        let subject = letter.subject.replace(char::is_control, " ");
        self.head(subject, id, &self.to).multipart(body).map_err(|error| unusable(&error))
    }

    async fn mail(&self, batch: &[Arc<Transition>], to: &[Mailbox]) -> Result<(), Failure> {
        let message = self.message(batch, to)?;
        self.pass_on(message).await
    }

    async fn pass_on(&self, message: Message) -> Result<(), Failure> {
        self.transport.send(message).await.map(|_| ()).map_err(|error| {
            let why = chain(&error);
            let about_login = error.status().is_some_and(|code| LOGIN.contains(&u16::from(code)));
            if error.is_permanent() && !about_login { Failure::Refused(why) } else { Failure::later(why) }
        })
    }

    /// To all; where one address is refused, to each by itself, so that the others have it.
    async fn mail_all(&self, batch: &[Arc<Transition>]) -> Result<(), Failure> {
        let refused = match self.mail(batch, &self.to).await {
            Err(Failure::Refused(why)) if self.to.len() > 1 => why,
            other => return other,
        };
        let mut taken = false;
        for mailbox in &self.to {
            match self.mail(batch, std::slice::from_ref(mailbox)).await {
                Ok(()) => taken = true,
                Err(Failure::Refused(why)) => {
                    let address: &Address = &mailbox.email;
                    tracing::warn!("mail to {address} is refused: {why}");
                }
                Err(later) => return Err(later),
            }
        }
        if taken { Ok(()) } else { Err(Failure::Refused(refused)) }
    }

    /// To all at once; where one of them is refused, to each alone, so that one who left keeps it from nobody.
    async fn post_all(mut self, letter: &Letter) -> Result<(), Failure> {
        let refused = match self.pass_on(self.letter(letter)?).await {
            Err(Failure::Refused(why)) if self.to.len() > 1 => why,
            other => return other,
        };
        let mut taken = false;
        for mailbox in std::mem::take(&mut self.to) {
            let address = mailbox.email.clone();
            self.to = vec![mailbox];
            match self.pass_on(self.letter(letter)?).await {
                Ok(()) => taken = true,
                Err(Failure::Refused(why)) => tracing::warn!("mail to {address} is refused: {why}"),
                Err(later) if !taken => return Err(later),
                Err(later) => tracing::warn!("mail to {address} is given up, since others have it: {later:?}"),
            }
        }
        if taken { Ok(()) } else { Err(Failure::Refused(refused)) }
    }
}

impl Receiver for Mailer {
    fn prepare(&self, batch: &[Arc<Transition>]) -> Result<usize, Failure> {
        if batch.is_empty() { Ok(0) } else { self.message(batch, &self.to).map(|message| message.formatted().len()) }
    }

    fn ready(&self, waiting: &[Arc<Transition>], waited: Duration) -> Ready {
        plan(waiting, waited, self.urgent.map(|urgent| urgent.elapsed()), self.digest)
    }

    fn send<'a>(&'a mut self, batch: &'a [Arc<Transition>]) -> Sending<'a> {
        Box::pin(async move {
            self.mail_all(batch).await?;
            if batch.iter().any(|transition| is_urgent(transition)) {
                self.urgent = Some(Instant::now());
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::sample;
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn warning() -> Arc<Transition> {
        let mut transition = sample();
        transition.alert.severity = Severity::Warning;
        Arc::new(transition)
    }

    #[test]
    fn the_first_critical_goes_at_once_and_others_are_gathered() {
        let (critical, digest) = (Arc::new(sample()), MINUTE * 10);
        let both = [warning(), critical];
        assert_eq!(plan(&both[..1], MINUTE, None, digest), Ready::In(MINUTE * 9));
        assert_eq!(plan(&both[..1], digest, None, digest), Ready::Now(1));
        assert_eq!(plan(&both, MINUTE, None, digest), Ready::Now(2));
        assert_eq!(plan(&both, MINUTE, Some(MINUTE * 4), digest), Ready::In(MINUTE * 6));
        assert_eq!(plan(&both, MINUTE * 5, Some(MINUTE * 4), digest), Ready::In(MINUTE * 5));
        assert_eq!(plan(&both[..1], Duration::ZERO, None, Duration::ZERO), Ready::Now(1));
        let crowd: Vec<_> = (0..=MOST).map(|_| warning()).collect();
        assert_eq!(plan(&crowd, Duration::ZERO, None, digest), Ready::Now(MOST));
    }

    #[tokio::test]
    async fn mails_of_one_alert_stand_together_and_no_header_can_be_made_up() {
        let mailer = Mailer {
            transport: AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous("localhost").build(),
            from: "camwatch <camwatch@council.example>".parse().unwrap(),
            to: vec!["a@council.example".parse().unwrap()],
            digest: MINUTE,
            urgent: None,
        };
        let mut transition = sample();
        transition.alert.subject = "x\r\nBcc: thief@example.com\r\n\r\nbody".to_owned();
        let written = |batch: &[Arc<Transition>]| {
            String::from_utf8(mailer.message(batch, &mailer.to).unwrap().formatted()).unwrap()
        };
        let header = |mail: &str, name: &str| {
            let line = mail.lines().find(|line| line.starts_with(name));
            line.map(|line| line[name.len()..].trim().to_owned())
        };
        let first = written(&[Arc::new(transition.clone())]);
        assert_eq!(header(&first, "Bcc:"), None, "{first}");
        assert_eq!(header(&first, "References:"), None);
        assert_eq!(header(&first, "Auto-Submitted:").unwrap(), "auto-generated");
        transition.key = transition.key.replace("#1", "#2");
        let second = written(&[Arc::new(transition.clone())]);
        let root = header(&first, "Message-ID:").unwrap();
        assert_eq!(header(&second, "In-Reply-To:").unwrap(), root);
        assert_eq!(header(&second, "References:").unwrap(), root);
        assert_ne!(header(&second, "Message-ID:").unwrap(), root);
    }
}
