//! The linker script: which sections of which crates, in the order in which they shall lie.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::map::Section;

/// So much of a file the system maps around a page that is touched.
const MAPPED: u64 = 64 << 10;

const HEAD: &str = "\
/* Functions that run, for the linker to lay beside each other; made by `cargo xtask order`, not by hand.
 *
 * The system maps a program's pages sixteen at a time, so that a server which runs a tenth of the code has
 * two thirds of it in memory where that tenth lies everywhere. Names that no function has do no harm: what
 * is new here lies with the rest. What it is worth is measured by `cargo xtask bench server`.
 */
SECTIONS
{
  .text.ordered :
  {
";
const FOOT: &str = "  }\n}\nINSERT BEFORE .text;\n";

/// Names of functions that ran.
#[derive(Default)]
pub(crate) struct Ran {
    /// In a server that had started.
    pub(crate) serving: BTreeSet<String>,
    /// Until then, and in commands.
    pub(crate) starting: BTreeSet<String>,
}

/// Functions of one crate with the same name but for the hash in it.
#[derive(Default)]
struct Named {
    bytes: u64,
    /// Of those that ran.
    bytes_run: u64,
    run: u64,
    serving: bool,
    starting: bool,
}

/// Where in the script something stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Both,
    Serving,
    Starting,
    /// Most of what bears the name does not run.
    Sparse,
}

impl Named {
    fn part(&self) -> Option<Part> {
        if self.run == 0 || self.bytes > self.run * MAPPED {
            // Gathered they would take more than where they lie.
            return None;
        }
        Some(match (2 * self.bytes_run >= self.bytes, self.serving, self.starting) {
            (false, ..) => Part::Sparse,
            (true, true, true) => Part::Both,
            (true, true, false) => Part::Serving,
            (true, false, _) => Part::Starting,
        })
    }
}

impl Part {
    fn title(self) -> &'static str {
        match self {
            Part::Both => "When a program starts, and in a server that has started.",
            Part::Serving => "In a server that has started.",
            Part::Starting => "When a program starts, and in commands.",
            Part::Sparse => "Few of the functions that bear these names.",
        }
    }
}

/// The script, and a line about it.
pub(crate) fn write(ran: &Ran, sections: &[Section]) -> (String, String) {
    let mut parts: BTreeMap<Part, BTreeMap<&str, BTreeSet<String>>> = BTreeMap::new();
    let (mut gathered, mut run, mut all) = (0, 0, 0);
    for ((files, name), named) in names(ran, sections) {
        run += named.bytes_run;
        all += named.bytes;
        if let Some(part) = named.part() {
            gathered += named.bytes;
            parts.entry(part).or_default().entry(files).or_default().insert(name);
        }
    }
    let mut text = HEAD.to_owned();
    for (part, crates) in parts {
        writeln!(text, "    /* {} */", part.title()).unwrap_or_default();
        for (files, names) in crates {
            writeln!(text, "    {files}(").unwrap_or_default();
            for name in names {
                writeln!(text, "      {name}").unwrap_or_default();
            }
            text.push_str("    )\n");
        }
    }
    text.push_str(FOOT);
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let (run, gathered, all) = (megabytes(run), megabytes(gathered), megabytes(all));
    (text, format!("{run:.1} MB of {all:.1} MB of code run, and lie in {gathered:.1} MB"))
}

fn names<'a>(ran: &Ran, sections: &'a [Section]) -> BTreeMap<(&'a str, String), Named> {
    let mut names: BTreeMap<(&str, String), Named> = BTreeMap::new();
    for section in sections {
        let within = |group: &BTreeSet<String>| section.symbols.iter().any(|symbol| group.contains(symbol));
        let (serving, starting) = (within(&ran.serving), within(&ran.starting));
        let named = names.entry((&section.files, pattern(&section.name))).or_default();
        named.bytes += section.bytes;
        if serving || starting {
            named.bytes_run += section.bytes;
            named.run += 1;
        }
        named.serving |= serving;
        named.starting |= starting;
    }
    names
}

