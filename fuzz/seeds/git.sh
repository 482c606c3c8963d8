#!/bin/bash
# Makes seeds for the target `git`: `fuzz/seeds/git.sh FOLDER`. They are no files of the repository, as packs
# differ from one git to the next.
set -eu
mkdir -p "$1"
out=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000'
g() { git -C "$work/repo" -c user.name=a -c user.email=a@example.com "$@"; }

# Bytes of a number, the highest first.
two() { printf "\\$(printf %03o $(($1 / 256)))\\$(printf %03o $(($1 % 256)))"; }
# One byte, so many times.
times() { i=0; while [ $i -lt "$1" ]; do printf "$2"; i=$((i + 1)); done; }
# An object of the other modes: head, one more byte, content from standard input.
part() {
    cat > "$work/part"
    printf "\\$(printf %03o "$1")\\$(printf %03o "$2")"
    two "$(wc -c < "$work/part")"
    cat "$work/part"
}
commit() {
    printf 'tree '; times 20 "$1"; printf '\n'
    [ -z "${2-}" ] || { printf 'parent '; times 20 "$2"; printf '\n'; }
    printf 'author a <a@example.com> 1 +0000\ncommitter a <a@example.com> 1 +0000\n\nm\n'
}
tree() { for name in a.py b; do printf '100644 %s\0' "$name"; times 20 "$1"; done; }

# A pack of git's own, with deltas, a merge, a tag and a submodule.
git init -q -b main "$work/repo"
seq 1 80 > "$work/repo/a.py"; g add .; g commit -qm one
for n in 1 2 3; do
    { seq 1 $((20 * n)); echo "line = \"$n\""; seq $((20 * n)) 80; } > "$work/repo/a.py"
    mkdir -p "$work/repo/b/c"; echo "$n" > "$work/repo/b/c/d"; g add .; g commit -qm "$n"
done
g update-index --add --cacheinfo 160000,"$(g rev-parse HEAD)",module; g commit -qm module
g checkout -qb side HEAD~2; echo side > "$work/repo/e"; g add .; g commit -qm side
g checkout -q main; g merge -q -m merge side; g tag -a -m tag v1
for bases in --delta-base-offset --no-delta-base-offset; do
    name=$(g pack-objects -q $bases --all --window=10 "$work/pack" < /dev/null)
    {
        printf '\0'
        printf "$(g rev-parse HEAD | sed 's/../\\x&/g')" 2> /dev/null
        two "$(wc -c < "$work/pack-$name.idx")"
        cat "$work/pack-$name.idx" "$work/pack-$name.pack"
    } > "$out/pack$bases"
done

# A pack that is put together: a commit, its parent, two trees, content, deltas of either sort.
delta() { printf '\010\014\220\004\004wxyz\221\004\004'; }
{
    printf '\001'
    commit 03 02 | part 1 0
    commit 04 | part 1 0
    tree '\005' | part 2 0
    tree '\006' | part 2 0
    printf abcdefgh | part 3 0
    delta | part 6 1
    delta | part 7 5
    printf 'object '  | part 4 0
} > "$out/entries"

# The same, loose.
{
    printf '\002'
    commit 03 02 | part 0 0
    commit 04 | part 0 0
    tree '\005' | part 1 0
    tree '\006' | part 1 0
    printf abcdefgh | part 2 0
    printf ijklmnop | part 2 0
} > "$out/loose"
