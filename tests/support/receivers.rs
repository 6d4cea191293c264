//! Real receivers of alerts on loopback: rsyslog, Alertmanager, a mail server.

use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::skip;

/// A program that ends with the test.
pub struct Program(Child);

impl Program {
    fn start(command: &mut Command, log: &Path) -> Option<Self> {
        let file = std::fs::File::options().create(true).append(true).open(log).unwrap();
        let name = command.get_program().to_owned();
        let (out, err) = (file.try_clone().unwrap(), file);
        match command.stdin(Stdio::null()).stdout(out).stderr(err).spawn() {
            Ok(child) => Some(Self(child)),
            Err(error) => {
                skip(&format!("{} is missing (scripts/install-deps test): {error}", name.display()));
                None
            }
        }
    }

    /// Started, and listening.
    fn listening(command: &mut Command, log: &Path, port: u16) -> Option<Self> {
        let program = Self::start(command, log)?;
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let said = || std::fs::read_to_string(log).unwrap_or_default();
            assert!(began.elapsed() < Duration::from_secs(20), "it does not listen: {}", said());
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(program)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that nobody has, of TCP and UDP.
pub fn free_port() -> u16 {
    loop {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        if UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// An authority (`ca.pem`), and what it signed: `server.pem` for localhost and `client.pem`, with their keys (`.key`).
pub fn certificates(folder: &Path) -> Option<()> {
    let script = "set -e
        new() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout $1.key -subj /CN=$1 \"${@:2}\"; }
        new ca -x509 -days 2 -out ca.pem
        for name in server client; do
          new $name -out $name.csr
          openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -days 2 -out $name.pem \
            -extfile <(echo 'subjectAltName = DNS:localhost, IP:127.0.0.1')
        done";
    let made = Command::new("bash").args(["-c", script]).current_dir(folder).output().unwrap();
    if !made.status.success() {
        skip(&format!("certificates cannot be made: {}", String::from_utf8_lossy(&made.stderr)));
        return None;
    }
    Some(())
}

/// How rsyslog is reached.
#[derive(Clone, Copy)]
pub enum By {
    Udp,
    Tcp,
    /// With `certificates`; clients must have one too.
    Tls,
}

/// rsyslog, which writes what it was sent into a file.
pub struct Rsyslog {
    folder: PathBuf,
    by: By,
    pub port: u16,
}

impl Rsyslog {
    /// Where it will be.
    pub fn new(folder: &Path, by: By) -> Self {
        Self { folder: folder.to_owned(), by, port: free_port() }
    }

    /// Starts it.
    pub fn start(&self) -> Option<Program> {
        let Self { folder, by, port } = self;
        let at = |name: &str| folder.join(name).display().to_string();
        let input = match by {
            By::Udp => "imudp",
            By::Tcp | By::Tls => "imtcp",
        };
        let driver = match by {
            By::Tls => "StreamDriver.Name=\"gtls\" StreamDriver.Mode=\"1\" StreamDriver.AuthMode=\"x509/certvalid\"",
            By::Udp | By::Tcp => "",
        };
        let global = match by {
            By::Tls => format!(
                "defaultNetstreamDriverCAFile=\"{}\" defaultNetstreamDriverCertFile=\"{}\" \
                 defaultNetstreamDriverKeyFile=\"{}\"",
                at("ca.pem"),
                at("server.pem"),
                at("server.key")
            ),
            By::Udp | By::Tcp => String::new(),
        };
        let text = format!(
            "global(workDirectory=\"{}\" {global})\n\
             module(load=\"{input}\" {driver})\n\
             template(name=\"all\" type=\"string\" string=\"%syslogfacility-text%.%syslogseverity-text% %protocol-version% \
             %hostname% %app-name% %msgid% %timereported:::date-rfc3339% %structured-data%\\t%msg%\\n\")\n\
             ruleset(name=\"r\") {{ action(type=\"omfile\" file=\"{}\" template=\"all\") }}\n\
             input(type=\"{input}\" address=\"127.0.0.1\" port=\"{port}\" ruleset=\"r\")\n",
            folder.display(),
            at("received")
        );
        let config = folder.join("rsyslog.conf");
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new("/usr/sbin/rsyslogd");
        command.arg("-n").arg("-f").arg(&config).arg("-i").arg(folder.join("rsyslog.pid"));
        let log = folder.join("rsyslog.log");
        if matches!(by, By::Tcp | By::Tls) {
            return Program::listening(&mut command, &log, *port);
        }
        let program = Program::start(&mut command, &log)?;
        let began = Instant::now();
        // Until it has the port, nobody else is refused it.
        while UdpSocket::bind(("127.0.0.1", *port)).is_ok() {
            assert!(began.elapsed() < Duration::from_secs(20), "rsyslog does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(program)
    }

    /// What it was sent: what it says of each message, and the message.
    pub fn received(&self) -> Vec<(String, String)> {
        let text = std::fs::read_to_string(self.folder.join("received")).unwrap_or_default();
        text.lines()
            .filter_map(|line| line.split_once('\t'))
            .map(|(about, message)| (about.to_owned(), message.to_owned()))
            .collect()
    }
}

/// Alertmanager, which lets in the user `camwatch` with the password `hunter2`.
pub struct Alertmanager {
    folder: PathBuf,
    pub port: u16,
}

impl Alertmanager {
    /// Where it will be.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), port: free_port() }
    }

    /// Starts it.
    pub fn start(&self) -> Option<Program> {
        let at = |name: &str| self.folder.join(name).display().to_string();
        std::fs::write(at("am.yml"), "route:\n  receiver: nobody\nreceivers:\n  - name: nobody\n").unwrap();
        let users = "basic_auth_users:\n  camwatch: HASH\n";
        let hash = "$2b$04$9s1pGzZgw8W6RXAJ84TCF.Pub.vVlTtFpaZCsqDoJSNlHDk3XKG2e";
        std::fs::write(at("web.yml"), users.replace("HASH", hash)).unwrap();
        let mut command = Command::new("prometheus-alertmanager");
        command
            .arg(format!("--config.file={}", at("am.yml")))
            .arg(format!("--web.config.file={}", at("web.yml")))
            .arg(format!("--storage.path={}", at("am")))
            .arg(format!("--web.listen-address=127.0.0.1:{}", self.port))
            .arg("--cluster.listen-address=");
        Program::listening(&mut command, &self.folder.join("am.log"), self.port)
    }

    /// What amtool says fires.
    pub fn alerts(&self) -> Vec<serde_json::Value> {
        let url = format!("http://camwatch:hunter2@127.0.0.1:{}", self.port);
        let output = Command::new("amtool")
            .args(["alert", "query", "--output=json", &format!("--alertmanager.url={url}")])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// A mail server with STARTTLS, which lets in the user `camwatch` with the password `hunter2`, and knows nobody by the
/// name of `gone`.
pub struct MailServer {
    folder: PathBuf,
    pub port: u16,
}

const MAIL_SERVER: &str = r#"
import json, ssl, sys, time
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

class Keep:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("gone@"):
            return "550 5.1.1 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        with open("mails", "a") as out:
            mail = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "tls": session.ssl is not None,
                    "login": session.authenticated, "text": envelope.content.decode()}
            out.write(json.dumps(mail) + "\n")
        return "250 OK"

def login(server, session, envelope, mechanism, data):
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"camwatch", b"hunter2")
    return AuthResult(success=right)

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("server.pem", "server.key")
Controller(Keep(), hostname="127.0.0.1", port=int(sys.argv[1]), tls_context=context, require_starttls=True,
           authenticator=login, auth_required=True).start()
time.sleep(600)
"#;

impl MailServer {
    /// Where it will be.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), port: free_port() }
    }

    /// Starts it; needs `certificates`.
    pub fn start(&self) -> Option<Program> {
        // Debian's package is for Debian's Python, which need not be the first on the path.
        let python = "/usr/bin/python3";
        if !Command::new(python).args(["-c", "import aiosmtpd"]).status().is_ok_and(|status| status.success()) {
            skip("python3-aiosmtpd is missing (scripts/install-deps test)");
            return None;
        }
        let mut command = Command::new(python);
        command.args(["-c", MAIL_SERVER, &self.port.to_string()]).current_dir(&self.folder);
        Program::listening(&mut command, &self.folder.join("mail.log"), self.port)
    }

    /// What it was sent.
    pub fn mails(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.folder.join("mails")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}
