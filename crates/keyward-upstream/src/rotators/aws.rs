use keyward_providers::RotationClass;
use keyward_sign::sigv4::{AccessKey, Signed};
use keyward_types::{Secret, Verified};
use zeroize::Zeroizing;

use super::api;
use crate::http::{Answer, Ask, escape, word};
use crate::{
    Call, Chosen, Ctx, Fault, Found, Http, KeyId, KeyState, LastUsed, Minted, Minting, Preflight, Refusal, Rotator,
    Site, Slots, Tag, Verdict,
};

/// AWS IAM: the second of a user's two access keys. A value is a pair, as JSON
/// (`{"access_key_id": …, "secret_access_key": …}`) or as `ID:SECRET`, and so is the administrative
/// credential, which is another user's.
///
/// AWS keeps no name with an access key: what counts as this rotation's is every key of the user
/// but the replaced one, as long as it was never used.
pub struct Iam {
    http: Http,
    user: String,
    iam: Site,
    sts: Site,
}

/// More than two access keys no user has.
const SLOTS: u32 = 2;
const FORM: &str = "application/x-www-form-urlencoded";

impl Iam {
    /// Access keys of this user.
    pub fn new(http: Http, user: &str) -> Self {
        let site = |base| Site::of(api::service("aws"), base).expect("it is one of AWS's own");
        Self { http, user: user.into(), iam: site("https://iam.amazonaws.com"), sts: site("https://sts.amazonaws.com") }
    }

    fn iam(&self, ctx: &Ctx<'_>, action: &str, more: &[(&str, &str)], reads: bool) -> Result<Answer, Fault> {
        let (admin, _) = pair(api::admin(ctx)?)
            .ok_or_else(|| Fault::refused(Refusal::Admin, "it is no pair of an access key's id and secret"))?;
        let mut form = format!("Action={action}&Version=2010-05-08&UserName={}", escape(&self.user));
        for (name, value) in more {
            form.push_str(&format!("&{name}={}", escape(value)));
        }
        let answer = self.signed(ctx, &self.iam, "iam", &admin, &form, reads)?;
        if answer.is_good() { Ok(answer) } else { Err(refusal(&answer)) }
    }

    fn signed(
        &self,
        ctx: &Ctx<'_>,
        site: &Site,
        service: &str,
        key: &AccessKey,
        form: &str,
        reads: bool,
    ) -> Result<Answer, Fault> {
        let (host, body) = (site.authority(), form.as_bytes());
        let typed = [("content-type", FORM)];
        let signed =
            Signed { method: "POST", host, path: "/", query: "", headers: &typed, body, region: "us-east-1", service };
        let (date, authorization) = signed.by(key, ctx.clock.now());
        let headers = [typed[0], ("x-amz-date", date.as_str()), ("authorization", authorization.as_str())];
        self.http.ask(site, &Ask { method: "POST", path: "/", headers: &headers, body: Some(body), reads })
    }

    fn keys(&self, ctx: &Ctx<'_>) -> Result<Vec<Found>, Fault> {
        let answer = self.iam(ctx, "ListAccessKeys", &[], true)?;
        let text = answer.text();
        if !text.contains("<ListAccessKeysResult") {
            return Err(Fault::nonsense("a list that cannot be read"));
        }
        let each = text.split("<member>").skip(1).map(|member| {
            let id = element(member, "AccessKeyId").ok_or_else(|| Fault::nonsense("a key without an id"))?;
            let state = match element(member, "Status") {
                Some("Active") => KeyState::Active,
                _ => KeyState::Suspended,
            };
            let created = element(member, "CreateDate").and_then(|text| text.parse().ok());
            Ok(Found { id: KeyId::new(id), created, state })
        });
        each.collect()
    }

    fn set(&self, ctx: &Ctx<'_>, id: &KeyId, status: &str) -> Result<(), Fault> {
        let more = [("AccessKeyId", id.as_str()), ("Status", status)];
        self.iam(ctx, "UpdateAccessKey", &more, false).map(|_| ())
    }
}

