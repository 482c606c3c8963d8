//! Names of variables that change what is executed.
//!
//! A vault holds values for a program, and whoever may write one must not thereby choose the code
//! that the program, or a tool that it starts, runs. The list follows what the manuals of the
//! dynamic linkers, interpreters and tools say of their environment, and what `sudo` removes. It is
//! about execution alone: proxies, certificates and addresses of servers are ordinary settings.
//!
//! Two names that ordinary projects use are judged by their value, see [`is_harmless`].

/// Says what a variable of this name would change about what is executed; none when nothing.
/// Case is ignored, as npm and Windows do.
#[must_use]
pub fn dangerous(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_uppercase();
    let listed = |names: &str| names.split_ascii_whitespace().any(|pattern| fits(&name, pattern));
    NAMES.iter().find(|(names, _)| listed(names)).map(|(_, why)| *why)
}

/// The same for a name that is dangerous with some values only.
#[must_use]
pub fn dangerous_with(name: &str, value: &[u8]) -> Option<&'static str> {
    dangerous(name).or_else(|| {
        let (_, why) = BY_VALUE.iter().find(|(judged, _)| *judged == name)?;
        (!is_harmless(name, value)).then_some(*why)
    })
}

/// `ENV=production` is the name of a stage in countless projects; to an interactive shell it is a
/// file to execute, and such a file is named by a path. `BROWSER=none` is how projects keep a
/// development server from opening one.
fn is_harmless(name: &str, value: &[u8]) -> bool {
    match name {
        "ENV" => value.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')),
        _ => value.is_empty() || value == b"none",
    }
}

/// A `*` stands for any text.
fn fits(name: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => name == pattern,
        Some((start, end)) => name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end),
    }
}

const BY_VALUE: &[(&str, &str)] =
    &[("ENV", "makes shells run the file that it names"), ("BROWSER", "names a program that others run")];

