use keyward_types::Confidence;

use super::super::{Engine, Hint};
use super::*;

/// A value as machines draw it, put together here so that none stands in the source.
fn drawn() -> String {
    ["q7Gk2LmZ", "p0Xw9RtY", "5sBn"].concat()
}

fn found(path: &str, source: &str) -> Vec<String> {
    let engine = Engine::new(Vec::new());
    let text = Text { bytes: source.as_bytes(), hint: Hint { path, depth: 0 } };
    let sure = engine.scan(&text).into_iter().filter(|one| !one.weak);
    sure.map(|one| String::from_utf8(one.value.to_vec()).expect("the source is text")).collect()
}

#[test]
fn assignments_of_twenty_languages_and_formats_are_read() {
    let x = drawn();
    let mut missed = Vec::new();
    for (path, source) in [
        ("a.py", format!("API_KEY = '{x}'")),
        ("a.py", format!("password: str = \"{x}\"")),
        ("a.py", format!("os.environ.get('SECRET_KEY', '{x}')")),
        ("a.py", format!("config['db']['password'] = b'{x}'")),
        ("a.py", format!("SECRET_KEY = os.environ.get('SECRET_KEY', '{x}')")),
        ("a.js", format!("const apiKey = \"{x}\";")),
        ("a.ts", format!("const token: string = `{x}`;")),
        ("a.ts", format!("export const s = {{ clientSecret: '{x}' }}")),
        ("a.js", format!("const s = process.env.SECRET_TOKEN || '{x}'")),
        ("a.js", format!("headers: {{ 'Authorization': 'Bearer {x}' }}")),
        ("a.go", format!("\tsecretKey := \"{x}\"")),
        ("a.go", format!("var apiToken string = \"{x}\"")),
        ("a.go", format!("Password: \"{x}\",")),
        ("a.rs", format!("const API_TOKEN: &str = \"{x}\";")),
        ("a.rs", format!("password: String::from(\"{x}\"),")),
        ("A.java", format!("private static final String PASSWORD = \"{x}\";")),
        ("A.java", format!("props.setProperty(\"password\", \"{x}\");")),
        ("A.java", format!("builder.password(\"{x}\")")),
        ("a.kt", format!("val apiKey: String = \"{x}\"")),
        ("a.cs", format!("string password = @\"{x}\";")),
        ("a.cs", format!("var s = \"Server=db;Database=x;User Id=sa;Password={x};\";")),
        ("a.c", format!("static const char password[64] = \"{x}\";")),
        ("a.c", format!("#define API_KEY \"{x}\"")),
        ("a.rb", format!(":password => '{x}',")),
        ("a.rb", format!("config.secret_key_base = '{x}'")),
        ("a.php", format!("define('DB_PASSWORD', '{x}');")),
        ("a.php", format!("$password = '{x}';")),
        ("a.php", format!("'password' => '{x}',")),
        ("a.pl", format!("my $password = '{x}';")),
        ("a.swift", format!("let apiKey = \"{x}\"")),
        ("a.scala", format!("val secretKey = \"{x}\"")),
        ("a.sh", format!("export API_TOKEN={x}")),
        ("a.tf", format!("variable \"api_token\" {{\n  type    = string\n  default = \"{x}\"\n}}")),
        ("router.txt", format!("interface 1\nenable password {x}\n")),
        ("a.sh", format!("PASSWORD=\"{x}\" ./run")),
        ("a.sh", format!("TOKEN=${{TOKEN:-{x}}}")),
        ("a.sh", format!("mysqldump -u root -p{x} shop")),
        ("a.sh", format!("sshpass -p {x} ssh host")),
        ("a.sh", format!("curl -u admin:{x} https://a.internal.corp/x")),
        ("a.sh", format!("curl -H 'Authorization: Bearer {x}' https://a")),
        ("a.sh", format!("tool --password {x} --verbose")),
        ("a.sh", format!("tool --api-key={x}")),
        ("a.sh", format!("TOLGEE_PAT={x}")),
        ("a.yml", format!("service_jwt: {x}")),
        ("a.js", format!("headers: {{ 'Authorization': 'SSWS {x}' }}")),
        ("a.ps1", format!("ConvertTo-SecureString -String '{x}' -AsPlainText -Force")),
        ("a.xml", format!("<AdministratorPassword><Value>{x}</Value></AdministratorPassword>")),
        ("a.ps1", format!("$apiKey = \"{x}\"")),
        ("a.ps1", format!("$p = ConvertTo-SecureString \"{x}\"; Connect -Password \"{x}\"")),
        ("a.sql", format!("CREATE USER app WITH PASSWORD '{x}';")),
        ("a.sql", format!("CREATE USER a IDENTIFIED BY '{x}';")),
        ("a.yml", format!("db:\n  password: {x}\n")),
        ("a.yml", format!("env:\n  - name: DB_PASSWORD\n    value: \"{x}\"\n")),
        ("a.json", format!("{{\"client_secret\": \"{x}\"}}")),
        ("a.json", format!("{{\"name\": \"DB_PASSWORD\", \"value\": \"{x}\"}}")),
        ("a.toml", format!("api_key = \"{x}\"")),
        ("a.ini", format!("password = {x}\n")),
        ("a.properties", format!("spring.datasource.password={x}\n")),
        ("settings.xml", format!("<password>{x}</password>")),
        ("a.xml", format!("<add key=\"ClientSecret\" value=\"{x}\" />")),
        ("a.xml", format!("<property name=\"password\">{x}</property>")),
        ("a.tf", format!("  master_password = \"{x}\"")),
        ("Dockerfile", format!("ENV API_TOKEN {x}")),
        ("Dockerfile", format!("ARG NPM_TOKEN={x}")),
        ("Makefile", format!("API_KEY := {x}")),
        ("p.env", format!("SOME_KEY={x}")),
        ("a.gradle", format!("password '{x}'")),
        ("a.lua", format!("local api_key = \"{x}\"")),
        ("a.exs", format!("secret_key_base: \"{x}\"")),
        ("a.R", format!("api_key <- \"{x}\"")),
        ("nginx.conf", format!("proxy_set_header Authorization \"Bearer {x}\";")),
        (".npmrc", format!("//registry.corp/:_authToken={x}")),
        (".pypirc", format!("[pypi]\nusername = u\npassword = {x}\n")),
        (".aws/credentials", format!("[default]\nsome_secret = {x}\n")),
        ("readme.md", format!("set `api_key={x}` first")),
        ("", format!("token: {x}")),
        ("ci.yml", format!("  run: |\n    curl -H \"X-Api-Key: {x}\" https://api.internal.corp/v1")),
        ("ci.yml", format!("  - curl --header 'PRIVATE-TOKEN: {x}' \"https://api.internal.corp/v1\"")),
        ("ci.yml", format!("  run: curl -H \"Authorization: ApiKey {x}\" https://api.internal.corp")),
        ("ci.yml", format!("  run: deploy \"API_TOKEN={x}\" now")),
        ("Dockerfile", format!("RUN curl -H \"Authorization: ApiKey {x}\" https://api.internal.corp")),
        ("notes.txt", format!("curl -H 'Authorization: ApiKey {x}' https://api.internal.corp")),
        ("a.yml", format!("password: |\n  {x}\nother: 1\n")),
        ("a.yaml", format!("x:\n  token: >-\n    {x}\n")),
        ("a.yml", format!("password:\n  {x}\n")),
        ("a.yml", format!("client_secret:\n  - {x}\n")),
        ("a.yml", format!("api_keys: [{x}, other]\n")),
        ("k8s.yaml", format!("stringData:\n  anything: |\n    {x}\n")),
        ("a.properties", format!("openai.api.key={x}\n")),
        ("a.properties", format!("x.license.key = {x}\n")),
        ("a.yml", format!("api.key: {x}\n")),
        ("a.json", format!("{{\"stripe.api.key\": \"{x}\"}}")),
        ("src/lang/config.py", format!("password = \"{x}\"")),
        ("src/lang/deploy.sh", format!("DB_PASSWORD={x}")),
        ("i18n/de.json", format!("{{\"api_token\": \"{x}\"}}")),
        ("x.svg", format!("<metadata password=\"{x}\"/>")),
        ("x.snap", format!("  \"password\": \"{x}\",")),
        ("a.tf", format!("user_data = <<EOF\n#!/bin/sh\nexport API_TOKEN={x}\nEOF\n")),
        ("a.py", format!("SCRIPT = \"\"\"\nDB_PASSWORD={x}\n\"\"\"\n")),
        ("a.go", format!("const s = `#!/bin/sh\n\texport API_TOKEN={x}`\n")),
        ("a.js", format!("const s = `\nAPI_TOKEN={x}\n`;\n")),
        ("Info.plist", format!("<dict>\n  <key>ApiKey</key>\n  <string>{x}</string>\n</dict>")),
        ("settings.xml", format!("<password encrypted=\"false\">{x}</password>")),
        ("a.py", format!("api_key = (\n    \"{x}\"\n)\n")),
        ("a.py", format!("api_key = getenv(\"API_KEY\", default=\"{x}\")")),
        ("a.py", format!("requests.get(url, auth=HTTPBasicAuth(\"u\", \"{x}\"))")),
        ("a.js", format!("jwt.sign({{ id: user.id, at: now() }}, \"{x}\", {{ expiresIn: 60 }})")),
        ("a.js", format!("crypto.createHmac(\"sha256\", \"{x}\").update(b)")),
        ("a.gradle", format!("buildConfigField(\"String\", \"API_KEY\", \"\\\"{x}\\\"\")")),
    ] {
        if !found(path, &source).contains(&x) {
            missed.push(format!("{path}: {source}\n    {:?}", found(path, &source)));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn code_that_names_a_secret_is_left_alone() {
    let mut wrong = Vec::new();
    for (path, source) in [
        ("a.py", "password = getpass.getpass()"),
        ("a.py", "token: str | None = None"),
        ("a.py", "secret = config.get('secret')"),
        ("a.py", "PASSWORD_HASHERS = ['django.contrib.auth.hashers.PBKDF2PasswordHasher']"),
        ("a.py", "raise ValueError('password: must not be empty')"),
        ("a.ts", "interface A { token: string; password?: string }"),
        ("a.ts", "const t = req.headers['authorization'].split(' ')[1]"),
        ("a.js", "if (password === 'undefined') {}"),
        ("a.js", "token = this.lexer.nextToken()"),
        ("a.js", "const TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:jwt'"),
        ("en.json", "{\"password\": \"Enter your password\", \"token\": \"Token\"}"),
        ("a.html", "<label for=\"password\">Password</label><input name=\"password\" type=\"password\">"),
        ("a.yml", "password: ${DB_PASSWORD}\ntoken: {{ token }}\nsecretName: app-secrets-v2\n"),
        ("a.yml", "secret: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n"),
        ("a.tf", "password = var.db_password"),
        ("a.sh", "PASSWORD=$(cat /run/secrets/db)\nTOKEN=\"$1\"\n"),
        ("a.go", "token := os.Getenv(\"TOKEN\")"),
        ("a.rs", "let password = prompt(\"Password: \")?;"),
        ("a.md", "Set your password: it must have 12 characters. The token is sent by mail."),
        ("a.env", "API_KEY=your-api-key\nSECRET=\nTOKEN=xxxxxxxx\n"),
        ("a.java", "@Value(\"${spring.password}\") private String password;"),
        ("a.yml", "secret:\n  name: app-secrets-v2\n  items:\n    - key: tls4\n"),
        ("a.yml", "token: |\n  line one of two\n  and the second 2\n"),
        ("a.js", "if (e.key === 'ArrowDown2') { event.key = 'x9' }"),
        ("ci.yml", "run: echo \"password: must have 12 characters\" && exit 1\n"),
        ("a.css", ".token.keyword { color: #3f9a1c }"),
        ("i18n/de.json", "{\"password\": \"Passwort_1\", \"newPassword\": \"Neues-Kennwort\"}"),
        ("locales/fi.ts", "export default { password: 'Salasana2', token: 'Tunnus' }"),
        ("a.py", "class Kind(Enum):\n    TOKEN=tokens.kind.Token2\n    SECRET_KEY=make_key2\n"),
        ("a.c", "enum {\n  AUTH_TOKEN=0x12f4,\n  API_KEY=42\n};"),
        ("Info.plist", "<key>PasswordField</key>\n<string>Enter12Characters</string>\n<key>Token</key><true/>"),
        ("a.xml", "<password type=\"text\">Choose</password><token kind=\"id\"/>abc"),
        ("a.py", "password = (\n    \"Enter your \"\n    \"password2\"\n)"),
        ("a.py", "password = \"must have 12 characters\""),
        ("a.js", "jwt.sign(payload, config.get('auth.secret'), { algorithm: 'HS256' })"),
        ("postgresql.conf", "#password_encryption = scram-sha-256\n"),
        ("pg_hba.conf", "# METHOD can be \"password\", \"scram-sha-256\", \"gss\"\n"),
        ("keys.py", "KEYS = ('w32-reconstruct-hot-key', 'w32-register-hot-key2')"),
        ("a.yml", "secrets:\n  - source: server-certificate\n    target: x\n"),
    ] {
        if !found(path, source).is_empty() {
            wrong.push(format!("{path}: {source}: {:?}", found(path, source)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn weak_passwords_are_for_the_vault_alone() {
    let engine = Engine::new(Vec::new());
    let text = Text { bytes: b"password = \"hunter2\"", hint: Hint { path: "a.py", depth: 0 } };
    let candidates = engine.scan(&text);
    assert!(candidates.len() == 1 && candidates[0].weak, "{candidates:?}");
}

fn one(path: &str, source: &str) -> (String, Confidence) {
    let engine = Engine::new(Vec::new());
    let all = engine.scan(&Text { bytes: source.as_bytes(), hint: Hint { path, depth: 0 } });
    let [only] = all.as_slice() else { panic!("{path}: {source}: {all:?}") };
    (String::from_utf8(only.value.to_vec()).expect("the source is text"), only.confidence)
}

#[test]
fn among_labels_and_in_tables_less_is_sure() {
    let x = drawn();
    let json = format!("{{\"password\": \"{x}\"}}");
    for (path, confidence) in [
        ("src/a.json", Confidence::Medium),
        ("src/locales/a.json", Confidence::Low),
        ("messages_de.json", Confidence::Low),
        ("x.csv", Confidence::Low),
        ("src/i18n/a.py", Confidence::Medium),
    ] {
        assert_eq!(one(path, &json), (x.clone(), confidence), "{path}");
    }
    assert!(found("package-lock.json", &json).is_empty());
}

#[test]
fn lists_of_yaml_have_all_their_secrets() {
    let (x, y) = (drawn(), drawn().chars().rev().collect::<String>());
    for source in [
        format!("client_secret:\n  - {x}\n  - \"{y}\"\nname: z\n"),
        format!("api_keys: [{x}, '{y}']\n"),
        format!("api_keys: [\n  {x},\n  {y}\n]\n"),
    ] {
        assert_eq!(found("a.yml", &source), [x.as_str(), y.as_str()], "{source}");
    }
}

#[test]
fn single_quotes_of_yaml_have_escapes_of_their_own() {
    let x = drawn();
    assert_eq!(found("a.yml", &format!("password: '{x}''z\\t'\n")), [format!("{x}'z\\t")]);
    assert_eq!(found("a.yml", &format!("password: '{x}'\n")), [x.as_str()]);
    assert_eq!(found("a.sql", &format!("SET PASSWORD = '{x}'")), [x.as_str()]);
}

#[test]
fn a_container_is_given_poor_passwords_too() {
    // As people have them; put together here, so that none stands in the source.
    for poor in [["Sommer", "2023"], ["admin", "123"], ["Passw", "0rd!"], ["hunter", "22"]].map(|parts| parts.concat())
    {
        for source in [
            format!("services:\n  db:\n    environment:\n      DB_PASSWORD: {poor}\n"),
            format!("services:\n  db:\n    environment:\n      - DB_PASSWORD={poor}\n"),
            format!("env:\n  - name: DB_PASSWORD\n    value: \"{poor}\"\n"),
        ] {
            assert_eq!(one("docker-compose.yml", &source), (poor.clone(), Confidence::Low), "{source}");
            assert!(!found("docker-compose.yml", &source).is_empty(), "{source}");
            assert!(found("tests/docker-compose.yml", &source).is_empty(), "{source}");
        }
    }
    for source in ["MYSQL_PASSWORD: postgres\n", "DB_PASSWORD: ${DB_PASSWORD_2}\n", "DB_PASSWORD: changeme1\n"] {
        assert!(found("docker-compose.yml", source).is_empty(), "{source}");
    }
}

#[test]
fn a_password_may_have_blanks() {
    let x = drawn();
    let (first, second) = x.split_at(9);
    assert_eq!(
        one("a.py", &format!("password = \"{first} {second}\"")),
        (format!("{first} {second}"), Confidence::Low)
    );
    for label in ["Password2 confirm1 again3", "at least 8 characters", "Type your password2"] {
        assert!(found("a.py", &format!("password = \"{label}\"")).is_empty(), "{label}");
    }
}

#[test]
fn escapes_are_undone() {
    let x = drawn();
    let source = format!("password = \"{x}\\\"\\\\!\"");
    assert_eq!(found("a.py", &source), [format!("{x}\"\\!")]);
}

/// Poor passwords, as people have them; put together here, so that none stands in the source.
fn poor() -> [String; 3] {
    [format!("zjn{}!", 243), format!("A@6{}", "hkqsp"), format!("r4{}", "bvqpz")]
}

#[test]
fn a_password_in_the_company_of_a_user_and_a_host_may_be_poor() {
    // The second has every kind of character: it needs no company.
    for (careful, poor) in [false, true, false].into_iter().zip(poor()) {
        for source in [
            format!("new SqlConnection(\"Server=prod;Database=app;User Id=sa;Password={poor}\")"),
            format!("Driver={{SQL Server}};Server=db;Uid=app;Pwd={poor};"),
            format!("psycopg2.connect(host=\"prod\", dbname=\"app\", user=\"app\", password=\"{poor}\")"),
            format!("db = {{'host': 'db', 'user': 'app', 'password': '{poor}'}}"),
            format!("pg_connect(\"host=dbserver user=app password={poor} dbname=mydb\")"),
        ] {
            assert_eq!(found("", &source), [poor.as_str()], "{source}");
        }
        for source in [
            format!("password=\"{poor}\""),
            format!("user=\"app\"\npassword=\"{poor}\"\nhost=\"db\""),
            format!("superuser=\"app\" ghost=\"db\" password=\"{poor}\""),
        ] {
            assert_eq!(found("", &source).is_empty(), !careful, "{source}");
        }
    }
    for nothing in ["secret", "password", "postgres", "${PW}", "your-password", "changeme1", "mydbpassword"] {
        let source = format!("connect(host=\"prod\", user=\"app\", password=\"{nothing}\")");
        assert!(found("", &source).is_empty(), "{source}");
    }
}

#[test]
fn a_password_stands_in_a_call_by_its_place_alone() {
    for poor in poor() {
        for source in [
            format!("mysqli_connect('db.internal', 'admin', '{poor}', 'mydb')"),
            format!("$db = new mysqli(\"localhost\", $user, \"{poor}\");"),
            format!("my $dbh = DBI->connect(\"dbi:mysql:database=test\", \"root\", \"{poor}\");"),
            format!("new PDO('mysql:host=localhost;dbname=test', 'app',\n    '{poor}')"),
            format!("DriverManager.getConnection(url, \"app\", \"{poor}\")"),
            format!("[System.Net.NetworkCredential]::new(\"svc\", \"{poor}\")"),
            format!("new NetworkCredential(\"svc\", \"{poor}\", \"CORP\")"),
        ] {
            assert_eq!(found("", &source), [poor.as_str()], "{source}");
        }
        for source in [
            format!("mysqli_connect('db.internal', '{poor}')"),
            format!("mysqli_connect('db.internal', 'admin', $password, '{poor}')"),
            format!("mysqli_connect('db.internal', 'admin', '{poor}' . $x)"),
            format!("mysqli_connector('db.internal', 'admin', '{poor}')"),
            format!("mysqli_connect('db', f('x', 'y', 'z'); '{poor}')"),
        ] {
            assert!(found("", &source).is_empty(), "{source}");
        }
    }
}

#[test]
fn a_password_on_a_command_line_that_announces_it_may_be_poor() {
    for poor in poor() {
        for source in [
            format!("schtasks /create /tn \"Backup\" /tr \"backup.bat\" /ru admin /rp {poor}"),
            format!("net use Z: \\\\server\\share /user:CORP\\admin {poor}"),
            format!("snmp-server community {poor} RW 99"),
        ] {
            assert_eq!(found("", &source), [poor.as_str()], "{source}");
        }
    }
    for source in ["snmp-server community public RO", "net use Z: \\\\server\\share /user:admin /persistent:no"] {
        assert!(found("", source).is_empty(), "{source}");
    }
}
