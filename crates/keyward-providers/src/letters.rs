//! How much a run of letters and digits looks like language, and how much like chance.

/// Whether some run of letters and digits in `text` looks drawn at random, as keys are, and not
/// made of words, numbers and abbreviations, as settings are.
pub fn looks_random(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric()).any(|run| is_random_run(run.as_bytes()))
}

/// Bits that a letter costs after another in English (technical texts and names of things):
/// 4.7 for every letter if it were chance. Letters only; case does not matter.
pub fn bits_after(before: u8, letter: u8) -> f64 {
    let index = |byte: u8| usize::from(byte.to_ascii_lowercase().wrapping_sub(b'a'));
    let quarters = BIGRAMS.get(index(before)).and_then(|row| row.as_bytes().get(index(letter)));
    quarters.map_or(4.7, |quarters| f64::from(quarters - b'0') / 4.0)
}

/// The rules, by what settings never do: change often between letters and digits, spell hex over
/// many characters, jump between cases, or chain letters that no language chains.
fn is_random_run(run: &[u8]) -> bool {
    let pairs = || run.windows(2);
    let turns = pairs().filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit()).count();
    let digits = run.iter().filter(|byte| byte.is_ascii_digit()).count();
    if digits == run.len() {
        return run.len() > 24;
    }
    let cases = pairs().filter(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase()).count();
    let turns = if run.len() - digits < 3 { 0 } else { turns }; // A time stamp: `20261123T101500Z`.
    match run.len() {
        0..8 => false,
        8..12 => turns >= 3 || turns + cases >= 4 || is_unspeakable(run, 6.0),
        12..16 => turns >= 3 || (turns + cases >= 3 && run.len() < 5 * cases.max(1)) || is_unspeakable(run, 5.6),
        _ => turns >= 3 || 4 * cases >= run.len() || is_unspeakable(run, 4.9),
    }
}

/// Whether the letters cost more bits a letter than language does. Limits are measured: of 2,580
/// words and names of programs one is above (`wkhtmltopdf`); of random letters 99 of 100 are, from
/// 16 on, and 3 of 4 at eight.
fn is_unspeakable(run: &[u8], limit: f64) -> bool {
    let letters = || run.windows(2).filter(|pair| pair.iter().all(u8::is_ascii_alphabetic));
    // The first letter of a word inside a CamelCase name says nothing.
    let inner = || letters().filter(|pair| !(pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase()));
    let count = inner().count();
    let bits: f64 = inner().map(|pair| bits_after(pair[0], pair[1])).sum();
    count >= 7 && bits > limit * f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// A row a letter, a column for each that follows: quarters of bits above `0`.
/// Counted over the words of the manual pages and read-me files of a Linux system.
const BIGRAMS: [&str; 26] = [
    "VB?BTLCWAVJ<C=YCV=@:GGPOGU",
    "=PIR:YTU>IY9JL>PYAAK<QYYFY",
    "=SET;VU=AVABQV9NSAJ<CTWXKY",
    "?NND5ULR9NPGNL@NYF@PBMRTKY",
    "BN@;GFHRNUTBD<QEK:;AQGKCMW",
    ">YQV<?YS7YT@VU:YSCIE@YYYCY",
    "AYLV8MD?;YQBK@CJY=?N?PRYNQ",
    "9TNS6YYY;YYNJL;SYDK@FYYYGT",
    "DF@BBDDYUYQAC7=GTE?>WDYLYJ",
    "=VVL5VVVKVVVVV;LVV>V:MFVVV",
    "AROK5GIX;XXFKDJLRL;IBXJXQR",
    "=PPD9NSV;YR=SX<HYRCCCMSY=Y",
    "9DQQ8YWY<VVK@P><YWENDVVYLY",
    "?T@>>G:QBTKKOHAPWR=:HGXYKW",
    "JHCDOJGVJMJA?8EAY;CA?DBRNW",
    "<WOJ:TNFAYS<PV=@X:C?CYWXMY",
    "WWWGWWWWWWW@WWWWWMWE1WWWWW",
    ">NFF7LGV<YGJCG=MYD@AFINYDY",
    "DVAO9MWA=YJIMLA@PR>9?TNXFY",
    "=VIP8QT?9YVGPSAKY??CEYKXEX",
    "BBCEAJFYCYY>@<K@Y<<<UWYPWY",
    ":YOY4YUY9YYRNTBMYRLUUYYYUY",
    ":YYN<YS<9YRDY@;YY@AQYYHYYY",
    "<X>P<XXN;XXXOXL8XXJ:QXXMHX",
    "EJHOARPX<XXD@=?:XE:@RXGXKH",
    "=VVV3VVL>VVIVV;VVVHVHVVVJV",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_do_not_look_random() {
        for text in [
            "gpt-4o-2024-08-06",
            "text-embedding-3-small",
            "eu-central-1",
            "meta-llama/Llama-3.1-8B-Instruct",
            "my-production-bucket",
            "postgresql",
            "AbstractSingletonFactory",
            "us-gov-west-1",
            "20241123T101500Z",
            "command-r-plus-08-2024",
            "kubernetes",
            "xn--mnchen-3ya",
            "openssl",
            "nginxinc",
            "chatbotdb",
            "arn:aws:iam::123456789012:role/Deploy",
            "en_US",
            "HttpOnlyCookieName",
            "jsonwebtoken",
            "psycopg2",
            "rabbitmq",
            "koboldcpp",
        ] {
            assert!(!looks_random(text), "{text}");
        }
    }

    #[test]
    fn keys_do() {
        for text in [
            "d41d8cd98f00b204e9800998ecf8427e",
            "q7Gk2LmZp0Xw9RtY",
            "XkQjZvWpQtRbNmLkPqWz",
            "xkqjzvwpqtrbnmlkpqwz",
            "a1b2c3d4e5",
            "prefix-9f8e7d6c5b4a",
            "hQzLpWvXkRtNmBdF",
        ] {
            assert!(looks_random(text), "{text}");
        }
    }
}
