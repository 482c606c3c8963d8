//! Texts made to be read differently: a grammar of `.env` files whose every choice may go wrong.

use std::collections::BTreeMap;

/// A text and the whole environment in which it is read.
pub(crate) struct Case {
    pub(crate) text: String,
    pub(crate) env: BTreeMap<String, String>,
}

/// Makes cases from a seed (SplitMix64).
pub(crate) struct Generator {
    state: u64,
}

const NAMES: &[&str] =
    &["A", "B", "C", "A", "B", "AB", "a", "_", "A_1", "A.B", "A-B", "1A", "É", "export", "null", "Anull"];
const ODD_NAMES: &[&str] = &[
    "",
    "A B",
    "'A'",
    "\"A\"",
    "`A`",
    "__proto__",
    "constructor",
    "toString",
    "A[0]",
    "#A",
    "$A",
    "A\u{a0}",
    "ſ",
    "K",
    "x٣",
];
const SPACES: &[&str] =
    &[" ", "  ", "\t", "\u{b}", "\u{c}", "\u{a0}", "\u{85}", "\u{2028}", "\u{3000}", "\u{feff}", "\u{1c}", "\r", "\0"];
/// Characters of which some reader may think that they are space, a letter, a digit or nothing.
const ODD: &[&str] = &[
    "\u{1d}",
    "\u{1e}",
    "\u{1f}",
    "\u{7f}",
    "\u{ad}",
    "\u{1680}",
    "\u{180e}",
    "\u{2000}",
    "\u{200a}",
    "\u{200b}",
    "\u{2029}",
    "\u{202f}",
    "\u{205f}",
    "\u{2060}",
    "\u{fffe}",
    "\u{10ffff}",
    "½",
    "Ⅷ",
    "²",
    "٣",
    "ß",
    "ǅ",
    "ʰ",
    "\u{301}",
    "一",
    "ª",
    "＝",
    "“",
    "–",
    "ａ",
];
const BREAKS: &[&str] = &["\n", "\n", "\n", "\n", "\r\n", "\r\n", "\r", "\n\n", "\n \n", "\u{2028}", "\r\r\n"];
const WORDS: &[&str] = &[
    "x", "xy", "abc", "0", "1", "true", "é", "日本", "😀", "null", "n", "A=1", "B=2", "K", "-", ".", "/", "@", "%",
    ":", "\u{1}",
];
const SIGNS: &[&str] = &[
    "\\", "\\\\", "\\n", "\\r", "\\t", "\\\"", "\\'", "\\`", "\\$", "\\0", "\\0101", "\\0777", "\\018", "\\a", "\\c",
    "\\x41", "\\u0041", "\\ ", "\\#", "#", " #", " # ", "\t#", "'", "\"", "`", "$", "$$", "$$$", "{", "}", "=", "==",
    ":", "(", ")", "[", "]", "&", "$&", "$`", "$'", "$1",
];
const REFERENCES: &[&str] = &[
    "A",
    "B",
    "C",
    "AB",
    "a",
    "_",
    "1",
    "A.B",
    "A-B",
    "SET",
    "EMPTY",
    "MISSING",
    "SELF",
    "DOLLAR",
    "null",
    "Anull",
    "toString",
    "constructor",
    "valueOf",
    "__proto__",
    "isPrototypeOf",
    "",
    "A B",
    "É",
    "ſ",
];
const OPERATORS: &[&str] = &[":-", "-", ":+", "+", ":?", "?", ":", ":=", "=", ":-:-", "--", "+-"];
const ENV: &[(&str, &[&str])] = &[
    ("SET", &["set", "two words", "it's"]),
    ("EMPTY", &[""]),
    ("A", &["outer", "", "$B", "${B}"]),
    ("B", &["b", "\\$A"]),
    ("DOLLAR", &["$$", "$", "a$&b", "$'", "\\n"]),
    ("SELF", &["x", "#"]),
    ("DOTENV_LINEBREAK_MODE", &["legacy", "other"]),
    ("export", &["e"]),
];

impl Generator {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    pub(crate) fn case(&mut self) -> Case {
        let mut text = String::new();
        if self.one_in(20) {
            text.push('\u{feff}');
        }
        match self.below(8) {
            0 => {
                let characters =
                    ["A", "A", "=", "=", "\n", "'", "\"", "`", "\\", "#", " ", "$", "{", "}", ":", "-", "\r"];
                for _ in 0..1 + self.below(12) {
                    text.push_str(self.pick(&characters));
                }
            }
            1 => {
                for _ in 0..1 + self.below(14) {
                    self.token(&mut text);
                }
            }
            _ => {
                for _ in 0..1 + self.below(5) {
                    self.line(&mut text);
                }
            }
        }
        if self.one_in(3) {
            let kept = text.trim_end_matches(['\n', '\r']).len();
            text.truncate(kept);
        }
        Case { text, env: self.env() }
    }

    /// A value to write: any characters, the plain ones more often.
    pub(crate) fn value(&mut self) -> String {
        let mut value = String::new();
        for _ in 0..self.below(8) {
            match self.below(6) {
                0 => value.push_str(self.pick(SIGNS)),
                1 => value.push_str(self.pick(SPACES)),
                2 if self.one_in(2) => value.push_str(self.pick(BREAKS)),
                3 if self.one_in(2) => self.reference(&mut value, 1),
                _ => value.push_str(self.pick(WORDS)),
            }
        }
        value
    }

