//! What stands in a value's place.

use keyward_scan::fix::diff;
use keyward_scan::{Engine, Scanner, Silence, Source, Verdict};
use keyward_types::{EnvironmentName, KnownSecret, ProjectName, SecretName, Version};

use super::*;

fn replaced(cases: &[(&str, &str, &str)]) {
    for (path, before, expected) in cases {
        let plan = planned_one(path, before);
        assert_eq!(after(&plan), *expected, "{path}: {before}\n{:?}", plan.refused);
        assert!(
            !plan.stores.is_empty() && plan.stores.iter().all(|store| store.value.as_slice() == value(1).as_bytes())
        );
    }
}

#[test]
fn python() {
    replaced(&[
        ("a.py", "api_key = '@'\n", "import os\n\napi_key = os.environ[\"API_KEY\"]\n"),
        ("a.py", "import os\nk = \"@\"", "import os\nk = os.environ[\"GENERIC_SECRET\"]"),
        (
            "a.py",
            "#!/usr/bin/python\n# -*- coding: utf-8 -*-\n\"\"\"Doc.\n\nimport os\n\"\"\"\nfrom __future__ import (\n    annotations,\n)\nimport re\ndb_password = '@'\n",
            "#!/usr/bin/python\n# -*- coding: utf-8 -*-\n\"\"\"Doc.\n\nimport os\n\"\"\"\nfrom __future__ import (\n    annotations,\n)\nimport os\nimport re\ndb_password = os.environ[\"DB_PASSWORD\"]\n",
        ),
        (
            "a.py",
            "import sys, os\r\nh = {'a': 'Bearer @'}\r\n",
            "import sys, os\r\nh = {'a': f'Bearer {os.environ[\"GENERIC_SECRET\"]}'}\r\n",
        ),
        ("a.py", "import os\nauth = f\"x {y['z']} @\"", "import os\nauth = f\"x {y['z']} {os.environ['AUTH']}\""),
        ("a.py", "import os\na = '{@}'", "import os\na = f'{{{os.environ[\"GENERIC_SECRET\"]}}}'"),
        ("a.py", "import os\nauth = b'@'", "import os\nauth = os.environ[\"AUTH\"].encode()"),
        (
            "a.py",
            "import os\ndef f():\n\treturn'@'if x else 1",
            "import os\ndef f():\n\treturn os.environ[\"GENERIC_SECRET\"]if x else 1",
        ),
        (
            "a.py",
            "import os\nu = 'postgres://me:@@db/x'",
            "import os\nu = f'postgres://me:{os.environ[\"GENERIC_SECRET\"]}{os.environ[\"GENERIC_SECRET\"]}db/x'",
        ),
    ]);
}

#[test]
fn javascript_and_typescript() {
    replaced(&[
        ("a.js", "const apiKey = '@';", "const apiKey = process.env.API_KEY;"),
        ("a.ts", "const apiKey: string = '@';", "const apiKey: string = process.env.API_KEY!;"),
        (
            "a.js",
            "f({ headers: { Authorization: \"Bearer @\" } })",
            "f({ headers: { Authorization: `Bearer ${process.env.AUTHORIZATION}` } })",
        ),
        ("a.js", "f(`x ${y} @`)", "f(`x ${y} ${process.env.GENERIC_SECRET}`)"),
        ("a.js", "f('`${ @')", "f(`\\`\\${ ${process.env.GENERIC_SECRET}`)"),
    ]);
    replaced(&[
        (
            "a.tsx",
            "const a = <Chat apiKey=\"@\" on={() => 1} />;",
            "const a = <Chat apiKey={process.env.API_KEY} on={() => 1} />;",
        ),
        ("a.jsx", "x = <A b={1} token='@'>t</A>", "x = <A b={1} token={process.env.TOKEN}>t</A>"),
        (
            "a.ts",
            "f({ a: { k: '@' } }, x ? y : '@');",
            "f({ a: { k: process.env.K! } }, x ? y : process.env.K!);".replace(".K", ".GENERIC_SECRET").as_str(),
        ),
        ("a.ts", "if (a < b && c > '@') {}", "if (a < b && c > process.env.GENERIC_SECRET!) {}"),
        ("a.js", "let apiKey='@'", "let apiKey=process.env.API_KEY"),
        (
            "a.js",
            "a = { '@': 1, b: c ? '@' : 2 }",
            "a = { [process.env.GENERIC_SECRET]: 1, b: c ? process.env.GENERIC_SECRET : 2 }",
        ),
    ]);
}

