//! Mail by SMTP, to several people in one transaction.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::{Duration, SystemTime};

use keyward_types::{Secret, Timestamp};
use lettre::Message;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::{Credentials as Login, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{SmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use serde::{Deserialize, Serialize};

use crate::endpoint::is_this_machine;
use crate::http::allowed;
use crate::outbox::Parcel;
use crate::sink::{Channel, Delivered};
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
        allowed(&found, self.allow_private, self.tls == MailTls::None).map_err(|refused| Fault::permanent(refused.0))
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
    fn connect(&self, address: SocketAddr) -> Result<SmtpConnection, Fault> {
        let tls = match self.mail.tls {
            MailTls::None => None,
            MailTls::Implicit | MailTls::Starttls => Some(TlsParameters::new(self.mail.host.clone())),
        };
        let tls = tls.transpose().map_err(|_| Fault::permanent("TLS cannot be set up on this machine"))?;
        let (wrapper, us) = (tls.as_ref().filter(|_| self.mail.tls == MailTls::Implicit), ClientId::default());
        let connected = SmtpConnection::connect(address, Some(STEP), &us, wrapper, None).and_then(|mut connection| {
            if let (MailTls::Starttls, Some(tls)) = (self.mail.tls, &tls) {
                connection.starttls(tls, &us)?;
            }
            if let (Some(user), Some(password)) = (&self.mail.username, &self.password) {
                connection.auth(DEFAULT_MECHANISMS, &Login::new(user.clone(), password.expose().clone()))?;
            }
            Ok(connection)
        });
        connected.map_err(|error| fault(&error))
    }

    /// To all in one transaction. Those whom the server refuses for good are left out: somebody who has
    /// left must not keep alerts from the others.
    fn send(&self, connection: &mut SmtpConnection, mail: &[u8]) -> Result<Delivered, Fault> {
        let server = connection.server_info();
        let mut parameters = Vec::new();
        if self.to.iter().chain([&self.from]).any(|mailbox| !mailbox.email.to_string().is_ascii()) {
            if !server.supports_feature(Extension::SmtpUtfEight) {
                return Err(Fault::permanent("the mail server takes no addresses with other letters than ASCII"));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        if !mail.is_ascii() && server.supports_feature(Extension::EightBitMime) {
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        let from = Mail::new(Some(self.from.email.clone()), parameters);
        connection.command(from).map_err(|error| fault(&error))?;
        let mut refused = Vec::new();
        for to in &self.to {
            match connection.command(Rcpt::new(to.email.clone(), Vec::new())) {
                Ok(_) => {}
                Err(error) if error.is_permanent() => refused.push((&to.email, fault(&error))),
                Err(error) => return Err(fault(&error)),
            }
        }
        if let [(_, first), ..] = &refused[..]
            && refused.len() == self.to.len()
        {
            return Err(first.clone());
        }
        connection.command(Data).and_then(|_| connection.message(mail)).map_err(|error| fault(&error))?;
        let left_out = refused.iter().map(|(address, fault)| format!("at `{address}` {}", fault.why));
        Ok(Delivered { but: (!refused.is_empty()).then(|| left_out.collect::<Vec<_>>().join(", ")) })
    }
}

impl Channel for Email {
    fn deliver(&self, parcel: &Parcel, _at: Timestamp) -> Result<Delivered, Fault> {
        let mail = self.message(parcel)?.formatted();
        let mut last = Fault::passing("its host name leads nowhere");
        for address in self.mail.addresses()? {
            let sent = self.connect(address).and_then(|mut connection| {
                let sent = self.send(&mut connection, &mail);
                // It has what it took, whatever it says to the farewell.
                let _ = connection.quit();
                sent
            });
            match sent {
                Ok(delivered) => return Ok(delivered),
                // Another address of the same server would say the same.
                Err(fault) if fault.why.starts_with(ANSWERED) => return Err(fault),
                Err(fault) => last = fault,
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

/// Begins what the server itself said.
const ANSWERED: &str = "the mail server answered";

/// An error of the client in our words: what a mail server writes may repeat what it was sent.
fn fault(error: &lettre::transport::smtp::Error) -> Fault {
    match error.status() {
        Some(code) if error.is_permanent() => Fault::permanent(format!("{ANSWERED} {code}")),
        Some(code) => Fault::passing(format!("{ANSWERED} {code}")),
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
