use proptest::prelude::*;

use super::*;
use crate::engine::{Engine, Hint};

/// The rules that a text breaks, with what is at fault.
fn faults(path: &str, text: &str) -> Vec<(String, String)> {
    let engine = Engine::of(vec![Box::new(Misuse::new())]);
    let found = engine.scan(&Text { bytes: text.as_bytes(), hint: Hint { path, depth: 0 } });
    let misuse = found.into_iter().filter(|one| engine.rule(one.rule).misuse);
    misuse.map(|one| (engine.rule(one.rule).id.clone(), String::from_utf8_lossy(&one.value).into_owned())).collect()
}

/// Each line is a file; each must break the rule at that expression and no other.
fn positive(rule: &str, cases: &[(&str, &str, &str)]) {
    for (path, text, fault) in cases {
        assert_eq!(faults(path, text), [(format!("misuse-{rule}"), (*fault).to_owned())], "{path}: {text}");
    }
}

fn negative(cases: &[(&str, &str)]) {
    for (path, text) in cases {
        assert_eq!(faults(path, text), [], "{path}: {text}");
    }
}

#[test]
fn secrets_in_browser_code() {
    positive(
        "secret-in-browser-code",
        &[
            ("src/App.tsx", "'use client'\nconst k = process.env.OPENAI_API_KEY", "process.env.OPENAI_API_KEY"),
            ("src/a.ts", "const k = process.env.NEXT_PUBLIC_OPENAI_API_KEY;", "NEXT_PUBLIC_OPENAI_API_KEY"),
            ("src/a.js", "fetch(u, { key: import.meta.env.VITE_STRIPE_SECRET_KEY })", "VITE_STRIPE_SECRET_KEY"),
            ("web/.env", "VITE_OPENAI_API_KEY=abcdefgh", "VITE_OPENAI_API_KEY"),
            (".env.local", "export REACT_APP_DB_PASSWORD='abcdefgh'", "REACT_APP_DB_PASSWORD"),
            (
                "src/Login.vue",
                "<script>\nconst k = import.meta.env.API_SECRET\n</script>",
                "import.meta.env.API_SECRET",
            ),
            ("src/lib/Box.svelte", "let k = process.env['GITHUB_TOKEN'];", "process.env['GITHUB_TOKEN"),
            (
                "src/components/Chat.jsx",
                "export function Chat() { const [a] = useState(0); const k = process.env.OPENAI_API_KEY; }",
                "process.env.OPENAI_API_KEY",
            ),
        ],
    );
    negative(&[
        ("src/server.ts", "const k = process.env.OPENAI_API_KEY"),
        ("app/api/chat/route.ts", "'use client'\nconst k = process.env.OPENAI_API_KEY"),
        ("app/page.tsx", "const k = process.env.OPENAI_API_KEY // a server component"),
        ("src/App.tsx", "'use client'\nconst k = process.env.NEXT_PUBLIC_API_URL"),
        ("src/App.tsx", "'use client'\nconst k = process.env.NEXT_PUBLIC_SUPABASE_ANON_KEY"),
        ("src/App.tsx", "'use client'\nconst k = process.env.NEXT_PUBLIC_STRIPE_PUBLISHABLE_KEY"),
        ("src/App.tsx", "'use client'\nconst k = process.env.NEXT_PUBLIC_FIREBASE_API_KEY"),
        ("src/App.tsx", "'use client'\nconst k = process.env.NODE_ENV"),
        ("src/App.tsx", "'use client'\nconst k = process.env.NEXT_PUBLIC_TOKEN_LIMIT"),
        ("src/App.tsx", "'use client'\n// const k = process.env.NEXT_PUBLIC_OPENAI_API_KEY"),
        (".env.example", "VITE_OPENAI_API_KEY="),
        ("README.md", "const k = process.env.NEXT_PUBLIC_OPENAI_API_KEY"),
        ("a.py", "x = 'NEXT_PUBLIC_OPENAI_API_KEY'"),
    ]);
}