#[test]
fn go() {
    replaced(&[
        (
            "a.go",
            "package a\n\nvar apiKey = \"@\"\n",
            "package a\n\nimport \"os\"\n\nvar apiKey = os.Getenv(\"API_KEY\")\n",
        ),
        (
            "a.go",
            "package a\n\nimport (\n\t\"fmt\"\n\t\"strings\"\n\n\t\"x.dev/y\"\n)\n\nfunc f() { g(\"Bearer @!\") }\n",
            "package a\n\nimport (\n\t\"fmt\"\n\t\"os\"\n\t\"strings\"\n\n\t\"x.dev/y\"\n)\n\nfunc f() { g((\"Bearer \" + os.Getenv(\"GENERIC_SECRET\") + \"!\")) }\n",
        ),
        (
            "a.go",
            "package a\n\nimport \"fmt\"\n\nvar k = `@`\n",
            "package a\n\nimport \"fmt\"\nimport \"os\"\n\nvar k = os.Getenv(\"GENERIC_SECRET\")\n",
        ),
        (
            "a.go",
            "package a\n\nimport \"os\"\n\nvar k = []byte(\"@\")\n",
            "package a\n\nimport \"os\"\n\nvar k = []byte(os.Getenv(\"GENERIC_SECRET\"))\n",
        ),
    ]);
}

#[test]
fn rust_and_java() {
    replaced(&[
        (
            "a.rs",
            "fn f() { let api_key: &'static str = \"@\"; }",
            "fn f() { let api_key: &'static str = &std::env::var(\"API_KEY\").expect(\"API_KEY is set\"); }",
        ),
        (
            "a.rs",
            "fn f() { g(\"@\".to_owned()) }",
            "fn f() { g(std::env::var(\"GENERIC_SECRET\").expect(\"GENERIC_SECRET is set\").to_owned()) }",
        ),
        (
            "a.rs",
            "fn f() { g(r#\"Bearer {@}\"#) }",
            "fn f() { g(&format!(r#\"Bearer {{{}}}\"#, std::env::var(\"GENERIC_SECRET\").expect(\"GENERIC_SECRET is set\"))) }",
        ),
        (
            "A.java",
            "class A { static final String API_KEY = \"@\"; }",
            "class A { static final String API_KEY = System.getenv(\"API_KEY\"); }",
        ),
        (
            "A.java",
            "class A { void f() { g(\"Bearer @\".length()); } }",
            "class A { void f() { g((\"Bearer \" + System.getenv(\"GENERIC_SECRET\")).length()); } }",
        ),
    ]);
}

#[test]
fn ruby_and_php() {
    replaced(&[
        ("a.rb", "API_KEY = '@'", "API_KEY = ENV.fetch(\"API_KEY\")"),
        ("a.rb", "f \"Bearer @ #{x}\"", "f \"Bearer #{ENV.fetch(\"GENERIC_SECRET\")} #{x}\""),
        ("a.rb", "f 'it\\'s \\d \"#{@'", "f \"it's \\\\d \\\"\\#{#{ENV.fetch(\"GENERIC_SECRET\")}\""),
        ("a.php", "<?php $apiKey = '@';", "<?php $apiKey = getenv('API_KEY');"),
        (
            "a.php",
            "<p>it's</p><?php f(\"Bearer @ $x\");",
            "<p>it's</p><?php f((\"Bearer \" . getenv('GENERIC_SECRET') . \" $x\"));",
        ),
        (
            "a.php",
            "<?php class A { function f() { return ['token' => '@']; } }",
            "<?php class A { function f() { return ['token' => getenv('TOKEN')]; } }",
        ),
    ]);
}

#[test]
fn shell_yaml_and_dotenv() {
    replaced(&[
        ("a.sh", "export API_KEY=@\n", "export API_KEY=\"${API_KEY}\"\n"),
        (
            "a.sh",
            "curl -H 'Authorization: Bearer @' x",
            "curl -H 'Authorization: Bearer '\"${AUTHORIZATION}\"'' x"
                .replace("AUTHORIZATION", "GENERIC_SECRET")
                .as_str(),
        ),
        ("docker-compose.yml", "a:\n  API_KEY: @\n", "a:\n  API_KEY: ${API_KEY}\n"),
        (".github/workflows/a.yml", "env:\n  API_KEY: '@'\n", "env:\n  API_KEY: '${{ secrets.API_KEY }}'\n"),
        (".env", "# keys\nAPI_KEY=@ # mine\nB=1\n", "# keys\n# mine\nB=1\n"),
        (".env", "export API_KEY='@'", ""),
    ]);
}

