//! Mail, to a tiny SMTP server.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use data_encoding::BASE64;
use keyward_monitor::{Delivered, Fault, MailTls, NewEmail, Settings};
use keyward_types::Secret;

use crate::kit::{NOW, parcel};

const PASSWORD: &str = "marker-of-the-password";

/// Everything that one client said. `refusal` is answered to `AUTH`, with what the client sent.
fn server(offers: &'static str, refusal: Option<&'static str>) -> (u16, Receiver<Vec<String>>) {
    refusing(offers, refusal, &[])
}

/// The same; to a `RCPT` of one of `refused` it gives the answer beside it.
fn refusing(
    offers: &'static str,
    refusal: Option<&'static str>,
    refused: &'static [(&'static str, &'static str)],
) -> (u16, Receiver<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut said, mut data) = (Vec::new(), false);
            write!(stream, "220 tiny\r\n").unwrap();
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 {
                    break;
                }
                let line = line.trim_end().to_owned();
                said.push(line.clone());
                let answer = match line.split(' ').next().unwrap_or_default() {
                    "." => {
                        data = false;
                        "250 taken".to_owned()
                    }
                    _ if data => continue,
                    "EHLO" => format!("250-tiny\r\n250 {offers}"),
                    "AUTH" if refusal.is_some() => format!("{} {line}", refusal.unwrap()),
                    "AUTH" => "235 welcome".to_owned(),
                    "RCPT" => {
                        let found = refused.iter().find(|(address, _)| line.contains(address));
                        found.map_or("250 ok", |(_, answer)| answer).to_owned()
                    }
                    "DATA" => {
                        data = true;
                        "354 go on".to_owned()
                    }
                    "QUIT" => "221 bye".to_owned(),
                    _ => "250 ok".to_owned(),
                };
                if write!(stream, "{answer}\r\n").is_err() {
                    break;
                }
            }
            if tell.send(said).is_err() {
                return;
            }
        }
    });
    (port, told)
}

fn mail(port: u16) -> NewEmail {
    NewEmail {
        host: "127.0.0.1".into(),
        port: Some(port),
        tls: MailTls::None,
        username: None,
        from: "keyward <keyward@example.com>".into(),
        to: vec!["ops@example.com".into(), "Ada <ada@example.com>".into()],
        allow_private: true,
    }
}

fn deliver(mail: NewEmail, password: Option<&str>) -> Result<(), Fault> {
    delivered(mail, password).map(|delivered| assert_eq!(delivered.but, None))
}

fn delivered(mail: NewEmail, password: Option<&str>) -> Result<Delivered, Fault> {
    let password = password.map(|text| Secret::new("password", text.to_owned()));
    let (settings, credentials) = Settings::email(mail, password.as_ref(), vec![]).unwrap();
    assert!(!serde_json::to_string(&settings).unwrap().contains(PASSWORD));
    settings.channel(&credentials).unwrap().deliver(&parcel(), NOW)
}

#[test]
fn a_mail_reaches_everybody_on_the_envelope() {
    let (port, told) = server("8BITMIME", None);
    deliver(mail(port), None).unwrap();
    let said = told.recv_timeout(Duration::from_secs(10)).unwrap();
    for line in [
        "MAIL FROM:<keyward@example.com>",
        "RCPT TO:<ops@example.com>",
        "RCPT TO:<ada@example.com>",
        "Subject: [keyward] critical: break glass",
        "Message-ID: <msg_0123@keyward>",
        "Date: Mon, 21 Sep 2026 14:13:20 +0000",
        "critical: `ada` took emergency rights in `shop`",
        "account: ada",
    ] {
        assert!(said.iter().any(|one| one.starts_with(line)), "{line} is not in {said:#?}");
    }
}

#[test]
fn whom_the_server_refuses_is_left_out_and_named() {
    let (port, told) = refusing("8BITMIME", None, &[("ops@example.com", "550 nobody of that name: marker")]);
    let who = delivered(mail(port), None).unwrap().but.unwrap();
    assert_eq!(who, "at `ops@example.com` the mail server answered 550");
    let said = told.recv_timeout(Duration::from_secs(10)).unwrap();
    let recipients = said.iter().filter(|line| line.starts_with("RCPT")).count();
    assert_eq!((recipients, said.iter().filter(|line| *line == ".").count()), (2, 1), "{said:#?}");
    for (answer, permanent) in [("550 no", true), ("450 later", false)] {
        let all = if permanent {
            refusing("", None, &[("ops@example.com", "550 no"), ("ada@example.com", "551 no")])
        } else {
            refusing("", None, &[("ops@example.com", "450 later")])
        };
        let fault = delivered(mail(all.0), None).unwrap_err();
        let said = all.1.recv_timeout(Duration::from_secs(10)).unwrap();
        assert_eq!((fault.permanent, said.contains(&"DATA".to_owned())), (permanent, false), "{answer}");
        assert_eq!(fault.why, format!("the mail server answered {}", &answer[..3]));
    }
}

#[test]
fn the_password_is_given_and_a_refusal_does_not_repeat_it() {
    let (port, told) = server("AUTH PLAIN", None);
    deliver(NewEmail { username: Some("ops".into()), ..mail(port) }, Some(PASSWORD)).unwrap();
    let said = told.recv_timeout(Duration::from_secs(10)).unwrap();
    let encoded = BASE64.encode(format!("\0ops\0{PASSWORD}").as_bytes());
    assert!(said.contains(&format!("AUTH PLAIN {encoded}")), "{said:#?}");
    for (refusal, permanent) in [("535", true), ("454", false)] {
        let (port, _told) = server("AUTH PLAIN", Some(refusal));
        let fault = deliver(NewEmail { username: Some("ops".into()), ..mail(port) }, Some(PASSWORD)).unwrap_err();
        assert_eq!((fault.permanent, fault.why), (permanent, format!("the mail server answered {refusal}")));
    }
}

#[test]
fn without_tls_no_mail_leaves_where_tls_is_wanted() {
    let (port, told) = server("8BITMIME", None);
    let fault = deliver(NewEmail { tls: MailTls::Starttls, ..mail(port) }, None).unwrap_err();
    assert!(fault.why.contains("mail server"), "{fault}");
    let said = told.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(said.iter().all(|line| !line.starts_with("MAIL")), "{said:#?}");
}

#[test]
fn a_private_mail_server_is_refused_unless_the_sink_is_made_for_it() {
    let (port, told) = server("8BITMIME", None);
    let fault = deliver(NewEmail { allow_private: false, ..mail(port) }, None).unwrap_err();
    assert!(fault.permanent && fault.why.contains("--allow-private"), "{fault}");
    assert!(told.recv_timeout(Duration::from_millis(300)).is_err(), "nothing was connected to");
}
