//! Files without a secret that look as if they had one.

use data_encoding::BASE64;

use crate::accuracy::catalogue::Rule;
use crate::accuracy::contexts::{self, Context};
use crate::accuracy::corpus::{Sample, jwt, pem};
use crate::accuracy::draw::Draw;

/// What stands where a key of this rule could: placeholders, references, hashes and ids beside the service's name, values
/// that the format just does not allow.
pub(crate) fn of_rule(rule: &Rule, draw: &mut Draw, contexts: &'static [Context], index: usize) -> Sample {
    let detector = rule.detector;
    let prefix = detector.prefixes.first().copied().unwrap_or("");
    let word = detector.context.first().copied().unwrap_or(detector.provider);
    let context = &contexts[draw.below(contexts.len())];
    let mut own_rule_only = false;
    let (path, text) = match index % 6 {
        0 => contexts::fill(context, &rule.variable, &placeholder(draw, prefix)),
        1 => reference(draw, &rule.variable),
        2 => beside(draw, word, &rule.service),
        3 if !rule.negatives.is_empty() => {
            own_rule_only = true;
            let template = &rule.negatives[draw.below(rule.negatives.len())];
            let value = draw.expand(template, detector.checksum);
            ("notes.txt".into(), format!("see {} item {value} for details\n", rule.service))
        }
        4 => ("src/lib.rs".into(), documented(&rule.service, prefix)),
        _ => {
            let count = 3 + draw.below(3);
            let line = format!("{prefix}{}", "x".repeat(count * 4));
            contexts::fill(context, &rule.variable, &line)
        }
    };
    Sample { rule: detector.id.to_owned(), path, text, value: None, own_rule_only }
}

fn placeholder(draw: &mut Draw, prefix: &str) -> String {
    let body = draw.one(&[
        "your-key-here",
        "YOUR_API_KEY",
        "actual-key-here",
        "replace-me",
        "<api-key>",
        "xxxxxxxxxxxxxxxxxxxx",
        "changeme",
        "insert_your_token_here",
        "...",
        "my-secret-key",
        "REDACTED",
        "********************",
    ]);
    format!("{prefix}{body}")
}

fn reference(draw: &mut Draw, variable: &str) -> (String, String) {
    let lower = variable.to_ascii_lowercase();
    match draw.below(8) {
        0 => ("a.py".into(), format!("{lower} = os.environ[\"{variable}\"]\n")),
        1 => ("a.js".into(), format!("const k = process.env.{variable};\n")),
        2 => ("a.yml".into(), format!("env:\n  {variable}: ${{{{ secrets.{variable} }}}}\n")),
        3 => ("a.sh".into(), format!("export {variable}=\"${{{variable}:?missing}}\"\n")),
        4 => ("a.tf".into(), format!("{lower} = var.{lower}\n")),
        5 => ("a.go".into(), format!("key := os.Getenv(\"{variable}\")\n")),
        6 => ("a.properties".into(), format!("{}=${{{variable}}}\n", lower.replace('_', "."))),
        _ => ("a.rb".into(), format!("key = ENV.fetch('{variable}')\n")),
    }
}

/// Hashes, ids and versions beside the name of a service.
fn beside(draw: &mut Draw, word: &str, service: &str) -> (String, String) {
    let (sha1, sha256, md5) = (draw.text("hex", 40), draw.text("hex", 64), draw.text("hex", 32));
    let uuid = uuid(draw);
    let name: String = word.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    match draw.below(7) {
        0 => ("a.yml".into(), format!("image: registry.corp.net/{name}@sha256:{sha256}\n")),
        1 => ("a.py".into(), format!("{name}_commit = \"{sha1}\"\n")),
        2 => ("a.md".into(), format!("* {service}: fixed in {sha1}\n")),
        3 => ("a.json".into(), format!("{{\"{name}_etag\": \"{md5}\", \"size\": 10}}\n")),
        4 => ("a.ts".into(), format!("const {name}RequestId = \"{uuid}\";\n")),
        5 => ("a.rb".into(), format!("# {service}\n  sha256 \"{sha256}\"\n")),
        _ => ("a.txt".into(), format!("{md5}  {name}-client-1.2.3.tar.gz\n")),
    }
}

