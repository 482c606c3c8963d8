//! The escapes of double quotes in compose-go: those of Go, and `\0` with three octal digits.

/// Expands `\a \b \f \n \r \t \v \" \\`, `\0` and octal digits; `\$` becomes `$$`, which the
/// references that are replaced next turn into a dollar sign. Other backslashes stay.
pub(super) fn expand(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let simple = match rest.as_bytes().first() {
            Some(b'a') => "\x07",
            Some(b'b') => "\x08",
            Some(b'f') => "\x0c",
            Some(b'n') => "\n",
            Some(b'r') => "\r",
            Some(b't') => "\t",
            Some(b'v') => "\x0b",
            Some(b'"') => "\"",
            Some(b'\\') => "\\",
            Some(b'$') => "$$",
            Some(b'0') => {
                rest = octal(&rest[1..], &mut out);
                continue;
            }
            // Also `\c`, which the library looks for and Go does not know.
            _ => {
                out.push('\\');
                continue;
            }
        };
        out.push_str(simple);
        rest = &rest[1..];
    }
    out.push_str(rest);
    out
}

/// After `\0`: three octal digits up to 377 are a character; otherwise only the `0` is lost.
fn octal<'r>(after: &'r str, out: &mut String) -> &'r str {
    let digits = after.bytes().take(3).take_while(u8::is_ascii_digit).count();
    let (digits, rest) = after.split_at(digits);
    match u8::from_str_radix(digits, 8) {
        Ok(code) if digits.len() == 3 => out.push(char::from(code)),
        _ => {
            out.push('\\');
            out.push_str(digits);
        }
    }
    rest
}