#[test]
fn secrets_that_are_logged() {
    positive(
        "secret-logged",
        &[
            ("a.py", "print(api_key)", "api_key"),
            ("a.py", "print('key', self.api_key)", "self.api_key"),
            ("a.py", "logger.info(f\"password {password}\")", "password"),
            ("a.py", "logging.debug('pw=%s', user.password)", "user.password"),
            ("a.py", "print(f'{settings.db_password!r}')", "settings.db_password"),
            ("a.py", "print(os.environ[\"OPENAI_API_KEY\"])", "os.environ[\"OPENAI_API_KEY\"]"),
            ("a.js", "console.log(token)", "token"),
            ("a.ts", "console.log(`key: ${config.apiKey}`);", "config.apiKey"),
            ("a.ts", "this.logger.debug('secret', clientSecret);", "clientSecret"),
            ("a.js", "console.error('bad key ' + process.env.STRIPE_SECRET_KEY)", "process.env.STRIPE_SECRET_KEY"),
            ("a.go", "fmt.Println(secret)", "secret"),
            ("a.go", "log.Printf(\"key %s\", cfg.APIKey)", "cfg.APIKey"),
            ("A.java", "System.out.println(\"pw \" + password);", "password"),
            ("A.kt", "println(\"pw $password\")", "$password"),
            ("a.rs", "println!(\"{password}\");", "password"),
            ("a.rs", "tracing::info!(\"key {}\", api_key);", "api_key"),
            ("a.rb", "puts api_key", "api_key"),
            ("a.rb", "Rails.logger.info \"pw #{password}\"", "password"),
            ("a.php", "<?php var_dump($password);", "$password"),
            ("a.php", "<?php echo $apiKey;", "$apiKey"),
            ("a.cs", "Console.WriteLine(password);", "password"),
            ("a.sh", "echo $API_KEY", "$API_KEY"),
            ("a.sh", "echo \"token is ${GITHUB_TOKEN}\"", "${GITHUB_TOKEN}"),
            (".github/workflows/a.yml", "      run: echo \"$NPM_TOKEN\"", "$NPM_TOKEN"),
        ],
    );
    negative(&[
        ("a.py", "print('api_key')"),
        ("a.py", "print(\"please set api_key, password\")"),
        ("a.py", "print(token_count, tokenizer, password_field)"),
        ("a.py", "print(len(api_key))"),
        ("a.py", "print(bool(password), mask(secret), api_key is None)"),
        ("a.py", "print(api_key[:4])"),
        ("a.py", "print(api_key.strip())"),
        ("a.py", "print(key, value)"),
        ("a.py", "print(f'{len(password)}')"),
        ("a.py", "print('{password}')"),
        ("a.py", "# print(api_key)"),
        ("a.py", "x = 1  # print(api_key)"),
        ("a.py", "def f():\n    \"\"\"\n    print(api_key)\n    \"\"\""),
        ("a.py", "print(x, file=secret_file, password=1)"),
        ("a.py", "self.print(api_key)"),
        ("a.py", "def print(api_key): pass"),
        ("tests/a.py", "print(api_key)"),
        ("a.md", "print(api_key)"),
        ("lexer.js", "console.log(token)"),
        ("a.js", "const tokens = tokenize(x); for (const token of tokens) console.log(token)"),
        ("a.js", "console.log(token.length, token ? 'set' : 'unset', !token)"),
        ("a.js", "console.log('token')"),
        ("a.js", "catalog.info(password)"),
        ("a.go", "fmt.Println(len(secret))"),
        ("a.go", "fmt.Sprintf(\"%s\", secret)"),
        ("a.rs", "println!(\"{{password}}\");"),
        ("a.rs", "println!(\"{}\", Token::Password);"),
        ("a.rs", "// println!(\"{password}\");"),
        ("a.rb", "puts 'api_key'"),
        ("a.rb", "outputs api_key"),
        ("a.sh", "echo \"$PASSWORD\" | docker login --password-stdin"),
        ("a.sh", "echo \"$TOKEN_A\" > file"),
        ("a.sh", "KEY=$(echo $API_KEY)"),
        ("a.sh", "echo '$API_KEY'"),
        ("a.sh", "echo \"\\$API_KEY\""),
        ("a.sh", "echo ${#API_KEY} ${API_KEY:+set} ${API_KEY:0:4}"),
        ("a.sh", "echo \"::add-mask::$API_KEY\""),
        ("a.sh", "echo $TOKEN_COUNT"),
        ("a.php", "<?php echo $passwordHash;"),
    ]);
}

