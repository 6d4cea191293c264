//! Syslog, RFC 5424: over UDP (RFC 5426), TCP (octet counting, RFC 6587 section 3.4.1) and TLS (RFC 5425).
//!
//! Syslog has no receipt. Over TCP and TLS a connection carries one batch and is closed from our side; a receiver closes
//! its own when it has read everything, which is the nearest to a receipt that there is. What was written into a connection
//! that broke is sent again.

use std::fmt::Write;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket, lookup_host};
use tokio_rustls::TlsConnector;

use super::format::Format;
use super::http::chain;
use super::read::Reading;
use super::secret::SecretFile;
use super::tls::Tls;
use super::{Failure, Kind, Ready, Receiver, Sending, cef, message};
use crate::alert::{State, Transition};
use crate::rules::Severity;

/// Messages in one connection.
const BATCH: usize = 64;
/// Datagrams sent together: with 2 kB each, fewer than the buffer of a busy receiver holds (32 were too many).
const DATAGRAMS: usize = 16;
/// How long a receiver is given to close its end; one that keeps it open is believed to have read.
const CLOSE_WAIT: Duration = Duration::from_secs(2);
/// How long the refusal of a datagram takes to come back.
const REFUSAL_WAIT: Duration = Duration::from_millis(20);
/// Bytes of a message: what every receiver should take (RFC 5424, section 6.1), and what rsyslog takes by default.
const MAX_DATAGRAM: u64 = 2048;
const MAX_FRAME: u64 = 8192;

/// A syslog server.
#[derive(Debug, Clone)]
pub(super) struct Syslog {
    host: String,
    port: u16,
    transport: Transport,
    server_name: Option<ServerName<'static>>,
    tls: Tls,
    timeout: Duration,
    style: Style,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transport {
    Udp,
    Tcp,
    Tls,
}

/// How messages look.
#[derive(Debug, Clone)]
struct Style {
    facility: u8,
    sd_id: String,
    cef: bool,
    max: usize,
    host: String,
}

/// Those for programs, without the ones that kernels and printers have (RFC 5424, section 6.2.1).
const FACILITIES: [(&str, u8); 13] = [
    ("user", 1),
    ("daemon", 3),
    ("auth", 4),
    ("authpriv", 10),
    ("alert", 14),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];

/// `address`, `transport`, `payload`, `facility`, `sd_id`, `max_bytes`, `timeout`, `server_name`, and those of [`Tls`].
pub(super) fn read(reading: &mut Reading<'_, '_, '_, '_>) -> Option<Arc<dyn Kind>> {
    let transports = [("udp", Transport::Udp), ("tcp", Transport::Tcp), ("tls", Transport::Tls)];
    let transport = reading.one_of("transport", &transports);
    if !reading.section.has("transport") {
        let span = reading.section.span();
        reading.problems.add(span, "this sink needs `transport`: \"udp\", \"tcp\" or \"tls\"");
    }
    let (default_port, default_max) = match transport {
        Some(Transport::Udp) | None => (514, MAX_DATAGRAM),
        Some(Transport::Tcp) => (601, MAX_FRAME),
        Some(Transport::Tls) => (6514, MAX_FRAME),
    };
    let address = reading.needed::<String>("address", "\"siem.example:6514\"").and_then(|text| {
        let address = super::syslog::address(&text, default_port);
        if address.is_none() {
            let message = format!("`address`: `{text}` is no host with a port: write siem.example:6514");
            reading.problem("address", message);
        }
        address
    });
    let cef = reading.one_of("payload", &[("json", false), ("cef", true)]).unwrap_or(false);
    let facility = reading.one_of("facility", &FACILITIES).unwrap_or(16);
    let sd_id = reading.get("sd_id").unwrap_or_else(|| "camwatch@32473".to_owned());
    if !is_sd_id(&sd_id) {
        let message = "`sd_id`: write a name, @, and your organisation's enterprise number, as in camwatch@32473";
        reading.problem("sd_id", message);
    }
    let max: u64 = reading.get("max_bytes").unwrap_or(default_max);
    let most = if transport == Some(Transport::Udp) { 65_000 } else { 1 << 20 };
    if !(1024..=most).contains(&max) {
        reading.problem("max_bytes", format!("`max_bytes`: write 1024 to {most}"));
    }
    let timeout = reading.timeout();
    let tls = Tls::read(reading);
    let server_name: Option<String> = reading.get("server_name");
    if transport != Some(Transport::Tls) {
        for key in ["ca_file", "cert_file", "key_file", "server_name"] {
            if reading.section.has(key) {
                reading.problem(key, format!("`{key}` is for transport = \"tls\": leave it out, or write that"));
            }
        }
    }
    let (host, port) = address?;
    let server_name = match ServerName::try_from(server_name.unwrap_or_else(|| host.clone())) {
        Ok(name) => Some(name),
        Err(_) if transport == Some(Transport::Tls) => {
            reading.problem("server_name", "`server_name`: write the name in the server's certificate");
            None
        }
        Err(_) => None,
    };
    let style = Style { facility, sd_id, cef, max: max as usize, host: message::host() };
    Some(Arc::new(Syslog { host, port, transport: transport?, server_name, tls, timeout, style }))
}

/// `host:port`, `[v6]:port`, or a host alone.
fn address(text: &str, default_port: u16) -> Option<(String, u16)> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some((address.ip().to_string(), address.port()));
    }
    if text.parse::<std::net::IpAddr>().is_ok() {
        return Some((text.to_owned(), default_port));
    }
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, port.parse().ok().filter(|port| *port != 0)?),
        None => (text, default_port),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    (!host.is_empty() && host.chars().all(plain)).then(|| (host.to_owned(), port))
}

