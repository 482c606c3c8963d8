//! Generated sources, before and after: the languages' own parsers accept both, and where a language can be
//! run here both do the same.
//!
//! An interpreter that is not installed is left out, and said so.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::*;

/// A small generator of numbers (xorshift), so that a failure comes back.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).expect("it is below a usize")
    }

    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }
}

/// What sources of a language are put together from; `@` stands for a value.
struct Grammar {
    file: &'static str,
    heads: &'static [&'static str],
    statements: &'static [&'static str],
    tail: &'static str,
    marks: bool,
}

/// A source with its values, and the plan for it.
fn source(grammar: &Grammar, random: &mut Random) -> (String, FilePlan) {
    let mut text = String::from(random.pick(grammar.heads));
    for _ in 0..1 + random.below(6) {
        let key = value(1 + u32::try_from(random.below(3)).expect("small"));
        text.push_str(&random.pick(grammar.statements).replace('@', &key));
        text.push('\n');
    }
    text.push_str(grammar.tail);
    if random.below(3) == 0 {
        text = text.replace('\n', "\r\n");
    }
    if grammar.marks && random.below(4) == 0 && !text.starts_with("#!") {
        text.insert(0, '\u{feff}');
    }
    let all: Vec<Found> = (1..4).flat_map(|number| found(grammar.file, &text, &value(number))).collect();
    let plan = planned(&[(grammar.file, &text)], &all);
    (text, plan.into_iter().next().unwrap_or_else(|| planned_one(grammar.file, "")))
}

fn is_installed(program: &str, argument: &str) -> bool {
    let run =
        Command::new(program).arg(argument).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let installed = run.is_ok_and(|status| status.success());
    if !installed {
        println!("left out: `{program}` is not installed");
    }
    installed
}

/// Runs a program that says what is wrong on its output.
fn must_succeed(command: &mut Command) {
    let output = command.output().expect("the program starts");
    let shown = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&shown));
}

/// Writes `count` sources as `N.before` and `N.after` with `ending`, and their variables as JSON.
fn write(folder: &Path, grammar: &Grammar, count: usize, ending: &str) -> usize {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut edits = 0;
    for number in 0..count {
        let mut made = source(grammar, &mut random);
        while made.0.is_empty() || made.1.before.is_empty() {
            made = source(grammar, &mut random);
        }
        let (text, plan) = made;
        edits += plan.edits.len();
        for refusal in &plan.refused {
            // Nothing is refused because the plan was surprised.
            assert!(!refusal.reason.contains("scanned"), "{text}: {}", refusal.reason);
        }
        fs::write(folder.join(format!("{number}.before{ending}")), &text).expect("written");
        fs::write(folder.join(format!("{number}.after{ending}")), plan.after().as_slice()).expect("written");
        let mut variables = String::from("{");
        for store in &plan.stores {
            let comma = if variables.len() > 1 { "," } else { "" };
            let value = String::from_utf8_lossy(&store.value);
            write!(variables, "{comma}\"{}\": \"{value}\"", store.name).expect("a string");
        }
        fs::write(folder.join(format!("{number}.json")), variables + "}").expect("written");
    }
    edits
}

