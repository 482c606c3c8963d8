use std::net::{SocketAddr, ToSocketAddrs};
use std::time::{Duration, SystemTime};

use keyward_types::{Secret, Timestamp, reachable};
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials as Login;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Message, SmtpTransport, Transport};
use serde::{Deserialize, Serialize};

use crate::endpoint::is_this_machine;
use crate::outbox::Parcel;
use crate::sink::Channel;
use crate::{Alert, Error, Fault};

/// A mail server and what is written on the envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewEmail {
    /// The mail server.
    pub host: String,
    /// Its port; `None`: the usual one for `tls`.
    #[serde(default)]
    pub port: Option<u16>,
    /// How the connection is protected.
    #[serde(default)]
    pub tls: MailTls,
    /// The account at the mail server; `None`: it takes mail without.
    #[serde(default)]
    pub username: Option<String>,
    /// Who the mail is from.
    pub from: String,
    /// Who gets it.
    pub to: Vec<String>,
    /// Whether the mail server may lie at a private address.
    #[serde(default)]
    pub allow_private: bool,
}

/// How the connection to a mail server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailTls {
    /// TLS from the first byte (RFC 8314), port 465.
    #[default]
    Implicit,
    /// TLS after `STARTTLS`, and no mail without it; port 587.
    Starttls,
    /// None: to this machine alone; port 25.
    None,
}

/// Sends one mail an alert.
pub(crate) struct Email {
    mail: NewEmail,
    from: Mailbox,
    to: Vec<Mailbox>,
    password: Option<Secret<String>>,
}

const MOST_RECIPIENTS: usize = 50;
/// How long each step of the exchange may take.
const STEP: Duration = Duration::from_secs(10);

impl NewEmail {
    pub(crate) fn check(&self, has_password: bool) -> Result<(), Error> {
        let wrong = |why: String| Err(Error::Settings(why));
        let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
        if self.host.is_empty() || self.host.len() > 253 || !self.host.chars().all(is_host) {
            return wrong(format!("`{}` is not the name of a mail server", self.host.escape_debug()));
        }
        if self.tls == MailTls::None && !is_this_machine(&self.host) {
            return wrong("without TLS mail goes to this machine alone; use `implicit` or `starttls`".into());
        }
        if self.username.is_some() != has_password {
            return wrong("a user name and a password belong together".into());
        }
        if self.to.is_empty() || self.to.len() > MOST_RECIPIENTS {
            return wrong(format!("mail goes to 1 to {MOST_RECIPIENTS} addresses"));
        }
        self.mailboxes().map(|_| ())
    }

    fn mailboxes(&self) -> Result<(Mailbox, Vec<Mailbox>), Error> {
        let mailbox = |text: &String| {
            let read = text.parse::<Mailbox>();
            read.map_err(|_| Error::Settings(format!("`{}` is not a mail address", text.escape_debug())))
        };
        Ok((mailbox(&self.from)?, self.to.iter().map(mailbox).collect::<Result<_, _>>()?))
    }

    fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            MailTls::Implicit => 465,
            MailTls::Starttls => 587,
            MailTls::None => 25,
        })
    }

    /// The addresses of the mail server that may be connected to.
    fn addresses(&self) -> Result<Vec<SocketAddr>, Fault> {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        let found = (bare, self.port()).to_socket_addrs();
        let found: Vec<SocketAddr> = found.map_err(|_| Fault::passing("its host name leads nowhere"))?.collect();
        reachable(&found, self.allow_private, self.tls == MailTls::None).map_err(|refused| Fault::permanent(refused.0))
    }
}

impl Email {
    pub(crate) fn new(mail: NewEmail, password: Option<Secret<String>>) -> Result<Self, Error> {
        mail.check(password.is_some())?;
        let (from, to) = mail.mailboxes()?;
        Ok(Self { mail, from, to, password })
    }

