//! The environment of a child: what it inherits, what the vault adds, and names that are refused
//! because they change what is executed.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use keyward_types::SecretName;

/// What a child gets, and what deserves a word.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Composed {
    /// The whole environment.
    pub env: Vec<(OsString, OsString)>,
    /// Names whose inherited value gave way to the vault's.
    pub overridden: Vec<SecretName>,
    /// Names whose inherited value was kept instead of the vault's.
    pub kept: Vec<SecretName>,
}

/// Why a value cannot become a variable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unfit {
    /// Its name changes what is executed.
    #[error("`{name}` {why}")]
    Dangerous {
        /// The name.
        name: SecretName,
        /// What it would change.
        why: &'static str,
    },
    /// Its name is no variable's name.
    #[error("`{0}` is no variable's name: use one segment of A-Z a-z 0-9 _")]
    Name(SecretName),
    /// Its value holds a NUL, which no variable can.
    #[error("the value of `{0}` holds a NUL byte, which no variable can")]
    Nul(SecretName),
}

/// How values and inherited variables come together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules<'a> {
    /// An inherited value wins over the vault's.
    pub keep_existing: bool,
    /// Names that may be set although they change what is executed.
    pub allowed: &'a [SecretName],
}

/// Composes the environment of a child. Credentials of keyward itself never reach it.
///
/// # Errors
/// [`Unfit`] for the first value that cannot or must not become a variable.
pub fn compose(
    inherited: impl IntoIterator<Item = (OsString, OsString)>,
    values: impl IntoIterator<Item = (SecretName, OsString)>,
    rules: Rules<'_>,
) -> Result<Composed, Unfit> {
    let mut env: BTreeMap<OsString, OsString> = inherited.into_iter().filter(|(name, _)| !is_ours(name)).collect();
    let mut composed = Composed::default();
    for (name, value) in values {
        fits(&name, &value, rules)?;
        let variable = OsString::from(name.as_str());
        match env.get(&variable) {
            Some(inherited) if rules.keep_existing => {
                if *inherited != value {
                    composed.kept.push(name);
                }
                continue;
            }
            Some(inherited) if *inherited != value => composed.overridden.push(name),
            _ => {}
        }
        env.insert(variable, value);
    }
    composed.env = env.into_iter().collect();
    Ok(composed)
}

fn fits(name: &SecretName, value: &OsStr, rules: Rules<'_>) -> Result<(), Unfit> {
    if !name.is_variable() {
        return Err(Unfit::Name(name.clone()));
    }
    if value.as_encoded_bytes().contains(&0) {
        return Err(Unfit::Nul(name.clone()));
    }
    match dangerous(name.as_str()) {
        Some(why) if !rules.allowed.contains(name) => Err(Unfit::Dangerous { name: name.clone(), why }),
        _ => Ok(()),
    }
}

/// What unlocks the vault is not the child's.
fn is_ours(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("KEYWARD_PASSPHRASE")
        || name == "KEYWARD_TOKEN"
        || name == "KEYWARD_KEYS"
        || name == "KEYWARD_AGE_IDENTITY"
}

/// Says what a variable of this name would change about what is executed.
#[must_use]
pub fn dangerous(name: &str) -> Option<&'static str> {
    let upper = name.to_ascii_uppercase();
    let exact = EXACT.iter().find(|(names, _)| names.contains(&upper.as_str())).map(|(_, why)| *why);
    exact.or_else(|| PREFIXES.iter().find(|(prefix, _)| upper.starts_with(prefix)).map(|(_, why)| *why))
}

/// Names, all in upper case, and what they change. From the manuals of the programs named.
const EXACT: &[(&[&str], &str)] = &[
    (&["PATH", "PATHEXT", "COMSPEC", "SHELL"], "decides which programs are found and run"),
    (
        &["BASH_ENV", "ENV", "ZDOTDIR", "PROMPT_COMMAND", "PS4", "SHELLOPTS", "BASHOPTS", "IFS", "CDPATH", "FPATH"],
        "makes shells run or read something else",
    ),
    (
        &["NODE_OPTIONS", "NODE_PATH", "NODE_REPL_EXTERNAL_MODULE", "NODE_EXTRA_CA_CERTS", "BUN_OPTIONS", "DENO_DIR"],
        "makes Node.js load other code or trust other servers",
    ),
    (
        &[
            "PYTHONPATH",
            "PYTHONSTARTUP",
            "PYTHONHOME",
            "PYTHONBREAKPOINT",
            "PYTHONEXECUTABLE",
            "PYTHONUSERBASE",
            "PYTHONPYCACHEPREFIX",
            "PYTHONINSPECT",
            "PYTHONWARNINGS",
        ],
        "makes Python load other code",
    ),
    (&["PERL5LIB", "PERLLIB", "PERL5OPT", "PERL5DB"], "makes Perl load other code"),
    (&["RUBYOPT", "RUBYLIB", "RUBYSHELL", "GEM_HOME", "GEM_PATH", "BUNDLE_GEMFILE"], "makes Ruby load other code"),
    (&["PHPRC", "PHP_INI_SCAN_DIR"], "makes PHP load other code"),
    (&["LUA_PATH", "LUA_CPATH", "LUA_INIT", "TCLLIBPATH"], "makes an interpreter load other code"),
    (
        &["JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH", "MAVEN_OPTS", "GRADLE_OPTS"],
        "makes Java load other code",
    ),
    (
        &[
            "DOTNET_STARTUP_HOOKS",
            "DOTNET_ADDITIONAL_DEPS",
            "CORECLR_PROFILER",
            "CORECLR_PROFILER_PATH",
            "CORECLR_ENABLE_PROFILING",
            "COR_PROFILER",
        ],
        "makes .NET load other code",
    ),
    (
        &[
            "GLIBC_TUNABLES",
            "GCONV_PATH",
            "LOCPATH",
            "NLSPATH",
            "HOSTALIASES",
            "RESOLV_HOST_CONF",
            "MALLOC_TRACE",
            "GETCONF_DIR",
            "LIBPATH",
            "SHLIB_PATH",
        ],
        "changes what the C library loads or does",
    ),
    (
        &[
            "EDITOR",
            "VISUAL",
            "PAGER",
            "MANPAGER",
            "BROWSER",
            "LESSOPEN",
            "LESSCLOSE",
            "SUDO_ASKPASS",
            "SSH_ASKPASS",
            "SUDO_EDITOR",
        ],
        "names a program that others run",
    ),
    (
        &[
            "RUSTC",
            "RUSTC_WRAPPER",
            "RUSTC_WORKSPACE_WRAPPER",
            "RUSTDOC",
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "GOFLAGS",
            "GOTOOLCHAIN",
            "CC",
            "CXX",
            "MAKEFLAGS",
        ],
        "makes build tools run other programs",
    ),
    (
        &["OPENSSL_CONF", "OPENSSL_ENGINES", "OPENSSL_MODULES", "SSLKEYLOGFILE"],
        "makes TLS load other code or write its keys down",
    ),
];