const PYTHON: Grammar = Grammar {
    file: "a.py",
    heads: &[
        "",
        "#!/usr/bin/env python3\n",
        "# -*- coding: utf-8 -*-\n# a comment\n",
        "\"\"\"Doc.\n\nimport os\n\"\"\"\n",
        "'doc'\n\nfrom __future__ import annotations\n\n",
        "from __future__ import (  # why )\n    annotations,\n)\nimport sys\n",
        "import os\n",
        "import sys, os.path\n",
        "r'''doc''' # c\nimport re as r_\n",
        "import os as o\n",
    ],
    statements: &[
        "r = globals().get('r', []); r.append('@')",
        "r = [*globals().get('r', []), \"@\", 'a\\@', 'a\\\\@', r'a\\@']",
        "r = [*globals().get('r', []), f\"x {1 + 1:>{3}} @ {'a'!r} {{}}\"]",
        "r = [*globals().get('r', []), \"Bearer @ {x}\"]",
        "r = [*globals().get('r', []), 'it\\'s @ \"q\" \\x41']",
        "r = [*globals().get('r', []), \"a\" '@' \"b\"]",
        "r = [*globals().get('r', []),\n\t'''one\n@ {}\ntwo''' # @ here\n\t\"three\"]",
        "r = [*globals().get('r', []), b'@'.decode(), rb'\\d' b'@']",
        "r = [*globals().get('r', []), {\"k\": \"@\", '@': 2}]",
        "r = [*globals().get('r', []), r'\\d{2}@\\n', u'@', R\"\"\"@\"\"\"]",
        "r = [*globals().get('r', []), '@'if 1 else 0, '@'.upper(), '@'[1:], '@' '@']",
        "def f(a='@', *, b=\"x@y\"):\n    \"\"\"Doc @.\"\"\"\n    return'@' + a + b\nr = [*globals().get('r', []), f()]",
        "r = [*globals().get('r', []), '%s @' % 1, '{} @'.format(1), len('@' \\\n  'x')]",
        "class A:\n    '@'\n    k: str = '@'\nr = [*globals().get('r', []), A.k]",
        "# '@' \"\"\"",
        "r = [*globals().get('r', []), f'{\"@\"}', f'''{1}\n@''', lambda x='@': x][:-1]",
        "r = [*globals().get('r', []), 'https://u:@@h/?k=@&x={}']",
    ],
    tail: "",
    marks: true,
};

#[test]
fn python_does_the_same_before_and_after() {
    if !is_installed("python3", "--version") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let edits = write(folder.path(), &PYTHON, 400, ".py");
    assert!(edits > 400, "{edits}");
    let driver = "
import ast, json, os, sys
for n in range(400):
    seen = []
    for side in ('before', 'after'):
        text = open(f'{n}.{side}.py', 'rb').read()
        os.environ.clear()
        if side == 'after':
            os.environ.update(json.load(open(f'{n}.json')))
        try:
            ast.parse(text)
            scope = {'__name__': 'm'}
            exec(compile(text, 'm', 'exec'), scope)
            seen.append(repr(scope.get('r')))
        except Exception as error:
            sys.exit(f'{n} {side}: {error!r}\\n{text.decode()}')
    if seen[0] != seen[1]:
        sys.exit(f'{n}: {seen[0]} is now {seen[1]}\\n{text.decode()}')
";
    must_succeed(Command::new("python3").arg("-c").arg(driver).current_dir(folder.path()));
}

const JAVASCRIPT: Grammar = Grammar {
    file: "a.js",
    heads: &["", "'use strict';\n", "#!/usr/bin/env node\n", "/* it's */\n", "// `\n"],
    statements: &[
        "r.push('@', 'a\\@', `a\\\\@`);",
        "r.push(\"Bearer @\", 'it\\'s `@` ${x} \\x41\\u{42}');",
        "r.push(`@`, `x ${1 + 1} @ ${`y ${'@'}`}`, String.raw`a@`);",
        "r.push({ k: '@', '@': 2, \"x@\": 3 });",
        "r.push(r ? '@' : \"@\", '@'.length, '@' + '@')",
        "r.push(/['\"`]/.test('@'), 4 / 2 / 1, '@')",
        "r.push((() => { return'x' + \"@\" })());",
        "r.push((() => {\n\tswitch ('@') { case '@': return 1; default: return 2 }\n})())",
        "// '@'",
        "/* \"@\" */ r.push('\\\n@');",
        "r.push(((k = '@') => k)(), ['@','@'].join());",
        "r.push(typeof '@', ('@'in {}), void \"@\")",
        "class A { k = '@'; static s = \"x@\" }\nr.push(new A().k, A.s)",
    ],
    tail: "",
    marks: false,
};

