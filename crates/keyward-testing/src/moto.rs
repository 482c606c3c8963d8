//! AWS's services as moto has them, on a port of this machine. Unlike a double of ours it looks at
//! signatures.
//!
//! Without moto a test fails. `cargo xtask test` installs it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use keyward_types::Clock as _;
use keyward_upstream::{AccessKey, Signed};
use serde_json::Value;

use crate::guarded::Guarded;
use crate::rotators::Now;

/// A running server.
pub struct Moto {
    port: u16,
    _server: Guarded,
}

impl Moto {
    /// Starts one that believes nobody without a signature.
    ///
    /// # Panics
    /// When it cannot be started.
    #[expect(clippy::disallowed_methods, reason = "a test asks its runner where moto is")]
    pub fn start() -> Self {
        let installed = std::env::var_os("KEYWARD_MOTO").map(PathBuf::from);
        let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let program = installed.unwrap_or_else(|| here.join("../../.cache/keyward-dev/moto/bin/moto_server"));
        assert!(program.is_file(), "there is no {}: `cargo xtask test tests` installs it", program.display());
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let variables = [("INITIAL_NO_AUTH_ACTION_COUNT", "0")];
        let server = Guarded::start(program, ["-H", "127.0.0.1", "-p", &port.to_string()], None, &variables);
        let moto = Self { port, _server: server };
        let start = Instant::now();
        while moto.send("GET", "/moto-api/", "").is_none() {
            assert!(start.elapsed() < Duration::from_secs(60), "moto does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        moto
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A user with one access key, who may do this; gives the key as `ID:SECRET`. The only calls that
    /// need no signature.
    ///
    /// # Panics
    /// When moto answers otherwise.
    pub fn user(&self, name: &str, actions: &str) -> String {
        self.send("POST", "/moto-api/reset-auth", "3").expect("it answers");
        let policy = format!(
            "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A\
             %22{actions}%22%2C%22Resource%22%3A%22*%22%7D%5D%7D"
        );
        let iam = |form: &str| self.send("POST", "/", &format!("{form}&UserName={name}&Version=2010-05-08"));
        iam("Action=CreateUser").expect("a user is made");
        iam(&format!("Action=PutUserPolicy&PolicyName=p&PolicyDocument={policy}")).expect("he may something");
        let made = iam("Action=CreateAccessKey").expect("a key is made");
        let part = |name: &str| {
            let (_, rest) = made.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("{made}"));
            rest.split_once('<').expect("it ends").0.to_owned()
        };
        format!("{}:{}", part("AccessKeyId"), part("SecretAccessKey"))
    }

    /// A request with these headers to the service that is meant by this host; gives the answer's body.
    ///
    /// # Panics
    /// When it is not answered with 200.
    pub fn request(&self, method: &str, path: &str, (host, headers): (&str, &[(&str, &str)]), body: &str) -> String {
        let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{lines}content-length: {}\r\n\r\n",
            body.len()
        );
        let answer = self.exchange(&format!("{head}{body}")).expect("moto answers");
        answer.split_once("\r\n\r\n").expect("an answer has a body").1.to_owned()
    }

    /// A call of a service that speaks JSON, such as `kms` with `TrentService`, signed with this key in
    /// this region.
    ///
    /// # Panics
    /// When moto answers with an error.
    pub fn call(&self, key: &str, region: &str, (name, target): (&str, &str), (action, body): (&str, &Value)) -> Value {
        let (key, _) = AccessKey::read(key).expect("a pair");
        let (host, target, body) =
            (format!("{name}.{region}.amazonaws.com"), format!("{target}.{action}"), body.to_string());
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target.as_str())];
        let signed = Signed {
            method: "POST",
            host: &host,
            path: "/",
            query: "",
            headers: &headers,
            body: body.as_bytes(),
            region,
            service: name,
        };
        let (date, authorization) = signed.by(&key, Now.now());
        let more = [headers[0], headers[1], ("x-amz-date", date.as_str()), ("authorization", authorization.as_str())];
        let answer = self.request("POST", "/", (&host, &more), &body);
        if answer.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{action}: {answer}"))
        }
    }

    /// A new symmetric key of KMS in this region; its ARN.
    ///
    /// # Panics
    /// When moto answers otherwise.
    pub fn kms_key(&self, key: &str, region: &str) -> String {
        let made = self.call(key, region, ("kms", "TrentService"), ("CreateKey", &serde_json::json!({})));
        made["KeyMetadata"]["Arn"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
    }

    fn send(&self, method: &str, path: &str, body: &str) -> Option<String> {
        let kind = if path == "/" { "application/x-www-form-urlencoded" } else { "text/plain" };
        let scope = "Credential=x/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0";
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: iam.amazonaws.com\r\nconnection: close\r\ncontent-type: {kind}\r\n\
             authorization: AWS4-HMAC-SHA256 {scope}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.exchange(&head)
    }

    fn exchange(&self, request: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        Some(answer)
    }
}
