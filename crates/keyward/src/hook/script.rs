//! The texts of the hooks: POSIX shell.

use std::path::Path;

use super::Hook;

/// What tells our scripts from others: the beginning of their second line.
pub(super) const MARK: &str = "# keyward:hook ";
/// What is put behind the name of a hook that was there before.
pub(super) const ASIDE: &str = ".before-keyward";

/// The whole script of a hook. `keyward` is the program that installs it, for surroundings such as
/// graphical programs and servers whose `PATH` does not have it.
pub(crate) fn script(hook: Hook, keyward: &Path) -> String {
    let name = hook.name();
    let chain = match hook {
        Hook::PreCommit => "[ ! -x \"$earlier\" ] || \"$earlier\" \"$@\" || exit $?",
        // Both read the same lines. The mark at the end keeps blank lines there.
        _ => {
            "input=$(cat; echo .)\ninput=${input%.}\n[ ! -x \"$earlier\" ] || printf '%s' \"$input\" | \"$earlier\" \"$@\" || exit $?"
        }
    };
    format!(
        "#!/bin/sh\n{MARK}1 {name}\n\
         # `keyward hook uninstall` takes it away again and puts back what was here before.\n\
         case $0 in */*) here=${{0%/*}} ;; *) here=. ;; esac\n\
         # A hook that was here before runs first.\n\
         earlier=$here/{name}{ASIDE}\n\
         {chain}\n\n{}",
        body(hook, keyward)
    )
}

/// The part that scans, as husky's scripts take it. Ends with `exit`. But for pre-commit, the lines
/// that git gives are in `$input`.
pub(super) fn body(hook: Hook, keyward: &Path) -> String {
    let missing = match hook {
        Hook::PreCommit | Hook::PrePush => {
            "    echo 'keyward: not installed: nothing was scanned for keys' >&2\n\
             \x20   echo 'hint: install keyward, or put it on the PATH of the program that runs git' >&2\n\
             \x20   exit 0\n"
        }
        Hook::PreReceive => {
            "    echo 'keyward: not installed on this server: the push is refused, as nothing was scanned for keys' >&2\n\
             \x20   echo 'hint: the administrator installs keyward, or removes the hook' >&2\n\
             \x20   exit 1\n"
        }
        Hook::PostReceive => {
            "    echo 'keyward: not installed on this server: nothing was scanned for keys' >&2\n\
             \x20   exit 0\n"
        }
    };
    let find = format!(
        "keyward={}\n[ -x \"$keyward\" ] || keyward=$(command -v keyward) || {{\n{missing}}}\n",
        quoted(keyward)
    );
    match hook {
        Hook::PreCommit => find + STAGED,
        _ => format!(
            "{find}{}",
            RANGES
                .replace("LINE", line(hook))
                .replace("FRESH", fresh(hook))
                .replace("SILENCE", silence(hook))
                .replace("SCAN", scan(hook))
                .replace("END", end(hook))
        ),
    }
}

/// A path between single quotes; nothing where it is no text.
fn quoted(path: &Path) -> String {
    let text = path.to_str().filter(|text| !text.contains('\n')).unwrap_or_default();
    format!("'{}'", text.replace('\'', "'\\''"))
}

const STAGED: &str = "\
# A commit that only deletes adds nothing that could be scanned.
git diff --cached --quiet --diff-filter=d && exit 0
\"$keyward\" scan --staged
case $? in
0) exit 0 ;;
1)
    echo 'keyward: not committed: a key is in what would be committed' >&2
    echo 'hint: move it into the vault with `keyward set`; where it is none, put `keyward:allow` on its line' >&2
    ;;
*)
    echo 'keyward: not committed: it could not be scanned' >&2
    echo 'hint: `git commit --no-verify` commits without a scan' >&2
    ;;
esac
exit 1
";