/// SD-NAME with an enterprise number (RFC 5424, section 6.3.2).
fn is_sd_id(text: &str) -> bool {
    let Some((name, number)) = text.split_once('@') else { return false };
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '=' | ']' | '"' | '@');
    text.len() <= 32 && !name.is_empty() && name.chars().all(plain) && number.parse::<u32>().is_ok()
}

impl Kind for Syslog {
    fn open(&self) -> Result<Box<dyn Receiver>, String> {
        let connector = match self.transport {
            Transport::Tls => Some(TlsConnector::from(Arc::new(self.tls.client()?))),
            _ => None,
        };
        Ok(Box::new(Sender { to: self.clone(), connector }))
    }

    fn secrets(&self) -> Vec<&SecretFile> {
        self.tls.key().into_iter().collect()
    }
}

struct Sender {
    to: Syslog,
    connector: Option<TlsConnector>,
}

impl Style {
    /// A whole message.
    fn message(&self, transition: &Transition) -> String {
        let mut out = self.header(transition);
        let room = self.max.saturating_sub(out.len());
        let format = if self.cef { cef::message } else { Format::fitting };
        out.push_str(&format(transition, &self.host, room));
        // Only names as long as a message come to this.
        out.truncate(out.floor_char_boundary(self.max));
        out
    }

    /// All before MSG, with the space.
    fn header(&self, transition: &Transition) -> String {
        let alert = &transition.alert;
        let severity = match (alert.state, alert.severity) {
            (_, Severity::Info) => 6,
            (State::Resolved, _) => 5,
            (_, Severity::Warning) => 4,
            (_, Severity::Critical) => 2,
        };
        let priority = u32::from(self.facility) * 8 + severity;
        // TIME-SECFRAC has six digits at most.
        let nanos = transition.time.as_nanos();
        let time = crate::time::Timestamp::from_nanos(nanos.saturating_sub(nanos.rem_euclid(1000))).to_string();
        let time = if time.ends_with('Z') { time.as_str() } else { "-" };
        let mut out =
            format!("<{priority}>1 {time} {} camwatch {} {}", self.host, std::process::id(), transition.event);
        let _ = write!(out, " [{}", self.sd_id);
        for (name, value) in [
            ("key", transition.key.as_str()),
            ("rule", &alert.rule),
            ("severity", &alert.severity.to_string()),
            ("state", if alert.state == State::Resolved { "resolved" } else { "firing" }),
        ] {
            let _ = write!(out, " {name}=\"{}\"", param(value));
        }
        out.push_str("] ");
        out
    }
}

