//! What Callgrind wrote (its manual, "Callgrind Format Specification"): of each function that ran, among
//! much else, `ob=(1) /the/file`, which holds for what follows, and `fn=(7) name`. A name is written once
//! and goes by its number after that, whether it is first met as running or as called (`cfn=`, `cob=`).

use std::collections::{BTreeSet, HashMap};

/// Functions of the program that ran.
pub(crate) fn functions(text: &str, program: &str) -> BTreeSet<String> {
    let (mut objects, mut names) = (Names::default(), Names::default());
    let (mut in_program, mut ran) = (false, BTreeSet::new());
    for line in text.lines() {
        let Some((key, value)) = line.split_once('=') else { continue };
        match key {
            "ob" => in_program = objects.of(value) == Some(program),
            "cob" => drop(objects.of(value)),
            "cfn" => drop(names.of(value)),
            "fn" => {
                // A function that calls itself has its depth behind the name.
                let name = names.of(value).map(|name| name.split('\'').next().unwrap_or_default());
                ran.extend(name.filter(|_| in_program).map(str::to_owned));
            }
            _ => {}
        }
    }
    ran
}

#[derive(Default)]
struct Names<'a>(HashMap<&'a str, &'a str>);

impl<'a> Names<'a> {
    fn of(&mut self, value: &'a str) -> Option<&'a str> {
        let (number, name) = value.split_once(')')?;
        match name.trim_start() {
            "" => self.0.get(number).copied(),
            name => {
                self.0.insert(number, name);
                Some(name)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_the_program_are_found_by_name_and_by_number() {
        let text = "events: Ir\nob=(1) /lib/libc.so\nfl=(1) ???\nfn=(1) memcpy\n0 5\n\
                    ob=(2) /opt/keyward\nfn=(2) main\n0 3\ncob=(1)\ncfn=(1)\ncalls=1 0\n0 5\n\
                    cfn=(3) walk\ncalls=1 0\n0 5\n\nfn=(3)\n0 2\nfn=(4) walk'2\n0 2\nob=(1)\nfn=(5) free\n0 1\n";
        let expected = ["main", "walk"].map(str::to_owned);
        assert_eq!(functions(text, "/opt/keyward"), BTreeSet::from(expected));
        assert_eq!(functions(text, "/opt/other"), BTreeSet::new());
    }
}
