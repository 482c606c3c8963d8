//! Code and configuration around a value, in the syntaxes of the common languages and formats.
//!
//! `{N}` is the name in upper case, `{n}` in lower, `{c}` in camel case, `{k}` with dashes, `{v}` the value.

/// A path and lines with one value in them.
pub(crate) type Context = (&'static str, &'static str);

/// What the filters were tuned on.
pub(crate) const SEEN: &[Context] = &[
    ("src/settings.py", "import os\n\nDEBUG = False\n{N} = \"{v}\"\nALLOWED_HOSTS = [\"*\"]\n"),
    ("src/client.py", "class Client:\n    def __init__(self):\n        self.{n} = '{v}'\n        self.retries = 3\n"),
    ("src/conf.py", "config = {\n    \"timeout\": 30,\n    \"{n}\": \"{v}\",\n}\n"),
    ("src/env.py", "import os\n{N} = os.environ.get(\"{N}\", \"{v}\")\n"),
    ("src/api.js", "const axios = require('axios');\nconst {c} = '{v}';\nmodule.exports = { {c} };\n"),
    ("src/config.ts", "export const environment = {\n  production: true,\n  {c}: '{v}',\n};\n"),
    ("src/app.tsx", "const {c}: string = \"{v}\";\nexport default function App() { return null; }\n"),
    ("src/env.js", "const {c} = process.env.{N} || \"{v}\";\n"),
    ("main.go", "package main\n\nconst {c} = \"{v}\"\n\nfunc main() {}\n"),
    ("config.go", "var cfg = Config{\n\tTimeout: 30,\n\t{c}: \"{v}\",\n}\n"),
    ("src/main.rs", "const {N}: &str = \"{v}\";\n\nfn main() {}\n"),
    ("src/App.java", "public class App {\n    private static final String {N} = \"{v}\";\n}\n"),
    ("src/App.kt", "object Config {\n    const val {N} = \"{v}\"\n}\n"),
    ("src/App.cs", "public static class Config {\n    public const string {c} = \"{v}\";\n}\n"),
    ("src/main.c", "#include <stdio.h>\nstatic const char *{n} = \"{v}\";\n"),
    ("src/main.cpp", "#define {N} \"{v}\"\nint main() { return 0; }\n"),
    ("config/app.rb", "App.configure do |config|\n  config.{n} = '{v}'\nend\n"),
    ("lib/x.rb", "OPTIONS = {\n  :{n} => \"{v}\",\n}\n"),
    ("config.php", "<?php\ndefine('{N}', '{v}');\n"),
    ("app.php", "<?php\nreturn [\n    '{n}' => '{v}',\n];\n"),
    ("x.pl", "use strict;\nmy ${n} = '{v}';\n"),
    ("App.swift", "struct Secrets {\n    static let {c} = \"{v}\"\n}\n"),
    ("App.scala", "object Conf {\n  val {c} = \"{v}\"\n}\n"),
    ("deploy.sh", "#!/bin/sh\nset -e\nexport {N}={v}\n./deploy\n"),
    ("run.sh", "{N}=\"{v}\"\ncurl -s https://api.corp.net\n"),
    ("x.ps1", "$ErrorActionPreference = 'Stop'\n$env:{N} = \"{v}\"\n"),
    ("values.yaml", "replicas: 2\n{n}: {v}\nport: 80\n"),
    ("docker-compose.yml", "services:\n  web:\n    environment:\n      - {N}={v}\n"),
    ("k8s.yaml", "env:\n  - name: {N}\n    value: \"{v}\"\n"),
    ("config.json", "{\n  \"debug\": false,\n  \"{n}\": \"{v}\"\n}\n"),
    ("app.toml", "[server]\nport = 80\n{n} = \"{v}\"\n"),
    ("app.ini", "[server]\nport = 80\n{n} = {v}\n"),
    ("app.properties", "server.port=80\n{k}={v}\n"),
    ("app.xml", "<configuration>\n  <add key=\"{c}\" value=\"{v}\" />\n</configuration>\n"),
    ("main.tf", "provider \"x\" {\n  {n} = \"{v}\"\n}\n"),
    ("Dockerfile", "FROM alpine\nENV {N}={v}\nCMD [\"/app\"]\n"),
    ("Makefile", "{N} := {v}\n\nall:\n\techo ok\n"),
    (".env", "PORT=80\n{N}={v}\nDEBUG=0\n"),
    ("build.gradle", "ext {\n    {c} = '{v}'\n}\n"),
    ("x.lua", "local config = {\n  {n} = \"{v}\",\n}\n"),
    ("config/prod.exs", "config :app,\n  {n}: \"{v}\"\n"),
    ("x.R", "Sys.setenv({N} = \"{v}\")\n{n} <- \"{v}\"\n"),
    ("Info.plist", "<dict>\n  <key>{c}</key>\n  <string>{v}</string>\n</dict>\n"),
    ("src/long.py", "{n} = (\n    \"{v}\"\n)\n"),
    ("vm.tf", "user_data = <<EOF\n#!/bin/sh\nexport {N}={v}\nEOF\n"),
    ("README.txt", "To try it, run:\n\n    export {N}={v}\n"),
];

