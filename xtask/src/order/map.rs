//! The linker's map (`-Map` of LLD): a line for each output section, under it one for each section that went
//! into it, and under that its symbols; four numbers and a name, indented by depth.

use std::fs;
use std::path::Path;

use anyhow::Result;

/// A piece of code that the linker moves as a whole: nearly always one function.
#[derive(Debug, PartialEq)]
pub(crate) struct Section {
    /// Whose code it is: the object files of a crate, as a linker script names them.
    pub(crate) files: String,
    /// As in `.text.name`.
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) symbols: Vec<String>,
}

/// Those with code, in their order.
pub(crate) fn read(file: &Path) -> Result<Vec<Section>> {
    Ok(parse(&fs::read_to_string(file)?))
}

fn parse(text: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let (mut in_code, mut known) = (false, false);
    for line in text.lines() {
        let Some((bytes, name)) = row(line) else { continue };
        let trimmed = name.trim_start();
        match name.len() - trimmed.len() {
            0 => in_code = trimmed.starts_with(".text"),
            8 if in_code => {
                let section = section(trimmed, bytes);
                known = section.is_some();
                sections.extend(section);
            }
            16 if in_code && known => {
                if let Some(section) = sections.last_mut() {
                    section.symbols.push(trimmed.to_owned());
                }
            }
            _ => {}
        }
    }
    sections
}

/// The size, and the name with the spaces before it: `VMA LMA size align name`, of which the numbers are
/// right-aligned and one space follows the last.
fn row(line: &str) -> Option<(u64, &str)> {
    let mut rest = line;
    let mut numbers = [""; 4];
    for number in &mut numbers {
        rest = rest.trim_start();
        let end = rest.find(' ')?;
        (*number, rest) = rest.split_at(end);
    }
    Some((u64::from_str_radix(numbers[2], 16).ok()?, rest.strip_prefix(' ')?))
}

/// `/folder/file:(.text.name)`.
fn section(place: &str, bytes: u64) -> Option<Section> {
    let (file, name) = place.strip_suffix(')')?.rsplit_once(":(")?;
    let files = files(file.rsplit('/').next()?)?;
    name.starts_with(".text").then(|| Section { files, name: name.to_owned(), bytes, symbols: Vec::new() })
}

/// The object files of the crate that this one is of: `keyward-HASH.hyper-HASH.hyper.HASH-cgu.0.rcgu.o.rcgu.o`
/// is what link-time optimisation made of one, `libring-HASH.rlib(member.o)` what a build script compiled.
fn files(file: &str) -> Option<String> {
    if let Some((library, _member)) = file.split_once(".rlib(") {
        return Some(format!("*{}-*.rlib*", library.rsplit_once('-')?.0));
    }
    let unit = file.strip_suffix(".rcgu.o")?.split('.').nth(1)?;
    // The program's own crate has no hash there.
    Some(unit.rsplit_once('-').map_or(format!("*.{unit}.*.rcgu.o"), |(name, _hash)| format!("*.{name}-*.rcgu.o")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_told_from_what_else_is_linked() {
        let text = "             VMA              LMA     Size Align Out     In      Symbol
             2e0              2e0       1c     1 .interp
             300              300       20     4 .rodata
             300              300       20     4         /t/keyward-1a.hyper-2b.hyper.3c-cgu.0.rcgu.o:(.rodata.x)
          bcfbe9           bcfbe9  1e3140c    64 .text
          bcfbe9           bcfbe9       27     1         /t/keyward-1a.hyper-2b.hyper.3c-cgu.0.rcgu.o.rcgu.o:(.text.unlikely._ZN5hyper4done17h00E)
          bcfbe9           bcfbe9       27     1                 _ZN5hyper4done17h00E
          bcfc10           bcfc10       10     1         /t/keyward-1a.keyward.3c-cgu.0.rcgu.o.rcgu.o:(.text.main)
         287bbe0          287bbe0      119    16         /t/rustcX/libring-2b.rlib(aesni.o):(.text)
         287bbe0          287bbe0       19    16                 aes_first
         287bbf0          287bbf0       19    16                 aes_second
         287bcf0          287bcf0        4    16         /usr/lib/crti.o:(.text)
         287bcf0          287bcf0        4    16                 _init
";
        let section = |files: &str, name: &str, bytes, symbols: &[&str]| Section {
            files: files.into(),
            name: name.into(),
            bytes,
            symbols: symbols.iter().map(|&symbol| symbol.to_owned()).collect(),
        };
        let expected = [
            section("*.hyper-*.rcgu.o", ".text.unlikely._ZN5hyper4done17h00E", 0x27, &["_ZN5hyper4done17h00E"]),
            section("*.keyward.*.rcgu.o", ".text.main", 0x10, &[]),
            section("*libring-*.rlib*", ".text", 0x119, &["aes_first", "aes_second"]),
        ];
        assert_eq!(parse(text), expected);
    }
}
