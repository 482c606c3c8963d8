//! AWS Secrets Manager and the Parameter Store of Systems Manager, by signed JSON calls.
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/>,
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/>

use std::collections::HashMap;

use data_encoding::HEXLOWER;
use keyward_types::{Clock, Random, Secret};
use keyward_upstream::rotators::access_key;
use keyward_upstream::{Answer, AwsService, Fault, Http, Refusal, aws_code, aws_fault};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Entry, Field, Held, MARK, MOST, Shelf, Taken};

/// One service of one region.
struct Service<'a>(AwsService<'a>);

/// Secrets Manager: a secret, or all of them.
pub(crate) struct SecretsManager<'a> {
    service: Service<'a>,
    random: &'a dyn Random,
    pub(crate) name: String,
}

/// The Parameter Store: a parameter, or all of them.
pub(crate) struct Parameters<'a> {
    service: Service<'a>,
    pub(crate) name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SecretValue {
    secret_string: Option<Field>,
    version_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    #[serde(default)]
    tags: Option<Vec<Tag>>,
    deleted_date: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    key: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Got {
    parameter: Parameter,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    value: Field,
    version: u64,
}

/// Bytes of a parameter: of the standard tier, and of any.
const STANDARD: usize = 4096;
const ADVANCED: usize = 8192;

impl Service<'_> {
    /// A success; `None`: what was asked for is not there.
    fn found(&self, action: &str, body: &Value, reads: bool) -> Result<Option<Answer>, Fault> {
        let answer = self.0.call(action, body, reads)?;
        if answer.is_good() {
            return Ok(Some(answer));
        }
        let code = aws_code(&answer);
        if let Some(fault) = aws_fault(&code, action) {
            return Err(fault);
        }
        let what = match code.as_str() {
            "ResourceNotFoundException" | "ParameterNotFound" | "InvalidResourceId" => return Ok(None),
            "TooManyUpdates" | "ResourceExistsException" | "ParameterAlreadyExists" => Refusal::Busy,
            "InternalServiceError" | "InternalServerError" => {
                return Err(Fault::Ambiguous("AWS answers that it failed".into()));
            }
            "" => return Err(answer.refusal()),
            _ => Refusal::Input,
        };
        Err(Fault::refused(what, format!("AWS answers `{code}` to {action}")))
    }

    fn done(&self, action: &str, body: &Value) -> Result<(), Fault> {
        let missing = || Fault::refused(Refusal::Busy, "it was there a moment ago and is not now");
        self.found(action, body, false)?.map(drop).ok_or_else(missing)
    }

    /// Every name of a list in pages.
    fn pages(&self, action: &str, ask: Value, items: &str) -> Result<Vec<String>, Fault> {
        let mut names = Vec::new();
        let mut ask = ask;
        loop {
            let odd = || Fault::nonsense("a list that cannot be read");
            let page: Value = self.found(action, &ask, true)?.ok_or_else(odd)?.json()?;
            let found = page.get(items).and_then(Value::as_array).ok_or_else(odd)?;
            names.extend(found.iter().filter_map(|item| item.get("Name")?.as_str().map(str::to_owned)));
            if names.len() > MOST {
                return Err(Fault::refused(Refusal::Input, format!("more than {MOST} entries")));
            }
            match page.get("NextToken").filter(|token| token.is_string()) {
                Some(token) => ask["NextToken"] = token.clone(),
                None => return Ok(names),
            }
        }
    }
}

impl<'a> SecretsManager<'a> {
    pub(crate) fn new(
        http: Http,
        (clock, random): (&'a dyn Clock, &'a dyn Random),
        credential: &Secret<String>,
        region: &str,
        name: &str,
    ) -> Result<Self, Fault> {
        let key = access_key(credential)?;
        let service = AwsService::new(http, clock, key, region, ("secretsmanager", "secretsmanager"))?;
        Ok(Self { service: Service(service), random, name: name.into() })
    }

    /// Names a call, so that one that arrives twice is one.
    fn token(&self) -> Result<String, Fault> {
        let mut bytes = [0; 16];
        self.random.fill(&mut bytes).map_err(|error| Fault::refused(Refusal::Input, error.to_string()))?;
        Ok(HEXLOWER.encode(&bytes))
    }

    fn value(&self, name: &str) -> Result<Option<SecretValue>, Fault> {
        match self.service.found("GetSecretValue", &json!({ "SecretId": name }), true)? {
            Some(answer) => answer.json().map(Some),
            None => Ok(None),
        }
    }
}

