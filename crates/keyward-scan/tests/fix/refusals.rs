//! What is left as it is, and why.

use super::*;

fn refused(cases: &[(&str, &str, &str)]) {
    for (path, text, reason) in cases {
        let plan = planned_one(path, text);
        assert_eq!(after(&plan), *text, "{path}: {text}");
        assert!(plan.stores.is_empty() && plan.edits.is_empty(), "{path}: {text}");
        assert!(!plan.refused.is_empty(), "{path}: {text}");
        for refusal in &plan.refused {
            assert!(refusal.reason.contains(reason), "{path}: {text}: {}", refusal.reason);
            assert!(!refusal.hint.is_empty());
        }
    }
}

#[test]
fn places_that_take_no_expression() {
    refused(&[
        ("a.py", "# @\n", "comment"),
        ("a.py", "\"\"\"Doc @.\"\"\"\n", "documentation"),
        ("a.py", "def f():\n    'use @'\n", "documentation"),
        ("a.py", "match x:\n    case '@':\n        pass\n", "pattern"),
        ("a.py", "x = f\"{d['@']}\"\n", "code inside"),
        ("a.py", "x = b'x@'\n", "part"),
        ("a.py", "x = '\\@'\n", "escape"),
        ("a.js", "x = `a\\@`", "escape"),
        ("a.php", "<?php $x = 'a\\@';", "escape"),
        ("a.sh", "x=\"a\\@\"", "comment"),
        ("a.py", "x = @\n", "not inside a literal"),
        ("a.py", "os = 1\nx = '@'\n", "`os`"),
        ("a.js", "import x from '@';", "name"),
        ("a.js", "x = /@/;", "pattern"),
        ("a.ts", "type X = '@';", "type"),
        ("a.ts", "let x: '@' = y;", "type"),
        ("a.ts", "enum X { A = '@' }", "constant"),
        ("a.ts", "let h: { k: '@' } = x;", "type"),
        ("a.ts", "function f(a = 1, k: '@'): void {}", "type"),
        ("a.ts", "function f(a?: string): '@' { }", "type"),
        ("a.ts", "const m = new Map<string, '@'>();", "type"),
        ("a.ts", "const k = '@' as const;", "type"),
        ("src/components/A.jsx", "const [a] = useState(0); const apiKey = '@';", "browsers"),
        ("a.tsx", "'use client'\nconst k = '@';", "browsers"),
        ("a.vue", "<script>\nlet k = '@'\n</script>", "browsers"),
        ("a.go", "package a\nconst k = \"@\"\n", "constant"),
        ("a.go", "package a\nconst (\n\ta = 1\n\tk = \"@\"\n)\n", "constant"),
        ("a.go", "package a\nimport \"@\"\n", "declaration"),
        ("a.go", "package a\ntype T struct {\n\tA string `@`\n}\n", "declaration"),
        ("a.rs", "const K: &str = \"@\";", "constant"),
        ("a.rs", "pub static K: T = T { a: A {}, b: \"@\" };", "constant"),
        ("a.rs", "fn f() { println!(\"@\"); }", "macro"),
        ("a.rs", "#[doc = \"@\"] fn f() {}", "attribute"),
        ("a.rs", "fn f() { match x { \"@\" => 1, _ => 2 } }", "pattern"),
        ("a.rs", "fn f() { match x { \"@\" if y => 1, _ => 2 } }", "pattern"),
        ("a.rs", "fn f() { match x { (Some(\"@\"), _) => 1, _ => 2 } }", "pattern"),
        ("a.rs", "fn f() { if let Some(\"@\") = x {} }", "pattern"),
        ("a.rs", "fn f() { g(b\"@\") }", "bytes"),
        ("a.rb", "case x\nin '@'\n  1\nend\n", "pattern"),
        ("A.java", "class A { void f() { switch (x) { case \"@\": g(); } } }", "constant"),
        ("a.rb", "x = <<~X\n  @\nX\n", "several lines"),
        ("a.rb", "x = { '@': 1 }", "name"),
        ("a.php", "<?php const K = '@';", "constant"),
        ("a.php", "<?php class A { private $k = '@'; }", "constant"),
        ("a.php", "<?php class A { const K = ['a' => '@']; }", "constant"),
        ("a.php", "<?php function f($k = '@') {}", "constant"),
        ("a.php", "it is @ <?php f();", "not inside a literal"),
        ("a.sh", "# @\n", "comment"),
        ("a.sh", "cat <<'X'\n@\nX\n", "not expanded"),
    ]);
}

#[test]
fn annotations_take_constants() {
    let text = format!("@Value(\"{}\") class A {{}}", value(1));
    let plan = planned(&[("A.java", &text)], &found("A.java", &text, &value(1))).remove(0);
    assert!(plan.edits.is_empty() && plan.refused[0].reason.contains("constant"));
}

#[test]
fn files_that_have_no_variables() {
    refused(&[
        ("a.json", "{\"k\": \"@\"}", "JSON"),
        ("a.toml", "k = '@'", "variables"),
        ("Dockerfile", "ENV K=@", "image"),
        ("values.yaml", "k: @", "YAML"),
        ("a.md", "`@`", "not known"),
        (".env", "A=1\n# @\n", "comment"),
        (".env", "A=$B@\n", "other variables"),
        (".env", "PATH=@\n", "name"),
    ]);
}

#[test]
fn what_is_gone_or_elsewhere() {
    let text = format!("k = '{}'", value(1));
    let mut old = found("a.py", &text, &value(1));
    old[0].finding.commit = Some("c0ffee".to_owned());
    let plan = planned(&[("a.py", &text)], &old).remove(0);
    assert!(plan.refused[0].reason.contains("history"));
    let plan = planned_one("a.zip!b.py", "k = '@'");
    assert!(plan.edits.is_empty() && plan.refused[0].reason.contains("archive"));
    let plan = planned_one("a.py", "k = '@'\n\u{0}");
    assert!(plan.edits.is_empty() && plan.refused[0].reason.contains("binary"));
    let plan = planned(&[], &found("a.py", &text, &value(1))).remove(0);
    assert!(plan.refused[0].reason.contains("read"));
    let plan = planned(&[("a.py", "k = 'other'")], &found("a.py", &text, &value(1))).remove(0);
    assert!(plan.edits.is_empty() && plan.refused.len() == 1);
}

#[test]
fn two_values_of_one_name_in_env_files_are_not_mixed_up() {
    let (a, b) = (format!("K={}\n", value(1)), format!("K={}\n", value(2)));
    let mut all = found(".env", &a, &value(1));
    all.extend(found(".env.production", &b, &value(2)));
    let plans = planned(&[(".env", &a), (".env.production", &b)], &all);
    assert_eq!((plans[0].edits.len(), plans[1].edits.len()), (1, 0));
    assert!(plans[1].refused[0].reason.contains("another value"));
}

#[test]
fn careless_uses_and_weak_candidates_are_not_mended() {
    let text = format!("k = '{}'", value(1));
    for (misuse, weak) in [(true, false), (false, true)] {
        let mut all = found("a.py", &text, &value(1));
        (all[0].misuse, all[0].weak) = (misuse, weak);
        assert_eq!(planned(&[("a.py", &text)], &all).len(), 0);
    }
}
