use super::{Reply, Request, Service, drawn, pairs};

/// AWS IAM's access keys of one user, and STS `GetCallerIdentity`, in the query protocol. As botocore
/// 1.44.5 has it. Signatures are looked at only as far as whose they are; that they are right is the
/// business of AWS's own vectors.
pub struct Iam {
    admin: String,
    keys: Vec<Key>,
}

struct Key {
    id: String,
    secret: String,
    active: bool,
    used: bool,
    /// When, in minutes, and at which service somebody has worked with it.
    worked: (u32, String),
}

impl Iam {
    /// With an administrator's pair, and one pair of the user `deploy`; gives both, as `ID:SECRET`.
    pub fn new() -> (Self, String, String) {
        let admin = format!("{}{}", "AKIA", drawn(16).to_uppercase());
        let mut double = Self { admin: admin.clone(), keys: Vec::new() };
        let first = double.make();
        (double, format!("{admin}:{}", drawn(40)), first)
    }

    /// Whether the key of this pair works.
    pub fn is_alive(&self, pair: &str) -> bool {
        self.keys.iter().any(|key| key.active && pair.starts_with(&key.id))
    }

    /// Ids of keys that work.
    pub fn live(&self) -> Vec<String> {
        self.keys.iter().filter(|key| key.active).map(|key| key.id.clone()).collect()
    }

    /// What somebody else does: a second key.
    pub fn make(&mut self) -> String {
        let (id, secret) = (format!("{}{}", "AKIA", drawn(16).to_uppercase()), drawn(40));
        self.keys.push(Key {
            id: id.clone(),
            secret: secret.clone(),
            active: true,
            used: false,
            worked: (0, "sts".into()),
        });
        format!("{id}:{secret}")
    }

    /// Somebody works with this access key at a service, a minute after the last one.
    pub fn work(&mut self, pair: &str, at: &str) {
        if let Some(key) = self.keys.iter_mut().find(|key| pair.starts_with(&key.id) && key.active) {
            key.used = true;
            key.worked = (key.worked.0 + 1, at.to_owned());
        }
    }

    fn identity(&mut self, id: &str) -> Reply {
        match self.keys.iter_mut().find(|key| key.id == id && key.active) {
            Some(key) => {
                key.used = true;
                let arn = "<Arn>arn:aws:iam::123456789012:user/deploy</Arn>";
                let result = format!("<GetCallerIdentityResult>{arn}</GetCallerIdentityResult>");
                Reply::text(200, format!("<GetCallerIdentityResponse>{result}</GetCallerIdentityResponse>"))
            }
            None => error(403, "InvalidClientTokenId"),
        }
    }

    fn create(&mut self) -> Reply {
        if self.keys.len() >= 2 {
            return error(409, "LimitExceeded");
        }
        self.make();
        let key = self.keys.last().expect("it was made");
        let body = format!(
            "<AccessKey><UserName>deploy</UserName><AccessKeyId>{}</AccessKeyId><Status>Active</Status>\
             <SecretAccessKey>{}</SecretAccessKey></AccessKey>",
            key.id, key.secret
        );
        result("CreateAccessKey", &body)
    }

    fn list(&self) -> Reply {
        let member = |key: &Key| {
            format!(
                "<member><UserName>deploy</UserName><AccessKeyId>{}</AccessKeyId><Status>{}</Status>\
                 <CreateDate>2026-11-26T00:00:00Z</CreateDate></member>",
                key.id,
                if key.active { "Active" } else { "Inactive" }
            )
        };
        let members: String = self.keys.iter().map(member).collect();
        let body = format!("<AccessKeyMetadata>{members}</AccessKeyMetadata><IsTruncated>false</IsTruncated>");
        result("ListAccessKeys", &body)
    }
}

impl Service for Iam {
    const HOSTS: &'static [&'static str] = &["iam.amazonaws.com", "sts.amazonaws.com"];

    fn answer(&mut self, request: &Request) -> Reply {
        let signer = request.header("authorization").and_then(|text| text.split_once("Credential="));
        let signer = signer.and_then(|(_, rest)| rest.split_once('/')).map_or(String::new(), |(id, _)| id.to_owned());
        let form = pairs(&request.body);
        let field = |name: &str| form.get(name).cloned().unwrap_or_default();
        let action = field("Action");
        if action == "GetCallerIdentity" {
            return self.identity(&signer);
        }
        if signer != self.admin {
            return error(403, "InvalidClientTokenId");
        }
        if action != "GetAccessKeyLastUsed" && field("UserName") != "deploy" {
            return error(404, "NoSuchEntity");
        }
        match action.as_str() {
            "CreateAccessKey" => return self.create(),
            "ListAccessKeys" => return self.list(),
            _ => {}
        }
        let Some(at) = self.keys.iter().position(|key| key.id == field("AccessKeyId")) else {
            return error(404, "NoSuchEntity");
        };
        match action.as_str() {
            "UpdateAccessKey" => {
                self.keys[at].active = field("Status") == "Active";
                result("UpdateAccessKey", "")
            }
            "DeleteAccessKey" => {
                self.keys.remove(at);
                result("DeleteAccessKey", "")
            }
            "GetAccessKeyLastUsed" => {
                let Key { used, worked: (minutes, service), .. } = &self.keys[at];
                let (hour, minute) = (1 + minutes / 60, minutes % 60);
                let when = format!("<LastUsedDate>2026-11-26T{hour:02}:{minute:02}:00Z</LastUsedDate>");
                let (when, by) = if *used { (when.as_str(), service.as_str()) } else { ("", "N/A") };
                let body = format!("<AccessKeyLastUsed>{when}<ServiceName>{by}</ServiceName></AccessKeyLastUsed>");
                result("GetAccessKeyLastUsed", &body)
            }
            _ => error(400, "InvalidAction"),
        }
    }
}

fn result(action: &str, body: &str) -> Reply {
    Reply::text(200, format!("<{action}Response><{action}Result>{body}</{action}Result></{action}Response>"))
}

fn error(status: u16, code: &str) -> Reply {
    let body = format!("<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code></Error></ErrorResponse>");
    Reply::text(status, body)
}