fn documented(service: &str, prefix: &str) -> String {
    format!(
        "/// Talks to {service}.\n///\n/// Keys begin with `{prefix}`.\npub fn new(api_key: &str, secret: Option<String>) -> Self {{\n    let token = api_key.to_owned();\n    Self {{ token, secret }}\n}}\n"
    )
}

fn uuid(draw: &mut Draw) -> String {
    let parts = [8, 4, 4, 4, 12].map(|length| draw.text("hex", length));
    parts.join("-")
}

type Kind = (&'static str, fn(&mut Draw) -> (String, String));

/// Kinds of files without a secret.
pub(crate) const KINDS: &[Kind] = &[
    ("lock files", |draw| match draw.below(4) {
        0 => {
            ("package-lock.json".into(), format!("{{\"integrity\": \"sha512-{}\"}}\n", BASE64.encode(&draw.bytes(64))))
        }
        1 => ("go.sum".into(), format!("corp.net/auth-token v1.2.3 h1:{}\n", BASE64.encode(&draw.bytes(32)))),
        2 => ("Cargo.lock".into(), format!("name = \"secrecy\"\nchecksum = \"{}\"\n", draw.text("hex", 64))),
        _ => ("requirements.txt".into(), format!("token-tools==1.0 \\\n    --hash=sha256:{}\n", draw.text("hex", 64))),
    }),
    ("integrity of a script", |draw| {
        (
            "a.html".into(),
            format!(
                "<script src=\"/a.js\" integrity=\"sha384-{}\" crossorigin></script>\n",
                BASE64.encode(&draw.bytes(48))
            ),
        )
    }),
    ("ids", |draw| {
        let (id, hex) = (uuid(draw), draw.text("hex", 24));
        (
            "a.json".into(),
            format!(
                "{{\"id\": \"{id}\", \"tenantId\": \"{id}\", \"objectId\": \"{hex}\", \"session_id\": \"{id}\"}}\n"
            ),
        )
    }),
    ("commits", |draw| {
        let sha = draw.text("hex", 40);
        ("a.yml".into(), format!("- uses: actions/checkout@{sha}\n- uses: corp/secret-scan@{sha}\n"))
    }),
    ("translations", |draw| {
        let word = draw.one(&[
            "Enter your password",
            "Passwort vergessen?",
            "Token ist abgelaufen",
            "Your secret is safe with us!",
        ]);
        (
            "src/strings.json".into(),
            format!("{{\"password\": \"{word}\", \"api_key\": \"{word}\", \"token\": \"{word}\"}}\n"),
        )
    }),
    ("forms", |_| {
        ("a.html".into(), "<label for=\"password\">Password</label>\n<input type=\"password\" name=\"password\" placeholder=\"Password123\" autocomplete=\"current-password\">\n".into())
    }),
    ("images in base64", |draw| {
        ("a.css.txt".into(), format!("background: url(data:image/png;base64,{});\n", BASE64.encode(&draw.bytes(400))))
    }),
    ("public keys", |draw| {
        (
            "id.pub".into(),
            format!("{}\nssh-rsa {} bob@laptop\n", pem(draw, "PUBLIC KEY", 290), BASE64.encode(&draw.bytes(270))),
        )
    }),
    ("certificates", |draw| ("a.crt".into(), pem(draw, "CERTIFICATE", 800) + "\n")),
    ("cut private keys", |draw| {
        let key = pem(draw, &["RSA PRIVATE", " KEY"].concat(), 600);
        let end = key.rfind('\n').unwrap_or(0);
        ("a.txt".into(), format!("{}\n...\n{}\n", &key[..120], &key[end + 1..]))
    }),
    ("code about secrets", |draw| {
        let line = draw.one(&[
            "password = getpass.getpass('Password: ')",
            "token: Optional[str] = None",
            "secret = config.get('secret')",
            "if not password: raise ValueError('password is required')",
            "self.token = tokenizer.next_token(stream)",
            "api_key = request.headers.get('X-Api-Key')",
            "PASSWORD_HASHERS = ['django.contrib.auth.hashers.PBKDF2PasswordHasher']",
            "AUTH_TOKEN_HEADER = 'HTTP_X_AUTH_TOKEN'",
            "secret_name = 'projects/shop/secrets/db-password/versions/3'",
            "token_url = 'https://login.corp.net/oauth2/v2.0/token'",
            "CSRF_TOKEN_FIELD = 'csrfmiddlewaretoken'",
            "password_validator = 'UserAttributeSimilarityValidator'",
            "access_token = response.json()['access_token']",
            "client_secret = vault.read('kv/data/app')['client_secret']",
            "def authenticate(self, username=None, password=None):",
            "credentials = service_account.Credentials.from_file(path)",
        ]);
        ("src/a.py".into(), format!("import os\n{line}\n"))
    }),
    ("types", |draw| {
        let line = draw.one(&[
            "interface Login { password: string; token?: string | null; }",
            "export type Secret = { apiKey: ApiKeyReference; clientSecret: SecretRef };",
            "const passwordSchema = z.object({ password: z.string().min(12) });",
            "@Input() accessToken!: AccessTokenResponse;",
            "readonly token = input<string>('');",
            "password: { type: String, required: true, minlength: 8 },",
        ]);
        ("src/a.ts".into(), format!("{line}\n"))
    }),
    ("tests with made-up values", |draw| {
        let value = draw.one(&[
            "secret",
            "hunter2",
            "test-token-123",
            "s3cr3t",
            "fake-api-key",
            "password123",
            "foobar",
            "letmein",
            "dummy_token",
        ]);
        (
            "tests/test_login.py".into(),
            format!(
                "def test_login(client):\n    client.login(username='bob', password='{value}')\n    token = '{value}'\n"
            ),
        )
    }),
    ("minified code", |draw| {
        let (a, b) = (draw.text("lower", 1), draw.text("lower", 2));
        (
            "a.min.js".into(),
            format!(
                "!function(){{var {a}={{token:{b},password:{a}.pw||\"\",apiKey:null}};{a}.authToken=function(e){{return e.key=this._key,e.secret===void 0?{b}(e):{a}[e.token]}};{a}.tokenType=\"Punctuator\"}}();\n"
            ),
        )
    }),
    ("URLs without a secret", |draw| {
        let line = draw.one(&[
            "postgres://user:password@localhost:5432/db",
            "https://user:pass@example.com/path",
            "mongodb://<username>:<password>@cluster0.corp.net",
            "mysql://${DB_USER}:${DB_PASSWORD}@db/shop",
            "redis://localhost:6379/0",
            "https://corp.net/@scope/package@1.2.3",
            "amqp://guest:guest@localhost:5672//",
        ]);
        ("a.yml".into(), format!("url: {line}\n"))
    }),
    ("public tokens", |draw| {
        let header = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
        let token =
            jwt(draw, header, "{\"iss\":\"supabase\",\"ref\":\"abcdefghijkl\",\"role\":\"anon\",\"exp\":4102444800}");
        ("a.ts".into(), format!("const client = createClient(url, \"{token}\");\n"))
    }),
    ("names of secrets", |draw| {
        let line = draw.one(&[
            "secretName: app-tls-2024",
            "tokenSecretRef: {name: route53-credentials, key: secret-access-key}",
            "passwordSecret: corp/prod/db-password",
            "secretKeyRef:\n  name: db-secret\n  key: password",
        ]);
        ("a.yaml".into(), format!("spec:\n  {line}\n"))
    }),
    ("encrypted values", |draw| {
        let body = draw.text("hex", 80);
        (
            "vars.yml".into(),
            format!(
                "db_password: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  {body}\nsops:\n  mac: ENC[AES256_GCM,data:{},type:str]\n",
                BASE64.encode(&draw.bytes(30))
            ),
        )
    }),
    ("numbers, versions and paths", |draw| {
        let line = draw.one(&[
            "token_limit = 128000",
            "password_min_length: 12",
            "secret_version = \"2024-11-05\"",
            "key_path = \"/etc/ssl/private/server.key\"",
            "token_ttl = \"24h\"",
            "credentials_file: /var/lib/app/credentials.json",
            "api_key_header = X-Api-Key",
        ]);
        ("a.toml".into(), format!("{line}\n"))
    }),
    ("styles and logs", |draw| {
        let line = draw.one(&[
            ".token.keyword { color: #3f9a1c; }",
            "2026-01-02 INFO token refreshed for user 42 in 120ms",
            "WARN password: must contain a digit",
            "error: secret: not found (404)",
            "Authorization: Bearer <token>",
        ]);
        ("a.log".into(), format!("{line}\n"))
    }),
];