    fn env(&mut self) -> BTreeMap<String, String> {
        let mut env = BTreeMap::new();
        if self.one_in(2) {
            return env;
        }
        for (name, values) in ENV {
            if self.one_in(4) {
                env.insert((*name).to_owned(), self.pick(values).to_owned());
            }
        }
        env
    }

    fn line(&mut self, text: &mut String) {
        match self.below(20) {
            0 => self.space(text),
            1 => {
                self.some_space(text);
                text.push('#');
                self.raw(text, 4);
            }
            2 => self.raw(text, 5),
            _ => self.assignment(text),
        }
        text.push_str(self.pick(BREAKS));
    }

    fn assignment(&mut self, text: &mut String) {
        if self.one_in(8) {
            self.some_space(text);
        }
        if self.one_in(6) {
            text.push_str("export");
            if self.one_in(4) {
                self.some_space(text)
            } else {
                text.push(' ')
            }
            if self.one_in(8) {
                text.push_str(self.pick(BREAKS));
            }
        }
        text.push_str(if self.one_in(12) { self.pick(ODD_NAMES) } else { self.pick(NAMES) });
        if self.one_in(20) {
            text.push_str(self.pick(ODD));
        }
        if self.one_in(10) {
            return;
        }
        if self.one_in(6) {
            self.some_space(text);
        }
        text.push_str(match self.below(16) {
            0 => ": ",
            1 => ":",
            2 => "==",
            3 => " = ",
            _ => "=",
        });
        if self.one_in(5) {
            self.some_space(text);
        }
        if self.one_in(30) {
            text.push_str(self.pick(BREAKS));
        }
        self.written_value(text);
        if self.one_in(4) {
            self.tail(text);
        }
    }

    fn written_value(&mut self, text: &mut String) {
        let quote = ["", "", "'", "\"", "\"", "`"][self.below(6)];
        text.push_str(quote);
        let many = self.below(6);
        for _ in 0..many {
            match self.below(12) {
                0 if !quote.is_empty() => text.push_str(self.pick(BREAKS)),
                1 | 2 => self.reference(text, 2),
                3 | 4 => text.push_str(self.pick(SIGNS)),
                5 => self.space(text),
                _ => text.push_str(self.pick(WORDS)),
            }
        }
        if !self.one_in(10) {
            text.push_str(quote);
        }
    }

    fn tail(&mut self, text: &mut String) {
        self.some_space(text);
        match self.below(4) {
            0 => text.push_str("# note"),
            1 => text.push('#'),
            2 => self.raw(text, 2),
            _ => {}
        }
    }

    fn reference(&mut self, text: &mut String, depth: usize) {
        if self.one_in(40) {
            text.push_str(
                ["$(echo A)", "$(echo \"$(x)\")", "\\$(y)", "$()", "$((z))", "$(${A})", "$(\\))", "$('"][self.below(8)],
            );
            return;
        }
        text.push('$');
        if self.one_in(3) {
            text.push_str(self.pick(REFERENCES));
            return;
        }
        text.push('{');
        text.push_str(self.pick(REFERENCES));
        if self.one_in(2) {
            text.push_str(self.pick(OPERATORS));
            for _ in 0..self.below(3) {
                match self.below(4) {
                    0 if depth > 0 => self.reference(text, depth - 1),
                    1 => text.push_str(self.pick(SIGNS)),
                    _ => text.push_str(self.pick(WORDS)),
                }
            }
        }
        if !self.one_in(12) {
            text.push('}');
        }
    }

    fn raw(&mut self, text: &mut String, most: usize) {
        for _ in 0..self.below(most + 1) {
            self.token(text);
        }
    }

    /// One token of any kind.
    fn token(&mut self, text: &mut String) {
        match self.below(9) {
            0 => text.push_str(self.pick(NAMES)),
            1 => text.push_str(self.pick(SPACES)),
            2 => text.push_str(self.pick(BREAKS)),
            3 => text.push_str(self.pick(SIGNS)),
            4 => text.push_str(self.pick(&["'", "\"", "`", "#", "=", "\\"])),
            5 => text.push_str("A="),
            6 => text.push_str(self.pick(&["export", "export ", "export\t", ": ", "=\""])),
            7 => self.reference(text, 1),
            _ if self.one_in(4) => text.push_str(self.pick(ODD)),
            _ => text.push_str(self.pick(WORDS)),
        }
    }

    fn space(&mut self, text: &mut String) {
        let from = if self.one_in(8) { ODD } else { SPACES };
        text.push_str(if self.one_in(3) { self.pick(from) } else { " " });
    }

    fn some_space(&mut self, text: &mut String) {
        for _ in 0..self.below(3) {
            self.space(text);
        }
    }

    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        from[self.below(from.len())]
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    fn below(&mut self, bound: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let mixed = mixed ^ (mixed >> 31);
        usize::try_from(mixed % u64::try_from(bound).expect("a small bound")).expect("below a usize")
    }
}
