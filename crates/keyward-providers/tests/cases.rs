//! What names and values of real projects are taken for. Half of a real `.env` file is settings.

use common::expand;
use keyward_providers::{Note, recognise};
use keyward_types::{Access, Kind};

mod common;

fn check(cases: &[(&str, &str)], kind: Kind) {
    let mut wrong = Vec::new();
    for (seed, (name, template)) in (1..).zip(cases) {
        let value = if template.contains("{{") || template.contains("${") {
            (*template).to_owned()
        } else {
            expand(&template.replace("\\{", "\u{1}"), None, seed).replace('\u{1}', "{")
        };
        let found = recognise(name, &value);
        if found.kind != kind {
            wrong.push(format!("{name}={template}: {} ({:?})", found.kind, found.detector));
        }
    }
    assert!(wrong.is_empty(), "expected {kind}:\n{}", wrong.join("\n"));
}

#[test]
fn settings() {
    check(
        &[
            ("DEBUG", "true"),
            ("DEBUG", "0"),
            ("DEBUG", "*"),
            ("DEBUG", "app:*,express:router"),
            ("PORT", "3000"),
            ("HOST", "0.0.0.0"),
            ("HOST", "::1"),
            ("BIND", "0.0.0.0:8080"),
            ("NODE_ENV", "production"),
            ("APP_ENV", "staging"),
            ("LOG_LEVEL", "info"),
            ("LOG_FORMAT", "%(asctime)s %(levelname)s %(message)s"),
            ("TZ", "Europe/Berlin"),
            ("LANG", "en_US.UTF-8"),
            ("APP_NAME", "My Chat Bot"),
            ("APP_TITLE", "Chat, with care!"),
            ("OPENAI_MODEL", "gpt-4o"),
            ("OPENAI_MODEL", "gpt-4o-2024-08-06"),
            ("EMBEDDING_MODEL", "text-embedding-3-small"),
            ("COHERE_MODEL", "command-r-plus-08-2024"),
            ("GEMINI_MODEL", "models/gemini-1.5-pro"),
            ("MODEL", "meta-llama/Llama-3.1-8B-Instruct"),
            ("MODEL", "claude-3-5-sonnet-20241022"),
            ("OPENAI_BASE_URL", "https://api.openai.com/v1"),
            ("OPENAI_ORG_ID", "org-{alnum:24}"),
            ("QDRANT_URL", "https://3f2b8a52-91ab-4e4c-9a2b-aa0011223344.eu-central-1-0.aws.cloud.qdrant.io:6333"),
            ("QDRANT_COLLECTION", "documents"),
            ("TEMPERATURE", "0.7"),
            ("MAX_TOKENS", "1024"),
            ("TOKEN_LIMIT", "4096"),
            ("MAX_TOKENS_PER_DAY", "100000"),
            ("PASSWORD_MIN_LENGTH", "12"),
            ("PASSWORD_HASHER", "argon2"),
            ("ACCESS_TOKEN_EXPIRE_MINUTES", "30"),
            ("JWT_ALGORITHM", "HS256"),
            ("JWT_EXPIRES_IN", "7d"),
            ("JWT_ISSUER", "https://auth.example.com/"),
            ("SESSION_COOKIE_NAME", "sid"),
            ("SESSION_COOKIE_SECURE", "true"),
            ("SESSION_TTL", "3600"),
            ("AUTH_ENABLED", "true"),
            ("AUTH_URL", "https://auth.example.com"),
            ("AUTH_TYPE", "oauth2"),
            ("NEXTAUTH_URL", "http://localhost:3000"),
            ("API_KEY_HEADER", "X-API-Key"),
            ("CACHE_KEY_PREFIX", "chat:"),
            ("DYNAMO_PARTITION_KEY", "user_id"),
            ("SECRET_NAME", "prod/db"),
            ("KEY_FILE", "/etc/ssl/private/key.pem"),
            ("SSL_KEY", "/etc/ssl/private/server.key"),
            ("DB_PASSWORD_FILE", "/run/secrets/db_password"),
            ("SSL_CERT_PATH", "./certs/server.crt"),
            ("GOOGLE_APPLICATION_CREDENTIALS", "/etc/gcp/account.json"),
            ("DATA_DIR", "C:\\data\\app"),
            ("UPLOADS", "../uploads"),
            ("HOME_DIR", "~/app"),
            ("DB_HOST", "db.internal.example.com"),
            ("DB_PORT", "5432"),
            ("DB_USER", "app"),
            ("DB_NAME", "chatbot"),
            ("DB_SSLMODE", "verify-full"),
            ("PGSSLMODE", "require"),
            ("PGUSER", "postgres"),
            ("POSTGRES_DB", "app"),
            ("DATABASE_URL", "postgresql://localhost/app"),
            ("DATABASE_URL", "sqlite:///./db.sqlite3"),
            ("REDIS_URL", "redis://localhost:6379/0"),
            ("REDIS_HOST", "redis:6379"),
            ("CELERY_BROKER_URL", "amqp://rabbit:5672//"),
            ("CORS_ORIGINS", "http://localhost:3000,https://example.com"),
            ("ALLOWED_HOSTS", "example.com,*.example.com,localhost"),
            ("ALLOWED_ORIGINS", r#"["http://localhost:3000", "https://example.com"]"#.replace('{', "\\{").leak()),
            ("TRUSTED_PROXIES", "10.0.0.0/8,192.168.0.0/16"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCOUNT_ID", "123456789012"),
            ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/Deploy"),
            ("S3_BUCKET", "my-app-uploads-prod"),
            ("S3_URL", "s3://my-bucket/path/to"),
            ("CDN_URL", "https://cdn.example.com/assets"),
            ("ADMIN_EMAIL", "admin@example.com"),
            ("MAIL_FROM", "Chat <noreply@example.com>"),
            ("SMTP_HOST", "smtp.example.com"),
            ("SMTP_PORT", "587"),
            ("SMTP_USER", "apikey"),
            ("FEATURE_NEW_UI", "enabled"),
            ("RATE_LIMIT", "100/minute"),
            ("TIMEOUT", "30s"),
            ("MEMORY_LIMIT", "512MB"),
            ("CRON", "*/5 * * * *"),
            ("VERSION", "1.4.2-beta.3"),
            ("GIT_COMMIT", "{hex:40}"),
            ("BUILD_ID", "{digits:10}"),
            ("GITHUB_SHA", "{hex:40}"),
            ("RELEASE_DATE", "2026-11-23"),
            ("AZURE_TENANT_ID", "{hex:8}-{hex:4}-{hex:4}-{hex:4}-{hex:12}"),
            ("CLIENT_ID", "{hex:8}-{hex:4}-{hex:4}-{hex:4}-{hex:12}"),
            ("GOOGLE_CLIENT_ID", "{digits:12}-{lower-alnum:32}.apps.googleusercontent.com"),
            ("TWILIO_ACCOUNT_SID", "AC{hex:32}"),
            ("TWILIO_PHONE_NUMBER", "+15005550006"),
            ("STRIPE_PRICE_ID", "price_{alnum:24}"),
            ("NODE_OPTIONS", "--max-old-space-size=4096"),
            ("IMAGE", "ghcr.io/org/app:1.2.3"),
            ("JAVA_OPTS", "-Xmx512m -Xms256m"),
            ("COLOR", "#ff00aa"),
            ("COLOR", "\"blue\""),
            ("SSH_PUBLIC_KEY", "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----"),
            ("JWKS_URL", "https://auth.example.com/.well-known/jwks.json"),
            ("DD_SITE", "datadoghq.eu"),
            ("SENTRY_ENVIRONMENT", "production"),
            ("VAULT_ADDR", "https://vault.example.com:8200"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=chat,deployment.environment=prod"),
            ("AUTHOR", "Jane Doe"),
            ("KEYCLOAK_REALM", "master"),
            ("MONKEY_COUNT", "3"),
            ("TOKENIZERS_PARALLELISM", "false"),
            ("SYSTEM_PROMPT", "You are a helpful assistant. Answer briefly, please."),
            ("EMPTY", ""),
            ("X", " "),
            ("FLAGS", r#"\{"beta": true, "limit": 10}"#),
            ("APP_SECRET_ROTATION", "90d"),
            ("HTTP_PROXY", "http://proxy.internal:3128"),
            ("PINECONE_ENVIRONMENT", "us-west4-gcp-free"),
            ("REDIRECT_URI", "http://localhost:3000/api/auth/callback/google"),
            ("SECRET_MANAGER_ENABLED", "true"),
            ("COOKIE_DOMAIN", ".example.com"),
            ("SUPABASE_URL", "https://{lower-alnum:20}.supabase.co"),
            ("REDIS_PASSWORD", "null"),
            ("SYSTEM_MESSAGE", "You're a polite bot; don't lie."),
            ("MODEL_PREF", "koboldcpp/codellama-7b-instruct.Q4_K_S"),
            ("EMBEDDING_MODEL", "nomic-ai/nomic-embed-text-v1.5-GGUF/nomic-embed-text-v1.5.Q4_0.gguf"),
            ("SSH_KNOWN_HOSTS", "github.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{alnum:43}"),
            ("AMQP_HOST", "rabbitmq:5672"),
            ("KAFKA_BROKERS", "kafka1:9092,kafka2:9092"),
            ("SENTINELS", "sentinel://localhost:26379/1;sentinel://localhost:26380/1"),
            ("R2_ENDPOINT", "https://{hex:32}.r2.cloudflarestorage.com"),
            ("AUTH_BACKEND", "django.core.mail.backends.smtp.EmailBackend"),
            ("LOG_DATEFORMAT", "%Y-%m-%d %H:%M:%S"),
            ("RUST_LOG", "info,hyper=warn"),
        ],
        Kind::Config,
    );
}

#[test]
fn api_keys() {
    check(
        &[
            ("OPENAI_API_KEY", "sk-proj-{base64url:74}T3BlbkFJ{base64url:74}"),
            ("ANYTHING", "sk-{alnum:20}T3BlbkFJ{alnum:20}"),
            ("OPENAI_API_KEY", "sk-{alnum:48}"),
            ("OPENAI_API_KEY", "changeme"),
            ("OPENAI_API_KEY_PROD", "whatever"),
            ("COHERE_API_KEY", "{alnum:40}"),
            ("CO_API_KEY", "{alnum:40}"),
            ("GEMINI_API_KEY", "AIza{base64url:35}"),
            ("QDRANT_API_KEY", "{base64url:50}"),
            ("NEON_API_KEY", "napi_{lower-alnum:64}"),
            ("STRIPE_SECRET_KEY", "sk_live_{alnum:99}"),
            ("VITE_STRIPE_KEY", "pk_live_{alnum:99}"),
            ("GITHUB_TOKEN", "github_pat_{alnum:22}_{alnum:59}"),
            ("AWS_ACCESS_KEY_ID", "AKIA{base32:16}"),
            ("AWS_SECRET_ACCESS_KEY", "{alnum:40}"),
            ("SERVICE_API_KEY", "{hex:32}"),
            ("WEATHER_KEY", "{hex:32}"),
            ("MAPS_APIKEY", "{alnum:30}"),
            ("apiKey", "{alnum:30}"),
            ("SOMETHING", "{alnum:32}"),
            ("SOMETHING", "{hex:8}-{hex:4}-{hex:4}-{hex:4}-{hex:12}"),
            ("HEROKU_API_KEY", "{hex:8}-{hex:4}-{hex:4}-{hex:4}-{hex:12}"),
            ("OAUTH_CLIENT_SECRET", "{alnum:40}"),
            ("SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/T{upper-alnum:9}/B{upper-alnum:9}/{alnum:24}"),
            ("NOTIFY", "https://discord.com/api/webhooks/{digits:18}/{base64url:68}"),
            (
                "TEAMS",
                "https://x.webhook.office.com/webhookb2/{hex:8}-{hex:4}-{hex:4}-{hex:4}-{hex:12}/IncomingWebhook/{hex:32}",
            ),
            ("FEED_URL", "https://example.com/feed?token=s3cr3tvalue"),
            ("SIGNED", "https://s3.amazonaws.com/b/o?X-Amz-Signature={hex:64}"),
            ("BOT_URL", "https://api.telegram.org/bot{digits:10}:{base64url:35}/sendMessage"),
            ("PINECONE_API_KEY", "pcsk_{alnum:60}"),
            ("DATABASE_URL", "{alnum:40}"),
            ("CUSTOM_SECRET", "X-Custom-Auth:my-secret-key,X-Custom-Header:my-value"),
            ("API_KEYS", "abc123,def456"),
            ("HEADERS", "X-Auth:abc,X-Other:def"),
            ("DATADOG_API_KEY", "{hex:32}"),
            ("VAULT_SECRET_ID", "{hex:8}-{hex:4}-{hex:4}-{hex:4}-{hex:12}"),
        ],
        Kind::ApiKey,
    );
}

#[test]
fn bearer_tokens() {
    check(
        &[
            ("ACCESS_TOKEN", "{alnum:40}"),
            ("REFRESH_TOKEN", "1//{base64url:60}"),
            ("TELEGRAM_BOT_TOKEN", "{digits:10}:{base64url:35}"),
            ("SLACK_BOT_TOKEN", "xoxb-{digits:12}-{digits:13}-{alnum:24}"),
            ("VAULT_TOKEN", "hvs.{alnum:24}"),
            ("authToken", "{hex:32}"),
            ("BEARER", "Bearer {alnum:40}"),
            ("DISCORD_TOKEN", "{alnum:24}.{alnum:6}.{base64url:38}"),
        ],
        Kind::BearerToken,
    );
}

#[test]
fn signing_keys() {
    check(
        &[
            ("SESSION_SIGNING_SECRET", "{hex:64}"),
            ("JWT_SECRET", "{base64:43}="),
            ("SECRET_KEY", "django-insecure-{lower-alnum:50}"),
            ("SECRET_KEY_BASE", "{hex:128}"),
            ("APP_KEY", "base64:{base64:43}="),
            ("BETTER_AUTH_SECRET", "{base64url:43}"),
            ("BETTER_AUTH_SECRETS", "2:{base64url:43},1:{base64url:43}"),
            ("NEXTAUTH_SECRET", "{base64:43}="),
            ("AUTH_SECRET", "{hex:32}"),
            ("COOKIE_SECRET", "keyboard cat"),
            ("ENCRYPTION_KEY", "{hex:64}"),
            ("PASSWORD_SALT", "{hex:32}"),
            ("SESSION_SECRET", "secret"),
            ("STRIPE_WEBHOOK_SECRET", "whsec_{alnum:32}"),
            ("WEBHOOK_SIGNING_KEY", "{hex:64}"),
            ("SUPABASE_JWT_SECRET", "{base64:86}=="),
            ("TLS_KEY", "-----BEGIN PRIVATE KEY-----\nMC4CAQAw\n-----END PRIVATE KEY-----"),
            ("KEY", "-----BEGIN OPENSSH PRIVATE KEY-----\\nb3BlbnNz\\n-----END OPENSSH PRIVATE KEY-----"),
            ("ANY", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMC4CAQAw\n-----END ENCRYPTED PRIVATE KEY-----"),
        ],
        Kind::SigningKey,
    );
}

#[test]
fn connection_strings() {
    check(
        &[
            ("DATABASE_URL", "postgresql://app:{alnum:20}@db.example.com:5432/shop"),
            ("DATABASE_URL", "postgres://u:p@localhost/db"),
            ("DATABASE_URL", "postgresql+asyncpg://u:p@h/db"),
            ("DB", "mysql://u:p@h:3306/d"),
            ("REDIS_URL", "redis://:{alnum:20}@cache:6379/0"),
            ("MONGO", "mongodb+srv://u:p@c.x1y2z.mongodb.net/?retryWrites=true"),
            ("BROKER", "amqps://u:p@h/v"),
            ("JDBC_URL", "jdbc:postgresql://h/db?user=u&password=hunter2"),
            ("SMTP_URL", "smtp://user:pass@mail.example.com:587"),
            ("PROXY", "http://user:pass@proxy:3128"),
            ("ES", "https://elastic:{alnum:20}@es.example.com:9200"),
            ("MSSQL", "Server=db;Database=app;User Id=sa;Password={alnum:12};"),
            ("DSN", "host=db user=app password=hunter2 dbname=x"),
            (
                "AZURE_STORAGE_CONNECTION_STRING",
                "DefaultEndpointsProtocol=https;AccountName=x;AccountKey={base64:86}==;EndpointSuffix=core.windows.net",
            ),
            ("ANY", "postgres://u:pa/ss@h/db"),
            ("ORIGINS", "https://a.example.com,https://u:p@b.example.com"),
            ("DATABASE_URL", "postgres://u:p@h1:5432,h2:5432/db?target_session_attrs=any"),
        ],
        Kind::ConnectionString,
    );
}

#[test]
fn passwords() {
    check(
        &[
            ("DB_PASSWORD", "hunter2"),
            ("DB_PASSWORD", "postgres"),
            ("PGPASSWORD", "123456"),
            ("ADMIN_PASS", "true story"),
            ("PASSPHRASE", "correct horse battery staple"),
            ("SMTP_PASSWORD", "{alnum:16}"),
            ("dbPassword", "x"),
            ("LOGIN_PIN", "1234"),
            ("REDIS_PASSWORD", "{hex:64}"),
            ("NEON_PASSWORD", "npg_{alnum:12}"),
            ("MYSQL_ROOT_PASSWORD", "root"),
            ("SOMETHING", "p@ss!w0rd"),
            ("BASIC_AUTH", "user:secret"),
            ("ADMIN_PASSWORD", "https://not-a-link"),
            ("POSTGRES_PASSWORD", "Europe/Berlin"),
            ("KEYWARD_PASSPHRASE", "a b c"),
        ],
        Kind::Password,
    );
}

#[test]
fn documents_and_certificates() {
    let pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----";
    let found = recognise("TLS_CERT", pem);
    assert_eq!((found.kind, found.access), (Kind::Certificate, Some(Access::Public)));
    let both = format!("{pem}\n-----BEGIN PRIVATE KEY-----\nMC4\n-----END PRIVATE KEY-----");
    assert_eq!((recognise("TLS", &both).kind, recognise("TLS", &both).access), (Kind::Certificate, None));

    let account =
        r#"{"type": "service_account", "project_id": "x", "private_key": "-----BEGIN KEY", "client_email": "a@b"}"#;
    let account = account.replace("BEGIN KEY", "BEGIN PRIVATE KEY-----\\nMC4\\n-----END PRIVATE KEY-----\\n");
    let found = recognise("GOOGLE_CREDENTIALS", &account);
    assert_eq!((found.kind, found.provider), (Kind::ServiceAccountKey, Some("gcp")), "{found:?}");
    assert!(found.notes.contains(&Note::AsFile));
    let encoded = data_encoding::BASE64.encode(account.as_bytes());
    let found = recognise("GCP_KEY_B64", &encoded);
    assert_eq!((found.kind, found.provider), (Kind::ServiceAccountKey, Some("gcp")));
    assert!(found.notes.contains(&Note::Encoded));

    assert_eq!(recognise("SETTINGS", r#"{"api_key": "abc"}"#).kind, Kind::Document);
    assert_eq!(recognise("BLOB", [0xff, 0xfe, 0x00]).kind, Kind::Document);
    assert_eq!(recognise("NOTES", "first line\nsecond line").kind, Kind::Document);
}

fn jwt(claims: &str) -> String {
    let encode = |text: &str| data_encoding::BASE64URL_NOPAD.encode(text.as_bytes());
    format!("{}.{}.{}", encode(r#"{"alg":"HS256","typ":"JWT"}"#), encode(claims), encode("not a real signature"))
}

#[test]
fn json_web_tokens() {
    let found = recognise("SESSION", jwt(r#"{"sub": "1", "exp": 1800000000}"#));
    assert_eq!((found.kind, found.provider), (Kind::BearerToken, None));
    assert_eq!(found.expires_at.unwrap().to_string(), "2027-01-15T08:00:00.000Z");
    assert_eq!(recognise("X", jwt(r#"{"exp": "soon"}"#)).expires_at, None);
    assert_eq!(recognise("X", format!("Bearer {}", jwt("{}"))).kind, Kind::BearerToken);

    for (role, access) in [("anon", Access::Public), ("service_role", Access::Admin)] {
        let found = recognise("SUPABASE_KEY", jwt(&format!(r#"{{"iss": "supabase", "role": "{role}", "exp": 2}}"#)));
        assert_eq!((found.kind, found.provider, found.access), (Kind::ApiKey, Some("supabase"), Some(access)));
    }
    for (name, claims, access) in [
        ("QDRANT_API_KEY", r#"{"access": "r"}"#, Access::ReadOnly),
        ("ANY", r#"{"access": "m"}"#, Access::Admin),
        ("ANY", r#"{"access": [{"collection": "a", "access": "r"}]}"#, Access::ReadOnly),
        ("ANY", r#"{"access": [{"collection": "a", "access": "rw"}]}"#, Access::ReadWrite),
        ("QDRANT_API_KEY", "{}", Access::Admin),
    ] {
        let found = recognise(name, jwt(claims));
        assert_eq!((found.provider, found.access), (Some("qdrant"), Some(access)), "{claims}");
        assert_eq!(found.notes.contains(&Note::FullAccess), claims == "{}");
    }
}

#[test]
fn services_are_named() {
    for (name, template, provider) in [
        (
            "DATABASE_URL",
            "postgresql://u:npg_x@ep-cool-name-123456.eu-central-1.aws.neon.tech/db?sslmode=require",
            "neon",
        ),
        ("DATABASE_URL", "postgresql://u:p@db.example.com/db", "postgresql"),
        ("DATABASE_URL", "postgres://postgres:p@db.{lower-alnum:20}.supabase.co:5432/postgres", "supabase"),
        ("ANY", "mongodb+srv://u:p@c.x1y2z.mongodb.net", "mongodb"),
        ("ANY", "rediss://:p@h", "redis"),
        ("QDRANT_URL", "https://qdrant.internal:6333", "qdrant"),
        ("MY_OPENAI_API_KEY", "changeme", "openai"),
        ("OPENAI_MODEL", "gpt-4o", "openai"),
        ("BETTER_AUTH_SECRET", "{base64url:43}", "better-auth"),
        ("TLS_API", "https://api.openai.com", "openai"),
    ] {
        assert_eq!(recognise(name, expand(template, None, 3)).provider, Some(provider), "{name}={template}");
    }
    assert_eq!(recognise("ANY", "https://notopenai.com").provider, None);
    assert_eq!(recognise("ANY", "{alnum:40}").provider, None);
}

#[test]
fn what_an_owner_should_know_is_noted() {
    let notes = |name: &str, template: &str| recognise(name, expand(template, None, 9)).notes;
    assert!(
        notes("OPENAI_API_KEY", "sk-ant-api03-{base64url:93}AA")
            .contains(&Note::OtherProvider { named: "openai", found: "anthropic" })
    );
    assert!(notes("OPENAI_API_KEY", "{alnum:20}").contains(&Note::UnexpectedFormat("openai")));
    assert!(notes("OPENAI_API_KEY", "your-key-here").contains(&Note::Placeholder));
    assert!(!notes("OPENAI_API_KEY", "your-key-here").contains(&Note::UnexpectedFormat("openai")));
    assert!(notes("VITE_API_KEY", "{alnum:40}").contains(&Note::PublishedByBuild("VITE_")));
    assert!(!notes("VITE_TITLE", "Chat").contains(&Note::PublishedByBuild("VITE_")));
    assert!(notes("VITE_STRIPE_KEY", "pk_live_{alnum:40}").contains(&Note::PublicByDesign));
    assert!(notes("DB_URL", "postgres://u:changeme@h/d").contains(&Note::Placeholder));
    assert!(notes("API_KEY", "").contains(&Note::Empty));
    assert_eq!(recognise("API_KEY", "").kind, Kind::ApiKey);
    assert!(recognise("API_KEY", "${OTHER}").notes.contains(&Note::Reference));
    assert!(notes("GITHUB_TOKEN", "ghp_{alnum:36}").contains(&Note::ChecksumMismatch));
    assert!(notes("GEMINI_API_KEY", "AIza{base64url:35}").iter().any(|note| matches!(note, Note::Advice(_))));
    let tls = |value: &str| {
        recognise("D", value).notes.iter().find_map(|n| if let Note::Tls(tls) = n { Some(*tls) } else { None })
    };
    assert_eq!(tls("postgres://u:p@h/d?sslmode=require"), Some(keyward_providers::Tls::RequiredUnverified));
    assert_eq!(tls("postgres://u:p@localhost/d"), None);
    assert_eq!(tls("postgres://u:p@h/d?sslmode=verify-full"), None);
}