impl Rotator for Iam {
    fn class(&self) -> RotationClass {
        RotationClass::TwoSlots
    }

    fn minting(&self) -> Minting {
        Minting::Once
    }

    fn is_reversible(&self) -> bool {
        true
    }

    fn plan(&self) -> Vec<Call> {
        let form = |action: &str, more: &str| format!("Action={action}&UserName={}{more}", self.user);
        let call = |step: &str, form: String| Call::new(step, "POST", "https://iam.amazonaws.com/").with(form);
        vec![
            call("preflight", form("ListAccessKeys", "")),
            call("mint", form("CreateAccessKey", "")),
            Call::new("test", "POST", "https://sts.amazonaws.com/").with("Action=GetCallerIdentity"),
            call("watch", "Action=GetAccessKeyLastUsed&AccessKeyId=<old key>".into()),
            call("suspend", form("UpdateAccessKey", "&AccessKeyId=<old key>&Status=Inactive")),
            call("retire", form("DeleteAccessKey", "&AccessKeyId=<old key>")),
        ]
    }

    fn preflight(&self, ctx: &Ctx<'_>) -> Result<Preflight, Fault> {
        let keys = self.keys(ctx)?;
        let used = u32::try_from(keys.len()).unwrap_or(u32::MAX);
        let own = self.identify(ctx, api::current(ctx)?)?.filter(|own| keys.iter().any(|key| key.id == *own));
        let mut warnings = Vec::new();
        if own.is_none() {
            warnings.push(format!("the current access key is none of the user `{}`", self.user));
        }
        if used >= SLOTS {
            let other = keys.iter().find(|key| Some(&key.id) != own.as_ref());
            let other = other.map_or("-", |key| key.id.as_str());
            warnings.push(format!("both slots are taken; `{other}` has to go first, if nobody needs it"));
        }
        Ok(Preflight { current: own, slots: Some(Slots { used, of: SLOTS }), warnings })
    }

    fn mint(&self, ctx: &Ctx<'_>, _: &Tag, _: Option<&Chosen>) -> Result<Minted, Fault> {
        let answer = self.iam(ctx, "CreateAccessKey", &[], false)?;
        let text = answer.text();
        let part = |name| element(text, name).ok_or_else(|| Fault::nonsense("a new key that cannot be read"));
        let (id, made) = (part("AccessKeyId")?, unescaped(part("SecretAccessKey")?));
        let as_json = ctx.current.and_then(pair).is_none_or(|(_, as_json)| as_json);
        let value = match as_json {
            true => serde_json::json!({ "access_key_id": id, "secret_access_key": *made }).to_string(),
            false => format!("{id}:{}", *made),
        };
        Ok(Minted { value: Secret::new("a new access key", value), id: KeyId::new(id), expires: None })
    }

    fn find(&self, ctx: &Ctx<'_>, _: &Tag) -> Result<Vec<Found>, Fault> {
        let replaced =
            ctx.replaces.ok_or_else(|| Fault::refused(Refusal::Input, "which key is replaced is not known"))?;
        let mut found = Vec::new();
        for key in self.keys(ctx)?.into_iter().filter(|key| key.id != *replaced) {
            if self.last_used(ctx, &key.id)? == LastUsed::Never {
                found.push(key);
            }
        }
        Ok(found)
    }

