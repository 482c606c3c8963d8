//! What a file is written in, and what of it is code that runs.

use super::{Site, contains};
use crate::engine::{Hint, Text};

/// Languages as far as the linters and fixes tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Language {
    Python,
    /// Components of Vue, Svelte and Astro too.
    JavaScript,
    TypeScript,
    Component,
    Go,
    Rust,
    /// Java and what runs beside it: Kotlin, Scala, Groovy.
    Java,
    Kotlin,
    CSharp,
    C,
    Swift,
    Ruby,
    Php,
    Shell,
    Docker,
    Yaml,
    DotEnv,
    /// Documents, data, and what we do not know.
    None,
}

impl Language {
    /// By the file's name.
    pub(crate) fn of(hint: &Hint<'_>) -> Self {
        let name = hint.file_name();
        if is_dotenv(name) {
            return Self::DotEnv;
        }
        match name {
            "Dockerfile" | "Containerfile" => return Self::Docker,
            "Gemfile" | "Rakefile" | "Vagrantfile" => return Self::Ruby,
            ".bashrc" | ".zshrc" | ".profile" | ".bash_profile" | ".zprofile" | ".zshenv" => return Self::Shell,
            _ => {}
        }
        match hint.extension().as_str() {
            "py" | "pyw" => Self::Python,
            "js" | "jsx" | "mjs" | "cjs" => Self::JavaScript,
            "ts" | "tsx" | "mts" | "cts" => Self::TypeScript,
            "vue" | "svelte" | "astro" => Self::Component,
            "go" => Self::Go,
            "rs" => Self::Rust,
            "java" => Self::Java,
            "kt" | "kts" | "scala" | "groovy" | "gradle" => Self::Kotlin,
            "cs" => Self::CSharp,
            "c" | "h" | "cc" | "cpp" | "cxx" | "hpp" | "m" | "mm" => Self::C,
            "swift" => Self::Swift,
            "rb" | "rake" => Self::Ruby,
            "php" | "phtml" => Self::Php,
            "sh" | "bash" | "zsh" | "ksh" => Self::Shell,
            "dockerfile" => Self::Docker,
            "yml" | "yaml" => Self::Yaml,
            _ => Self::None,
        }
    }

    pub(crate) fn is_javascript(self) -> bool {
        matches!(self, Self::JavaScript | Self::TypeScript | Self::Component)
    }

    pub(super) fn is_shell_like(self) -> bool {
        matches!(self, Self::Shell | Self::Docker | Self::Yaml)
    }
}

/// `.env`, `.env.production`, `prod.env`, `.envrc`.
fn is_dotenv(name: &str) -> bool {
    name == ".env" || name == ".envrc" || name.starts_with(".env.") || name.ends_with(".env")
}

/// Whether a path is a test's or a document's.
pub(super) fn is_test(path: &str) -> bool {
    const FOLDERS: [&str; 14] = [
        "test",
        "tests",
        "__tests__",
        "spec",
        "specs",
        "testing",
        "testdata",
        "fixtures",
        "__mocks__",
        "mocks",
        "e2e",
        "docs",
        "doc",
        "testsuite",
    ];
    let mut parts = path.rsplit(['/', '!']);
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    let stem = name.split('.').next().unwrap_or_default();
    let file = stem.starts_with("test_")
        || stem.ends_with("_test")
        || stem.ends_with("_spec")
        || matches!(stem, "conftest" | "test" | "tests")
        || name.contains(".test.")
        || name.contains(".spec.")
        || stem.ends_with("test") && (name.ends_with(".java") || name.ends_with(".kt") || name.ends_with(".php"));
    file || parts.any(|part| FOLDERS.contains(&part.to_ascii_lowercase().as_str()))
}

/// Whether a place is in a comment or a text about code.
pub(super) fn is_comment(site: &Site<'_>) -> bool {
    let bytes = site.bytes();
    let line = site.text.line_around(site.at, 400);
    let before = &bytes[line.start..site.at];
    let trimmed = before.trim_ascii_start();
    let lines: &[&str] = match site.language {
        Language::Python => &["#", ">>>", "..."],
        Language::Ruby | Language::Shell | Language::Docker | Language::Yaml | Language::DotEnv => &["#"],
        Language::Php => &["#", "//", "*", "/*"],
        _ => &["//", "*", "/*", "<!--", "{/*"],
    };
    if lines.iter().any(|mark| trimmed.starts_with(mark.as_bytes())) {
        return true;
    }
    let behind: &[u8] = match site.language {
        Language::Python | Language::Ruby | Language::Shell | Language::Yaml => b" # ",
        _ => b" // ",
    };
    if memchr::memmem::find(before, behind).is_some() {
        return true;
    }
    site.language == Language::Python && in_docstring(bytes, site.at) || in_block_comment(site)
}