/// Prefixes of such names.
const PREFIXES: &[(&str, &str)] = &[
    ("LD_", "changes which libraries every program loads"),
    ("DYLD_", "changes which libraries every program loads"),
    ("BASH_FUNC_", "defines a function in every bash"),
    ("GIT_", "makes git run other programs or use another repository"),
    ("NPM_CONFIG_", "makes npm run other programs"),
    ("CARGO_TARGET_", "makes cargo run other programs"),
    ("CARGO_BUILD_", "makes cargo run other programs"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> SecretName {
        text.parse().unwrap()
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        list.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    fn values(list: &[(&str, &str)]) -> Vec<(SecretName, OsString)> {
        list.iter().map(|(text, value)| (name(text), value.into())).collect()
    }

    #[test]
    fn the_vault_wins_and_says_so() {
        let inherited = pairs(&[("A", "old"), ("B", "same"), ("HOME", "/home")]);
        let composed =
            compose(inherited, values(&[("A", "new"), ("B", "same"), ("C", "1")]), Rules::default()).unwrap();
        assert_eq!(composed.env, pairs(&[("A", "new"), ("B", "same"), ("C", "1"), ("HOME", "/home")]));
        assert_eq!(composed.overridden, [name("A")]);
    }

    #[test]
    fn what_exists_is_kept_on_request() {
        let rules = Rules { keep_existing: true, ..Rules::default() };
        let composed = compose(pairs(&[("A", "old")]), values(&[("A", "new"), ("B", "1")]), rules).unwrap();
        assert_eq!(composed.env, pairs(&[("A", "old"), ("B", "1")]));
        assert_eq!(composed.kept, [name("A")]);
    }

    #[test]
    fn keywards_own_credentials_stay_behind() {
        let inherited = pairs(&[
            ("KEYWARD_PASSPHRASE", "x"),
            ("KEYWARD_PASSPHRASE_FILE", "x"),
            ("KEYWARD_TOKEN", "x"),
            ("KEYWARD_KEYS", "x"),
            ("KEYWARD_ENV", "staging"),
        ]);
        let composed = compose(inherited, [], Rules::default()).unwrap();
        assert_eq!(composed.env, pairs(&[("KEYWARD_ENV", "staging")]));
    }

    #[test]
    fn names_that_change_what_is_executed_are_refused() {
        for text in [
            "PATH",
            "Path",
            "LD_PRELOAD",
            "LD_LIBRARY_PATH",
            "DYLD_INSERT_LIBRARIES",
            "NODE_OPTIONS",
            "PYTHONPATH",
            "BASH_ENV",
            "GIT_SSH_COMMAND",
            "GIT_EXEC_PATH",
            "npm_config_script_shell",
            "GLIBC_TUNABLES",
            "IFS",
        ] {
            let refused = compose([], values(&[(text, "x")]), Rules::default());
            assert!(matches!(refused, Err(Unfit::Dangerous { .. })), "{text}");
            let allowed = [name(text)];
            let rules = Rules { allowed: &allowed, ..Rules::default() };
            assert!(compose([], values(&[(text, "x")]), rules).is_ok(), "{text}");
        }
        for text in ["OPENAI_API_KEY", "DATABASE_URL", "GITHUB_TOKEN", "PORT", "LDAP_PASSWORD", "NODE_ENV"] {
            assert_eq!(dangerous(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_variable_is_refused() {
        assert!(matches!(compose([], values(&[("db/main", "x")]), Rules::default()), Err(Unfit::Name(_))));
        assert!(matches!(compose([], values(&[("A.B", "x")]), Rules::default()), Err(Unfit::Name(_))));
        assert!(matches!(compose([], values(&[("A", "x\0y")]), Rules::default()), Err(Unfit::Nul(_))));
    }
}
