//! What the path of a text says of what stands in it.

use std::cell::RefCell;

use crate::engine::matcher::Hint;

/// How values stand in a text of that kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Syntax {
    /// Values are quoted: what is not is an expression.
    Code,
    /// Values may stand bare up to the end of the line.
    Config,
    /// Values may stand bare up to the next space.
    Shell,
    /// Sentences with examples between them.
    Prose,
    /// Pages: text for people in quotes and between tags.
    Markup,
    /// Nothing is known.
    Unknown,
}

/// What is known of a text by its path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// How values stand in it.
    pub(crate) syntax: Syntax,
    /// Tests, examples, documentation, labels: values in it are often made up.
    pub(crate) made_up: bool,
    /// Texts for people in many languages, tables, pictures and styles: what a name promises is mostly its label, so
    /// that a value has to look drawn by a machine. Programs in a folder of translations are programs.
    pub(crate) labels: bool,
    /// Lock files, maps of built code, fonts: no value in it is a secret by its name.
    pub(crate) data: bool,
}

thread_local! {
    /// The last path that was looked at: a text is asked about many times in a row.
    static LAST: RefCell<(String, Option<Setting>)> = const { RefCell::new((String::new(), None)) };
}

impl Setting {
    pub(crate) fn of(hint: &Hint<'_>) -> Self {
        LAST.with_borrow_mut(|(path, setting)| match setting {
            Some(setting) if path == hint.path => *setting,
            _ => {
                hint.path.clone_into(path);
                *setting.insert(Self::read(hint))
            }
        })
    }

    fn read(hint: &Hint<'_>) -> Self {
        let name = hint.file_name().to_ascii_lowercase();
        let extension = name.rsplit_once('.').map_or("", |(_, end)| end);
        let folders = hint.path.split(['/', '!']);
        let made_up = folders.clone().any(|part| has(MADE_UP, &part.to_ascii_lowercase())) || is_test_file(&name);
        let translated = has(TRANSLATED, extension)
            && (name.contains("messages_")
                || folders.clone().any(|part| has(TRANSLATIONS, &part.to_ascii_lowercase())));
        let labels = translated || has(LABELS, extension);
        let data = has(DATA, extension) || has(LOCKS, &name) || name.ends_with(".lock");
        let syntax = syntax(&name, extension);
        Self { syntax, made_up: made_up || labels || syntax == Syntax::Prose, labels, data }
    }
}

fn syntax(name: &str, extension: &str) -> Syntax {
    if name.starts_with(".env") || name.ends_with(".env") || name.contains(".env.") {
        return Syntax::Config;
    }
    if name.starts_with("dockerfile") || name.starts_with("makefile") || name.starts_with("gnumakefile") {
        return Syntax::Shell;
    }
    match extension {
        _ if has(CODE, extension) => Syntax::Code,
        _ if has(CONFIG, extension) => Syntax::Config,
        _ if has(SHELL, extension) => Syntax::Shell,
        _ if has(PROSE, extension) => Syntax::Prose,
        _ if has(MARKUP, extension) => Syntax::Markup,
        _ if name.starts_with('.') && !name[1..].contains('.') => Syntax::Config,
        _ => Syntax::Unknown,
    }
}

fn is_test_file(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name);
    stem.starts_with("test_")
        || stem.ends_with("_test")
        || stem.ends_with("_spec")
        || stem.ends_with("_tests")
        || name.contains(".test.")
        || name.contains(".spec.")
        || name.contains(".stories.")
        || name.ends_with("test.java")
        || name.ends_with("tests.cs")
}

/// Whether a list of words, parted by spaces, has this one.
pub(crate) fn has(list: &str, word: &str) -> bool {
    !word.is_empty() && list.split(' ').any(|own| own == word)
}

const MADE_UP: &str = "test tests testing __tests__ testdata test-data test_data spec specs fixture fixtures \
    __fixtures__ mock mocks __mocks__ example examples sample samples demo demos doc docs documentation e2e tutorial \
    tutorials cookbook snippets testsuite unittests testutils test-utils changelogs";
const TRANSLATIONS: &str = "locale locales i18n l10n lang langs translations nls lc_messages";
/// In which texts for people are kept: where they stand in a folder of translations, they are such.
const TRANSLATED: &str = "json json5 yml yaml properties toml ini xml php js ts mjs html htm md txt";
const LABELS: &str = "po pot mo xlf xliff arb resx ftl strings srt vtt svg css scss less sass snap csv tsv pyi";
const DATA: &str = "map ipynb_checkpoints sum ttf woff tsbuildinfo";
const LOCKS: &str = "package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml composer.lock cargo.lock go.sum poetry.lock \
    gemfile.lock pipfile.lock uv.lock bun.lock packages.lock.json podfile.lock mix.lock flake.lock deno.lock pubspec.lock";
const CODE: &str = "py pyw pyx js jsx ts tsx mjs cjs mts cts go rs java kt kts cs fs vb c cc cpp cxx h hh hpp m mm rb erb php \
    phtml pl pm t swift scala sc groovy gradle lua ex exs erl hs ml clj cljs dart r jl nim zig sql vue svelte astro ipynb \
    json json5 jsonc toml tf tfvars hcl elm coffee d pas v sol proto graphql star bzl rkt lisp scm ps1 psm1 psd1 j2";
const CONFIG: &str = "ini cfg conf config cnf properties props yml yaml env netrc settings inf reg rc desktop service \
    textproto plist list key";
const SHELL: &str = "sh bash zsh fish ksh bat cmd mk make dockerfile tcl expect";
const PROSE: &str = "md markdown rst txt adoc asciidoc org tex mdx textile pod rdoc man 1 3 5 7 8 news changes";
const MARKUP: &str = "html htm xhtml xml xsd xsl xslt jsp aspx cshtml razor hbs ejs tmpl twig jinja jinja2 haml pug \
    csproj nuspec xaml wsdl";

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> Setting {
        Setting::of(&Hint { path, depth: 0 })
    }

    #[test]
    fn a_path_tells_the_syntax() {
        for (path, syntax) in [
            ("src/main.rs", Syntax::Code),
            ("a/.env", Syntax::Config),
            ("a/.env.production", Syntax::Config),
            ("prod.env", Syntax::Config),
            ("k8s/app.yaml", Syntax::Config),
            ("Dockerfile", Syntax::Shell),
            ("deploy.sh", Syntax::Shell),
            ("README.md", Syntax::Prose),
            ("pom.xml", Syntax::Markup),
            ("", Syntax::Unknown),
            ("x.unheard", Syntax::Unknown),
        ] {
            assert_eq!(of(path).syntax, syntax, "{path}");
        }
    }

    #[test]
    fn tests_examples_and_translations_are_known() {
        assert!(of("pkg/tests/a.py").made_up && of("a/test_views.py").made_up && of("README.md").made_up);
        assert!(!of("pkg/contest/a.py").made_up && !of("pkg/latest.py").made_up);
        assert!(of("app/locale/de.json").labels && of("package-lock.json").data && of("x/Cargo.lock").data);
        assert!(!of("app/config.json").data && !of("app/config.json").labels);
        assert!(!of("src/lang/deploy.sh").labels && !of("i18n/db.py").labels && !of("lang/.env").labels);
    }
}
