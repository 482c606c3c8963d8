//! The local desk's calls about alert sinks, and the sinks of a vault made ready to send.

use std::time::Duration;

use data_encoding::HEXLOWER;
use keyward_access::Login;
use keyward_monitor::{
    Alert, AlertKind, Credentials, Endpoint, MailTls, NewEmail, Parcel, Settings, Sink, Subject, send_once,
};
use keyward_types::{Clock, Random, Secret};
use keyward_vault::{Actor, AlertSink, Lead, Vault};

use crate::alert_wire::{AlertSinkInfo, AlertTestInfo, AlertWay, MadeAlertSink, MailInfo, NewAlertSinkInfo};
use crate::{Bytes, Failure, Result, SystemClock, SystemRandom};

/// Where alerts go, as one caller administers it.
pub(crate) struct Alerts<'a> {
    pub(crate) vault: &'a Vault,
    pub(crate) actor: &'a Actor,
}

/// How long a try may take.
const TRY: Duration = Duration::from_secs(20);

impl Alerts<'_> {
    pub(crate) fn list(&self) -> Result<Vec<AlertSinkInfo>> {
        self.vault.alert_sinks(self.actor)?.iter().map(info).collect()
    }

    pub(crate) fn add(&self, new: NewAlertSinkInfo) -> Result<MadeAlertSink> {
        let (settings, credentials) = drafted(&new)?;
        let shown = serde_json::to_value(&settings).map_err(|error| Failure::internal(error.to_string()))?;
        let (name, kind) = (&new.name, settings.kind());
        let sink = self.vault.add_alert_sink(self.actor, name, kind, shown, &credentials.to_bytes())?;
        let signing_secret = credentials.signing_secret().map(|text| Bytes::new(text.as_bytes().to_vec()));
        Ok(MadeAlertSink { sink: info(&sink)?, signing_secret })
    }

    pub(crate) fn remove(&self, name: &Login) -> Result<AlertSinkInfo> {
        info(&self.vault.remove_alert_sink(self.actor, name)?)
    }

    /// Sends an alert now, once, and waits for what comes of it.
    pub(crate) fn test(&self, name: &Login) -> Result<AlertTestInfo> {
        let (sink, opened) = self.vault.open_alert_sink(self.actor, name)?;
        let ready = ready(&sink, &opened)?;
        let mut id = [0; 12];
        SystemRandom.fill(&mut id).map_err(|error| Failure::internal(error.to_string()))?;
        let id = format!("msg_{}", HEXLOWER.encode(&id));
        let subject = Subject::new("alert sink", sink.id.to_string()).named(sink.name.as_str());
        let now = SystemClock.now();
        let parcel = Parcel { id: id.clone(), alert: Alert::test(subject, now) };
        let sent = send_once(ready.channel, parcel, now, TRY);
        Ok(AlertTestInfo {
            sink: info(&sink)?,
            fault: sent.map_or_else(
                |fault| Some(fault.why),
                |sent| sent.but.map(|who| format!("not everybody got it: {who}")),
            ),
            id,
        })
    }
}

/// The sinks of a vault, ready for a [`keyward_monitor::Dispatcher`]: recorded as one use of their
/// credentials by `agent`. One that has no place in the log yet is told from `size` on. A sink that
/// cannot be used is left out, and told of in the second list.
///
/// # Errors
/// When the vault refuses.
pub(crate) fn open_sinks(vault: &Vault, lead: &Lead, agent: &str, size: u64) -> Result<(Vec<Sink>, Vec<Alert>)> {
    let (mut sinks, mut unusable) = (Vec::new(), Vec::new());
    let places = vault.alert_places()?;
    for (sink, opened) in vault.open_alert_sinks(lead, agent)? {
        match ready(&sink, &opened) {
            Ok(ready) => sinks.push(Sink { from: places.get(&sink.id).copied().unwrap_or(size), ..ready }),
            Err(failure) => {
                let subject = Subject::new("alert sink", sink.id.to_string()).named(sink.name.as_str());
                unusable.push(Alert::channel_unusable(subject, SystemClock.now(), &failure.message));
            }
        }
    }
    Ok((sinks, unusable))
}

fn ready(sink: &AlertSink, opened: &Secret<Vec<u8>>) -> Result<Sink> {
    let settings = settings(sink)?;
    let unusable = |error| Failure::internal(format!("the alert sink `{}` cannot be used: {error}", sink.name));
    let credentials = Credentials::from_bytes(opened.expose()).map_err(unusable)?;
    let channel = settings.channel(&credentials).map_err(unusable)?;
    Ok(Sink { id: sink.id, name: sink.name.to_string(), only: settings.only().to_vec(), from: 0, channel })
}

fn settings(sink: &AlertSink) -> Result<Settings> {
    serde_json::from_value(sink.settings.clone()).map_err(|_| {
        Failure::internal(format!("the settings of the alert sink `{}` cannot be read", sink.name))
            .hint("a newer keyward may have written them; `keyward alert remove` ends the sink")
    })
}

fn info(sink: &AlertSink) -> Result<AlertSinkInfo> {
    let settings = settings(sink)?;
    Ok(AlertSinkInfo {
        name: sink.name.clone(),
        kind: settings.kind().to_owned(),
        to: settings.to(),
        only: settings.only().iter().map(ToString::to_string).collect(),
        created_at: sink.created_at,
        created_by: sink.created_by.to_string(),
    })
}

fn drafted(new: &NewAlertSinkInfo) -> Result<(Settings, Credentials)> {
    let wrong = |error: keyward_monitor::Error| Failure::usage(error.to_string());
    let only = new.only.iter().map(|kind| kind.parse()).collect::<Result<Vec<AlertKind>, _>>().map_err(wrong)?;
    match &new.way {
        AlertWay::Webhook(url) => {
            Settings::webhook(&endpoint(url, new.allow_private)?, new.allow_private, only, &SystemRandom).map_err(wrong)
        }
        AlertWay::Slack(url) => Ok(Settings::slack(&endpoint(url, new.allow_private)?, new.allow_private, only)),
        AlertWay::Email(mail) => {
            let password = mail.password.as_ref().map(|password| text("the password", password)).transpose()?;
            Settings::email(mail_of(mail, new.allow_private)?, password.as_ref(), only).map_err(wrong)
        }
    }
}

fn mail_of(mail: &MailInfo, allow_private: bool) -> Result<NewEmail> {
    let tls = match mail.tls.as_str() {
        "implicit" => MailTls::Implicit,
        "starttls" => MailTls::Starttls,
        "none" => MailTls::None,
        other => {
            let other = other.escape_debug();
            return Err(Failure::usage(format!(
                "`{other}` is no TLS of a mail server; use implicit, starttls or none"
            )));
        }
    };
    Ok(NewEmail {
        host: mail.host.clone(),
        port: mail.port,
        tls,
        username: mail.username.clone(),
        from: mail.from.clone(),
        to: mail.to.clone(),
        allow_private,
    })
}

fn endpoint(url: &Bytes, allow_private: bool) -> Result<Endpoint> {
    let url = text("the URL", url)?;
    let endpoint = Endpoint::parse(url.expose().trim()).and_then(|endpoint| {
        endpoint.judge(allow_private)?;
        Ok(endpoint)
    });
    endpoint.map_err(|error| Failure::usage(error.to_string()))
}

fn text(what: &'static str, bytes: &Bytes) -> Result<Secret<String>> {
    let text = std::str::from_utf8(bytes.expose()).map_err(|_| Failure::usage(format!("{what} is not UTF-8")))?;
    Ok(Secret::new(what, text.to_owned()))
}