#[test]
fn secrets_in_urls() {
    positive(
        "secret-in-url",
        &[
            ("a.py", "u = f'https://api.acme.dev/v1?api_key={api_key}'", "api_key={api_key}"),
            ("a.py", "u = 'https://api.acme.dev/v1?api_key=' + API_KEY", "api_key=' + API_KEY"),
            ("a.js", "fetch(`https://api.acme.dev/v1?q=1&access_token=${accessToken}`)", "access_token=${accessToken}"),
            ("a.rb", "get \"https://api.acme.dev/v1?api_key=#{api_key}\"", "api_key=#{api_key}"),
            ("a.php", "<?php $u = 'https://api.acme.dev?api_key=' . $apiKey;", "api_key=' . $apiKey"),
            ("a.sh", "curl \"https://api.acme.dev/v1?token=$API_TOKEN\"", "token=$API_TOKEN"),
            ("a.rs", "let u = format!(\"https://api.acme.dev/?api_key={api_key}\");", "api_key={api_key}"),
            (
                "a.py",
                "requests.get('https://api.acme.dev/v1', params={\"q\": q, \"api_key\": API_KEY})",
                "\"api_key\": API_KEY",
            ),
        ],
    );
    negative(&[
        ("a.py", "u = f'https://maps.googleapis.com/maps/api?key={api_key}'"),
        ("a.py", "u = f'https://api.openweathermap.org/data?api_key={api_key}'"),
        ("a.py", "u = 'https://api.acme.dev/v1?api_key=YOUR'"),
        ("a.py", "u = f'https://acme.dev/list?token={page_token}'"),
        ("a.js", "const u = `/reset?token=${resetToken}`"),
        ("a.js", "const u = `/verify-email?token=${accessToken}`"),
        ("a.js", "const u = `/search?key=${name}`"),
        ("a.js", "if (url.split('?api_key=')[1] + x) {}"),
        ("a.py", "requests.post(u, params={'page': page})"),
        ("a.py", "# u = f'https://api.acme.dev/v1?api_key={api_key}'"),
    ]);
}

#[test]
fn secrets_over_http() {
    positive(
        "secret-over-http",
        &[
            ("a.py", "requests.get('http://api.openai.com/v1/models')", "http://api.openai.com"),
            ("a.py", "requests.get('http://acme.dev/x', headers={'Authorization': t})", "http://acme.dev"),
            ("a.js", "fetch('http://acme.dev/x', {\n headers: { 'X-API-Key': k }\n})", "http://acme.dev"),
            ("a.sh", "curl -H \"Authorization: Bearer $T\" http://acme.dev/x", "http://acme.dev"),
            ("a.sh", "curl -u u:p http://acme.dev/x", "http://acme.dev"),
        ],
    );
    negative(&[
        ("a.py", "requests.get('http://localhost:8000/v1', headers={'Authorization': t})"),
        ("a.py", "requests.get('http://127.0.0.1/v1', headers={'Authorization': t})"),
        ("a.py", "requests.get('http://vault:8200/v1', headers={'Authorization': t})"),
        ("a.py", "requests.get('http://10.1.2.3/v1', headers={'Authorization': t})"),
        ("a.py", "requests.get('http://acme.dev/x')"),
        ("a.py", "requests.get('https://acme.dev/x', headers={'Authorization': t})"),
        ("a.py", "NS = 'http://www.w3.org/2000/svg'\nAuthorization = 1"),
        ("a.py", "# see http://acme.dev/x Authorization"),
        ("a.js", "fetch('http://example.com/x', { headers: { Authorization: k } })"),
        ("a.go", "// Authorization: http://tools.ietf.org/html/rfc7235\nhttp.NewRequest(u)"),
    ]);
}