/// How far back the beginning of a comment is looked for.
const REACH: usize = 4096;

/// Whether the last triple quote before `at` opens a text that nobody assigns.
fn in_docstring(bytes: &[u8], at: usize) -> bool {
    let low = at.saturating_sub(REACH);
    let region = &bytes[low..at];
    let quote = [&b"\"\"\""[..], b"'''"].into_iter().filter_map(|quote| memchr::memmem::rfind(region, quote)).max();
    let Some(quote) = quote else { return false };
    let start = memchr::memrchr(b'\n', &region[..quote]).map_or(0, |found| found + 1);
    let head = region[start..quote].trim_ascii();
    if !head.is_empty() && !matches!(head, b"r" | b"u" | b"R") {
        // `text = """` opens, `end of text."""` closes.
        return matches!(head.last(), Some(b'=' | b'(' | b',' | b'['));
    }
    let above = region[..start].trim_ascii_end();
    above.ends_with(b":") || above.is_empty() || (low == 0 && above.iter().all(u8::is_ascii_whitespace))
}

fn in_block_comment(site: &Site<'_>) -> bool {
    if matches!(site.language, Language::Python | Language::Ruby | Language::Shell | Language::Docker | Language::Yaml)
    {
        return false;
    }
    let region = site.before(REACH);
    let opened = memchr::memmem::rfind(region, b"/*");
    let closed = memchr::memmem::rfind(region, b"*/");
    // `"/*"` in a string and globs such as `src/**/*.js` open nothing.
    opened.is_some_and(|open| {
        closed.is_none_or(|close| close < open)
            && region[..open].last().is_none_or(u8::is_ascii_whitespace)
            && region[open + 2..].first().is_some_and(|next| next.is_ascii_whitespace() || matches!(next, b'*' | b'!'))
    })
}

/// Whether a file's code clearly runs in browsers. Looks at the path, the beginning of the text and
/// what is near `at`.
pub(crate) fn is_browser_code(text: &Text<'_>, at: usize) -> bool {
    const SERVER: [&str; 12] = [
        "/api/",
        "/server/",
        "server.",
        ".server.",
        "/route.ts",
        "/route.js",
        "middleware.",
        ".config.",
        "+server.",
        "+page.server",
        "/scripts/",
        "serverless",
    ];
    let path = format!("/{}", text.hint.path);
    let language = Language::of(&text.hint);
    if !language.is_javascript() || SERVER.iter().any(|part| path.contains(part)) {
        return false;
    }
    let head = &text.bytes[..text.bytes.len().min(512)];
    if has_directive(head, "use server") || language == Language::Component && text.hint.extension() == "astro" {
        return false;
    }
    if has_directive(head, "use client") || language == Language::Component {
        return true;
    }
    let near = &text.bytes[at.saturating_sub(REACH)..text.bytes.len().min(at + REACH)];
    let component = matches!(text.hint.extension().as_str(), "jsx" | "tsx")
        || path.contains("/components/")
        || path.contains("/public/")
        || path.contains("/static/");
    const BROWSER: [&str; 10] = [
        "useState(",
        "useEffect(",
        "useRef(",
        "useState<",
        "onClick=",
        "onSubmit=",
        "document.getElementById",
        "document.querySelector",
        "document.addEventListener",
        "window.location",
    ];
    const NODE: [&str; 5] = ["getServerSideProps", "getStaticProps", "require('fs')", "NextResponse", "express("];
    component && BROWSER.iter().any(|word| contains(near, word)) && !NODE.iter().any(|word| contains(near, word))
}

/// Whether a file begins with a directive, comments aside.
fn has_directive(head: &[u8], directive: &str) -> bool {
    head.split(|byte| *byte == b'\n').any(|line| {
        let line = line.trim_ascii();
        let quoted = line.strip_prefix(b"\"").or_else(|| line.strip_prefix(b"'"));
        quoted.is_some_and(|rest| rest.starts_with(directive.as_bytes()))
    })
}