impl Entry for SecretsManager<'_> {
    fn read(&self) -> Result<Held, Fault> {
        let described = self.service.found("DescribeSecret", &json!({ "SecretId": self.name }), true)?;
        let Some(described) = described else { return Ok(Held::default()) };
        let described: Described = described.json()?;
        if described.deleted_date.is_some_and(|date| !date.is_null()) {
            let why = format!("`{}` is scheduled for deletion; restore it, or give the target another name", self.name);
            return Err(Fault::refused(Refusal::Input, why));
        }
        let mark = described.tags.unwrap_or_default().into_iter().find(|tag| tag.key == MARK).map(|tag| tag.value);
        let (value, revision) = match self.value(&self.name)? {
            Some(SecretValue { secret_string: Some(Field::Text(value)), version_id }) => (Some(value), version_id),
            Some(_) => return Err(Fault::refused(Refusal::Input, "what lies there is no text")),
            None => (None, String::new()),
        };
        Ok(Held { value, is_there: true, mark, revision, labels: HashMap::new() })
    }

    fn write(&self, over: &Held, value: &Secret<String>, mark: &str) -> Result<(), Fault> {
        let token = self.token()?;
        if !over.is_there {
            let body = json!({ "Name": self.name, "SecretString": value.expose(), "ClientRequestToken": token,
                "Tags": [{ "Key": MARK, "Value": mark }] });
            return self.service.done("CreateSecret", &body);
        }
        let body = json!({ "SecretId": self.name, "SecretString": value.expose(), "ClientRequestToken": token });
        self.service.done("PutSecretValue", &body)?;
        if over.mark.as_deref() == Some(mark) { Ok(()) } else { self.mark(over, mark) }
    }

    fn mark(&self, _: &Held, mark: &str) -> Result<(), Fault> {
        let body = json!({ "SecretId": self.name, "Tags": [{ "Key": MARK, "Value": mark }] });
        self.service.done("TagResource", &body)
    }
}

impl Shelf for SecretsManager<'_> {
    fn names(&self) -> Result<Vec<String>, Fault> {
        self.service.pages("ListSecrets", json!({ "MaxResults": 100 }), "SecretList")
    }

    fn take(&self, name: &str) -> Result<Taken, Fault> {
        let value = self.value(name)?.and_then(|value| value.secret_string).and_then(Field::text);
        Ok(vec![(String::new(), value)])
    }
}

impl<'a> Parameters<'a> {
    pub(crate) fn new(
        http: Http,
        clock: &'a dyn Clock,
        credential: &Secret<String>,
        region: &str,
        name: &str,
    ) -> Result<Self, Fault> {
        let key = access_key(credential)?;
        let service = AwsService::new(http, clock, key, region, ("ssm", "AmazonSSM"))?;
        Ok(Self { service: Service(service), name: name.into() })
    }

    fn value(&self, name: &str) -> Result<Option<Parameter>, Fault> {
        match self.service.found("GetParameter", &json!({ "Name": name, "WithDecryption": true }), true)? {
            Some(answer) => answer.json::<Got>().map(|got| Some(got.parameter)),
            None => Ok(None),
        }
    }
}

impl Entry for Parameters<'_> {
    fn read(&self) -> Result<Held, Fault> {
        let Some(Parameter { value, version }) = self.value(&self.name)? else { return Ok(Held::default()) };
        let ask = json!({ "ResourceType": "Parameter", "ResourceId": self.name });
        let tags: Vec<Tag> = match self.service.found("ListTagsForResource", &ask, true)? {
            Some(answer) => {
                let mut list: Value = answer.json()?;
                serde_json::from_value(list["TagList"].take())
                    .map_err(|_| Fault::nonsense("a list that cannot be read"))?
            }
            None => Vec::new(),
        };
        let mark = tags.into_iter().find(|tag| tag.key == MARK).map(|tag| tag.value);
        Ok(Held { value: value.text(), is_there: true, mark, revision: version.to_string(), labels: HashMap::new() })
    }

    fn write(&self, over: &Held, value: &Secret<String>, mark: &str) -> Result<(), Fault> {
        let size = value.expose().len();
        if size > ADVANCED {
            return Err(Fault::refused(Refusal::Input, format!("a parameter holds {ADVANCED} bytes at most")));
        }
        let tier = if size > STANDARD { "Advanced" } else { "Intelligent-Tiering" };
        let mut body = json!({ "Name": self.name, "Value": value.expose(), "Type": "SecureString", "Tier": tier,
            "Overwrite": over.is_there });
        if !over.is_there {
            body["Tags"] = json!([{ "Key": MARK, "Value": mark }]);
            return self.service.done("PutParameter", &body);
        }
        self.service.done("PutParameter", &body)?;
        if over.mark.as_deref() == Some(mark) { Ok(()) } else { self.mark(over, mark) }
    }

    fn mark(&self, _: &Held, mark: &str) -> Result<(), Fault> {
        let tags = json!([{ "Key": MARK, "Value": mark }]);
        let body = json!({ "ResourceType": "Parameter", "ResourceId": self.name, "Tags": tags });
        self.service.done("AddTagsToResource", &body)
    }
}

impl Shelf for Parameters<'_> {
    fn names(&self) -> Result<Vec<String>, Fault> {
        self.service.pages("DescribeParameters", json!({ "MaxResults": 50 }), "Parameters")
    }

    fn take(&self, name: &str) -> Result<Taken, Fault> {
        Ok(vec![(String::new(), self.value(name)?.and_then(|parameter| parameter.value.text()))])
    }
}