/// A commit that a new branch brings, if it brings any: one that the other side has not.
const fn fresh(hook: Hook) -> &'static str {
    match hook {
        // Git names the remote, or gives its address: then nothing of it is known.
        Hook::PrePush => "$(git rev-list --max-count=1 \"$new\" --not --remotes${1:+=\"$1\"})",
        // The refs are set already, so that git cannot tell; keyward can.
        Hook::PostReceive => "unknown",
        _ => "$(git rev-list --max-count=1 \"$new\" --not --all)",
    }
}

const fn scan(hook: Hook) -> &'static str {
    match hook {
        Hook::PostReceive => "printf '%s' \"$input\" | \"$keyward\" scan --diff \"$old..$new\" --pushed $silence",
        Hook::PreReceive => "\"$keyward\" scan --diff \"$old..$new\" $silence </dev/null",
        _ => "\"$keyward\" scan --diff \"$old..$new\" ${1:+--remote \"$1\"} </dev/null",
    }
}

/// Whose word counts: on a server not that of the push itself. A new branch has the default branch's, which the push
/// may have set when it is over.
const fn silence(hook: Hook) -> &'static str {
    match hook {
        Hook::PreReceive => {
            "case $old in
    *[!0]*) silence=\"--config-from $old\" ;;
    *) if silence=$(git rev-parse --quiet --verify 'HEAD^{commit}'); then silence=\"--config-from $silence\"; else silence=--no-inline; fi ;;
    esac
    "
        }
        Hook::PostReceive => {
            "case $old in *[!0]*) silence=\"--config-from $old\" ;; *) silence=--no-inline ;; esac\n    "
        }
        _ => "",
    }
}

/// A null id stands for nothing: a new branch on the left, a deleted one on the right.
const RANGES: &str = "\
worst=0
while LINE; do
    case $new in *[!0]*) ;; *) continue ;; esac
    # What the other side has and we do not cannot be a beginning.
    case $old in *[!0]*) git cat-file -e \"$old^{commit}\" 2>/dev/null || old=$(printf %s \"$new\" | tr '0-9a-f' 0) ;; esac
    # Where nothing is new, nothing can be scanned: a branch that begins at a known commit, or goes back to one.
    # A tag says something itself, whatever it is put on; trees and files have no commits.
    case $(git cat-file -t \"$new\" 2>/dev/null) in
    commit)
        case $old in
        *[!0]*) fresh=$(git rev-list --max-count=1 \"$old..$new\") ;;
        *) fresh=FRESH ;;
        esac
        [ -n \"$fresh\" ] || continue
        ;;
    esac
    SILENCESCAN
    status=$?
    [ \"$status\" -le \"$worst\" ] || worst=$status
done <<keyward_lines
${input}
keyward_lines
END";

const fn line(hook: Hook) -> &'static str {
    match hook {
        Hook::PrePush => "read -r _ new _ old",
        _ => "read -r old new _",
    }
}

const fn end(hook: Hook) -> &'static str {
    match hook {
        Hook::PrePush => {
            "case $worst in
0) exit 0 ;;
1)
    echo 'keyward: not pushed: a key is in what would be published' >&2
    echo 'hint: take it out of the commits; where it is none, put `keyward:allow` on its line' >&2
    ;;
*)
    echo 'keyward: not pushed: it could not be scanned' >&2
    echo 'hint: `git push --no-verify` pushes without a scan' >&2
    ;;
esac
exit 1
"
        }
        Hook::PreReceive => {
            "case $worst in
0) exit 0 ;;
1)
    echo 'keyward: refused: a key is in what was pushed' >&2
    echo 'hint: take it out of the commits, and replace it at its service' >&2
    echo 'hint: where it is none, its fingerprint goes into `scan.allow` of keyward.toml, by a push before this one' >&2
    ;;
*) echo 'keyward: refused: what was pushed could not be scanned' >&2 ;;
esac
exit 1
"
        }
        Hook::PreCommit | Hook::PostReceive => {
            "case $worst in
0) ;;
1) echo 'keyward: a key is in what was pushed: replace it at its service' >&2 ;;
*) echo 'keyward: what was pushed could not be scanned' >&2 ;;
esac
exit 0
"
        }
    }
}
