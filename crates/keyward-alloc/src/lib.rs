//! What the binary takes of memory. It brings its allocator: a server allocates for each request on
//! whichever thread is free and gives back on another, which with the system's allocator is an eighth of
//! its time. And a process that stays gives back what it does not need.

use libmimalloc_sys::{mi_option_set, mi_option_t};

/// The allocator, to be named in `#[global_allocator]`.
pub use mimalloc::MiMalloc as Allocator;

/// `mi_option_purge_delay` of mimalloc.h, in milliseconds; the crate has no name for it.
const PURGE_DELAY: mi_option_t = 15;

/// From now on pages that hold nothing are given back to the system at once, and not after a second of
/// not being needed: for a process that stays, and has more to say for what it holds than for what it
/// takes anew. A server under load holds about ten megabytes less, at no cost that was to be seen.
#[allow(unsafe_code, reason = "options of the allocator have no safe interface")]
pub fn give_back_at_once() {
    // SAFETY: an option is a number that the allocator reads when it next has pages to give back; it may
    // be set at any time, from any thread.
    unsafe { mi_option_set(PURGE_DELAY, 0) }
}

/// Gives back the pages of the program itself, its code and its tables: for a server that has started. The
/// system maps sixteen pages around each that is touched, so that the start alone has most of the code in
/// memory, and the loader has read each place where an address is to be put in; what is needed again comes
/// back from the file, as it came before. The file's pages in the system's cache are not freed, only easier to free. Elsewhere than on
/// Linux nothing is done.
#[inline(never)] // `cargo xtask order` looks for its name: a start ends here
pub fn give_back_program() {
    #[cfg(target_os = "linux")]
    for (from, length) in program::as_in_its_file() {
        program::give_back(from, length);
    }
}

#[cfg(target_os = "linux")]
mod program {
    use std::fs;
    use std::path::Path;

    use rustix::mm::{Advice, madvise};

    /// Where the program's own code and tables are mapped, and how much of them; nothing where the system does
    /// not say.
    pub(crate) fn as_in_its_file() -> Vec<(usize, usize)> {
        let (Ok(maps), Ok(program)) = (fs::read_to_string("/proc/self/maps"), fs::read_link("/proc/self/exe")) else {
            return Vec::new();
        };
        maps.lines().filter_map(|line| range_of(line, &program)).collect()
    }

    /// proc_pid_maps(5): `from-to perms offset dev inode path`.
    fn range_of(line: &str, program: &Path) -> Option<(usize, usize)> {
        let mut fields = line.splitn(6, ' ');
        let (from, to) = fields.next()?.split_once('-')?;
        // What may be written, or was before it was made read-only, such as addresses that the loader has
        // put in, is nowhere but in memory. Code is as it lies in the file, and so is what stands before all
        // else in it: the file's head, the loader's tables, constants.
        let (perms, offset) = (fields.next()?, fields.next()?);
        let as_in_file = perms == "r-xp" || (perms == "r--p" && u64::from_str_radix(offset, 16) == Ok(0));
        let path = fields.nth(2)?.trim_start();
        let (from, to) = (usize::from_str_radix(from, 16).ok()?, usize::from_str_radix(to, 16).ok()?);
        (as_in_file && Path::new(path) == program).then_some((from, to.checked_sub(from)?))
    }

    #[allow(unsafe_code, reason = "the call takes addresses")]
    pub(crate) fn give_back(from: usize, length: usize) {
        // SAFETY: the range is a private mapping of a file that nobody writes to: the pages are mapped for
        // reading and running alone, and the loader puts no address into them (the code is built to run
        // anywhere, the tables say where addresses go). Whoever runs or reads there next has the same bytes
        // from the file. A refusal leaves everything as it was.
        let _refused = unsafe { madvise(from as *mut _, length, Advice::LinuxDontNeed) };
    }

    #[cfg(test)]
    mod tests {
        use std::path::Path;

        use super::*;

        #[test]
        fn only_what_nobody_writes_is_meant() {
            let program = Path::new("/opt/key ward/keyward");
            let of = |line: &str| range_of(line, program);
            let code = "55e0-75e0 r-xp 00001000 fe:00 17                 /opt/key ward/keyward";
            assert_eq!(of(code), Some((0x55e0, 0x2000)));
            for other in ["r--p", "rw-p", "rwxp", "r-xs"] {
                assert_eq!(of(&code.replace("r-xp", other)), None, "{other}, and not the first of the file");
            }
            let tables = code.replace("r-xp 00001000", "r--p 00000000");
            assert_eq!(of(&tables), Some((0x55e0, 0x2000)));
            assert_eq!(of(&tables.replace("r--p", "rw-p")), None);
            assert_eq!(of(&code.replace("key ward/", "")), None, "a library");
            assert_eq!(of("7ffd-7fff r-xp 00000000 00:00 0                  [vdso]"), None);
            assert_eq!(of("nonsense"), None);
        }
    }
}

#[cfg(test)]
mod tests {
    use libmimalloc_sys::mi_option_get;

    use super::*;

    /// What is a second before is the delay, and no other option that a new version has put there.
    #[test]
    #[allow(unsafe_code, reason = "nor are they read by one")]
    fn the_delay_is_the_option_that_is_set() {
        // SAFETY: it reads a number.
        let delay = || unsafe { mi_option_get(PURGE_DELAY) };
        assert_eq!(delay(), 1000);
        give_back_at_once();
        assert_eq!(delay(), 0);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_program_that_gave_its_pages_back_runs_on_with_fewer() {
        let resident = || -> u64 {
            let maps = std::fs::read_to_string("/proc/self/smaps").unwrap_or_default();
            let of = |from: usize| {
                let mine = maps.split_once(&format!("{from:x}-")).map_or("", |(_, rest)| rest);
                let line = mine.lines().find_map(|line| line.strip_prefix("Rss:")).unwrap_or_default();
                line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0)
            };
            let ranges = program::as_in_its_file();
            assert_eq!(ranges.len(), 2, "code and tables");
            ranges.into_iter().map(|(from, _)| of(from)).sum()
        };
        let before = resident();
        give_back_program();
        let after = resident();
        assert!(after < before, "{before} kB before, {after} kB after");
        let sum: u64 = (1..=1000).map(|n| n * n).sum();
        assert_eq!(sum, 333_833_500, "and computes as before");
    }
}