    fn message(&self, parcel: &Parcel) -> Result<Message, Fault> {
        let alert = &parcel.alert;
        let sent = SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(alert.time.0).unwrap_or_default());
        let mut message = Message::builder()
            .from(self.from.clone())
            .subject(format!("[keyward] {}: {}", alert.severity, alert.kind.as_str().replace('_', " ")))
            .date(sent)
            .message_id(Some(format!("<{}@keyward>", parcel.id)))
            .header(ContentType::TEXT_PLAIN);
        for to in &self.to {
            message = message.to(to.clone());
        }
        message.body(text(alert)).map_err(|_| Fault::permanent("no mail can be made of this alert"))
    }

    /// To the address that was judged; the certificate is that of the name.
    fn transport(&self, address: SocketAddr) -> Result<SmtpTransport, Fault> {
        let parameters = || {
            TlsParameters::new(self.mail.host.clone())
                .map_err(|_| Fault::permanent("TLS cannot be set up on this machine"))
        };
        let tls = match self.mail.tls {
            MailTls::Implicit => Tls::Wrapper(parameters()?),
            MailTls::Starttls => Tls::Required(parameters()?),
            MailTls::None => Tls::None,
        };
        let mut smtp = SmtpTransport::builder_dangerous(address.ip().to_string())
            .port(address.port())
            .tls(tls)
            .timeout(Some(STEP));
        if let (Some(user), Some(password)) = (&self.mail.username, &self.password) {
            smtp = smtp.credentials(Login::new(user.clone(), password.expose().clone()));
        }
        Ok(smtp.build())
    }
}

impl Channel for Email {
    fn deliver(&self, parcel: &Parcel, _at: Timestamp) -> Result<(), Fault> {
        let message = self.message(parcel)?;
        let mut last = Fault::passing("its host name leads nowhere");
        for address in self.mail.addresses()? {
            match self.transport(address)?.send(&message) {
                Ok(_) => return Ok(()),
                Err(error) => {
                    last = fault(&error);
                    // Another address of the same server would say the same.
                    if error.status().is_some() {
                        break;
                    }
                }
            }
        }
        Err(last)
    }
}

fn text(alert: &Alert) -> String {
    let mut text =
        format!("{}\n\ntime: {}\n{}: {}\n", alert.line(), alert.time, alert.subject.noun, alert.subject.called());
    for (noun, name) in &alert.about {
        text.push_str(&format!("{noun}: {name}\n"));
    }
    text
}

/// An error of the client in our words: what a mail server writes may repeat what it was sent.
fn fault(error: &lettre::transport::smtp::Error) -> Fault {
    match error.status() {
        Some(code) if error.is_permanent() => Fault::permanent(format!("the mail server answered {code}")),
        Some(code) => Fault::passing(format!("the mail server answered {code}")),
        None if error.is_tls() => Fault::permanent("TLS failed: the mail server's certificate is not trusted here"),
        None if error.is_timeout() => Fault::passing("the mail server did not answer in time"),
        None if error.is_client() => {
            Fault::permanent("the mail server does not offer what the sink needs (TLS, sign-in)")
        }
        None => Fault::passing("the connection to the mail server failed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail() -> NewEmail {
        NewEmail {
            host: "mail.example.com".into(),
            port: None,
            tls: MailTls::Implicit,
            username: None,
            from: "keyward <keyward@example.com>".into(),
            to: vec!["ops@example.com".into()],
            allow_private: false,
        }
    }

    #[test]
    fn settings_that_cannot_be_are_refused() {
        mail().check(false).unwrap();
        NewEmail { host: "127.0.0.1".into(), tls: MailTls::None, ..mail() }.check(false).unwrap();
        for wrong in [
            NewEmail { host: "mail.example.com\r\nRCPT".into(), ..mail() },
            NewEmail { tls: MailTls::None, ..mail() },
            NewEmail { username: Some("ops".into()), ..mail() },
            NewEmail { to: vec![], ..mail() },
            NewEmail { to: vec!["ops@example.com\r\nBcc: all@example.com".into()], ..mail() },
            NewEmail { from: "nobody".into(), ..mail() },
        ] {
            assert!(wrong.check(false).is_err(), "{wrong:?}");
        }
        assert!(mail().check(true).is_err());
        assert_eq!([MailTls::Implicit, MailTls::Starttls].map(|tls| NewEmail { tls, ..mail() }.port()), [465, 587]);
    }
}