#[test]
fn javascript_does_the_same_before_and_after() {
    if !is_installed("node", "--version") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    // Each statement may declare names again, so that it gets a block of its own.
    let edits = write(folder.path(), &JAVASCRIPT, 400, ".js");
    assert!(edits > 400, "{edits}");
    let driver = "
const fs = require('fs'), vm = require('vm');
for (let n = 0; n < 400; n++) {
  const seen = ['before', 'after'].map((side) => {
    let text = fs.readFileSync(`${n}.${side}.js`, 'utf8').replace(/^#!.*/, '').replace(/class A /g, (m, at) => `A = class `);
    const env = side == 'after' ? JSON.parse(fs.readFileSync(`${n}.json`, 'utf8')) : {};
    const r = [];
    try { vm.runInNewContext('var A;' + text, { r, process: { env } }); } catch (error) {
      console.error(n, side, error, text); process.exit(1);
    }
    return JSON.stringify(r);
  });
  if (seen[0] != seen[1]) { console.error(n, seen, fs.readFileSync(`${n}.after.js`, 'utf8')); process.exit(1); }
}
";
    must_succeed(Command::new("node").arg("-e").arg(driver).current_dir(folder.path()));
    must_succeed(Command::new("node").arg("--check").arg("0.after.js").current_dir(folder.path()));
}

const SHELL: Grammar = Grammar {
    file: "a.sh",
    heads: &["", "#!/bin/bash\n", "# it's\n"],
    statements: &[
        "A=@; echo $A",
        "export B='x @ y'; echo \"$B\"",
        "echo \"a @ $(echo \"@\" '@' @) b\" '\"' \"'\" @",
        "echo $'it\\'s @'",
        "cat <<X\nit's @ \"@\"\nX",
        "cat <<'X'\n@ $HOME '\nX",
        "cat <<-X\n\t@\n\tX",
        "# '@",
        "case @ in a) echo 1;; *) echo @;; esac",
        "if [ \"$A\" = '@' ]; then echo \"${A:-@}\"; fi",
        "f() { echo \"f $1\"; }; f @ | cat",
        "echo `echo @` $((1 + 2)) \\'@",
        "C=(a '@' \"@\"); echo \"${C[*]}\"",
    ],
    tail: "echo end\n",
    marks: false,
};

#[test]
fn shell_does_the_same_before_and_after() {
    if !is_installed("bash", "--version") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    // Carriage returns are part of words in scripts.
    let mut random = Random(42);
    for number in 0..120 {
        let (text, plan) = source(&SHELL, &mut random);
        if plan.before.is_empty() || text.contains('\r') {
            continue;
        }
        let run = |text: &[u8], variables: bool| {
            let path = folder.path().join(format!("{number}.sh"));
            fs::write(&path, text).expect("written");
            must_succeed(Command::new("bash").arg("-n").arg(&path));
            let mut command = Command::new("bash");
            command.arg(&path).current_dir(folder.path());
            for store in plan.stores.iter().filter(|_| variables) {
                command.env(&store.name, String::from_utf8_lossy(&store.value).as_ref());
            }
            String::from_utf8_lossy(&command.output().expect("bash runs").stdout).into_owned()
        };
        let after = plan.after();
        assert_eq!(run(text.as_bytes(), false), run(&after, true), "{text}\n---\n{}", String::from_utf8_lossy(&after));
    }
}

const RUST: Grammar = Grammar {
    file: "a.rs",
    heads: &["", "//! It's.\n", "use std::fmt; /* /* \" */ */\n"],
    statements: &[
        "fn a<'a>(x: &'a str) { let k: &str = \"@\"; g(\"Bearer @ {}\", '\"', 'a'); }",
        "const K: &str = \"@\";",
        "static S: T = T { a: A {}, b: \"@\" };",
        "fn b() { g(r#\"x \"@\" y\"#.to_owned()) + r\"@\"; h(b\"@\", c\"@\"); }",
        "fn c() { println!(\"@ {}\", 1); vec![\"@\"]; json!({\"k\": \"@\"}); }",
        "#[doc = \"@\"]\nfn d() { match x { \"@\" => \"@\", _ => \"x@\", } }",
        "impl A { const fn e() -> &'static str { \"@\" } }",
        "// \"@\"",
        "fn f() { if x == \"@\" { return \"x@\"; } let y = \"line \\\n   @\"; }",
    ],
    tail: "",
    marks: false,
};

#[test]
fn rust_is_parsed_before_and_after() {
    if !is_installed("rustfmt", "--version") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    assert!(write(folder.path(), &RUST, 60, ".rs") > 60);
    for side in ["before", "after"] {
        let files = (0..60).map(|number| folder.path().join(format!("{number}.{side}.rs")));
        must_succeed(Command::new("rustfmt").args(["--edition", "2021", "--quiet"]).args(files));
    }
}

const JAVA: Grammar = Grammar {
    file: "A.java",
    heads: &[
        "class A { static void g(Object... o) {} %interface V { String value(); }\n",
        "// it's\nclass A { static void g(Object... o) {} %interface V { String value(); }\n",
    ],
    statements: &[
        "static class C# { static final String K = \"@\"; String x = \"Bearer @ \\\"q\\\"\"; char c = '\"'; }",
        "static void f#() { g(\"@\".length(), \"x@y\".length(), \"a\" + \"@\"); }",
        "%V(\"@\") static void h#() { g(\"@\"); }",
        "static int s#(String x) { switch (x) { case \"@\": return 1; default: return \"@\".length(); } }",
        "static String t# = \"\"\"\n  @\n  \"x\"\n  \"\"\";",
        "// \"@\"",
        "static String[] u# = { \"@\", \"x@\" }; /* \"@\" */",
    ],
    tail: "}\n",
    marks: false,
};

#[test]
fn java_is_compiled_before_and_after() {
    if !is_installed("javac", "-version") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut random = Random(7);
    let mut files = Vec::new();
    for number in 0..40 {
        let (text, _) = source(&JAVA, &mut random);
        // Every member has a name of its own; `%` is an annotation's sign.
        let text = text.replace('%', "@");
        let mut parts = text.split('#');
        let mut unique = parts.next().unwrap_or_default().to_owned();
        for (index, part) in parts.enumerate() {
            write!(unique, "{index}{part}").expect("a string");
        }
        let all: Vec<Found> = (1..4).flat_map(|number| found("A.java", &unique, &value(number))).collect();
        let Some(plan) = planned(&[("A.java", &unique)], &all).pop() else { continue };
        for (side, text) in [("b", unique.as_bytes()), ("a", plan.after().as_slice())] {
            let path = folder.path().join(format!("p{number}{side}")).join("A.java");
            fs::create_dir(path.parent().expect("it has one")).expect("made");
            let package = format!("package p{number}{side};\n");
            fs::write(&path, [package.as_bytes(), text].concat()).expect("written");
            files.push(path);
        }
    }
    must_succeed(Command::new("javac").arg("-proc:none").arg("-d").arg(folder.path().join("out")).args(files));
}

const GO: Grammar = Grammar {
    file: "a.go",
    heads: &[
        "package a\n\n",
        "// it's\npackage a\n\nimport \"fmt\"\n\n",
        "package a\n\nimport (\n\t\"fmt\"\n\tx \"net/http\"\n)\n\n",
        "package a\n\nimport (\"fmt\"; \"strings\")\n\n",
        "package a\n\nimport (\n\t\"fmt\"\n\t\"os\"\n)\n\n",
        "package a\n\n// #include <x.h>\nimport \"C\"\n\n",
    ],
    statements: &[
        "var k = \"@\"",
        "const k = \"@\"",
        "const (\n\ta = 1\n\tb = \"@\"\n)",
        "func f() { g(\"Bearer @\", `x\n@`, '\"', []byte(\"@\")) }",
        "type T struct {\n\tA string `json:\"@\"`\n}",
        "var m = map[string]string{\"k\": \"@\", \"x@\": `@`}",
        "// \"@\"",
        "func h(s string) int {\n\tswitch s {\n\tcase \"@\":\n\t\treturn 1\n\t}\n\treturn 2\n}",
    ],
    tail: "",
    marks: false,
};

const RUBY: Grammar = Grammar {
    file: "a.rb",
    heads: &["", "# it's\n", "=begin\nit's\n=end\n"],
    statements: &[
        "A ||= '@'",
        "x = \"Bearer @ #{y + \"@\"}\" ",
        "x = 'it\\'s @ \"q\" \\d #{'",
        "x = <<~EOS\n  it's @\nEOS\ny = '@'",
        "x = { k: '@', '@' => 1, \"x@\": 2 }",
        "puts '@', \"@\" '@'",
        "x = %w[it's @]; y = %q(@ (') x)",
        "z = a / b / 1; x = '@' =~ /['\"]/",
        "# '@'",
    ],
    tail: "",
    marks: false,
};

const PHP: Grammar = Grammar {
    file: "a.php",
    heads: &["<?php\n", "<p>it's</p>\n<?php // it's ?> it's <?php\n"],
    statements: &[
        "$a = 'a\\@'; $a = 'a\\\\@'; $a = '@'; $b = \"Bearer @ $a {$c['x']}\";",
        "class A { const K = '@'; private $k = '@'; function f($x = '@') { return ['t' => '@', 'x@' => 1]; } }",
        "$x = <<<X\nit's @\nX;",
        "f('it\\'s @', \"@\", $a ? '@' : 'x@' . \"\\\"@\");",
        "define('K', '@'); # '@'",
        "/* '@' */ echo '@', \"@\";",
        "function g() { static $k = '@'; return '@'; }",
    ],
    tail: "",
    marks: false,
};

const TSX: Grammar = Grammar {
    file: "a.tsx",
    heads: &["", "import x from \"y\";\n", "// it's\n"],
    statements: &[
        "const a: string = '@', b = x ? '@' : 'x@';",
        "type A = '@' | \"b\"; interface B { '@': 1; k: '@' }",
        "enum E { A = '@' }",
        "function f(this: A, k: '@', l: string = '@'): '@' { return '@' as const; }",
        "const t = <Chat apiKey=\"@\" on={() => f('@')}>Don't use it @ </Chat>;",
        "class C<T> { private readonly k: string = \"@\"; m = { '@': `x ${'@'} @` }; }",
        "const g = new Map<string, '@'>([['@', 1]]); if (a < b && c > '@') {}",
        "let h: { k: '@' } = { k: '@' };",
        "export const o = { headers: { Authorization: 'Bearer @' } } satisfies H;",
    ],
    tail: "",
    marks: false,
};

/// Languages without a parser on most machines: with it where it is there, else by a check of brackets and quotes.
#[test]
fn go_ruby_php_and_typescript_keep_their_shape() {
    for (grammar, program, argument, ending) in [
        (&GO, "gofmt", "-l", ".go"),
        (&RUBY, "ruby", "-c", ".rb"),
        (&PHP, "php", "-l", ".php"),
        (&TSX, "tsc", "--noEmit", ".tsx"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(write(folder.path(), grammar, 150, ending) > 150, "{program}");
        // The compiler of TypeScript asks for types that are not there.
        let parser = program != "tsc" && is_installed(program, "-h");
        for number in 0..150 {
            let path = |side: &str| folder.path().join(format!("{number}.{side}{ending}"));
            let text = |side: &str| fs::read_to_string(path(side)).expect("written");
            assert_eq!(shape(&text("before")), shape(&text("after")), "{}\n---\n{}", text("before"), text("after"));
            if parser {
                must_succeed(Command::new(program).arg(argument).arg(path("after")));
            }
        }
    }
}

/// How many lines there are, those of imports aside, and how many brackets are open at the end.
fn shape(text: &str) -> (usize, [isize; 3]) {
    let import = |line: &&str| !matches!(line.trim(), "import \"os\"" | "\"os\"" | "");
    let balance = |[open, close]: [char; 2]| {
        let count = |c: char| isize::try_from(text.matches(c).count()).expect("small");
        count(open) - count(close)
    };
    (text.lines().filter(import).count(), [['(', ')'], ['{', '}'], ['[', ']']].map(balance))
}