/// Names in upper case, by what they change.
const NAMES: &[(&str, &str)] = &[
    ("PATH PATHEXT COMSPEC SHELL", "decides which programs are found and run"),
    ("LD_* _RLD* LDR_* DYLD_* LIBPATH SHLIB_PATH", "changes which libraries every program loads"),
    (
        "GLIBC_TUNABLES GCONV_PATH GETCONF_DIR LOCPATH NLSPATH MALLOC_TRACE HOSTALIASES LOCALDOMAIN RES_OPTIONS
         RESOLV_HOST_CONF TERMINFO TERMINFO_DIRS TERMCAP TERMPATH",
        "changes what the C library and the terminal library load",
    ),
    (
        "BASH_ENV ZDOTDIR FPATH PROMPT_COMMAND PS4 SHELLOPTS BASHOPTS IFS CDPATH GLOBIGNORE NULLCMD READNULLCMD
         BASH_FUNC_* PSMODULEPATH",
        "makes shells run or read something else",
    ),
    ("HOME USERPROFILE XDG_CONFIG_HOME XDG_CONFIG_DIRS XDG_DATA_DIRS", "decides whose start-up files programs run"),
    ("NODE_OPTIONS NODE_PATH NODE_REPL_EXTERNAL_MODULE BUN_OPTIONS DENO_DIR", "makes Node.js load other code"),
    ("NPM_CONFIG_*", "makes npm run other programs"),
    (
        "PYTHONPATH PYTHONSTARTUP PYTHONHOME PYTHONBREAKPOINT PYTHONEXECUTABLE PYTHONUSERBASE PYTHONPYCACHEPREFIX
         PYTHONPLATLIBDIR PYTHONINSPECT PYTHONWARNINGS PYTEST_ADDOPTS PYTEST_PLUGINS",
        "makes Python load other code",
    ),
    ("PERL5LIB PERLLIB PERL5OPT PERL5DB", "makes Perl load other code"),
    ("RUBYOPT RUBYLIB RUBYSHELL GEM_HOME GEM_PATH BUNDLE_GEMFILE", "makes Ruby load other code"),
    ("PHPRC PHP_INI_SCAN_DIR", "makes PHP load other code"),
    (
        "LUA_PATH* LUA_CPATH* LUA_INIT* TCLLIBPATH ERL_FLAGS ERL_AFLAGS ERL_ZFLAGS ERL_LIBS ELIXIR_ERL_OPTIONS R_PROFILE
         R_PROFILE_USER R_ENVIRON R_ENVIRON_USER R_LIBS R_LIBS_USER R_LIBS_SITE JULIA_LOAD_PATH JULIA_DEPOT_PATH
         GUILE_LOAD_PATH GUILE_LOAD_COMPILED_PATH CAML_LD_LIBRARY_PATH",
        "makes an interpreter load other code",
    ),
    (
        "JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS CLASSPATH MAVEN_OPTS GRADLE_OPTS",
        "makes Java load other code",
    ),
    (
        "DOTNET_STARTUP_HOOKS DOTNET_ADDITIONAL_DEPS DOTNET_SHARED_STORE CORECLR_PROFILER* CORECLR_ENABLE_PROFILING
         COR_PROFILER* COR_ENABLE_PROFILING",
        "makes .NET load other code",
    ),
    (
        "GTK_MODULES GTK_PATH GIO_EXTRA_MODULES GIO_MODULE_DIR QT_PLUGIN_PATH GST_PLUGIN_PATH OPENSSL_CONF
         OPENSSL_ENGINES OPENSSL_MODULES",
        "makes a library load other code",
    ),
    ("SSLKEYLOGFILE", "makes TLS write its keys down"),
    (
        "GIT_SSH GIT_SSH_COMMAND GIT_PROXY_COMMAND GIT_ASKPASS GIT_EDITOR GIT_SEQUENCE_EDITOR GIT_PAGER
         GIT_EXTERNAL_DIFF GIT_EXEC_PATH GIT_TEMPLATE_DIR GIT_CONFIG* GIT_DIR GIT_COMMON_DIR GIT_WORK_TREE
         GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_ALLOW_PROTOCOL GIT_PROTOCOL_FROM_USER",
        "makes git run other programs or use another repository",
    ),
    (
        "EDITOR VISUAL FCEDIT SUDO_EDITOR KUBE_EDITOR PSQL_EDITOR SVN_EDITOR HGEDITOR PAGER MANPAGER SYSTEMD_PAGER
         PSQL_PAGER LESSOPEN LESSCLOSE LESSEDIT SSH_ASKPASS SUDO_ASKPASS RSYNC_RSH RSYNC_CONNECT_PROG CVS_RSH SVN_SSH",
        "names a program that others run",
    ),
    ("VIMINIT EXINIT PSQLRC TAR_OPTIONS WGETRC CURL_HOME", "gives a tool commands to run"),
    (
        "RUSTC RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER RUSTDOC RUSTFLAGS RUSTDOCFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_HOME
         CARGO_BUILD_RUSTC* CARGO_BUILD_RUSTDOC* CARGO_BUILD_RUSTFLAGS CARGO_TARGET_*_RUNNER CARGO_TARGET_*_LINKER
         CARGO_TARGET_*_RUSTFLAGS RUSTUP_HOME RUSTUP_TOOLCHAIN GOFLAGS GOROOT GOTOOLCHAIN CC CXX MAKEFLAGS MAKEFILES",
        "makes build tools run other programs",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_what_is_executed_is_named_with_its_reason() {
        let all = [
            ("PATH", "decides which programs"),
            ("Path", "decides which programs"),
            ("LD_PRELOAD", "libraries"),
            ("DYLD_INSERT_LIBRARIES", "libraries"),
            ("GLIBC_TUNABLES", "C library"),
            ("BASH_ENV", "shells"),
            ("BASH_FUNC_ls", "shells"),
            ("NODE_OPTIONS", "Node.js"),
            ("npm_config_script_shell", "npm"),
            ("PYTHONPATH", "Python"),
            ("PERL5OPT", "Perl"),
            ("RUBYOPT", "Ruby"),
            ("_JAVA_OPTIONS", "Java"),
            ("GIT_SSH_COMMAND", "git"),
            ("GIT_CONFIG_COUNT", "git"),
            ("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER", "build tools"),
            ("RUSTC_WRAPPER", "build tools"),
            ("EDITOR", "a program that others run"),
        ];
        for (name, why) in all {
            assert!(dangerous(name).is_some_and(|found| found.contains(why)), "{name}: {:?}", dangerous(name));
        }
    }

    #[test]
    fn ordinary_names_are_not() {
        let all = "OPENAI_API_KEY DATABASE_URL GITHUB_TOKEN GIT_TOKEN GIT_AUTHOR_NAME PORT LDAP_PASSWORD NODE_ENV
            PYTHONUNBUFFERED HTTP_PROXY NODE_EXTRA_CA_CERTS CARGO_REGISTRY_TOKEN CARGO_TARGET_DIR KUBECONFIG
            GOOGLE_APPLICATION_CREDENTIALS DJANGO_SETTINGS_MODULE FLASK_APP NPM_TOKEN PIP_INDEX_URL SHELL_COLOR
            APP_HOME HOMEPAGE PATH_PREFIX CCACHE ENV BROWSER";
        for name in all.split_ascii_whitespace() {
            assert_eq!(dangerous(name), None, "{name}");
        }
    }

    #[test]
    fn a_stage_is_no_file_to_execute() {
        assert_eq!(dangerous_with("ENV", b"production"), None);
        assert_eq!(dangerous_with("ENV", b"us-east_1"), None);
        assert_eq!(dangerous_with("BROWSER", b"none"), None);
        for value in ["/tmp/evil", "./evil", "$HOME/.shrc", "~/x", "a b", "evil.sh"] {
            assert!(dangerous_with("ENV", value.as_bytes()).is_some(), "{value}");
        }
        assert!(dangerous_with("BROWSER", b"/tmp/evil %s").is_some());
        assert!(dangerous_with("PATH", b"").is_some());
    }
}