/// PARAM-VALUE: three characters are escaped (RFC 5424, section 6.3.3); what would end a line is left out.
fn param(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars().filter(|c| !c.is_control()).take(255) {
        if matches!(c, '"' | '\\' | ']') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

impl Sender {
    async fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        Ok(lookup_host((self.to.host.as_str(), self.to.port)).await?.collect())
    }

    async fn deliver(&self, batch: &[Arc<Transition>]) -> io::Result<()> {
        let messages = batch.iter().map(|transition| self.to.style.message(transition));
        if self.to.transport == Transport::Udp {
            return self.datagrams(messages).await;
        }
        let mut frames = Vec::new();
        for message in messages {
            frames.extend_from_slice(format!("{} {message}", message.len()).as_bytes());
        }
        let addresses = self.addresses().await?;
        let stream = TcpStream::connect(addresses.as_slice()).await?;
        match (&self.connector, &self.to.server_name) {
            (Some(connector), Some(name)) => exchange(connector.connect(name.clone(), stream).await?, &frames).await,
            _ => exchange(stream, &frames).await,
        }
    }

    /// The first shows whether anybody is there, before the others follow.
    async fn datagrams(&self, messages: impl Iterator<Item = String>) -> io::Result<()> {
        let addresses = self.addresses().await?;
        let Some(to) = addresses.first() else {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
        };
        let any: SocketAddr =
            if to.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
        let socket = UdpSocket::bind(any).await?;
        socket.connect(to).await?;
        for (number, message) in messages.enumerate() {
            socket.send(message.as_bytes()).await?;
            if number == 0 {
                refused(&socket).await?;
            }
        }
        refused(&socket).await
    }
}

/// The refusal of a datagram, if one comes back.
async fn refused(socket: &UdpSocket) -> io::Result<()> {
    tokio::time::sleep(REFUSAL_WAIT).await;
    socket.take_error()?.map_or(Ok(()), Err)
}

/// Writes all, closes, and waits until the other end has closed too.
async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, frames: &[u8]) -> io::Result<()> {
    stream.write_all(frames).await?;
    stream.shutdown().await?;
    let closed = async {
        let mut said = [0; 256];
        loop {
            match stream.read(&mut said).await {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                // Many close the connection without taking leave in TLS.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    };
    tokio::time::timeout(CLOSE_WAIT, closed).await.unwrap_or(Ok(()))
}

impl Receiver for Sender {
    fn prepare(&self, batch: &[Arc<Transition>]) -> Result<usize, Failure> {
        Ok(batch.iter().map(|transition| self.to.style.message(transition).len()).sum())
    }

    fn ready(&self, waiting: &[Arc<Transition>], _: Duration) -> Ready {
        match self.to.transport {
            Transport::Udp => Ready::Now(waiting.len().min(DATAGRAMS)),
            Transport::Tcp | Transport::Tls => Ready::Now(waiting.len().min(BATCH)),
        }
    }

    fn send<'a>(&'a mut self, batch: &'a [Arc<Transition>]) -> Sending<'a> {
        Box::pin(async move {
            match tokio::time::timeout(self.to.timeout, self.deliver(batch)).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(Failure::later(chain(&error))),
                Err(_) => Err(Failure::later("no answer in time")),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::sample;
    use super::*;

    fn style(cef: bool) -> Style {
        Style { facility: 16, sd_id: "camwatch@32473".to_owned(), cef, max: 2048, host: "span-1".to_owned() }
    }

    #[test]
    fn begins_as_the_rfc_says() {
        let message = style(false).message(&sample());
        let expected = format!(
            "<130>1 2015-04-01T09:00:30Z span-1 camwatch {} firing [camwatch@32473 key=\"overseas-rate/destination/\
             120.26.96.67/2015-04-01T09:00:00Z#1\" rule=\"overseas-rate\" severity=\"critical\" state=\"firing\"] {{\"",
            std::process::id()
        );
        assert!(message.starts_with(&expected), "{message}");
        assert!(style(true).message(&sample()).contains("] CEF:0|"));
    }

    #[test]
    fn times_have_six_digits_and_values_end_nothing() {
        let mut transition = sample();
        transition.time = crate::time::Timestamp::from_nanos(1_427_878_830_123_456_789);
        transition.alert.rule = "a\"b]c\\d\n".into();
        let header = style(false).header(&transition);
        assert!(header.contains(" 2015-04-01T09:00:30.123456Z "), "{header}");
        assert!(header.contains(r#"rule="a\"b\]c\\d" severity"#), "{header}");
    }

    #[test]
    fn addresses_of_all_kinds() {
        assert_eq!(address("siem.example:6514", 1), Some(("siem.example".to_owned(), 6514)));
        assert_eq!(address("siem.example", 514), Some(("siem.example".to_owned(), 514)));
        assert_eq!(address("[2001:db8::5]:99", 1), Some(("2001:db8::5".to_owned(), 99)));
        assert_eq!(address("2001:db8::5", 514), Some(("2001:db8::5".to_owned(), 514)));
        for wrong in ["", "a b", "host:", "host:99999", ":514", "http://x"] {
            assert_eq!(address(wrong, 1), None, "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_longer_than_is_allowed(text in "\\PC{0,2000}", cef in proptest::bool::ANY) {
            let mut transition = sample();
            transition.alert.summary = text;
            let style = Style { max: 1400, ..style(cef) };
            proptest::prop_assert!(style.message(&transition).len() <= 1400);
        }
    }
}