/// The section's name with `*` for what another compiler, or another version of a crate, would write
/// otherwise: the hash at the end of a name in the old style of mangling (`17h`, sixteen digits, `E`), those
/// of crates in the new one (`Cs`, letters and digits, `_`), and what optimisation added behind either.
fn pattern(name: &str) -> String {
    let name = name.split(".llvm.").next().unwrap_or_default();
    if let Some((before, hash)) = name.rsplit_once("17h")
        && hash.len() == 17
        && hash[..16].bytes().all(|byte| byte.is_ascii_hexdigit())
    {
        return format!("{before}17h*");
    }
    let Some((section, mangled)) = name.split_once("_R") else { return name.to_owned() };
    let mut pattern = format!("{section}_R");
    let mut rest = mangled;
    while let Some((before, after)) = rest.split_once("Cs") {
        let end = after.find(|letter: char| !letter.is_ascii_alphanumeric());
        match end.filter(|end| after[*end..].starts_with('_')) {
            Some(end) => {
                pattern.extend([before, "Cs*_"]);
                rest = &after[end + 1..];
            }
            None => {
                pattern.extend([before, "Cs"]);
                rest = after;
            }
        }
    }
    pattern + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(files: &str, name: &str, bytes: u64) -> Section {
        let symbol = name.strip_prefix(".text.").unwrap_or(name).to_owned();
        Section { files: files.into(), name: name.into(), bytes, symbols: vec![symbol] }
    }

    fn ran(serving: &[&str], starting: &[&str]) -> Ran {
        let all = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Ran { serving: all(serving), starting: all(starting) }
    }

    #[test]
    fn a_pattern_holds_nothing_that_changes_by_itself() {
        let old = ".text._ZN5hyper4done17h0123456789abcdefE";
        assert_eq!(pattern(old), ".text._ZN5hyper4done17h*");
        assert_eq!(pattern(&format!("{old}.llvm.77")), ".text._ZN5hyper4done17h*");
        let new = ".text._RNvMs_NtCs4X4t9plMPHF_9addr2line4lineNtB4_5Lines13find_location";
        assert_eq!(pattern(new), ".text._RNvMs_NtCs*_9addr2line4lineNtB4_5Lines13find_location");
        assert_eq!(pattern(".text.sqlite3Step"), ".text.sqlite3Step");
    }

    #[test]
    fn what_serves_comes_first_and_what_never_runs_is_not_named() {
        let sections = [
            section("*a*", ".text.start", 10),
            section("*a*", ".text.serve", 10),
            section("*b*", ".text.both", 10),
            section("*b*", ".text.never", 10),
        ];
        let (text, summary) = write(&ran(&["serve", "both"], &["start", "both"]), &sections);
        let at = |what: &str| text.find(what);
        assert!(at(".text.both") < at(".text.serve") && at(".text.serve") < at(".text.start"), "{text}");
        assert_eq!(at(".text.never"), None);
        assert!(text.ends_with(FOOT) && summary.starts_with("0.0 MB of 0.0 MB"), "{text}{summary}");
    }

    #[test]
    fn of_many_with_one_name_few_that_run_stand_apart_or_stay_where_they_are() {
        let hashed = |n: u64| format!("_ZN4json4read17h{n:016x}E");
        let of = |count: u64, bytes| -> Vec<Section> {
            (0..count).map(|n| section("*a*", &format!(".text.{}", hashed(n)), bytes)).collect()
        };
        let one = hashed(0);
        let ran = ran(&[&one], &[]);
        let (dense, _) = write(&ran, &of(2, 1000));
        assert!(!dense.contains(Part::Sparse.title()) && dense.contains("_ZN4json4read17h*"), "{dense}");
        let (sparse, _) = write(&ran, &of(40, 1000));
        assert!(sparse.contains(Part::Sparse.title()) && sparse.contains("_ZN4json4read17h*"), "{sparse}");
        let (scattered, _) = write(&ran, &of(100, 1000));
        assert!(!scattered.contains("_ZN4json4read"), "{scattered}");
    }
}