/// Never tuned on: the filters were made without looking at them.
pub(crate) const HELD_OUT: &[Context] = &[
    ("x.dart", "class Keys {\n  static const String {c} = '{v}';\n}\n"),
    ("x.jl", "const {N} = \"{v}\"\nprintln(\"ok\")\n"),
    ("x.nim", "const {c}* = \"{v}\"\n"),
    ("x.zig", "const {n}: []const u8 = \"{v}\";\n"),
    ("x.clj", "(def {k} \"{v}\")\n"),
    ("x.edn", "{:port 80\n :{k} \"{v}\"}\n"),
    ("x.hs", "{c} :: String\n{c} = \"{v}\"\n"),
    ("x.ml", "let {n} = \"{v}\"\n"),
    ("x.fs", "let {c} = \"{v}\"\n"),
    ("x.vb", "Dim {c} As String = \"{v}\"\n"),
    ("x.erl", "-define({N}, \"{v}\").\n"),
    ("x.tcl", "set {n} \"{v}\"\n"),
    ("x.fish", "set -gx {N} {v}\n"),
    ("x.bat", "@echo off\nset {N}={v}\n"),
    ("x.nix", "{\n  environment.variables.{N} = \"{v}\";\n}\n"),
    ("x.service", "[Service]\nEnvironment=\"{N}={v}\"\nExecStart=/bin/app\n"),
    ("x.ipynb", "{\"cells\":[{\"source\":[\"import os\\n\",\"os.environ['{N}'] = '{v}'\\n\"]}]}\n"),
    ("x.vue", "<script>\nexport default { data() { return { {c}: '{v}' } } }\n</script>\n"),
    ("x.html", "<script>\n  var {c} = \"{v}\";\n</script>\n"),
    ("strings.xml", "<resources>\n  <string name=\"{n}\">{v}</string>\n</resources>\n"),
    ("x.bicep", "param {c} string = '{v}'\n"),
    ("x.http", "GET https://api.corp.net/v1\n{k}: {v}\n"),
    ("x.log", "2026-01-02 10:00:00 INFO starting with {n}={v} retries=3\n"),
    ("notes.md", "- {N}: `{v}`\n- region: eu\n"),
    ("x.cfg", "{N} {v}\n"),
    ("ci.yml", "script:\n  - {N}='{v}' make deploy\n"),
    ("x.groovy", "withEnv([\"{N}={v}\"]) { sh 'make' }\n"),
    ("x.conf", "set ${n} \"{v}\";\nproxy_pass http://up;\n"),
    ("x.csv.txt", "name,value\n{N},{v}\n"),
];

/// A context with a name and a value put in.
pub(crate) fn fill(context: &Context, name: &str, value: &str) -> (String, String) {
    let lower = name.to_ascii_lowercase();
    let text = context.1.replace("{N}", name).replace("{c}", &camel(&lower)).replace("{k}", &lower.replace('_', "-"));
    (context.0.to_owned(), text.replace("{n}", &lower).replace("{v}", value))
}

fn camel(lower: &str) -> String {
    let mut words = lower.split('_').filter(|word| !word.is_empty());
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |out, word| out + &word[..1].to_ascii_uppercase() + &word[1..])
}