#[test]
fn certificates_that_are_not_checked() {
    positive(
        "certificate-unchecked",
        &[
            ("a.py", "requests.get('https://api.openai.com/v1', verify=False)", "verify=False"),
            ("a.py", "requests.get(url, headers=h, verify=False)", "verify=False"),
            (
                "a.py",
                "ctx = ssl._create_unverified_context()\nurlopen('https://api.openai.com')",
                "_create_unverified_context",
            ),
            ("a.js", "new https.Agent({ rejectUnauthorized: false })", "rejectUnauthorized: false"),
            ("a.js", "process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'", "NODE_TLS_REJECT_UNAUTHORIZED = '0'"),
            ("a.sh", "export NODE_TLS_REJECT_UNAUTHORIZED=0", "NODE_TLS_REJECT_UNAUTHORIZED=0"),
            ("a.go", "&tls.Config{InsecureSkipVerify: true}", "InsecureSkipVerify: true"),
            ("a.rs", ".danger_accept_invalid_certs(true)", "danger_accept_invalid_certs(true)"),
            (
                "a.php",
                "<?php curl_setopt($c, CURLOPT_SSL_VERIFYPEER, false); curl('https://api.openai.com');",
                "CURLOPT_SSL_VERIFYPEER, false",
            ),
            (
                "a.cs",
                "h.ServerCertificateCustomValidationCallback = (a, b, c, d) => true; Send(apiKey);",
                "ServerCertificateCustomValidationCallback = (a, b, c, d) => true",
            ),
            ("A.java", "b.sslContext(TrustAllCerts.get()).header(apiKey);", "TrustAllCerts"),
            ("a.rb", "http.verify_mode = OpenSSL::SSL::VERIFY_NONE\nhttp.get(api_key)", "VERIFY_NONE"),
            ("a.sh", "curl -k https://acme.dev/x", "-k"),
            ("a.sh", "curl -sSk -H \"Authorization: $T\" \\\n  https://acme.dev/x", "-sSk"),
            ("Dockerfile", "RUN curl --insecure https://acme.dev/x", "--insecure"),
        ],
    );
    negative(&[
        ("a.py", "requests.get('https://localhost:8443', verify=False)"),
        ("a.py", "requests.get('https://10.0.0.1', verify=False)"),
        ("a.py", "def get(self, verify=False): pass"),
        ("a.py", "jwt.decode(t, verify=False)"),
        ("a.py", "\"\"\"Use requests.get(url, verify=False).\"\"\""),
        ("a.py", "if mode == ssl.CERT_NONE: pass"),
        ("a.py", "context.verify_mode = ssl.CERT_NONE"),
        ("a.js", "new https.Agent({ rejectUnauthorized: true })"),
        ("a.js", "if (options.rejectUnauthorized === false) {}"),
        ("a.js", "x = secure ? options.rejectUnauthorized : false"),
        ("a.js", "if (process.env.NODE_TLS_REJECT_UNAUTHORIZED == '0') {}"),
        ("a.go", "&tls.Config{InsecureSkipVerify: cfg.Insecure}"),
        ("a.go", "InsecureSkipVerify bool // controls"),
        ("a.rs", ".danger_accept_invalid_certs(false)"),
        ("tests/a.go", "&tls.Config{InsecureSkipVerify: true}"),
        ("a.sh", "curl -o k https://acme.dev/x"),
        ("a.sh", "curl -ok https://acme.dev/x"),
        ("a.sh", "curl https://acme.dev/x | tar -k"),
        ("a.sh", "# curl -k https://acme.dev/x"),
        ("a.sh", "curl -k https://localhost:8443/x"),
        ("a.md", "curl -k https://acme.dev/x"),
    ]);
}

#[test]
fn a_key_beside_the_fault_is_not_part_of_it() {
    let key = format!("sk{}{}", "_live_", "4eC39HqLyjWDarjtT1zdp7dc");
    for (path, text) in [
        ("a.py", format!("print('{key}', api_key)")),
        ("a.sh", format!("curl -H 'Authorization: {key}' -k https://acme.dev")),
        ("a.sh", format!("curl -u me:{key} http://me:{key}@acme.dev/")),
        ("a.js", format!("fetch('http://acme.dev/?api_key={key}', {{ headers: {{ Authorization: '{key}' }} }})")),
    ] {
        assert!(!faults(path, &text).is_empty(), "{text}");
        assert!(faults(path, &text).iter().all(|(_, fault)| !fault.contains(&key)), "{text}");
    }
}

proptest! {
    #[test]
    fn nothing_a_file_holds_makes_a_linter_fail(
        parts in proptest::collection::vec(
            prop_oneof![
                proptest::sample::select(LINTERS.iter().flat_map(|linter| linter.anchors).copied().collect::<Vec<_>>()),
                proptest::sample::select(vec![
                    "api_key", "(", ")", "\"", "'", "`", "${", "}", "{", "f\"", "\n", "\\", "=", ":", " ", "false", "-k ",
                    "https://", "@", "Authorization", "\"\"\"", "/*", "é", "[", "]", "?", "&", "+", "$",
                ]),
            ],
            0..40,
        ),
        extension in proptest::sample::select(vec!["py", "js", "tsx", "go", "rs", "java", "rb", "php", "sh", "yml", "cs", "env"]),
    ) {
        let text = parts.concat();
        for (_, fault) in faults(&format!("a.{extension}"), &text) {
            prop_assert!(text.contains(&fault));
        }
    }
}