#[test]
fn one_value_has_one_name_wherever_it_stands() {
    let (first, second) = (value(1), value(2));
    let a = format!("import os\napi_key = '{first}'\nx = '{first}'\nother_token = '{second}'\n");
    let b = format!("const k = '{first}'; const api_key = '{second}';");
    let env = format!("MY_KEY={first}\n");
    let files = [("a.py", a.as_str()), ("b.js", b.as_str()), (".env", env.as_str())];
    let mut all = found("a.py", &a, &second);
    // One of two places in a.py was found, and in b.js only the other value.
    all.push(found("a.py", &a, &first).remove(0));
    all.extend(found("b.js", &b, &second));
    all.extend(found(".env", &env, &first));
    let plans = planned(&files, &all);
    let texts: Vec<String> = plans.iter().map(|plan| String::from_utf8(plan.after().to_vec()).expect("text")).collect();
    assert_eq!(
        texts,
        [
            "",
            "import os\napi_key = os.environ[\"MY_KEY\"]\nx = os.environ[\"MY_KEY\"]\nother_token = os.environ[\"OTHER_TOKEN\"]\n",
            "const k = process.env.MY_KEY; const api_key = process.env.OTHER_TOKEN;",
        ]
    );
}

#[test]
fn names_are_free_unique_and_those_of_the_vault() {
    let (first, second) = (value(1), value(2));
    let text = format!("api_key = '{first}'\nAPI_KEY = '{second}'\npath = '{}'\n", value(3));
    let mut all = found("a.py", &text, &first);
    all.extend(found("a.py", &text, &second));
    let mut known = found("a.py", &text, &value(3));
    known[0].finding.vault = Some(KnownSecret {
        project: "p".parse::<ProjectName>().expect("a name"),
        environment: "production".parse::<EnvironmentName>().expect("a name"),
        name: "STORED".parse::<SecretName>().expect("a name"),
        version: Version::FIRST,
    });
    all.extend(known);
    let read = |_: &str| Ok(text.clone().into_bytes());
    let plans = keyward_scan::fix::plan(&all, &read, &|name, _| name != "API_KEY");
    let names: Vec<&str> = plans[0].stores.iter().map(|store| store.name.as_str()).collect();
    assert_eq!(names, ["API_KEY_2", "API_KEY_3", "STORED"]);
}

#[test]
fn the_services_own_name_is_taken_where_the_code_says_less() {
    let value = format!("sk{}{}", "_live_", "4eC39HqLyjWDarjtT1zdp7dc");
    let text = format!("key = '{value}'\n");
    let mut all = found("a.py", &text, &value);
    all[0].finding.provider = Some("stripe".to_owned());
    all[0].finding.rule = "stripe-secret-key".to_owned();
    let plan = planned(&[("a.py", &text)], &all).remove(0);
    assert!(plan.stores[0].name.starts_with("STRIPE_"), "{}", plan.stores[0].name);
}

#[test]
fn debug_shows_no_value() {
    let shown = format!("{:?}", planned_one("a.py", "api_key = '@'\n"));
    assert!(shown.contains("API_KEY") && !shown.contains(&value(1)), "{shown}");
}

#[test]
fn the_diff_shows_what_changes_and_no_value() {
    let (first, second) = (value(1), value(2));
    let text = format!("import os\napi_key = '{first}'\n# {second}\n");
    let mut all = found("a.py", &text, &first);
    all.extend(found("a.py", &text, &second));
    let plan = planned(&[("a.py", &text)], &all).remove(0);
    let shown = diff(&plan);
    assert_eq!(
        shown,
        "--- a/a.py\n+++ b/a.py\n@@ -1,3 +1,3 @@\n import os\n-api_key = '…'\n+api_key = os.environ[\"API_KEY\"]\n # …\n"
    );
}

struct Everything;

impl Silence for Everything {
    fn judge(&self, _: &Finding, _: &[u8], _: &[u8]) -> Verdict {
        Verdict::Report
    }
}

#[test]
fn what_the_scanner_finds_is_mended() {
    let key = format!("sk{}{}", "_live_", "4eC39HqLyjWDarjtT1zdp7dcTYooMQauvdEDq54NiTphI7jx");
    let text = format!("# é\r\nü = 1; stripe.api_key = 'ä' '{key}'\r\n");
    let scanner = Scanner { engine: Engine::new(Vec::new()), known: None, silence: Box::new(Everything) };
    let outcome = scanner.scan(&Source { path: "a.py", tracked: false, added: None }, text.as_bytes());
    assert!(!outcome.found.is_empty());
    let plan = planned(&[("a.py", &text)], &outcome.found).remove(0);
    let after = String::from_utf8(plan.after().to_vec()).expect("text");
    assert!(!after.contains(&key) && after.contains("'ä' f'{os.environ[\"STRIPE_"), "{after}\n{:?}", plan.refused);
}