    fn probe(&self, ctx: &Ctx<'_>, value: &Secret<String>) -> Result<Verdict, Fault> {
        let Some((key, _)) = pair(value) else {
            return Ok(Verdict::new(Verified::Indeterminate, "it is no pair of an access key's id and secret"));
        };
        let answer = self.signed(ctx, &self.sts, "sts", &key, "Action=GetCallerIdentity&Version=2011-06-15", true)?;
        let code = element(answer.text(), "Code").and_then(word).unwrap_or_else(|| answer.status.to_string());
        let verified = match code.as_str() {
            _ if answer.is_good() && answer.says("<Arn>") => Verified::Valid,
            // Of a clock that is wrong, not of the key.
            _ if answer.says("signature expired") || answer.says("not yet current") => Verified::Indeterminate,
            "InvalidClientTokenId" | "SignatureDoesNotMatch" | "ExpiredToken" => Verified::Invalid,
            "AccessDenied" => Verified::ValidInsufficient,
            _ => Verified::Indeterminate,
        };
        Ok(Verdict { verified, why: code, identity: element(answer.text(), "Arn").map(str::to_owned) })
    }

    fn identify(&self, _: &Ctx<'_>, value: &Secret<String>) -> Result<Option<KeyId>, Fault> {
        Ok(pair(value).map(|(key, _)| KeyId::new(key.id)))
    }

    fn last_used(&self, ctx: &Ctx<'_>, id: &KeyId) -> Result<LastUsed, Fault> {
        let answer = self.iam(ctx, "GetAccessKeyLastUsed", &[("AccessKeyId", id.as_str())], true)?;
        let text = answer.text();
        if !text.contains("<GetAccessKeyLastUsedResult") {
            return Err(Fault::nonsense("a last use that cannot be read"));
        }
        let by = element(text, "ServiceName").filter(|by| *by != "N/A").map(str::to_owned);
        let at = element(text, "LastUsedDate").and_then(|text| text.parse().ok());
        Ok(at.map_or(LastUsed::Never, |at| LastUsed::At(at, by)))
    }

    fn suspend(&self, ctx: &Ctx<'_>, id: &KeyId) -> Result<(), Fault> {
        self.set(ctx, id, "Inactive")
    }

    fn resume(&self, ctx: &Ctx<'_>, id: &KeyId) -> Result<(), Fault> {
        self.set(ctx, id, "Active")
    }

    fn retire(&self, ctx: &Ctx<'_>, id: &KeyId) -> Result<(), Fault> {
        match self.iam(ctx, "DeleteAccessKey", &[("AccessKeyId", id.as_str())], false) {
            Ok(_) | Err(Fault::Refused(Refusal::Missing, _)) => Ok(()),
            Err(fault) => Err(fault),
        }
    }

    fn settles_in(&self) -> u32 {
        60
    }
}

/// A pair, and whether it was written as JSON.
fn pair(value: &Secret<String>) -> Option<(AccessKey, bool)> {
    AccessKey::read(value.expose())
}

/// An access key as a secret holds it: `ID:SECRET`, or JSON with `access_key_id` and
/// `secret_access_key`.
///
/// # Errors
/// When it is none.
pub fn access_key(text: &Secret<String>) -> Result<AccessKey, Fault> {
    let none = || Fault::refused(Refusal::Admin, "it is no pair of an access key's id and secret");
    pair(text).map(|(key, _)| key).ok_or_else(none)
}

fn refusal(answer: &Answer) -> Fault {
    let code = element(answer.text(), "Code").and_then(word).unwrap_or_default();
    let what = match code.as_str() {
        "LimitExceeded" => Refusal::Slots,
        "NoSuchEntity" => Refusal::Missing,
        "AccessDenied" | "AccessDeniedException" => Refusal::Permission,
        "InvalidClientTokenId" | "SignatureDoesNotMatch" | "ExpiredToken" | "IncompleteSignature" => Refusal::Admin,
        "EntityTemporarilyUnmodifiable" => Refusal::Busy,
        "Throttling" | "ThrottlingException" | "RequestLimitExceeded" => return Fault::Limited(None),
        _ => return answer.refusal(),
    };
    Fault::refused(what, format!("AWS answers `{code}`"))
}

/// The text of the first element of that name: AWS's answers nest none of these.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

fn unescaped(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&"))
}
